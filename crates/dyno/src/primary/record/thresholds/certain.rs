//! The certainty of a breach before the end of the window: of one host, or of several by their sums.

use crate::plan::threshold::{Percentile, Threshold, ThresholdStat, WHOLE};
use crate::plan::{Arrivals, Plan};

/// The standard deviations above their mean that Poisson arrivals surely do not reach.
const POISSON_SIGMAS: f64 = 6.0;

/// Returns the most cycles that a plan has; `None` in a closed loop.
pub(crate) fn cycles_max(plan: &Plan) -> Option<f64> {
    let spread = |due: f64| match plan.arrivals {
        Arrivals::Uniform => 1.0,
        _ => POISSON_SIGMAS * due.sqrt(),
    };
    plan.cycles_due().map(|due| due + spread(due))
}

/// Returns `true` if a breach over the whole window is certain: `beyond` is the number of values
/// beyond the limit so far or, where the limit is one of their number, the number itself.
pub(crate) fn is_certain(
    threshold: &Threshold,
    limit: f64,
    beyond: u64,
    cycles_max: Option<f64>,
) -> bool {
    let is_kept = |value: f64| threshold.is_kept_by(value, limit);
    match threshold.statistic {
        ThresholdStat::Count => !is_kept(beyond as f64),
        ThresholdStat::Share => {
            cycles_max.is_some_and(|cycles| !is_kept(beyond as f64 / cycles * 1_000.0))
        }
        ThresholdStat::Percentile(Percentile(percent)) => {
            let share = f64::from(WHOLE - percent) / f64::from(WHOLE);
            cycles_max.is_some_and(|cycles| beyond as f64 > share * cycles)
        }
        ThresholdStat::Max => beyond > 0,
        ThresholdStat::Min | ThresholdStat::Mean | ThresholdStat::Last => false,
    }
}
