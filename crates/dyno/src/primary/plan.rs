//! What a run is to do: validated, complete, and the same for all who read it.
//!
//! A [`Plan`] exists only if everything in it has been checked, so that nothing is started for a
//! run that could not have worked. [`Settings::plan`](crate::parameters::Settings::plan) makes it
//! of what was said; this file holds what it is, the defaults where nothing was said, and how it
//! reads to people.

use std::fmt;
use std::time::Duration;

pub use dyno_bus::message::Pacing;
pub use dyno_bus::segment::Arrivals;
use dyno_bus::segment::Pace;

/// The rate unless one is given: low enough for a first run of most tasks to pass, high enough for
/// 250 cycles in the default window.
pub const RATE_DEFAULT: f64 = 50.0;
/// The lowest rate: a cycle in ten seconds. Below it, a window holds too few cycles to judge.
pub const RATE_MIN: f64 = 0.1;
/// The measured window: long enough to tell 5 % over capacity from none, short enough to wait for.
pub const DURATION_DEFAULT: Duration = Duration::from_secs(5);
/// The longest window, warm-up or deadline: a soak test of a month. More is a slip of the unit.
pub const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The warm-up: connections, caches and allocators settle well within it.
pub const WARMUP_DEFAULT: Duration = Duration::from_secs(1);
/// How much later than planned a backlog means that the rate is not held: by then a client would
/// have waited two seconds, and most have given up.
pub const BACKLOG_LIMIT: Duration = Duration::from_secs(2);
/// The least limit of the backlog: at low rates two seconds' worth is a handful of cycles, which
/// one slow cycle piles up.
pub const BACKLOG_LIMIT_MIN: u64 = 100;
/// The least limit in long windows, in roots of the cycles due × workers: a queue that is held wanders
/// as far as a random walk does, and each worker has one.
pub const BACKLOG_LIMIT_ROOTS: f64 = 5.0;
/// Failed cycles that a run may have: none, since a task that fails measures its error path.
pub const MAX_FAILED_DEFAULT: MaxFailed = MaxFailed::Count(0);
/// Cycles in flight per worker of a closed loop: one client that waits for each answer.
pub const IN_FLIGHT_DEFAULT: u32 = 1;
/// For every worker to be ready: a cold start of a large program, with a database to connect to.
pub const START_DEADLINE: Duration = Duration::from_secs(10);
/// For running cycles to end: longer than the timeouts that most clients set.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// For the workers' `after`: as long as for the drain, since it closes what the cycles used.
pub const AFTER_DEADLINE: Duration = Duration::from_secs(5);
/// Between being asked to end and being killed: with it, a second signal ends a run in a second.
pub const KILL_GRACE: Duration = Duration::from_millis(500);

/// Everything that decides what a run does, defaults included.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The benchmark's name.
    pub benchmark: String,
    /// How often a cycle is due.
    pub rate: Rate,
    /// The measured window's length.
    pub duration: Duration,
    /// The warm-up before it, at the same rate.
    pub warmup: Duration,
    /// How many worker processes.
    pub workers: u32,
    /// How due times are spread.
    pub arrivals: Arrivals,
    /// Of the random streams; printed, so that a run can be repeated.
    pub seed: u64,
    /// How workers wait for due times.
    pub pacing: Pacing,
    /// The backlog beyond which `on_backlog` acts; `None` takes [`Plan::backlog_limit`]'s rule.
    pub max_backlog: Option<u64>,
    /// What then happens.
    pub on_backlog: OnBacklog,
    /// How many failed or abandoned cycles a run may have.
    pub max_failed: MaxFailed,
    /// Cycles in flight per worker: of a closed loop (1 if unset), or the most of an open one.
    pub in_flight: Option<u32>,
    /// How long what may take.
    pub deadlines: Deadlines,
    /// Spans that become metrics beside the benchmark's own; may be empty.
    pub spans: String,
    /// The task's own parameters.
    pub task: serde_json::Map<String, serde_json::Value>,
}

impl Plan {
    /// What makes its cycles due.
    #[must_use]
    pub fn pace(&self) -> Pace {
        match self.rate {
            Rate::PerSecond(rate) => Pace::Open { rate, arrivals: self.arrivals },
            Rate::Max => Pace::Closed { in_flight: self.in_flight.unwrap_or(IN_FLIGHT_DEFAULT) },
        }
    }

    /// The backlog beyond which [`on_backlog`](Self::on_backlog) acts, given how many cycles waited
    /// and ran when the warm-up ended. A closed loop has none.
    ///
    /// As asked for, or else above that level: of waiting cycles [`BACKLOG_LIMIT`]'s worth, at least
    /// [`BACKLOG_LIMIT_MIN`], and at least [`BACKLOG_LIMIT_ROOTS`] × √(cycles due × workers); of
    /// all cycles as many more as come due until the drain's deadline. A slow async task has rate ×
    /// service cycles in flight by Little's law, and one that takes longer than the drain allows fails
    /// anyway.
    #[must_use]
    pub fn backlog_limit(&self, waiting: u64, running: u64) -> Option<BacklogLimit> {
        if let (Some(most), Rate::PerSecond(_)) = (self.max_backlog, self.rate) {
            return Some(BacklogLimit { waiting: most, total: most });
        }
        let room = self.backlog_room()?;
        Some(BacklogLimit {
            waiting: waiting + room.waiting,
            total: waiting + running + room.total,
        })
    }

