//! The plan of a run: validated, complete, and the same for all who read it.
//!
//! A [`Plan`] exists only if everything in it has been checked, so that nothing is started for a
//! run that could not have worked. [`Settings::plan`](crate::settings::Settings::plan) makes it
//! from the settings, whose table has the defaults and how a plan reads to people; this file holds
//! the plan itself, and the limits of its numbers.

#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod hosts;
pub(crate) mod profile;
pub(crate) mod sampling;
mod stored;
pub(crate) mod threshold;

use std::fmt;
use std::time::Duration;

pub(crate) use dyno_bus::backlog::{BacklogLimit, BacklogRule};
pub use dyno_bus::message::Pacing;
pub use dyno_bus::segment::Arrivals;
use dyno_bus::segment::Pace;
use serde::{Deserialize, Serialize};

use self::hosts::OtherHosts;
use self::profile::{Profile, Stage};
use self::threshold::Threshold;

/// The lowest rate: a cycle in ten seconds. Below it, a window holds too few cycles to judge.
pub(crate) const RATE_MIN: f64 = 0.1;
/// The longest window, warm-up or deadline: a soak test of a month. A longer one is a mistake in
/// the unit.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The delay at which a backlog shows that the rate is not held: a client would have waited two
/// seconds by then, and most clients have given up.
pub(crate) const BACKLOG_LIMIT: Duration = Duration::from_secs(2);
/// The least limit of the backlog, in cycles: at low rates two seconds' worth is a handful of
/// cycles, which one slow cycle piles up.
pub(crate) const BACKLOG_LIMIT_MIN: u64 = 100;
/// The least limit in long windows, as a multiple of √(cycles due × workers): a queue that is held
/// wanders as far as a random walk does, and each worker has one.
pub(crate) const BACKLOG_LIMIT_ROOTS: f64 = 5.0;
/// The default number of cycles in flight per worker of a closed loop: one client that waits for
/// each answer.
pub(crate) const IN_FLIGHT_DEFAULT: u32 = 1;

/// All settings that decide what a run does, defaults included.
///
/// The default is an empty form that the settings are read into. It is not a plan that could run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The benchmark's name.
    pub benchmark: String,
    /// The rate at which cycles become due, over all hosts; with a profile, its mean.
    pub rate: Rate,
    /// The stages of the measured window, if the rate changes in it. They are as long as the
    /// window.
    pub profile: Option<Profile>,
    /// The length of the measured window.
    pub duration: Duration,
    /// The length of the warm-up before the window, at the rate with which the window begins.
    pub warmup: Duration,
    /// The number of worker processes of this host; at least 1.
    pub workers: u32,
    /// The workers that other hosts start for the same run.
    pub others: OtherHosts,
    /// `true` if the result keeps the record of this host, which can be merged with those of the
    /// others.
    pub keeps_record: bool,
    /// The spread of due times.
    pub arrivals: Arrivals,
    /// The seed of the random streams; printed, so that a run can be repeated.
    pub seed: u64,
    /// The method of waiting for due times: sleep or spin.
    pub pacing: Pacing,
    /// The backlog beyond which `on_backlog` acts; `None` for the rule of [`Plan::backlog_rule`].
    pub max_backlog: Option<u64>,
    /// The reaction to a backlog beyond its limit.
    pub on_backlog: OnBacklog,
    /// The failed and abandoned cycles that a run may have.
    pub max_failed: MaxFailed,
    /// The limits that the run must keep.
    pub thresholds: Vec<Threshold>,
    /// The cycles in flight per worker: exactly this many in a closed loop (1 if unset), at most
    /// this many in an open one.
    pub in_flight: Option<u32>,
    /// The time limits of the phases.
    pub deadlines: Deadlines,
    /// Spans that become metrics in addition to the benchmark's own; may be empty.
    pub spans: String,
    /// The processes of the system under test, whose usage becomes metrics.
    pub watch: Vec<WatchChoice>,
    /// The parameters of the task itself.
    #[serde(with = "stored::task")]
    pub task: serde_json::Map<String, serde_json::Value>,
}

