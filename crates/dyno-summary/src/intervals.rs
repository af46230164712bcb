//! The intervals of a run, finer than those of its summary: the contract of `intervals.json`.
//!
//! Each metric with a unit of time is counted in columns of time and rows of value, merged over the
//! workers: enough for a heat map, or for the course of a percentile. `docs/intervals.schema.json`
//! describes the same contract for other tools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::unit::Unit;

/// The version of the contract of the intervals.
pub const INTERVALS_SCHEMA: u32 = 1;
/// The file of the intervals in the folder of a run.
pub const INTERVALS_FILE: &str = "intervals.json";

/// The workers' metrics with a unit of time, by columns of time and rows of value.
///
/// ```
/// use dyno_summary::Intervals;
///
/// let intervals = Intervals::read("target/dyno/shop/latest");
/// if let Ok(intervals) = intervals {
///     println!("{} columns", intervals.ends_ns.len());
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Intervals {
    /// The version of this contract: [`INTERVALS_SCHEMA`].
    pub schema: u32,
    /// The start of the first column, which is that of the measured window: the time since the
    /// run's first due time, in nanoseconds.
    pub start_ns: u64,
    /// The end of each column, ascending, as time since the run's first due time. A column begins
    /// where the one before it ends. Those of the drain follow those of the window.
    pub ends_ns: Vec<u64>,
    /// The least value of each row, ascending from 0. A row ends where the next one begins; the
    /// last one has no end.
    pub rows: Vec<u64>,
    /// The metrics, by name.
    pub metrics: BTreeMap<String, MetricIntervals>,
}

/// A metric's part of [`Intervals`].
///
/// ```
/// use dyno_summary::MetricIntervals;
///
/// fn values(metric: &MetricIntervals) -> u64 {
///     metric.columns.iter().map(|column| column.count).sum()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricIntervals {
    /// The unit of the values.
    pub unit: Unit,
    /// The columns: as many as there are ends.
    pub columns: Vec<IntervalColumn>,
}

/// The values of one metric that came within one column of time.
///
/// ```
/// use dyno_summary::IntervalColumn;
///
/// fn mean(column: &IntervalColumn) -> Option<f64> {
///     (column.count > 0).then(|| column.sum as f64 / column.count as f64)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IntervalColumn {
    /// The number of values.
    pub count: u64,
    /// The exact sum of the values. A sum that does not fit into 64 bits is the largest that does.
    pub sum: u64,
    /// The index of the first row that has values.
    pub row: usize,
    /// The number of values in each row from `row` on, up to the last row that has some.
    pub counts: Vec<u64>,
}
