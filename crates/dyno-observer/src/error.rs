//! What can go wrong as a process's messages are taken in, one enum per operation.
//!
//! Each names the process, and refuses what can't be true before any of it is taken.

use dyno_bus::message::{METRIC_NAME_MAX, METRICS_MAX};
use dyno_bus::value::Unit;
use dyno_bus::{Phase, Time};

use crate::counts::CountsError;
use crate::process::ProcessId;

/// A process that can't be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelloError {
    /// It is known already.
    #[error("{process} sent two hellos: as pid {before}, then as pid {now}")]
    Twice {
        /// Which process.
        process: ProcessId,
        /// The pid of its first hello.
        before: u32,
        /// The pid of the second.
        now: u32,
    },
}

/// A metric that can't be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeclareError {
    /// The process is not known.
    #[error("{process} declared a metric before its hello")]
    Unknown {
        /// Which process.
        process: ProcessId,
    },
    /// The number is beyond what one process may declare.
    #[error("{process} declared metric {metric}: a process may have {METRICS_MAX} at most")]
    TooMany {
        /// Which process.
        process: ProcessId,
        /// The metric's number.
        metric: u32,
    },
    /// The number is another metric's.
    #[error("{process} declared metric {metric} twice")]
    NumberTaken {
        /// Which process.
        process: ProcessId,
        /// The metric's number.
        metric: u32,
    },
    /// The process has a metric of that name.
    #[error("{process} declared the metric {name:?} twice")]
    NameTaken {
        /// Which process.
        process: ProcessId,
        /// The metric's name.
        name: String,
    },
    /// The name is one of [`crate::metric::OF_CYCLES`].
    #[error("{process} declared the metric {name:?}, a name that is reserved: choose another")]
    Reserved {
        /// Which process.
        process: ProcessId,
        /// The metric's name.
        name: String,
    },
    /// The name is empty or too long.
    #[error(
        "{process} declared metric {metric} with a name of {length} bytes: \
         1 to {METRIC_NAME_MAX} are allowed"
    )]
    NameLength {
        /// Which process.
        process: ProcessId,
        /// The metric's number.
        metric: u32,
        /// The name's length in bytes.
        length: usize,
    },
    /// The name would disturb a terminal.
    #[error("{process} declared the metric {name:?}, a name with control characters")]
    NameControl {
        /// Which process.
        process: ProcessId,
        /// The metric's name.
        name: String,
    },
    /// Another process has the same metric in another unit: the two can't be merged.
    #[error(
        "{process} declared the metric {name:?} with unit {now:?}: elsewhere it has {before:?}"
    )]
    UnitDiffers {
        /// Which process.
        process: ProcessId,
        /// The metric's name.
        name: String,
        /// Its unit where it was declared first.
        before: Unit,
        /// Its unit in this process.
        now: Unit,
    },
}

/// A batch that can't be true, and of which nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AbsorbError {
    /// The process is not known.
    #[error("{process} sent a batch before its hello")]
    Unknown {
        /// Which process.
        process: ProcessId,
    },
    /// A batch is missing, or came twice.
    #[error("{process} sent batch {found} where batch {expected} was due")]
    Sequence {
        /// Which process.
        process: ProcessId,
        /// The sequence number that follows the last one.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// A batch is older than the one before it.
    #[error("{process} sent a batch as of {now:?} after one as of {before:?}")]
    Time {
        /// Which process.
        process: ProcessId,
        /// When the last batch was true.
        before: Time,
        /// When this one was.
        now: Time,
    },
    /// Cumulative counts can't follow those before.
    #[error(transparent)]
    Counts(#[from] CountsError),
    /// A pair of columns has no pairs.
    #[error("{process} sent {wait} waits and {service} services ({phase:?}): they go in pairs")]
    Unpaired {
        /// Which process.
        process: ProcessId,
        /// When the cycles were due.
        phase: Phase,
        /// The length of one column.
        wait: usize,
        /// The length of the other.
        service: usize,
    },
    /// The primary runs no cycles.
    #[error("the primary sent {count} cycles, which workers alone run")]
    CyclesOfPrimary {
        /// How many.
        count: usize,
    },
    /// A column is of no metric.
    #[error("{process} sent values of metric {metric}, which it has not declared")]
    Undeclared {
        /// Which process.
        process: ProcessId,
        /// The metric's number.
        metric: u32,
    },
}
