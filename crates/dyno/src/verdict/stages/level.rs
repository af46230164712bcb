//! The level of the backlog: where it is while the rate is held, and when it leaves it and is back.

use dyno_bus::timeline::SLOTS;

use crate::plan::profile::Stage;

/// The spread of a backlog around its level, as a multiple of the level's root, and the least
/// spread, in cycles: a held queue is that far above its level at times, and comes back.
const SPREAD_ROOTS: f64 = 3.0;
const SPREAD_MIN: f64 = 3.0;

/// The level of the backlog, by the time that a cycle takes while the rate is held: rate × response,
/// by Little's law.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Level {
    /// The mean response of cycles that no overload delayed, in seconds.
    pub(super) response: f64,
    /// The rate at which they came due. At a lower one, the backlog need only be back where it was
    /// at this one.
    pub(super) rate: f64,
}

impl Level {
    /// Returns the largest backlog that is at the level, at this rate.
    pub(super) fn bound(self, rate: f64) -> f64 {
        let level = rate.max(self.rate) * self.response;
        level + SPREAD_ROOTS * level.sqrt() + SPREAD_MIN
    }

    /// Returns the first slot of a stage at which the backlog is at the level.
    pub(super) fn first_at(self, path: &[f64], stage: &Stage) -> Option<usize> {
        path.iter().enumerate().position(|(slot, backlog)| self.has(*backlog, stage, slot))
    }

    /// Returns the last slot of a stage at which the backlog is at the level.
    pub(super) fn last_at(self, path: &[f64], stage: &Stage) -> Option<usize> {
        path.iter().enumerate().rposition(|(slot, backlog)| self.has(*backlog, stage, slot))
    }

    /// Returns `true` if a backlog is at the level, by the rate in the middle of a slot.
    fn has(self, backlog: f64, stage: &Stage, slot: usize) -> bool {
        backlog <= self.bound(stage.rate_at((slot as f64 + 0.5) / SLOTS as f64))
    }
}

/// Returns `true` if a backlog still falls at the end of its path.
pub(super) fn is_falling(path: &[f64]) -> bool {
    let sixth = path.len() / 6;
    if sixth == 0 {
        return false;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let last = mean(&path[path.len() - sixth..]);
    let before = mean(&path[path.len() - 2 * sixth..path.len() - sixth]);
    last + SPREAD_ROOTS * last.sqrt() + SPREAD_MIN < before
}