impl Plan {
    /// Returns the numbers that this host's workers have in the run; they rise.
    #[must_use]
    pub fn worker_numbers(&self) -> Vec<u32> {
        self.others.own_numbers(self.workers)
    }

    /// Returns the number of workers of the run, over all hosts.
    #[must_use]
    pub fn workers_of_run(&self) -> u32 {
        self.workers + self.others.workers()
    }

    /// Returns the part of the run's load that is this host's, from 0 to 1: each worker has as much
    /// as any other.
    #[must_use]
    pub fn own_part(&self) -> f64 {
        if self.others.is_empty() {
            return 1.0;
        }
        f64::from(self.workers) / f64::from(self.workers_of_run())
    }

    /// Returns the rate at which cycles become due to this host's workers; with a profile, its mean.
    #[must_use]
    pub fn own_rate(&self) -> Rate {
        match self.rate {
            Rate::PerSecond(rate) => Rate::PerSecond(rate * self.own_part()),
            Rate::Max => Rate::Max,
        }
    }

    /// Returns `true` if the rate may be changed by hand while the run goes on: a closed loop has none,
    /// and all hosts of a run have the same.
    #[must_use]
    pub fn can_be_steered(&self) -> bool {
        self.rate.per_second().is_some() && self.others.is_empty()
    }

    /// Returns the rule for the due times of the run's cycles, over all hosts; with a profile, that
    /// of the warm-up.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let rate = match &self.profile {
            Some(profile) => Rate::PerSecond(profile.stages()[0].from),
            None => self.rate,
        };
        match rate {
            Rate::PerSecond(rate) => Pace::Open { rate, arrivals: self.arrivals },
            Rate::Max => Pace::Closed { in_flight: self.in_flight.unwrap_or(IN_FLIGHT_DEFAULT) },
        }
    }

    /// Returns the rules for the due times in the stages of the measured window, over all hosts, each
    /// with its length. Without a profile, the window is one stage.
    pub(crate) fn stages(&self) -> Vec<(Pace, Duration)> {
        let Some(profile) = &self.profile else { return vec![(self.pace(), self.duration)] };
        let arrivals = self.arrivals;
        let pace = |stage: &Stage| match stage.is_constant() {
            true => Pace::Open { rate: stage.from, arrivals },
            false => Pace::Ramp { from: stage.from, to: stage.to, arrivals },
        };
        profile.stages().iter().map(|stage| (pace(stage), stage.duration)).collect()
    }

    /// Returns the rule for the backlog beyond which [`on_backlog`](Self::on_backlog) acts; `None`
    /// for a closed loop. The primary applies it to all workers of this host together, and each
    /// worker applies its share. The rate of a profile is its highest.
    ///
    /// A limit set by `max_backlog` is taken as it is. Otherwise the limit is above the level at
    /// the warm-up's end. Waiting cycles may grow by [`BACKLOG_LIMIT`]'s worth, by
    /// [`BACKLOG_LIMIT_MIN`], or by [`BACKLOG_LIMIT_ROOTS`] × √(cycles due × workers), if that is
    /// most. All cycles may grow by as many more as come due until the drain's deadline: a slow
    /// async task has rate × service cycles in flight by Little's law, and one that takes longer
    /// than the drain allows fails anyway.
    #[must_use]
    pub fn backlog_rule(&self) -> Option<BacklogRule> {
        let rate = match &self.profile {
            Some(profile) => profile.highest_rate(),
            None => self.rate.per_second()?,
        };
        let rate = rate * self.own_part();
        if let Some(most) = self.max_backlog {
            return Some(BacklogRule::Total(most));
        }
        let roots = BACKLOG_LIMIT_ROOTS * (self.cycles_due()? * f64::from(self.workers)).sqrt();
        let room = (rate * BACKLOG_LIMIT.as_secs_f64()).max(roots).ceil() as u64;
        let waiting = room.max(BACKLOG_LIMIT_MIN);
        let running = (rate * self.deadlines.drain.as_secs_f64()).ceil() as u64;
        Some(BacklogRule::Above(BacklogLimit { waiting, total: waiting + running }))
    }

    /// Returns the rule for the backlog in one stage of a profile: that of a run at its highest rate.
    #[must_use]
    pub(crate) fn backlog_rule_of(&self, stage: &Stage) -> Option<BacklogRule> {
        let rate = Rate::PerSecond(stage.highest_rate());
        Self { rate, profile: None, duration: stage.duration, ..self.clone() }.backlog_rule()
    }

    /// Returns the number of cycles that are due to this host's workers in the measured window; for
    /// Poisson arrivals, on average. `None` for a closed loop, which owes none.
    #[must_use]
    pub fn cycles_due(&self) -> Option<f64> {
        let due = match &self.profile {
            Some(profile) => profile.cycles(),
            None => self.rate.per_second()? * self.duration.as_secs_f64(),
        };
        Some(due * self.own_part())
    }
}

