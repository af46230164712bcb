//! The limit of the backlog, the cycles that are due and have not ended.
//!
//! The primary applies it to the whole run, and each worker that skips cycles applies its share, to
//! the backlog that it sees. That makes this arithmetic a part of the protocol. The numbers in a
//! rule come from the plan, and the reaction to a limit that is passed is decided elsewhere.

use serde::{Deserialize, Serialize};

/// The rule for the limit of a backlog: that of a whole run, or of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BacklogRule {
    /// At most this many cycles, at any time.
    Total(u64),
    /// This limit above the level at the start of the measured window; before that, any number.
    Above(BacklogLimit),
}

impl BacklogRule {
    /// Returns the rule for one of this many workers: an even share, rounded up.
    #[must_use]
    pub fn share(self, workers: u32) -> Self {
        let share = |cycles: u64| cycles.div_ceil(workers.into());
        match self {
            Self::Total(most) => Self::Total(share(most)),
            Self::Above(BacklogLimit { waiting, total }) => {
                Self::Above(BacklogLimit { waiting: share(waiting), total: share(total) })
            }
        }
    }

    /// Returns the limit, given the level at the start of the measured window: the cycles that
    /// waited and that ran. `None` if any number of cycles is allowed as yet.
    #[must_use]
    pub fn limit(self, level: Option<(u64, u64)>) -> Option<BacklogLimit> {
        match self {
            Self::Total(most) => Some(BacklogLimit { waiting: most, total: most }),
            Self::Above(room) => level.map(|(waited, ran)| BacklogLimit {
                waiting: waited + room.waiting,
                total: waited + ran + room.total,
            }),
        }
    }
}

/// The most cycles that may be due and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogLimit {
    /// The limit of cycles that have not begun.
    pub waiting: u64,
    /// The limit of all cycles, waiting and running.
    pub total: u64,
}

impl BacklogLimit {
    /// Returns `true` if this many waiting and running cycles are beyond the limit.
    #[must_use]
    pub const fn is_passed_by(self, waiting: u64, running: u64) -> bool {
        waiting > self.waiting || waiting + running > self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: BacklogLimit = BacklogLimit { waiting: 5, total: 8 };

    #[test]
    fn a_total_holds_at_any_time_and_a_limit_above_the_warm_up_from_its_level_on() {
        let seven = Some(BacklogLimit { waiting: 7, total: 7 });
        assert_eq!(BacklogRule::Total(7).limit(None), seven);
        assert_eq!(BacklogRule::Total(7).limit(Some((30, 2))), seven);
        assert_eq!(BacklogRule::Above(ROOM).limit(None), None);
        let above = BacklogLimit { waiting: 35, total: 40 };
        assert_eq!(BacklogRule::Above(ROOM).limit(Some((30, 2))), Some(above));
    }

    #[test]
    fn the_shares_of_all_workers_add_up_to_at_least_the_whole() {
        assert_eq!(BacklogRule::Total(7).share(2), BacklogRule::Total(4));
        let share = BacklogLimit { waiting: 2, total: 3 };
        assert_eq!(BacklogRule::Above(ROOM).share(3), BacklogRule::Above(share));
    }

    #[test]
    fn a_limit_is_passed_by_one_cycle_more_that_waits_or_runs() {
        assert!(!ROOM.is_passed_by(5, 3));
        assert!(ROOM.is_passed_by(6, 0) && ROOM.is_passed_by(0, 9));
    }
}
