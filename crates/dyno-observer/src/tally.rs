//! The accounting identity: each issued cycle has an outcome, and everything sent was received.
//!
//! ```text
//! issued  = completed + failed + skipped + unstarted + abandoned + lost      per worker and phase
//! emitted = received                                          batches, cycles, values per metric
//! ended   = received cycles, where ended = completed + failed                per worker and phase
//! failed  = received cycles that failed                                      per worker and phase
//! ```
//!
//! Pure arithmetic on numbers that both ends counted separately. `lost` is zero unless a worker
//! died: then it is the number of that worker's cycles whose outcome was never received. In a
//! closed loop the clock makes no cycle due, and the issued cycles are those that started.

use std::ops::AddAssign;

use dyno_bus::Phase;
use dyno_bus::message::{Counts, Emitted};
use dyno_bus::segment::PerPhase;
use dyno_summary::Fates;
use serde::{Deserialize, Serialize};

use crate::counts::CountsError;
use crate::id::ProcessId;

/// The account of the cycles that were issued to one worker or to all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Cycles due before the cut, as the primary computes them.
    pub issued: PerPhase<u64>,
    /// The outcomes of these cycles, as the worker reported them.
    pub counts: PerPhase<Counts>,
    /// Cycles whose outcome was never reported, because the worker died.
    pub lost: PerPhase<u64>,
}

impl Account {
    /// Returns the fates of the cycles that were due in this phase.
    #[must_use]
    pub fn fates(&self, phase: Phase) -> Fates {
        let counts = self.counts[phase];
        let mut fates = Fates::default();
        fates.issued = self.issued[phase];
        fates.completed = counts.completed;
        fates.failed = counts.failed;
        fates.skipped = counts.skipped;
        fates.unstarted = counts.unstarted;
        fates.abandoned = counts.abandoned;
        fates.lost = self.lost[phase];
        fates
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.issued += other.issued;
        self.counts += other.counts;
        self.lost += other.lost;
    }
}

/// The numbers of everything received from one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedCounts {
    /// Batches that were received; the sequence number of the next one.
    pub batches: u64,
    /// Records of cycles that ended, completed or failed.
    pub cycles: PerPhase<u64>,
    /// Those of them that failed.
    pub failed: PerPhase<u64>,
    /// Values of each metric, by its declared number; of both phases, clamped ones included.
    pub values: Vec<u64>,
}

/// Accounts that do not agree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TallyError {
    /// The process never sent a hello.
    #[error("{process} never sent its hello")]
    Unknown {
        /// The process that is not known.
        process: ProcessId,
    },
    /// The worker's final counts can't follow those of its last batch.
    #[error(transparent)]
    Counts(#[from] CountsError),
    /// More or fewer cycles are accounted for than were issued.
    #[error(
        "worker {worker} was issued {issued} cycles ({phase:?}) and accounts for {}: {} completed, \
         {} failed, {} skipped, {} unstarted, {} abandoned", counts.ended(), counts.completed,
        counts.failed, counts.skipped, counts.unstarted, counts.abandoned
    )]
    Identity {
        /// The worker's index.
        worker: u32,
        /// The phase of the cycles' due times.
        phase: Phase,
        /// The cycles that were issued to it.
        issued: u64,
        /// The outcomes that it reported.
        counts: Counts,
    },
    /// A cycle has an outcome but no record, or a record but no outcome.
    #[error("worker {worker} ended {ended} cycles ({phase:?}), of which {received} were received")]
    Cycles {
        /// The worker's index.
        worker: u32,
        /// The phase of the cycles' due times.
        phase: Phase,
        /// Cycles that completed or failed, by the worker's counts.
        ended: u64,
        /// Records of these cycles that were received.
        received: u64,
    },
    /// More or fewer cycles failed than were received as failed.
    #[error(
        "worker {worker} failed {failed} cycles ({phase:?}), of which {received} were received"
    )]
    Failed {
        /// The worker's index.
        worker: u32,
        /// The phase of the cycles' due times.
        phase: Phase,
        /// Cycles that failed, by the worker's counts.
        failed: u64,
        /// Records of failed cycles that were received.
        received: u64,
    },
    /// More cycles completed inside the window and after it than completed in the whole run.
    #[error("worker {worker} delivered {delivered} cycles, of which {completed} were completed")]
    Delivered {
        /// The worker's index.
        worker: u32,
        /// Cycles that completed inside the measured window or after it.
        delivered: u64,
        /// Cycles that completed in the whole run, by the worker's counts.
        completed: u64,
    },
    /// The timelines do not hold the cycles that were emitted.
    #[error("worker {worker} emitted {emitted} cycles and has a timeline of {timeline}")]
    Timeline {
        /// The worker's index.
        worker: u32,
        /// Cycles emitted, counted by the sender.
        emitted: u64,
        /// Cycles in its timelines; 0 if a column has a wrong length, or a count above all cycles.
        timeline: u64,
    },
    /// A timeline came after the account, or there are more of them than a run has stages.
    #[error("worker {worker} sent a timeline too many, after {count}")]
    TimelineTooMany {
        /// The worker's index.
        worker: u32,
        /// The timelines that it had sent.
        count: usize,
    },
    /// More or less was received than was sent.
    #[error("{process} emitted {emitted} {what}, of which {received} were received")]
    Emitted {
        /// The process that emitted.
        process: ProcessId,
        /// The kind of thing that was counted.
        what: What,
        /// The number that the sender counted.
        emitted: u64,
        /// The number that was received, counted by the observer.
        received: u64,
    },
}

