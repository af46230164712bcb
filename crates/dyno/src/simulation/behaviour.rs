//! The behaviour of a simulated worker: its hooks, its cycles, its lies, its exit.

use std::time::Duration;

use dyno_bus::Time;

use super::lies::Lie;

/// The behaviour of one worker.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// The time from its start to its `Hello`.
    pub(crate) boot: Duration,
    pub(crate) before: HookRun,
    pub(crate) after: HookRun,
    /// Set if cycles run one after the other, as those of a sync task.
    pub(crate) is_sync: bool,
    /// The shortest and the longest time that a cycle takes.
    pub(crate) service: (Duration, Duration),
    /// One in this number of cycles fails.
    pub(crate) fails_each: u64,
    /// The cycle, counted from 0 in this worker, that never ends; `None` if all end.
    pub(crate) hangs_at: Option<u64>,
    pub(crate) lie: Lie,
    pub(crate) leaves: Leaves,
}

/// The behaviour of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HookRun {
    Takes(Duration),
    Fails(Duration),
    Hangs,
}

impl HookRun {
    /// Returns the time at which it ends, if it begins now.
    pub(super) fn end(self, now: Time) -> Time {
        match self {
            Self::Takes(time) | Self::Fails(time) => now + time,
            Self::Hangs => Time::NEVER,
        }
    }

    /// Returns its result, once it has ended.
    pub(super) fn result(self) -> Result<(), String> {
        match self {
            Self::Fails(_) => Err("it fails".into()),
            Self::Takes(_) | Self::Hangs => Ok(()),
        }
    }
}

/// The end of a worker after its `Bye`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// It exits with the code that it should have.
    Well,
    /// It exits with a wrong code, which is not 0.
    Code3,
    /// It never exits.
    Never,
}
