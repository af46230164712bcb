//! The accounting identity: what was issued has become something, and what was sent has come.
//!
//! ```text
//! issued  = completed + failed + skipped + unstarted + abandoned + lost      per worker and phase
//! emitted = received                                          batches, cycles, values per metric
//! ended   = received cycles, where ended = completed + failed                per worker and phase
//! failed  = received cycles that failed                                      per worker and phase
//! ```
//!
//! Pure arithmetic on what both ends counted apart. `lost` is not zero only where a worker died:
//! then it is what that worker owed and of which no outcome came. In a closed loop nothing is due
//! by the clock, and what was issued is what was started.

use std::ops::AddAssign;

use dyno_bus::Phase;
use dyno_bus::message::{Counts, Emitted};
use dyno_bus::segment::PerPhase;

use crate::counts::CountsError;
use crate::process::ProcessId;

/// What became of the cycles that were issued, to one worker or to all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Due before the cut, by the primary's own arithmetic.
    pub issued: PerPhase<u64>,
    /// What the worker said of them.
    pub counts: PerPhase<Counts>,
    /// Of which nothing was heard.
    pub lost: PerPhase<u64>,
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.issued += other.issued;
        self.counts += other.counts;
        self.lost += other.lost;
    }
}

/// What has come from one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Batches: the next one's sequence number.
    pub batches: u64,
    /// Records of cycles that ended.
    pub cycles: PerPhase<u64>,
    /// Of those, the ones that failed.
    pub failed: PerPhase<u64>,
    /// Values by the metric's declared number, of both phases, clamped ones included.
    pub values: Vec<u64>,
}

/// Accounts that do not agree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TallyError {
    /// Nothing is known of the process.
    #[error("{process} never sent its hello")]
    Unknown {
        /// Which process.
        process: ProcessId,
    },
    /// The last counts can't follow those before.
    #[error(transparent)]
    Counts(#[from] CountsError),
    /// More or fewer cycles are accounted for than were issued.
    #[error(
        "worker {worker} was issued {issued} cycles ({phase:?}) and accounts for {}: {} completed, \
         {} failed, {} skipped, {} unstarted, {} abandoned", counts.ended(), counts.completed,
        counts.failed, counts.skipped, counts.unstarted, counts.abandoned
    )]
    Identity {
        /// Which worker.
        worker: u32,
        /// When the cycles were due.
        phase: Phase,
        /// What was issued.
        issued: u64,
        /// What became of it.
        counts: Counts,
    },
    /// A cycle has an outcome and no record, or the reverse.
    #[error("worker {worker} ended {ended} cycles ({phase:?}), of which {received} were received")]
    Cycles {
        /// Which worker.
        worker: u32,
        /// When the cycles were due.
        phase: Phase,
        /// Completed and failed, by the worker's counts.
        ended: u64,
        /// Records that came.
        received: u64,
    },
    /// More or fewer cycles failed than came as failed ones.
    #[error(
        "worker {worker} failed {failed} cycles ({phase:?}), of which {received} were received"
    )]
    Failed {
        /// Which worker.
        worker: u32,
        /// When the cycles were due.
        phase: Phase,
        /// By the worker's counts.
        failed: u64,
        /// Records that came.
        received: u64,
    },
    /// More cycles ended well, inside the window and after it, than ended well.
    #[error("worker {worker} delivered {delivered} cycles, of which {completed} were completed")]
    Delivered {
        /// Which worker.
        worker: u32,
        /// Inside the measured window and after it.
        delivered: u64,
        /// At all.
        completed: u64,
    },
    /// A timeline is not one of the cycles that were emitted.
    #[error("worker {worker} emitted {emitted} cycles and has a timeline of {timeline}")]
    Timeline {
        /// Which worker.
        worker: u32,
        /// Counted by the sender.
        emitted: u64,
        /// In its timeline; 0 if that is not whole.
        timeline: u64,
    },
    /// What was sent is not what came.
    #[error("{process} emitted {emitted} {what}, of which {received} were received")]
    Emitted {
        /// Who emitted.
        process: ProcessId,
        /// Batches, cycles, or values of a metric.
        what: What,
        /// Counted by the sender.
        emitted: u64,
        /// Counted here.
        received: u64,
    },
}

/// What is counted at both ends of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Batches.
    Batches,
    /// Records of cycles.
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
    /// The account of a worker that has drained: nothing is lost.
    ///
    /// # Errors
    /// If the outcomes are not as many as were issued.
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

    /// The account of a worker that died: what it did not account for is lost.
    ///
    /// # Errors
    /// If there are more outcomes than were issued.
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

impl Received {
    /// Whether all that was emitted has come, and nothing else.
    ///
    /// # Errors
    /// The first count in which the two ends differ.
    pub fn verify(&self, process: ProcessId, emitted: &Emitted) -> Result<(), TallyError> {
        let metrics = self.values.len().max(emitted.values.len());
        // A metric that one end has not heard of has no values there.
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

    /// Whether each cycle that has ended, by the worker's counts, has come as a record.
    ///
    /// # Errors
    /// If they are not as many.
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