    /// The default limit, above a level of none.
    fn backlog_room(&self) -> Option<BacklogLimit> {
        let rate = self.rate.per_second()?;
        let roots = BACKLOG_LIMIT_ROOTS * (self.cycles_due()? * f64::from(self.workers)).sqrt();
        let room = (rate * BACKLOG_LIMIT.as_secs_f64()).max(roots).ceil() as u64;
        let waiting = room.max(BACKLOG_LIMIT_MIN);
        let running = (rate * self.deadlines.drain.as_secs_f64()).ceil() as u64;
        Some(BacklogLimit { waiting, total: waiting + running })
    }

    /// How many cycles are due in the measured window; for Poisson arrivals, on average. A closed
    /// loop owes none.
    #[must_use]
    pub fn cycles_due(&self) -> Option<f64> {
        Some(self.rate.per_second()? * self.duration.as_secs_f64())
    }

    /// What the plan says, as rows of a name and a value, in the order of reading.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let time = |duration| humantime::format_duration(duration).to_string();
        let mut rows = vec![
            ("rate", self.rate.to_string()),
            ("duration", time(self.duration)),
            ("warmup", time(self.warmup)),
            ("workers", self.workers.to_string()),
        ];
        match self.rate {
            Rate::PerSecond(_) => {
                rows.push(("arrivals", arrivals_name(self.arrivals).to_owned()));
                rows.push(("seed", self.seed.to_string()));
                rows.push(("pacing", pacing_name(self.pacing).to_owned()));
                rows.push(("max-backlog", self.max_backlog.map_or("auto".to_owned(), thousands)));
                rows.push(("on-backlog", self.on_backlog.to_string()));
                rows.extend(self.in_flight.map(|most| ("in-flight", most.to_string())));
            }
            Rate::Max => {
                let in_flight = self.in_flight.unwrap_or(IN_FLIGHT_DEFAULT);
                rows.push(("in-flight", in_flight.to_string()));
            }
        }
        rows.push(("max-failed", self.max_failed.to_string()));
        rows
    }

    /// Each row as one text, then each of the task's own parameters.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let rows = self.rows().into_iter().map(|(name, value)| format!("{name} {value}"));
        let task = self.task.iter().map(|(name, value)| format!("{name}={value}"));
        rows.chain(task).collect()
    }
}

/// The words in one line.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" · "))
    }
}

/// The most cycles that may be due and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacklogLimit {
    /// Of those that have not begun.
    pub waiting: u64,
    /// Of all.
    pub total: u64,
}

impl BacklogLimit {
    /// Returns `true` if this many waiting and running cycles are beyond the limit.
    #[must_use]
    pub const fn is_passed_by(self, waiting: u64, running: u64) -> bool {
        waiting > self.waiting || waiting + running > self.total
    }
}

/// How often a cycle is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// So many a second, over all workers: an open loop.
    PerSecond(f64),
    /// As often as they end: a closed loop.
    Max,
}

impl Rate {
    /// Cycles per second; `None` for a closed loop, which has no rate of its own.
    #[must_use]
    pub const fn per_second(self) -> Option<f64> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::Max => None,
        }
    }
}

/// `12,500/s`, `0.5/s` or `max`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PerSecond(rate) if rate.fract() == 0.0 => {
                write!(f, "{}/s", thousands(rate as u64))
            }
            // A rate that was computed may be no short decimal.
            Self::PerSecond(rate) => write!(f, "{}/s", (rate * 1e3).round() / 1e3),
            Self::Max => f.write_str("max"),
        }
    }
}

/// What happens when the backlog passes its limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBacklog {
    /// The run stops and is unsustained.
    #[default]
    Stop,
    /// The oldest waiting cycles are skipped and counted, and the run is unsustained.
    Skip,
    /// The run goes on; only growth decides.
    Queue,
}

impl OnBacklog {
    /// The policy's name in flags and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Skip => "skip",
            Self::Queue => "queue",
        }
    }
}

impl fmt::Display for OnBacklog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many failed or abandoned cycles a run may have and still be sustained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFailed {
    /// So many.
    Count(u64),
    /// Such a share of the measured cycles, from 0 to 1.
    Share(f64),
}

impl MaxFailed {
    /// Whether so many failed cycles, of so many issued, are more than allowed.
    #[must_use]
    pub fn is_passed_by(self, failed: u64, issued: u64) -> bool {
        match self {
            Self::Count(most) => failed > most,
            Self::Share(most) => failed as f64 > most * issued as f64,
        }
    }
}

/// `12` or `1.5%`, as it is written in the flag.
impl fmt::Display for MaxFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => write!(f, "{most}"),
            // Rounded to a millionth of a percent: the quotient need not be a short decimal.
            Self::Share(most) => write!(f, "{}%", (most * 1e8).round() / 1e6),
        }
    }
}

/// How long what may take before it is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From spawning until every worker is ready.
    pub start: Duration,
    /// From the cut until running cycles have ended.
    pub drain: Duration,
    /// For the workers' `after`.
    pub after: Duration,
    /// Between being asked to end and being killed.
    pub kill_grace: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            start: START_DEADLINE,
            drain: DRAIN_DEADLINE,
            after: AFTER_DEADLINE,
            kill_grace: KILL_GRACE,
        }
    }
}

/// The name of a spread of due times in flags and files.
#[must_use]
pub const fn arrivals_name(arrivals: Arrivals) -> &'static str {
    match arrivals {
        Arrivals::Uniform => "uniform",
        Arrivals::Poisson => "poisson",
    }
}

/// The name of a way to wait in flags and files.
#[must_use]
pub const fn pacing_name(pacing: Pacing) -> &'static str {
    match pacing {
        Pacing::Sleep => "sleep",
        Pacing::Spin => "spin",
    }
}

/// A count as people read it: `1,234,567`.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests;
