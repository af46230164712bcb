//! The settings of a run, in layers, and the plan that follows from them.
//!
//! There are three layers: the benchmark's code, the environment (`DYNO_RATE=5k`), and flags
//! (`--rate 5k`); a later layer overrides an earlier one. All three hold text, so that each value
//! has one parser and one error. An error is one line with the input as it was given, and the
//! remedy.
//!
//! Nothing here starts a process or reads a command line: [`Settings::plan`] is pure.

mod setting;
mod task;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use dyno_bus::clock;
use nix::sys::resource::{Resource, getrlimit};

pub use self::setting::Setting;
#[cfg(feature = "cli")]
pub(crate) use self::task::nearest;
pub use self::task::{ParameterError, TaskParameters};
pub use self::value::AUTO;
use crate::plan::{
    Arrivals, DURATION_DEFAULT, Deadlines, MAX_FAILED_DEFAULT, OnBacklog, Pacing, Plan,
    RATE_DEFAULT, Rate, WARMUP_DEFAULT, thousands,
};

/// The name of the variable that sets task parameters: `DYNO_PARAM="n=35 url=redis://localhost"`.
pub const PARAMETER_VARIABLE: &str = "DYNO_PARAM";
/// The descriptors that one worker needs in the primary: its socket, stdout, stderr and pidfd, and
/// one more while it is started.
const DESCRIPTORS_PER_WORKER: u64 = 5;
/// The descriptors that the primary itself needs: its standard streams, the poll set, signals,
/// timers, and the files of the run's folder.
const DESCRIPTORS_OF_PRIMARY: u64 = 32;

/// The layer that a setting comes from. A later layer overrides an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingSource {
    /// The benchmark's code: `.rate(50)`.
    Code,
    /// A variable of the environment: `DYNO_RATE=50`.
    Environment,
    /// A flag of the command line: `--rate 50`.
    Flag,
}

/// A value as it was given, not yet parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SettingText {
    text: String,
    source: SettingSource,
}

impl SettingText {
    /// Returns the input as the user wrote it: a call, a variable or a flag.
    fn of(&self, setting: Setting) -> String {
        match self.source {
            SettingSource::Code => format!(".{}({})", setting.flag().replace('-', "_"), self.text),
            SettingSource::Environment => format!("{}={}", setting.variable(), self.text),
            SettingSource::Flag => format!("--{} {}", setting.flag(), self.text),
        }
    }
}

/// The settings of a run as text; each of them may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    said: BTreeMap<Setting, SettingText>,
    /// The task parameters, each as `name=value`, in the given order.
    parameters: Vec<SettingText>,
}

impl Settings {
    /// Sets a setting from the benchmark's code.
    pub fn set(&mut self, setting: Setting, value: impl fmt::Display) {
        self.say(setting, value.to_string(), SettingSource::Code);
    }

    /// Sets a span of time from the benchmark's code.
    pub fn set_duration(&mut self, setting: Setting, duration: Duration) {
        self.set(setting, humantime::format_duration(duration));
    }

    /// Sets a setting from its text, and replaces a former one of any layer.
    pub fn say(&mut self, setting: Setting, text: String, source: SettingSource) {
        self.said.insert(setting, SettingText { text, source });
    }

    /// Adds a task parameter: `name=value`.
    pub fn say_parameter(&mut self, pair: String, source: SettingSource) {
        self.parameters.push(SettingText { text: pair, source });
    }

