//! The statistics of metrics: over a run, and over one interval of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::number::number;
use crate::unit::Unit;

/// Metrics by their names.
///
/// ```
/// use dyno_summary::Metrics;
///
/// fn names(metrics: &Metrics) -> Vec<&str> {
///     metrics.keys().map(String::as_str).collect()
/// }
/// ```
pub type Metrics = BTreeMap<String, Metric>;

/// The statistics of a metric, in its unit. A percentile is `None` if there are fewer values than
/// it needs: 2 for p50, 10 for p90, 100 for p99, 1,000 for p99.9.
///
/// ```
/// use dyno_summary::{Metric, Summary};
///
/// fn p99(summary: &Summary) -> Option<u64> {
///     let response: &Metric = summary.metric("response")?;
///     response.p99
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metric {
    /// The unit of the values: in JSON `ns`, `bytes`, `permille` (of one core, for `cpu`), or an
    /// empty text for a plain number. A unit that this version does not know is read as a plain
    /// number.
    #[serde(deserialize_with = "known_unit")]
    pub unit: Unit,
    /// The number of values.
    pub count: u64,
    /// The smallest value; exact.
    pub min: u64,
    /// The largest value; exact.
    pub max: u64,
    /// The mean of the values; whole if the unit is `ns`.
    #[serde(serialize_with = "number")]
    pub mean: f64,
    /// The standard deviation of the values; whole if the unit is `ns`.
    #[serde(serialize_with = "number")]
    pub stddev: f64,
    /// The most recent value.
    pub last: u64,
    /// Half of the values are at most this.
    pub p50: Option<u64>,
    /// 90 % of the values are at most this.
    pub p90: Option<u64>,
    /// 99 % of the values are at most this.
    pub p99: Option<u64>,
    /// 99.9 % of the values are at most this.
    pub p999: Option<u64>,
    /// The number of values that were clamped: they were negative, infinite, or not a number.
    pub out_of_range: u64,
    /// The number of cycles that never ended and so are missing here: of `response` only.
    pub censored: u64,
}

/// A metric's part of a [`SeriesPoint`](crate::SeriesPoint), in its unit.
///
/// ```
/// use dyno_summary::{PointMetric, SeriesPoint};
///
/// fn longest(point: &SeriesPoint) -> Option<u64> {
///     point.metrics.get("response").map(|PointMetric { max, .. }| *max)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PointMetric {
    /// The number of values.
    pub count: u64,
    /// Half of the values are at most this.
    pub p50: Option<u64>,
    /// 99 % of the values are at most this.
    pub p99: Option<u64>,
    /// The largest value.
    pub max: u64,
}

/// Reads a unit by its name. Another version may know more units than this one.
fn known_unit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Unit, D::Error> {
    Ok(Unit::of_name(&String::deserialize(deserializer)?))
}
