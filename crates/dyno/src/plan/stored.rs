//! The plan as a part of a stored record: the task's parameters as one text, and the check of a plan
//! that comes from a file.
//!
//! A plan that is made from settings is possible; bytes of a file may be anything.

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

use super::hosts::OtherHosts;
use super::profile::{Profile, Stage};
use super::threshold::{OVER_MIN, Percentile, Threshold, ThresholdStat, WHOLE};
use super::{DURATION_MAX, MaxFailed, Plan, RATE_MIN, Rate};

impl Plan {
    /// Returns `true` if all numbers are within their limits, so that it could be the plan of a run.
    pub(crate) fn is_possible(&self) -> bool {
        let within = |time: Duration| time <= DURATION_MAX;
        let is_rate = |rate: f64| (0.0..=RATE_MAX).contains(&rate);
        let is_stage =
            |stage: &Stage| is_rate(stage.from) && is_rate(stage.to) && !stage.duration.is_zero();
        let profile = self.profile.as_ref().is_none_or(|profile| {
            let stages = profile.stages();
            stages.iter().all(|stage| within(stage.duration))
                && Profile::new(stages.to_vec()).is_ok()
                && stages.iter().all(is_stage)
                && profile.duration() == self.duration
        });
        let rate = match self.rate {
            Rate::PerSecond(rate) => (RATE_MIN..=RATE_MAX).contains(&rate),
            Rate::Max => true,
        };
        let deadlines = &self.deadlines;
        let deadlines = [deadlines.start, deadlines.drain, deadlines.after, deadlines.kill_grace];
        let max_failed = match self.max_failed {
            MaxFailed::Count(_) => true,
            MaxFailed::Share(share) => share.is_finite(),
        };
        rate && profile
            && max_failed
            && !self.duration.is_zero()
            && within(self.duration)
            && within(self.warmup)
            && deadlines.into_iter().all(within)
            && self.workers > 0
            && self.others.is_possible(self.workers)
            && self.thresholds.iter().all(|threshold| is_threshold(threshold, self))
    }
}

fn is_threshold(threshold: &Threshold, plan: &Plan) -> bool {
    let percentile = match threshold.statistic {
        ThresholdStat::Percentile(Percentile(percent)) => (1..=WHOLE).contains(&percent),
        _ => true,
    };
    let is_window = |over: Duration| (OVER_MIN..=plan.duration).contains(&over);
    percentile && threshold.limit.number.is_finite() && threshold.over.is_none_or(is_window)
}

impl OtherHosts {
    /// Returns `true` if a run may have these hosts, with this many workers on this one.
    fn is_possible(&self, own: u32) -> bool {
        let all = self.all(own);
        Self::of(self.place(), &all).as_ref() == Some(self)
    }
}

/// A task's parameters as the text of a JSON object: their values have no fixed types.
pub(super) mod task {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};

    pub(in crate::plan) fn serialize<S: Serializer>(
        task: &Map<String, Value>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Value::Object(task.clone()).to_string())
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Map<String, Value>, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(D::Error::custom)
    }
}
