//! Thresholds: limits on statistics of metrics, which a run must keep.
//!
//! This file has the limits, and the refusal of those that a plan can't keep; the parser is in
//! `settings`, and the judgement in `verdict`.

use std::fmt;
use std::time::Duration;

use dyno_bus::builtin::{
    BACKLOG, COMPLETED, CPU, ISSUED, LOOP_LAG, MACHINE_IDLE, RESPONSE, RSS, SERVICE,
    TARGET_CONTEXT_SWITCHES, TARGET_CPU, TARGET_CPU_THREAD_MAX, TARGET_PREEMPTIONS, TARGET_RSS,
    TARGET_RUN_QUEUE_DELAY, TARGET_THREADS, UPTIME, WAIT,
};
use dyno_summary::Unit;
use serde::{Deserialize, Serialize};

use super::{Plan, thousands};

/// The cycles that failed or were abandoned: a metric that only thresholds have.
pub(crate) const FAILED: &str = "failed";
/// The cycles that completed, those of the drain included: a metric that only thresholds have.
pub(crate) const DELIVERED: &str = "delivered";
/// The shortest sliding window: it moves by a tenth of its length, and the primary wakes for that.
pub(super) const OVER_MIN: Duration = Duration::from_secs(1);
/// The values beyond a percentile that make it a limit rather than chance.
const VALUES_BEYOND: u64 = 10;
/// The pieces of a sliding window, which moves by a piece at a time.
pub(crate) const PIECES: u32 = 10;
/// The most pieces that a share of a run keeps for the merge, a few kilobytes each.
const PIECES_KEPT_MAX: u128 = 4_096;
/// A percentile of 100, in the unit of [`Percentile`].
pub(crate) const WHOLE: u32 = 100_000_000;

/// A limit on a statistic of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The metric's name.
    pub metric: String,
    /// The statistic that is limited.
    pub statistic: ThresholdStat,
    /// The comparison that holds if the limit is kept.
    pub comparison: LimitOperator,
    /// The value that the statistic is compared with.
    pub limit: ThresholdLimit,
    /// The length of the sliding windows, which must all keep the limit; `None` for the measured
    /// window as a whole.
    pub over: Option<Duration>,
    /// `true` if a breach ends the run.
    pub aborts: bool,
}

/// A statistic that a threshold limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThresholdStat {
    /// A percentile of the values.
    Percentile(Percentile),
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The mean of the values.
    Mean,
    /// The number of values.
    Count,
    /// The newest value.
    Last,
    /// The share of all cycles: of `failed` and `delivered` only.
    Share,
}

/// A percentile above 0 and up to 100, in millionths of a percent, so that it is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentile(pub u32);

/// A comparison of a statistic with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitOperator {
    /// The statistic is below the limit: `<`.
    Below,
    /// The statistic is at most the limit: `<=`.
    AtMost,
    /// The statistic is above the limit: `>`.
    Above,
    /// The statistic is at least the limit: `>=`.
    AtLeast,
}

/// The limit of a threshold: a number, and the kind of unit that it was written with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdLimit {
    /// The number in the base unit of its kind: nanoseconds, bytes, a share of one, or as written.
    pub number: f64,
    /// The kind of its unit.
    pub kind: LimitKind,
    /// The text as it was written.
    pub text: String,
}

/// The kind of unit that a limit was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitKind {
    /// A span of time, such as `20ms`.
    Time,
    /// A size, such as `64MB`.
    Size,
    /// A share, such as `2%`.
    Percent,
    /// A plain number, such as `500` or `1.5k`.
    Number,
}

impl Threshold {
    /// Returns `true` if a value keeps the limit; both are in the metric's unit.
    pub(crate) fn is_kept_by(&self, value: f64, limit: f64) -> bool {
        match self.comparison {
            LimitOperator::Below => value < limit,
            LimitOperator::AtMost => value <= limit,
            LimitOperator::Above => value > limit,
            LimitOperator::AtLeast => value >= limit,
        }
    }

