//! The fates of cycles, and the errors of those that failed: one shape for the verdict's evidence
//! and for the summary.

use dyno_bus::Phase;
use dyno_bus::message::Counts;
use dyno_observer::Account;
use serde::{Deserialize, Serialize};

/// The number of cycles by their fate. `issued` is the sum of all other counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Fates {
    /// Returns the fates of the cycles that were due in this phase.
    pub(crate) fn of(account: &Account, phase: Phase) -> Self {
        let Counts { completed, failed, skipped, unstarted, abandoned, .. } = account.counts[phase];
        let (issued, lost) = (account.issued[phase], account.lost[phase]);
        Self { issued, completed, failed, skipped, unstarted, abandoned, lost }
    }
}

/// Failed cycles with one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleErrors {
    /// The task's error message, or the message of its panic.
    pub message: String,
    /// The number of failed cycles with this message.
    pub count: u64,
    /// The lowest index among these cycles.
    pub first_cycle: u64,
}
