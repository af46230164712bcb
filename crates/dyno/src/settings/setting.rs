//! The settings by name: their flags, their variables, and their defaults as a user writes them.
//!
//! It is the only list of them: the environment is read by it, the command line is built from it,
//! and the documentation is tested against it.

use super::value;
use crate::plan::{DURATION_DEFAULT, Deadlines, MAX_FAILED_DEFAULT, RATE_DEFAULT, WARMUP_DEFAULT};

/// A setting of a run. The task's parameters are not among these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// The cycles per second over all workers: `50`, `1.5k`, `max`.
    Rate,
    /// The length of the measured window.
    Duration,
    /// The length of the warm-up before the window.
    Warmup,
    /// The number of worker processes, or `auto`.
    Workers,
    /// The distribution of due times: `uniform` or `poisson`.
    Arrivals,
    /// The seed of the random streams.
    Seed,
    /// The method of waiting for a due time: `sleep` or `spin`.
    Pacing,
    /// The most cycles in flight per worker.
    InFlight,
    /// The limit of the backlog: a number or `auto`.
    MaxBacklog,
    /// The policy for a backlog at its limit: `stop`, `skip` or `queue`.
    OnBacklog,
    /// The most cycles that may fail: a number or a percentage.
    MaxFailed,
    /// The targets whose spans become metrics.
    Spans,
    /// The time for all workers to become ready.
    StartDeadline,
    /// The time for running cycles to end.
    DrainDeadline,
    /// The time for the workers' `after`.
    AfterDeadline,
    /// The time that a worker has to exit before it is killed.
    KillGrace,
}

impl Setting {
    /// All settings, in the order of the documentation.
    pub const ALL: [Self; 16] = [
        Self::Rate,
        Self::Duration,
        Self::Warmup,
        Self::Workers,
        Self::Arrivals,
        Self::Seed,
        Self::Pacing,
        Self::InFlight,
        Self::MaxBacklog,
        Self::OnBacklog,
        Self::MaxFailed,
        Self::Spans,
        Self::StartDeadline,
        Self::DrainDeadline,
        Self::AfterDeadline,
        Self::KillGrace,
    ];

    /// Returns the flag's long name, without its dashes.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Duration => "duration",
            Self::Warmup => "warmup",
            Self::Workers => "workers",
            Self::Arrivals => "arrivals",
            Self::Seed => "seed",
            Self::Pacing => "pacing",
            Self::InFlight => "in-flight",
            Self::MaxBacklog => "max-backlog",
            Self::OnBacklog => "on-backlog",
            Self::MaxFailed => "max-failed",
            Self::Spans => "spans",
            Self::StartDeadline => "start-deadline",
            Self::DrainDeadline => "drain-deadline",
            Self::AfterDeadline => "after-deadline",
            Self::KillGrace => "kill-grace",
        }
    }

    /// Returns the name of the variable that sets it, such as `DYNO_MAX_BACKLOG`.
    #[must_use]
    pub fn variable(self) -> String {
        format!("DYNO_{}", self.flag().replace('-', "_").to_uppercase())
    }

    /// Returns the default as a user would write it; `None` if no text means it: a seed is drawn,
    /// cycles in flight are unlimited, and no targets of spans are added.
    #[must_use]
    pub fn default_text(self) -> Option<String> {
        let time = |duration| humantime::format_duration(duration).to_string();
        let deadlines = Deadlines::default();
        match self {
            Self::Rate => Some(RATE_DEFAULT.to_string()),
            Self::Duration => Some(time(DURATION_DEFAULT)),
            Self::Warmup => Some(time(WARMUP_DEFAULT)),
            Self::Workers | Self::MaxBacklog => Some(value::AUTO.to_owned()),
            Self::Arrivals => Some(value::ARRIVALS[0].0.to_owned()),
            Self::Pacing => Some(value::PACING[0].0.to_owned()),
            Self::OnBacklog => Some(value::ON_BACKLOG[0].0.to_owned()),
            Self::MaxFailed => Some(MAX_FAILED_DEFAULT.to_string()),
            Self::StartDeadline => Some(time(deadlines.start)),
            Self::DrainDeadline => Some(time(deadlines.drain)),
            Self::AfterDeadline => Some(time(deadlines.after)),
            Self::KillGrace => Some(time(deadlines.kill_grace)),
            Self::Seed | Self::InFlight | Self::Spans => None,
        }
    }

    /// Returns the names that can be chosen; empty if any other text is a value.
    #[must_use]
    pub fn choices(self) -> Vec<&'static str> {
        match self {
            Self::Arrivals => value::names(&value::ARRIVALS),
            Self::Pacing => value::names(&value::PACING),
            Self::OnBacklog => value::names(&value::ON_BACKLOG),
            _ => Vec::new(),
        }
    }
}