    /// Returns `true` if large values are the ones that break the limit.
    pub(crate) fn is_upper(&self) -> bool {
        matches!(self.comparison, LimitOperator::Below | LimitOperator::AtMost)
    }

    /// Returns the unit of the statistic, for values of this unit.
    pub(crate) fn unit(&self, of_values: Unit) -> Unit {
        match self.statistic {
            ThresholdStat::Count => Unit::None,
            ThresholdStat::Share => Unit::Permille,
            _ => of_values,
        }
    }

    /// Returns the limit in the unit of the statistic; `None` if it is of another kind.
    pub(crate) fn limit_in(&self, unit: Unit) -> Option<f64> {
        match (self.limit.kind, unit) {
            (LimitKind::Time, Unit::Nanoseconds)
            | (LimitKind::Size, Unit::Bytes)
            | (LimitKind::Number, Unit::None) => Some(self.limit.number),
            (LimitKind::Percent, Unit::Permille) => Some(self.limit.number * 1_000.0),
            _ => None,
        }
    }

    /// Returns the fewest values for which the statistic is more than chance: 10 ÷ (1 − p) for a
    /// percentile p.
    pub(crate) fn values_min(&self) -> u64 {
        match self.statistic {
            ThresholdStat::Percentile(Percentile(percent)) if percent < WHOLE => {
                (VALUES_BEYOND * u64::from(WHOLE)).div_ceil(u64::from(WHOLE - percent))
            }
            _ => 1,
        }
    }

    /// Returns the fewest cycles of a run that show whether the limit is kept.
    pub(crate) fn cycles_min(&self) -> u64 {
        if self.is_of_cycles() { self.values_min() } else { 1 }
    }

    /// Returns the shortest window of this plan that shows whether the limit is kept.
    pub(crate) fn span_min(&self, plan: &Plan) -> Duration {
        match (self.over, plan.own_rate().per_second()) {
            (Some(over), _) => over,
            (None, Some(rate)) => Duration::from_secs_f64(self.cycles_min() as f64 / rate),
            (None, None) => Duration::ZERO,
        }
    }

    /// Returns `true` if each cycle has a value of the metric.
    fn is_of_cycles(&self) -> bool {
        [WAIT, SERVICE, RESPONSE].contains(&&*self.metric)
    }

    /// Returns `true` if the metric is a count of cycles.
    pub(crate) fn is_of_fates(&self) -> bool {
        [FAILED, DELIVERED].contains(&&*self.metric)
    }