    /// Reads the settings of the environment; `lookup` returns the value of a variable.
    #[must_use]
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut settings = Self::default();
        for setting in Setting::ALL {
            // A script can leave a setting out by an empty variable.
            if let Some(text) = lookup(&setting.variable())
                && !text.trim().is_empty()
            {
                let text = text.trim().to_owned();
                settings.say(setting, text, SettingSource::Environment);
            }
        }
        for pair in lookup(PARAMETER_VARIABLE).unwrap_or_default().split_whitespace() {
            settings.say_parameter(pair.to_owned(), SettingSource::Environment);
        }
        settings
    }

    /// Returns the text of a setting; `None` if it was not set.
    #[must_use]
    pub fn text(&self, setting: Setting) -> Option<&str> {
        self.said.get(&setting).map(|said| said.text.as_str())
    }

    /// Returns these settings, overridden by those of a later layer.
    #[must_use]
    pub fn layered_with(mut self, later: Self) -> Self {
        self.said.extend(later.said);
        self.parameters.extend(later.parameters);
        self
    }

    /// Returns these settings without those in `unsaid`.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn without(mut self, unsaid: &[Setting]) -> Self {
        self.said.retain(|setting, _| !unsaid.contains(setting));
        self
    }

    /// Returns the plan that follows from the settings, with a default for each that is missing.
    ///
    /// # Errors
    /// If an input is invalid: the error names the first one, and the remedy.
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

    /// Returns the input as it was given; if it is missing, the flag that would give the default.
    fn input(&self, setting: Setting) -> String {
        let default = || SettingText {
            text: setting.default_text().unwrap_or_default(),
            source: SettingSource::Flag,
        };
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

    /// Refuses a window that is too short for one cycle.
    fn check_cycles(&self, plan: &Plan) -> Result<(), SettingsError> {
        let (Some(due), Some(rate)) = (plan.cycles_due(), plan.rate.per_second()) else {
            return Ok(());
        };
        if due >= 1.0 {
            return Ok(());
        }
        // Rounded up to whole seconds, which are easy to type: at most ten, at a rate of 0.1.
        let enough = Duration::from_secs((1.0 / rate).ceil() as u64);
        // The setting to name: the rate if it was given, or else the duration.
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
        let input = |said: &SettingText| match said.source {
            SettingSource::Code => said.text.clone(),
            SettingSource::Environment => format!("{PARAMETER_VARIABLE}={}", said.text),
            SettingSource::Flag => format!("-P {}", said.text),
        };
        let mut set = task.clone();
        for said in &self.parameters {
            set.set_pair(&said.text)
                .map_err(|error| SettingsError { input: input(said), remedy: error.to_string() })?;
        }
        let Err(error) = set.check() else { return Ok(set.into_map()) };
        // All parameters together do not decode: name the first one that does not decode even with
        // the defaults of the others, if there is such a one.
        let breaks = |said: &&SettingText| {
            let mut alone = task.clone();
            alone.set_pair(&said.text).and_then(|()| alone.check()).is_err()
        };
        let named = self.parameters.iter().find(breaks).map(input);
        let input = named
            .unwrap_or_else(|| self.parameters.iter().map(input).collect::<Vec<_>>().join(" "));
        Err(SettingsError { input, remedy: error.to_string() })
    }
}

/// An invalid input, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{input}: {remedy}")]
#[non_exhaustive]
pub struct SettingsError {
    /// The input as it was given: a flag, a variable, or a call in the benchmark's code.
    pub input: String,
    /// A sentence on the values that are allowed.
    pub remedy: String,
}

/// The properties of the machine that a plan depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// The number of processes that can run at once; the default number of workers.
    pub parallelism: u32,
    /// The number of files that this process may have open.
    pub descriptors: u64,
    /// The seed of a run for which no seed is set.
    pub seed: u64,
}

impl Machine {
    /// Reads the properties of this machine. The limit of open files is the soft one, which is the
    /// one that applies to this process.
    #[must_use]
    pub fn here() -> Self {
        let parallelism = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        Self {
            parallelism: u32::try_from(parallelism).unwrap_or(u32::MAX),
            descriptors,
            // 32 bits: different in each run, and short enough to type again.
            seed: u64::from(clock::wall().subsec_nanos()) ^ (clock::wall().as_secs() & 0xffff_ffff),
        }
    }
}

#[cfg(test)]
mod tests;
