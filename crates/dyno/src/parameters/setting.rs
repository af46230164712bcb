//! The settings by name: their flags, their variables, and their defaults as they would be written.
//!
//! One list, from which the environment is read, the command line is built, and the documentation
//! is tested.

use super::value;
use crate::primary::plan::{
    DURATION_DEFAULT, Deadlines, MAX_FAILED_DEFAULT, RATE_DEFAULT, WARMUP_DEFAULT,
};

/// What the text of a setting is when the number of workers, or the limit of the backlog, is to
/// follow from the machine or the plan.
pub const AUTO: &str = "auto";
/// Everything about a run that can be set, beside the task's own parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// How often a cycle is due: `50`, `1.5k`, `max`.
    Rate,
    /// The measured window.
    Duration,
    /// The warm-up before it.
    Warmup,
    /// How many worker processes: a number or `auto`.
    Workers,
    /// `uniform` or `poisson`.
    Arrivals,
    /// Of the random streams.
    Seed,
    /// `sleep` or `spin`.
    Pacing,
    /// Cycles in flight per worker.
    InFlight,
    /// The limit of the backlog: a number or `auto`.
    MaxBacklog,
    /// `stop`, `skip` or `queue`.
    OnBacklog,
    /// A number or a percentage.
    MaxFailed,
    /// Spans that become metrics.
    Spans,
    /// For every worker to be ready.
    StartDeadline,
    /// For running cycles to end.
    DrainDeadline,
    /// For the workers' `after`.
    AfterDeadline,
    /// Between being asked to end and being killed.
    KillGrace,
}

impl Setting {
    /// All of them, in the order of the documentation.
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

    /// The flag's long name, without its dashes.
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

    /// The variable that sets it: `DYNO_MAX_BACKLOG`.
    #[must_use]
    pub fn variable(self) -> String {
        format!("DYNO_{}", self.flag().replace('-', "_").to_uppercase())
    }

    /// What it is when nobody says anything, as it would be written; `None` where nothing stands
    /// for that: a seed is drawn, cycles in flight are unlimited.
    #[must_use]
    pub fn default_text(self) -> Option<String> {
        let time = |duration| humantime::format_duration(duration).to_string();
        let deadlines = Deadlines::default();
        match self {
            Self::Rate => Some(RATE_DEFAULT.to_string()),
            Self::Duration => Some(time(DURATION_DEFAULT)),
            Self::Warmup => Some(time(WARMUP_DEFAULT)),
            Self::Workers | Self::MaxBacklog => Some(AUTO.to_owned()),
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

    /// The words that it may be, if it is one of a few.
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
