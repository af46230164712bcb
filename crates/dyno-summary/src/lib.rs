//! The result of a benchmark as data: the contract of `run.json`, and its reader.
//!
#![doc = include_str!("../README.md")]
//!
//! # This crate
//!
//! It holds the contract: the [`Summary`] of a run with all its parts, the [`Intervals`] of a run,
//! the [`Study`] of several runs, the reader of all three, and the [`Comparison`] of two results. Its
//! field names, words and exit codes are read by other people's programs. Fields may be added within a
//! version; any other change that a reader could notice raises [`SCHEMA`], [`INTERVALS_SCHEMA`],
//! [`STUDY_SCHEMA`] or [`COMPARISON_SCHEMA`].
//!
//! It is the lowest crate of dyno and depends on none of the others. It decides no verdict, makes
//! no summary of a run, and prints nothing. Types can grow: structs are made with `Default` and
//! have public fields, and a `match` needs an arm for cases that are added later.
//!
//! [`Unit`] is also a part of messages between processes, whose bytes have no names: a new unit is
//! added at the end.

mod comparison;
mod environment;
mod fates;
mod host;
mod intervals;
mod metric;
mod number;
mod parameters;
mod process;
mod read;
mod stage;
mod study;
mod summary;
mod threshold;
mod unit;
mod verdict;

pub use comparison::{
    COMPARISON_SCHEMA, Comparison, ComparisonFinding, ComparisonSide, FigureComparison,
};
pub use environment::Environment;
pub use fates::{CycleErrors, Fates};
pub use host::{ClockSummary, HostSummary};
pub use intervals::{INTERVALS_FILE, INTERVALS_SCHEMA, IntervalColumn, Intervals, MetricIntervals};
pub use metric::{Metric, Metrics, PointMetric};
pub use parameters::{Parameters, TaskValues};
pub use process::{PrimaryProcess, WorkerExit, WorkerProcess};
pub use read::{ReadError, SUMMARY_FILE};
pub use stage::StageSummary;
pub use study::{
    FigureSpread, RepeatFinding, RepeatedRate, RepeatedSearch, STUDY_FILE, STUDY_SCHEMA,
    SearchBound, SearchFinding, Study, StudyTrial, SweepFinding,
};
pub use summary::{Backlog, ERRORS_LISTED, Harness, RateSummary, SCHEMA, SeriesPoint, Summary};
pub use threshold::{ThresholdResult, WorstWindow};
pub use unit::Unit;
pub use verdict::{REFUSED_EXIT, SIGNAL_EXIT, Verdict};

#[cfg(test)]
mod tests;
