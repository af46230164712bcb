//! What was said about a run, in layers, and the plan that follows from it.
//!
//! Three layers say it: the benchmark's code, the environment (`DYNO_RATE=5k`), and flags
//! (`--rate 5k`); the later one wins. All three say it as text, so that there is one reading and
//! one refusal of each value; a refusal is one line that names the input as it was given, and the
//! way out.
//!
//! Nothing here starts anything or reads a command line: [`Settings::plan`] is pure.

mod setting;
mod task;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use dyno_bus::clock;
use nix::sys::resource::{Resource, getrlimit};

pub use self::setting::{AUTO, Setting};
#[cfg(feature = "cli")]
pub(crate) use self::task::nearest;
pub use self::task::{ParameterError, TaskParameters};
use crate::primary::plan::{
    Arrivals, DURATION_DEFAULT, Deadlines, MAX_FAILED_DEFAULT, OnBacklog, Pacing, Plan,
    RATE_DEFAULT, Rate, WARMUP_DEFAULT, thousands,
};

/// The variable that sets task parameters: `DYNO_PARAM="n=35 url=redis://localhost"`.
pub const PARAMETER_VARIABLE: &str = "DYNO_PARAM";
/// Descriptors that a worker takes in the primary: its socket, stdout, stderr and pidfd, and one
/// to spare for the moment of spawning.
const DESCRIPTORS_PER_WORKER: u64 = 5;
/// Descriptors of the primary itself: its own three, the poll set, signals, timers, and the files
/// of the run's folder.
const DESCRIPTORS_OF_PRIMARY: u64 = 32;

/// Who said something: the later one is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The benchmark's code: `.rate(50)`.
    Code,
    /// A variable: `DYNO_RATE=50`.
    Environment,
    /// A flag: `--rate 50`.
    Flag,
}

/// A value as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    text: String,
    source: Source,
}

impl Said {
    /// The input, as the user would find it again.
    fn of(&self, setting: Setting) -> String {
        match self.source {
            Source::Code => format!(".{}({})", setting.flag().replace('-', "_"), self.text),
            Source::Environment => format!("{}={}", setting.variable(), self.text),
            Source::Flag => format!("--{} {}", setting.flag(), self.text),
        }
    }
}

/// What was said about a run; all of it may be unsaid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    said: BTreeMap<Setting, Said>,
    /// `name=value`, in the order in which they were given.
    parameters: Vec<Said>,
}

impl Settings {
    /// Says a setting in the benchmark's code.
    pub fn set(&mut self, setting: Setting, value: impl fmt::Display) {
        self.say(setting, value.to_string(), Source::Code);
    }

    /// Says a span of time in the benchmark's code.
    pub fn set_duration(&mut self, setting: Setting, duration: Duration) {
        self.set(setting, humantime::format_duration(duration));
    }

    /// Says a setting, as text.
    pub fn say(&mut self, setting: Setting, text: String, source: Source) {
        self.said.insert(setting, Said { text, source });
    }

    /// Says a task parameter: `name=value`.
    pub fn say_parameter(&mut self, pair: String, source: Source) {
        self.parameters.push(Said { text: pair, source });
    }

