//! The thresholds of a run: the limits that it had to keep, with the values that it reached.

use serde::{Deserialize, Serialize};

use crate::number::{number, optional_number};
use crate::unit::Unit;

/// A threshold, and the value that the run reached.
///
/// ```
/// use dyno_summary::{Summary, ThresholdResult};
///
/// fn broken(summary: &Summary) -> Vec<&str> {
///     let broken = |threshold: &&ThresholdResult| !threshold.met;
///     summary.thresholds.iter().filter(broken).map(|one| one.expression.as_str()).collect()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThresholdResult {
    /// The threshold as it is written, such as `response.p99 < 20ms over 10s`.
    pub expression: String,
    /// The metric's name.
    pub metric: String,
    /// The name of the statistic, such as `p99`.
    pub statistic: String,
    /// The unit of the value and the limit. A share is in thousandths.
    pub unit: Unit,
    /// The value over the measured window, or in the worst sliding window; `None` if nothing was
    /// measured.
    #[serde(serialize_with = "optional_number")]
    pub value: Option<f64>,
    /// The value that the statistic is compared with.
    #[serde(serialize_with = "number")]
    pub limit: f64,
    /// `true` if the limit was kept.
    pub met: bool,
    /// The worst sliding window; `None` without `over`, or if no window was complete.
    pub worst: Option<WorstWindow>,
}

/// The sliding window with the worst value.
///
/// ```
/// use dyno_summary::ThresholdResult;
///
/// fn second_of_the_worst(threshold: &ThresholdResult) -> Option<u64> {
///     threshold.worst.map(|worst| worst.at_ns / 1_000_000_000)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorstWindow {
    /// The window's end: the time since the run's first due time, in nanoseconds.
    pub at_ns: u64,
    /// The value in it.
    #[serde(serialize_with = "number")]
    pub value: f64,
}
