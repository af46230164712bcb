//! The errors of a process's messages, one enum per operation.
//!
//! Each names the process. A message that can't be true is refused as a whole: no part of it is
//! recorded.

use dyno_bus::message::{METRIC_NAME_MAX, METRICS_MAX};
use dyno_bus::value::Unit;
use dyno_bus::{Phase, Time};

use crate::counts::CountsError;
use crate::id::ProcessId;

/// A process that can't be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelloError {
    /// The process has been added already.
    #[error("{process} sent two hellos: as pid {before}, then as pid {now}")]
    Twice {
        /// The process that sent two hellos.
        process: ProcessId,
        /// The pid of its first hello.
        before: u32,
        /// The pid of its second hello.
        now: u32,
    },
}

/// A metric that can't be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeclareError {
    /// The process is not known.
    #[error("{process} declared a metric before its hello")]
    Unknown {
        /// The process that declared it.
        process: ProcessId,
    },
    /// The number is over the limit of metrics in one process.
    #[error("{process} declared metric {metric}: a process may have {METRICS_MAX} at most")]
    TooMany {
        /// The process that declared it.
        process: ProcessId,
        /// The metric's number in that process.
        metric: u32,
    },
    /// The number belongs to another metric.
    #[error("{process} declared metric {metric} twice")]
    NumberTaken {
        /// The process that declared it.
        process: ProcessId,
        /// The metric's number in that process.
        metric: u32,
    },
    /// The process already has a metric with that name.
    #[error("{process} declared the metric {name:?} twice")]
    NameTaken {
        /// The process that declared it.
        process: ProcessId,
        /// The metric's name, as declared.
        name: String,
    },
    /// The name is one of [`crate::metric::OF_CYCLES`].
    #[error("{process} declared the metric {name:?}, a name that is reserved: choose another")]
    Reserved {
        /// The process that declared it.
        process: ProcessId,
        /// The metric's name, as declared.
        name: String,
    },
    /// The name is empty or too long.
    #[error(
        "{process} declared metric {metric} with a name of {length} bytes: \
         1 to {METRIC_NAME_MAX} are allowed"
    )]
    NameLength {
        /// The process that declared it.
        process: ProcessId,
        /// The metric's number in that process.
        metric: u32,
        /// The name's length in bytes.
        length: usize,
    },
    /// The name has control characters, which would disturb a terminal.
    #[error("{process} declared the metric {name:?}, a name with control characters")]
    NameControl {
        /// The process that declared it.
        process: ProcessId,
        /// The metric's name, as declared.
        name: String,
    },
    /// Another process has the same metric with another unit: the two can't be merged.
    #[error(
        "{process} declared the metric {name:?} with unit {now:?}: elsewhere it has {before:?}"
    )]
    UnitDiffers {
        /// The process that declared it.
        process: ProcessId,
        /// The metric's name, as declared.
        name: String,
        /// Its unit in the process that declared it first.
        before: Unit,
        /// Its unit in this process.
        now: Unit,
    },
}

/// A batch that can't be true and was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AbsorbError {
    /// The process is not known.
    #[error("{process} sent a batch before its hello")]
    Unknown {
        /// The process that sent it.
        process: ProcessId,
    },
    /// A batch is missing, or was sent twice.
    #[error("{process} sent batch {found} where batch {expected} was due")]
    Sequence {
        /// The process that sent it.
        process: ProcessId,
        /// The sequence number that follows the last batch's.
        expected: u64,
        /// The sequence number of this batch.
        found: u64,
    },
    /// A batch is older than the one before it.
    #[error("{process} sent a batch as of {now:?} after one as of {before:?}")]
    Time {
        /// The process that sent it.
        process: ProcessId,
        /// The time of the last batch.
        before: Time,
        /// The time of this batch, which is earlier.
        now: Time,
    },
    /// The cumulative counts can't follow those of the last batch.
    #[error(transparent)]
    Counts(#[from] CountsError),
    /// Two columns that belong together have different lengths.
    #[error("{process} sent {wait} waits and {service} services ({phase:?}): they go in pairs")]
    Unpaired {
        /// The process that sent it.
        process: ProcessId,
        /// The phase of the cycles' due times.
        phase: Phase,
        /// The length of the column of waits.
        wait: usize,
        /// The length of the column of services.
        service: usize,
    },
    /// A batch of the primary holds cycles, but the primary runs none.
    #[error("the primary sent {count} cycles, which workers alone run")]
    CyclesOfPrimary {
        /// The number of cycles in its columns, at least one.
        count: usize,
    },
    /// A column belongs to a metric that was not declared.
    #[error("{process} sent values of metric {metric}, which it has not declared")]
    Undeclared {
        /// The process that sent it.
        process: ProcessId,
        /// The metric's number in that process.
        metric: u32,
    },
}