    /// Checks that a plan can show whether the limit is kept.
    ///
    /// # Errors
    /// If it can't: the error is a sentence with the way out.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), String> {
        let is_closed = plan.rate.per_second().is_none();
        if is_closed && [WAIT, BACKLOG].contains(&&*self.metric) {
            return Err(format!(
                "a closed loop has no `{}`: limit `response`, or set a rate",
                self.metric
            ));
        }
        if let Some(over) = self.over {
            self.check_over(over, plan)?;
        }
        if self.aborts && self.over.is_none() {
            self.check_abort(is_closed)?;
        }
        let Some(rate) = plan.own_rate().per_second().filter(|_| self.is_of_cycles()) else {
            return Ok(());
        };
        let span = self.over.unwrap_or(plan.duration);
        let (needed, cycles) = (self.values_min(), rate * span.as_secs_f64());
        // A whole number of cycles may be a little less as a product of floats.
        if cycles + 1e-6 >= needed as f64 {
            return Ok(());
        }
        let enough =
            humantime::format_duration(Duration::from_secs((needed as f64 / rate).ceil() as u64));
        let remedy = match self.over {
            Some(_) => format!("write `over {enough}` or more"),
            None => format!("`--duration {enough}` would be enough"),
        };
        Err(format!(
            "a {} needs {} cycles, and at {} there are {} in {}: {remedy}",
            self.statistic,
            thousands(needed),
            plan.own_rate(),
            thousands(cycles as u64),
            humantime::format_duration(span),
        ))
    }

    fn check_over(&self, over: Duration, plan: &Plan) -> Result<(), String> {
        if self.metric == DELIVERED {
            return Err(
                "`delivered` is known once the run has drained: leave out `over`, or limit \
                        `response`"
                    .to_owned(),
            );
        }
        if over < OVER_MIN {
            return Err("a sliding window is at least 1s long, such as `over 10s`".to_owned());
        }
        if over > plan.duration {
            return Err(format!(
                "the sliding window is longer than the run, which measures {}: write a shorter \
                 one, or set `--duration {}`",
                humantime::format_duration(plan.duration),
                humantime::format_duration(over),
            ));
        }
        let pieces = plan.duration.as_nanos() / (over / PIECES).as_nanos();
        if plan.keeps_record && pieces > PIECES_KEPT_MAX {
            let shortest = plan.duration.as_secs() as u128 * u128::from(PIECES) / PIECES_KEPT_MAX;
            return Err(format!(
                "each host of a shared run keeps the values of all pieces of a sliding window, and \
                 at most {PIECES_KEPT_MAX} of them: write `over {}s` or more",
                shortest + 1
            ));
        }
        Ok(())
    }

    /// Refuses `abort` for what is certain only at the end of the run.
    fn check_abort(&self, is_closed: bool) -> Result<(), String> {
        let at_end = |what: &str| {
            Err(format!(
                "{what} is certain only at the end of the run: leave out `abort`, or limit a \
                 sliding window, such as `over 10s abort`"
            ))
        };
        match self.statistic {
            ThresholdStat::Mean => at_end("a mean"),
            ThresholdStat::Min => at_end("a minimum"),
            ThresholdStat::Last => at_end("the last value"),
            _ if self.metric == DELIVERED => at_end("what was delivered"),
            _ if !self.is_upper() => at_end("a lower limit"),
            ThresholdStat::Percentile(_) if !self.is_of_cycles() => {
                at_end("a percentile of a metric whose number of values is not known")
            }
            ThresholdStat::Percentile(_) | ThresholdStat::Share if is_closed => {
                at_end("a share of a closed loop's cycles")
            }
            _ => Ok(()),
        }
    }
}

/// Returns the unit of a metric that dyno makes; `None` for a metric of the user.
pub(crate) fn builtin_unit(metric: &str) -> Option<Unit> {
    match metric {
        WAIT | SERVICE | RESPONSE | LOOP_LAG | UPTIME => Some(Unit::Nanoseconds),
        CPU | MACHINE_IDLE | TARGET_CPU | TARGET_CPU_THREAD_MAX | TARGET_RUN_QUEUE_DELAY => {
            Some(Unit::Permille)
        }
        RSS | TARGET_RSS => Some(Unit::Bytes),
        ISSUED
        | COMPLETED
        | BACKLOG
        | FAILED
        | DELIVERED
        | TARGET_THREADS
        | TARGET_CONTEXT_SWITCHES
        | TARGET_PREEMPTIONS => Some(Unit::None),
        _ => None,
    }
}

/// The expression, in the form that it is written in.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, statistic, comparison, limit, over, aborts } = self;
        write!(f, "{metric}.{statistic} {comparison} {}", limit.text)?;
        if let Some(over) = over {
            write!(f, " over {}", humantime::format_duration(*over).to_string().replace(' ', ""))?;
        }
        if *aborts { f.write_str(" abort") } else { Ok(()) }
    }
}

impl fmt::Display for ThresholdStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(Percentile(millionths)) => {
                let (whole, rest) = (millionths / 1_000_000, millionths % 1_000_000);
                let decimals = format!(".{rest:06}");
                write!(f, "p{whole}{}", decimals.trim_end_matches('0').trim_end_matches('.'))
            }
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Mean => f.write_str("mean"),
            Self::Count => f.write_str("count"),
            Self::Last => f.write_str("last"),
            Self::Share => f.write_str("share"),
        }
    }
}

impl fmt::Display for LimitOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        })
    }
}

#[cfg(test)]
mod tests;
