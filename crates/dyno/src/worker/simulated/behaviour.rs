//! How a simulated worker behaves: its hooks, its cycles, its lies, its leaving.

use std::time::Duration;

use dyno_bus::Time;

/// How a worker behaves.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    /// From being started to its `Hello`.
    pub(crate) boot: Duration,
    pub(crate) before: Run,
    pub(crate) after: Run,
    /// Cycles follow each other, as those of a task that is sync.
    pub(crate) is_sync: bool,
    /// The shortest and the longest cycle.
    pub(crate) service: (Duration, Duration),
    /// Every so many cycles, one fails.
    pub(crate) fails_each: u64,
    /// The cycle, counted from 0, that never ends.
    pub(crate) hangs_at: Option<u64>,
    pub(crate) lie: Lie,
    pub(crate) leaves: Leaves,
}

/// What a hook does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Takes(Duration),
    Fails(Duration),
    Hangs,
}

impl Run {
    /// When it ends, begun now.
    pub(super) fn end(self, now: Time) -> Time {
        match self {
            Self::Takes(time) | Self::Fails(time) => now + time,
            Self::Hangs => Time::NEVER,
        }
    }

    /// What comes of it, once it has ended.
    pub(super) fn result(self) -> Result<(), String> {
        match self {
            Self::Fails(_) => Err("it fails".into()),
            Self::Takes(_) | Self::Hangs => Ok(()),
        }
    }
}

/// How a worker ends after its last words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// As it should.
    Well,
    /// With a code that is not 0.
    Code3,
    /// Never.
    Never,
}

/// What a worker says that is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    OtherVersion,
    OtherNonce,
    SecondHello,
    ReadyTwice,
    EarlyBye,
    /// Its account before anyone asked for it.
    DrainedUnasked,
    BatchTwice,
    BatchMissing,
    CountsBack,
    Nonsense,
    MoreCompleted,
    FewerCompleted,
    HugeCounts,
    HugeDelivered,
    MoreBatches,
    MoreAtBye,
}
