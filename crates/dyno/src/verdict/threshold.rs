//! The judgement on thresholds, with its sentences.
//!
//! The values come from the record of the run. A limit is kept if the value is on its right side,
//! and broken by a metric that never came: a limit that nothing was compared with proves nothing.

use std::time::Duration;

use dyno_observer::format;
use dyno_summary::Unit;

use super::Evidence;
use crate::plan::thousands;
use crate::plan::threshold::Threshold;

/// A threshold, and all that the run shows of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeasuredThreshold {
    pub(crate) threshold: Threshold,
    /// The unit of the statistic.
    pub(crate) unit: Unit,
    /// The value over the measured window, or that of the worst sliding window, in its unit; `None`
    /// if nothing was measured.
    pub(crate) value: Option<f64>,
    /// The end of the worst sliding window, since the start of the measured window.
    pub(crate) worst_at: Option<Duration>,
    /// The number of values: in the worst window, if windows slide.
    pub(crate) count: u64,
    /// `true` if a breach was certain while the run went on.
    pub(crate) was_certain: bool,
}

impl MeasuredThreshold {
    /// Returns the limit in the unit of the statistic; `None` if it was written in another kind of
    /// unit.
    pub(crate) fn limit(&self) -> Option<f64> {
        self.threshold.limit_in(self.unit)
    }

    /// Returns `true` if the limit was kept.
    pub(crate) fn is_met(&self) -> bool {
        let (Some(value), Some(limit)) = (self.value, self.limit()) else { return false };
        !self.was_certain && self.threshold.is_kept_by(value, limit)
    }

    /// Returns the breach in one sentence.
    pub(crate) fn breach(&self) -> String {
        let Threshold { metric, statistic, over, limit, .. } = &self.threshold;
        let name = format!("threshold `{}`", self.threshold);
        if self.limit().is_none() && self.count > 0 {
            let value = self.value.map_or_else(String::new, |value| {
                format!("`{metric}.{statistic}` is {}, and ", self.shown(value))
            });
            let limit = &limit.text;
            return format!("{name} is not kept: {value}`{limit}` is another kind of value");
        }
        let Some(value) = self.value else {
            return match over {
                Some(over) if self.count > 0 => format!(
                    "{name} was not judged: the run ended before one window of {}",
                    humantime::format_duration(*over)
                ),
                _ => format!("{name} is not kept: `{metric}` has no values in the measured window"),
            };
        };
        let place = match (over, self.worst_at) {
            (Some(over), Some(at)) => format!(
                " in the {} until {:.1} s after the window's start",
                humantime::format_duration(*over),
                at.as_secs_f64()
            ),
            _ => String::new(),
        };
        let ended = if self.threshold.aborts { ", and the run was ended" } else { "" };
        let ended = if self.was_certain { ended } else { "" };
        format!("{name} is not kept: it was {}{place}{ended}", self.shown(value))
    }

    /// Returns the warning that there were too few values for the percentile; `None` if there were
    /// enough.
    pub(crate) fn too_few(&self, window: Duration) -> Option<String> {
        let needed = self.threshold.values_min();
        if self.count == 0 || self.count >= needed || self.value.is_none() {
            return None;
        }
        let span = self.threshold.over.unwrap_or(window);
        let enough = span.as_secs_f64() * needed as f64 / self.count as f64;
        let enough = humantime::format_duration(Duration::from_secs(enough.ceil() as u64));
        let remedy = match self.threshold.over {
            Some(_) => format!("`over {enough}`"),
            None => format!("`--duration {enough}`"),
        };
        Some(format!(
            "threshold `{}` rests on {} values, and a {} needs {}: {remedy} would have them",
            self.threshold,
            thousands(self.count),
            self.threshold.statistic,
            thousands(needed)
        ))
    }

    /// Returns the value so far in words, with `true` if the limit is kept; `None` instead before
    /// the first value.
    pub(crate) fn so_far(&self) -> (Option<bool>, String) {
        let Some(value) = self.value else {
            return (None, format!("{}: no values yet", self.threshold));
        };
        let met = if self.is_met() { "met" } else { "not met" };
        let place = if self.threshold.over.is_some() { " in the worst window" } else { " so far" };
        let words = format!("{} {met}: {}{place}", self.threshold, self.shown(value));
        (Some(self.is_met()), words)
    }

    fn shown(&self, value: f64) -> String {
        format::value(value, self.unit)
    }
}

/// Returns the next step after a breach.
pub(crate) fn after_breach(evidence: &Evidence, breached: &MeasuredThreshold) -> String {
    if breached.value.is_none() {
        return format!(
            "record `{}` in the task, or correct the name of the metric",
            breached.threshold.metric
        );
    }
    match evidence.rate.per_second() {
        // A search sets the rates itself, and so can't be combined with stages.
        Some(_) if !evidence.stages.is_empty() => {
            "lower the rates of the stages: the row of each shows its response".to_owned()
        }
        Some(_) => {
            "lower the rate, or let `--rate search` find the highest that keeps it".to_owned()
        }
        None => "look at the slowest cycles: `--plot response` shows when they came".to_owned(),
    }
}