    /// What the environment says, as `lookup` finds its variables.
    #[must_use]
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut settings = Self::default();
        for setting in Setting::ALL {
            // An empty variable is how a script leaves one out.
            if let Some(text) = lookup(&setting.variable())
                && !text.trim().is_empty()
            {
                let text = text.trim().to_owned();
                settings.say(setting, text, Source::Environment);
            }
        }
        for pair in lookup(PARAMETER_VARIABLE).unwrap_or_default().split_whitespace() {
            settings.say_parameter(pair.to_owned(), Source::Environment);
        }
        settings
    }

    /// What was said of a setting.
    #[must_use]
    pub fn text(&self, setting: Setting) -> Option<&str> {
        self.said.get(&setting).map(|said| said.text.as_str())
    }

    /// These settings, and over them those of a later layer.
    #[must_use]
    pub fn layered_with(mut self, later: Self) -> Self {
        self.said.extend(later.said);
        self.parameters.extend(later.parameters);
        self
    }

    /// The same, with nothing said of these settings.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn without(mut self, unsaid: &[Setting]) -> Self {
        self.said.retain(|setting, _| !unsaid.contains(setting));
        self
    }

    /// The plan that follows from all that was said, with the defaults for what was not.
    ///
    /// # Errors
    /// For the first input that can't be taken, by name, with the way out.
    pub fn plan(
        &self,
        benchmark: &str,
        machine: &Machine,
        task: &TaskParameters,
    ) -> Result<Plan, SettingsError> {
        let defaults = Deadlines::default();
        let plan = Plan {
            benchmark: benchmark.to_owned(),
            rate: self.read(Setting::Rate, value::rate, Rate::PerSecond(RATE_DEFAULT))?,
            duration: self.read(Setting::Duration, value::span, DURATION_DEFAULT)?,
            warmup: self.read(Setting::Warmup, value::span_or_none, WARMUP_DEFAULT)?,
            workers: self.workers(machine)?,
            arrivals: self.read(Setting::Arrivals, value::arrivals, Arrivals::Uniform)?,
            seed: self.read(Setting::Seed, value::seed, machine.seed)?,
            pacing: self.read(Setting::Pacing, value::pacing, Pacing::default())?,
            max_backlog: self.read(Setting::MaxBacklog, value::count_or_auto, None)?,
            on_backlog: self.read(Setting::OnBacklog, value::on_backlog, OnBacklog::default())?,
            max_failed: self.read(Setting::MaxFailed, value::max_failed, MAX_FAILED_DEFAULT)?,
            in_flight: self.read(Setting::InFlight, value::in_flight, None)?,
            deadlines: Deadlines {
                start: self.read(Setting::StartDeadline, value::span, defaults.start)?,
                drain: self.read(Setting::DrainDeadline, value::span, defaults.drain)?,
                after: self.read(Setting::AfterDeadline, value::span, defaults.after)?,
                kill_grace: self.read(Setting::KillGrace, value::span, defaults.kill_grace)?,
            },
            spans: self.read(Setting::Spans, value::spans, String::new())?,
            task: self.task(task)?,
        };
        self.check_cycles(&plan)?;
        Ok(plan)
    }

    fn read<T>(
        &self,
        setting: Setting,
        reading: impl Fn(&str) -> Result<T, String>,
        default: T,
    ) -> Result<T, SettingsError> {
        let Some(said) = self.said.get(&setting) else { return Ok(default) };
        reading(said.text.trim())
            .map_err(|remedy| SettingsError { input: said.of(setting), remedy })
    }

    /// The input as it was given; where nothing was, as the default would be.
    fn input(&self, setting: Setting) -> String {
        let default =
            || Said { text: setting.default_text().unwrap_or_default(), source: Source::Flag };
        self.said.get(&setting).cloned().unwrap_or_else(default).of(setting)
    }

    fn workers(&self, machine: &Machine) -> Result<u32, SettingsError> {
        let workers = self
            .read(Setting::Workers, value::workers, None)?
            .unwrap_or(machine.parallelism.max(1));
        let needed = DESCRIPTORS_OF_PRIMARY + DESCRIPTORS_PER_WORKER * u64::from(workers);
        if needed <= machine.descriptors {
            return Ok(workers);
        }
        let fit =
            machine.descriptors.saturating_sub(DESCRIPTORS_OF_PRIMARY) / DESCRIPTORS_PER_WORKER;
        Err(SettingsError {
            input: self.input(Setting::Workers),
            remedy: format!(
                "{} workers need {} open files and the limit is {}, in which {} fit; \
                 raise it first: `ulimit -n {needed}`",
                thousands(workers.into()),
                thousands(needed),
                thousands(machine.descriptors),
                thousands(fit),
            ),
        })
    }

    /// Refuses a window in which no cycle would be due.
    fn check_cycles(&self, plan: &Plan) -> Result<(), SettingsError> {
        let (Some(due), Some(rate)) = (plan.cycles_due(), plan.rate.per_second()) else {
            return Ok(());
        };
        if due >= 1.0 {
            return Ok(());
        }
        // Rounded up to what is pleasant to type, and enough: the rate is at least 0.1.
        let enough = Duration::from_secs((1.0 / rate).ceil() as u64);
        // Whichever was said is the one to blame; the rate if both or none were.
        let setting =
            if self.text(Setting::Rate).is_some() { Setting::Rate } else { Setting::Duration };
        Err(SettingsError {
            input: self.input(setting),
            remedy: format!(
                "at {} no cycle is due within {}; `--duration {}` would be enough for one",
                plan.rate,
                humantime::format_duration(plan.duration),
                humantime::format_duration(enough),
            ),
        })
    }

    fn task(
        &self,
        task: &TaskParameters,
    ) -> Result<serde_json::Map<String, serde_json::Value>, SettingsError> {
        let input = |said: &Said| match said.source {
            Source::Code => said.text.clone(),
            Source::Environment => format!("{PARAMETER_VARIABLE}={}", said.text),
            Source::Flag => format!("-P {}", said.text),
        };
        let mut set = task.clone();
        for said in &self.parameters {
            set.set_pair(&said.text)
                .map_err(|error| SettingsError { input: input(said), remedy: error.to_string() })?;
        }
        let Err(error) = set.check() else { return Ok(set.into_map()) };
        // The whole does not decode: name the one that alone breaks the defaults, if there is one.
        let breaks = |said: &&Said| {
            let mut alone = task.clone();
            alone.set_pair(&said.text).and_then(|()| alone.check()).is_err()
        };
        let named = self.parameters.iter().find(breaks).map(input);
        let input = named
            .unwrap_or_else(|| self.parameters.iter().map(input).collect::<Vec<_>>().join(" "));
        Err(SettingsError { input, remedy: error.to_string() })
    }
}

/// An input that can't be taken, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{input}: {remedy}")]
#[non_exhaustive]
pub struct SettingsError {
    /// The input as it was given: a flag, a variable, or a call in the benchmark's code.
    pub input: String,
    /// What would be taken instead.
    pub remedy: String,
}

/// What a plan takes from the machine that it is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Processes that can run at once.
    pub parallelism: u32,
    /// How many files this process may have open.
    pub descriptors: u64,
    /// The seed, where none is given.
    pub seed: u64,
}

impl Machine {
    /// This machine, now. The limit of open files is the soft one: what holds for this process.
    #[must_use]
    pub fn here() -> Self {
        let parallelism = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        Self {
            parallelism: u32::try_from(parallelism).unwrap_or(u32::MAX),
            descriptors,
            // 32 bits of nanoseconds: unlike in each run, and short enough to type again.
            seed: u64::from(clock::wall().subsec_nanos()) ^ (clock::wall().as_secs() & 0xffff_ffff),
        }
    }
}

#[cfg(test)]
mod tests;
