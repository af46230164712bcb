//! The fates of cycles, and the errors of those that failed.

use serde::{Deserialize, Serialize};

/// The number of cycles by their fate. `issued` is the sum of all other counts.
///
/// ```
/// use dyno_summary::{Fates, Summary};
///
/// fn failed_share(summary: &Summary) -> f64 {
///     let Fates { issued, failed, abandoned, .. } = summary.cycles;
///     (failed + abandoned) as f64 / issued as f64
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fates {
    /// Due before the cut.
    pub issued: u64,
    /// Ended without an error or a panic.
    pub completed: u64,
    /// Ended with an error or a panic.
    pub failed: u64,
    /// Never begun, because of the policy `skip`.
    pub skipped: u64,
    /// Due before the cut and never begun.
    pub unstarted: u64,
    /// Begun and dropped at the drain deadline.
    pub abandoned: u64,
    /// Issued to a worker that died, and not reported.
    pub lost: u64,
}

/// Failed cycles with one message.
///
/// ```
/// use dyno_summary::{CycleErrors, Summary};
///
/// fn most_frequent(summary: &Summary) -> Option<&CycleErrors> {
///     summary.errors.first()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CycleErrors {
    /// The task's error message, or the message of its panic.
    pub message: String,
    /// The number of failed cycles with this message.
    pub count: u64,
    /// The lowest index among these cycles.
    pub first_cycle: u64,
}

impl CycleErrors {
    /// Creates the errors of `count` cycles with this message; `first_cycle` is the first of them.
    #[must_use]
    pub fn new(message: impl Into<String>, count: u64, first_cycle: u64) -> Self {
        Self { message: message.into(), count, first_cycle }
    }
}