/// The rate at which cycles become due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum Rate {
    /// An open loop: this many cycles per second, over all workers.
    PerSecond(f64),
    /// A closed loop: a cycle is due whenever another one ends.
    #[default]
    Max,
}

impl Rate {
    /// Returns the cycles per second; `None` for a closed loop, whose rate follows from its task.
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
            // A computed rate may have no short decimal form.
            Self::PerSecond(rate) => write!(f, "{}/s", (rate * 1e3).round() / 1e3),
            Self::Max => f.write_str("max"),
        }
    }
}

/// The reaction to a backlog that passes its limit.
///
/// ```
/// let benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>());
/// let _benchmark = benchmark.max_backlog(500).on_backlog(dyno::OnBacklog::Skip);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// All policies, the default first.
    pub const ALL: [Self; 3] = [Self::Stop, Self::Skip, Self::Queue];

    /// Returns the policy's name in flags and files.
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

/// The failed and abandoned cycles that a run may have and still be sustained.
///
/// ```
/// use dyno::MaxFailed;
///
/// assert_eq!(MaxFailed::Count(12).to_string(), "12");
/// assert_eq!(MaxFailed::Share(0.015).to_string(), "1.5%");
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum MaxFailed {
    /// At most this many cycles.
    Count(u64),
    /// At most this share of the measured cycles, from 0 to 1.
    Share(f64),
}

impl MaxFailed {
    /// Returns `true` if this many failed cycles, of this many issued, are more than allowed.
    #[must_use]
    pub(crate) fn is_passed_by(self, failed: u64, issued: u64) -> bool {
        match self {
            Self::Count(most) => failed > most,
            Self::Share(most) => failed as f64 > most * issued as f64,
        }
    }
}

/// No cycle may fail.
impl Default for MaxFailed {
    fn default() -> Self {
        Self::Count(0)
    }
}

/// `12` or `1.5%`, in the form of the flag.
impl fmt::Display for MaxFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => write!(f, "{most}"),
            // Rounded to a millionth of a percent: the quotient may have no short decimal form.
            Self::Share(most) => write!(f, "{}%", (most * 1e8).round() / 1e6),
        }
    }
}

/// The choice of a process that a run watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchChoice {
    /// The process with this id.
    Pid(u32),
    /// The only process with this name that no other such process has started.
    Name(String),
}

/// `4711` or `redis-server`, in the form of the flag.
impl fmt::Display for WatchChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid(pid) => write!(f, "{pid}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The time limits of a run's phases; what is not over then is ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// From spawning until every worker is ready.
    pub start: Duration,
    /// From the cut until running cycles have ended.
    pub drain: Duration,
    /// From the acknowledgement of all accounts until the workers' `after` has ended.
    pub after: Duration,
    /// From a worker's last message, or the end of its socket, until it has exited: then it is killed.
    pub kill_grace: Duration,
}

/// Returns a count as people read it: `1,234,567`.
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