/// A thing that both ends of a link count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Batches of measurements and counts.
    Batches,
    /// Records of cycles that ended, of both phases.
    Cycles,
    /// Values of the metric with this declared number.
    Values(usize),
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Batches => f.write_str("batches"),
            Self::Cycles => f.write_str("cycles"),
            Self::Values(metric) => write!(f, "values of metric {metric}"),
        }
    }
}

impl Account {
    /// Creates the account of a worker that has drained: no cycle is lost.
    ///
    /// # Errors
    /// If there are more or fewer outcomes than issued cycles.
    pub fn drained(
        worker: u32,
        issued: PerPhase<u64>,
        counts: PerPhase<Counts>,
    ) -> Result<Self, TallyError> {
        let account = Self::died(worker, issued, counts)?;
        for phase in [Phase::Warmup, Phase::Measured] {
            if account.lost[phase] > 0 {
                let (issued, counts) = (issued[phase], counts[phase]);
                return Err(TallyError::Identity { worker, phase, issued, counts });
            }
        }
        Ok(account)
    }

    /// Creates the account of a worker that died: issued cycles without an outcome are lost.
    ///
    /// # Errors
    /// If there are more outcomes than issued cycles.
    pub fn died(
        worker: u32,
        issued: PerPhase<u64>,
        counts: PerPhase<Counts>,
    ) -> Result<Self, TallyError> {
        let mut lost = PerPhase::default();
        for phase in [Phase::Warmup, Phase::Measured] {
            let (issued, counts) = (issued[phase], counts[phase]);
            lost[phase] = issued.checked_sub(counts.ended()).ok_or(TallyError::Identity {
                worker,
                phase,
                issued,
                counts,
            })?;
        }
        Ok(Self { issued, counts, lost })
    }
}

impl ReceivedCounts {
    /// Verifies that everything that was emitted has been received, and nothing else.
    ///
    /// # Errors
    /// [`TallyError::Emitted`] with the first count that differs between the two ends.
    pub fn verify(&self, process: ProcessId, emitted: &Emitted) -> Result<(), TallyError> {
        let metrics = self.values.len().max(emitted.values.len());
        // A metric that one end does not know has zero values there.
        let value = |values: &[u64], metric: usize| values.get(metric).copied().unwrap_or(0);
        let values = (0..metrics).map(|metric| {
            (What::Values(metric), value(&emitted.values, metric), value(&self.values, metric))
        });
        let totals = [
            (What::Batches, emitted.batches, self.batches),
            (What::Cycles, emitted.cycles, self.cycles.total()),
        ];
        for (what, emitted, received) in totals.into_iter().chain(values) {
            if emitted != received {
                return Err(TallyError::Emitted { process, what, emitted, received });
            }
        }
        Ok(())
    }

    /// Verifies that a record was received for each cycle that ended, by the worker's counts.
    ///
    /// # Errors
    /// If there are more or fewer records than cycles that ended, or than cycles that failed.
    pub fn verify_cycles(&self, worker: u32, counts: &PerPhase<Counts>) -> Result<(), TallyError> {
        for phase in [Phase::Warmup, Phase::Measured] {
            let ended = counts[phase].completed + counts[phase].failed;
            let received = self.cycles[phase];
            if ended != received {
                return Err(TallyError::Cycles { worker, phase, ended, received });
            }
            let (failed, received) = (counts[phase].failed, self.failed[phase]);
            if failed != received {
                return Err(TallyError::Failed { worker, phase, failed, received });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
