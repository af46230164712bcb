//! The settings of a run, in layers, and the plan that follows from them.
//!
//! There are three layers: the benchmark's code, the environment (`DYNO_RATE=5k`), and flags
//! (`--rate 5k`); a later layer overrides an earlier one. All three hold text, so that each value
//! has one parser and one error. An error is one line with the input as it was given, and the
//! remedy. `table` has one row for each setting.
//!
//! Nothing here starts a process or reads a command line: [`Settings::plan`] is pure.

mod entries;
mod row;
mod stages;
mod study;
mod table;
mod task;
mod threshold;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use dyno_bus::clock;
use dyno_summary::Parameters;
use nix::sys::resource::{Resource, getrlimit};

use self::row::PlanDraft;
pub use self::study::{StudySetting, StudySettings};
pub(crate) use self::table::DEADLINES;
pub use self::table::Setting;
pub(crate) use self::task::nearest;
pub use self::task::{ParameterError, TaskParameters};
use crate::plan::{Arrivals, OnBacklog, Plan, Rate, thousands};

/// The reason why a rate or a time beside a load profile is refused.
pub(crate) const STAGES_SET_THE_TIME: &str = "the stages set the rate and the time";

/// The descriptors that one worker needs in the primary: its socket, stdout, stderr and pidfd, and
/// one more while it is started.
const DESCRIPTORS_PER_WORKER: u64 = 5;
/// The descriptors that the primary itself needs: its standard streams, the poll set, signals,
/// timers, and the files of the run's folder.
const DESCRIPTORS_OF_PRIMARY: u64 = 32;

/// The most cycles that run at once under a load profile, over all workers, unless a number is set:
/// while a backlog is allowed to grow, each of an async task's running cycles takes some memory.
const RUNNING_MAX: u32 = 100_000;

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
            // A parameter's name is its own: no flag or call has it.
            SettingSource::Code if setting == Setting::Param => self.text.clone(),
            SettingSource::Flag if setting == Setting::Param => format!("-P {}", self.text),
            SettingSource::Code => format!(".{}({})", setting.flag().replace('-', "_"), self.text),
            SettingSource::Environment => format!("{}={}", setting.variable(), self.text),
            SettingSource::Flag => format!("--{} {}", setting.flag(), self.text),
        }
    }
}

/// The settings of a run as text; each of them may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// One text for each setting that was set; several, in the given order, if it repeats.
    said: BTreeMap<Setting, Vec<SettingText>>,
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

    /// Sets a setting from its text. The text replaces a former one of any layer, or is added to
    /// the former ones if the setting repeats.
    pub fn say(&mut self, setting: Setting, text: String, source: SettingSource) {
        self.add(setting, vec![SettingText { text, source }]);
    }

    /// Adds a task parameter: `name=value`.
    pub fn say_parameter(&mut self, pair: String, source: SettingSource) {
        self.say(Setting::Param, pair, source);
    }

    fn add(&mut self, setting: Setting, texts: Vec<SettingText>) {
        let said = self.said.entry(setting).or_default();
        if !setting.row().repeats {
            said.clear();
        }
        said.extend(texts);
    }

    /// Reads the settings of the environment; `lookup` returns the value of a variable.
    #[must_use]
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut settings = Self::default();
        for setting in Setting::ALL {
            let Some(value) = lookup(&setting.variable()) else { continue };
            let mut say = |text: &str| {
                settings.say(setting, text.to_owned(), SettingSource::Environment);
            };
            match value.trim() {
                // A script can leave a setting out by an empty variable.
                "" => {}
                texts if setting.row().repeats => {
                    let texts = texts.split(setting.row().separates).map(str::trim);
                    texts.filter(|text| !text.is_empty()).for_each(say);
                }
                text => say(text),
            }
        }
        settings
    }

    /// Returns the text of a setting, the last one if it repeats; `None` if it was not set.
    #[must_use]
    pub fn text(&self, setting: Setting) -> Option<&str> {
        self.said(setting).last().map(|said| said.text.as_str())
    }

    fn said(&self, setting: Setting) -> &[SettingText] {
        self.said.get(&setting).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns these settings, overridden by those of a later layer.
    #[must_use]
    pub fn layered_with(mut self, later: Self) -> Self {
        for (setting, texts) in later.said {
            self.add(setting, texts);
        }
        self
    }

    /// Returns these settings without those in `unsaid`.
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
        let mut draft = PlanDraft {
            plan: Plan {
                benchmark: benchmark.to_owned(),
                workers: machine.parallelism.max(1),
                seed: machine.seed,
                ..Plan::default()
            },
            task: task.clone(),
        };
        for setting in Setting::ALL {
            self.read(setting, &mut draft)?;
        }
        self.check_share(&draft.plan)?;
        self.settle_profile(&mut draft.plan)?;
        self.check_task(&draft.task, task)?;
        let plan = Plan { task: draft.task.into_map(), ..draft.plan };
        self.check_workers(&plan, machine)?;
        self.check_cycles(&plan)?;
        self.check_thresholds(&plan)?;
        Ok(plan)
    }

    /// Reads each text of a setting into the draft; its default, if it has none.
    fn read(&self, setting: Setting, draft: &mut PlanDraft) -> Result<(), SettingsError> {
        let row = setting.row();
        if self.said(setting).is_empty()
            && let Some(text) = setting.default_text()
        {
            return (row.read)(text, draft)
                .map_err(|remedy| SettingsError { input: self.input(setting), remedy });
        }
        for said in self.said(setting) {
            // The value of a task's parameter may begin or end with a blank.
            let text = if setting == Setting::Param { &said.text } else { said.text.trim() };
            (row.read)(text, draft)
                .map_err(|remedy| SettingsError { input: said.of(setting), remedy })?;
        }
        Ok(())
    }

    /// Returns the last layer that sets a setting.
    fn layer(&self, setting: Setting) -> Option<SettingSource> {
        self.said(setting).last().map(|said| said.source)
    }

    /// Decides between a load profile and a single rate. The later layer of the two wins; a profile
    /// sets the length of the window too, and lets the backlog grow unless a policy is set.
    fn settle_profile(&self, plan: &mut Plan) -> Result<(), SettingsError> {
        let (Some(stages), Some(profile)) = (self.layer(Setting::Stages), &plan.profile) else {
            return Ok(());
        };
        if self.layer(Setting::Rate).is_some_and(|rate| rate > stages) {
            plan.profile = None;
            return Ok(());
        }
        for setting in [Setting::Rate, Setting::Duration] {
            if self.layer(setting).is_some_and(|layer| layer >= stages) {
                return Err(SettingsError {
                    input: self.input(setting),
                    remedy: format!("{STAGES_SET_THE_TIME}: leave it out, or leave out the stages"),
                });
            }
        }
        plan.rate = Rate::PerSecond(profile.mean_rate());
        plan.duration = profile.duration();
        if self.said(Setting::OnBacklog).is_empty() {
            plan.on_backlog = OnBacklog::Queue;
        }
        // A queue of cycles that wait costs no memory, and one of cycles that run does.
        let running = RUNNING_MAX.div_ceil(plan.workers);
        plan.in_flight.get_or_insert(running);
        Ok(())
    }

    /// Returns `true` if these settings request a load profile.
    pub(crate) fn has_stages(&self) -> bool {
        let stages = self.layer(Setting::Stages);
        stages.is_some() && self.layer(Setting::Rate) <= stages
    }

    /// Returns the inputs of a setting as they were given, in their order.
    pub(crate) fn inputs(&self, setting: Setting) -> impl Iterator<Item = String> {
        self.said(setting).iter().map(move |said| said.of(setting))
    }

    /// Returns the input as it was given; if it is missing, the flag that would give the default.
    pub(crate) fn input(&self, setting: Setting) -> String {
        let default = || SettingText {
            text: setting.default_text().unwrap_or_default().to_owned(),
            source: SettingSource::Flag,
        };
        self.said(setting).last().cloned().unwrap_or_else(default).of(setting)
    }

    /// Refuses more workers than there may be open files for.
    fn check_workers(&self, plan: &Plan, machine: &Machine) -> Result<(), SettingsError> {
        let workers = u64::from(plan.workers);
        let needed = DESCRIPTORS_OF_PRIMARY + DESCRIPTORS_PER_WORKER * workers;
        if needed <= machine.descriptors {
            return Ok(());
        }
        let fit =
            machine.descriptors.saturating_sub(DESCRIPTORS_OF_PRIMARY) / DESCRIPTORS_PER_WORKER;
        Err(SettingsError {
            input: self.input(Setting::Workers),
            remedy: format!(
                "{} workers need {} open files and the limit is {}, in which {} fit; \
                 raise it first: `ulimit -n {needed}`",
                thousands(workers),
                thousands(needed),
                thousands(machine.descriptors),
                thousands(fit),
            ),
        })
    }

    /// Refuses settings that differ from the share of the run that is set, or that leave to chance
    /// a number that all hosts must have in common.
    fn check_share(&self, plan: &Plan) -> Result<(), SettingsError> {
        let Some(share) = self.layer(Setting::Share) else { return Ok(()) };
        let workers = self.text(Setting::Workers).map(|text| value::workers(text.trim()));
        let differs = matches!(workers, Some(Ok(Some(workers))) if workers != plan.workers);
        if differs && self.layer(Setting::Workers) >= Some(share) {
            let remedy = format!(
                "the share `{}` gives this host {}: leave the workers out, or change the share",
                plan.others.share(plan.workers),
                thousands(plan.workers.into()),
            );
            return Err(SettingsError { input: self.input(Setting::Workers), remedy });
        }
        if plan.arrivals == Arrivals::Poisson && self.said(Setting::Seed).is_empty() {
            let remedy = "random arrivals need the same seed on every host, such as `--seed 1`";
            let (input, remedy) = (self.input(Setting::Share), remedy.to_owned());
            return Err(SettingsError { input, remedy });
        }
        if !plan.watch.is_empty() {
            let remedy = "each host of a shared run has other processes: leave the process out, or \
                          the share";
            let (input, remedy) = (self.input(Setting::Watch), remedy.to_owned());
            return Err(SettingsError { input, remedy });
        }
        Ok(())
    }

    /// Refuses a window that is too short for one cycle.
    fn check_cycles(&self, plan: &Plan) -> Result<(), SettingsError> {
        let (Some(due), Some(rate)) = (plan.cycles_due(), plan.own_rate().per_second()) else {
            return Ok(());
        };
        if due >= 1.0 {
            return Ok(());
        }
        // Rounded up to whole seconds, which are easy to type: on one host at most ten, at a rate of
        // 0.1.
        let enough = Duration::from_secs((1.0 / rate).ceil() as u64);
        if plan.profile.is_some() {
            let remedy = "no cycle is due in these stages: make them longer, or raise their rates";
            let remedy = remedy.to_owned();
            return Err(SettingsError { input: self.input(Setting::Stages), remedy });
        }
        // The setting to name: the rate if it was given, or else the duration.
        let setting =
            if self.text(Setting::Rate).is_some() { Setting::Rate } else { Setting::Duration };
        Err(SettingsError {
            input: self.input(setting),
            remedy: format!(
                "at {} no cycle is due within {}; `--duration {}` would be enough for one",
                plan.own_rate(),
                humantime::format_duration(plan.duration),
                humantime::format_duration(enough),
            ),
        })
    }

    /// Refuses thresholds that this plan can't show to be kept.
    fn check_thresholds(&self, plan: &Plan) -> Result<(), SettingsError> {
        for (threshold, said) in plan.thresholds.iter().zip(self.said(Setting::Threshold)) {
            threshold
                .check(plan)
                .map_err(|remedy| SettingsError { input: said.of(Setting::Threshold), remedy })?;
        }
        Ok(())
    }

    /// Refuses parameters of the task that do not decode together as the task's type.
    fn check_task(&self, set: &TaskParameters, task: &TaskParameters) -> Result<(), SettingsError> {
        let Err(error) = set.check() else { return Ok(()) };
        // Name the first parameter that does not decode even with the defaults of the others, if
        // there is such a one.
        let breaks = |said: &&SettingText| {
            let mut alone = task.clone();
            alone.set_pair(&said.text).and_then(|()| alone.check()).is_err()
        };
        let parameters = self.said(Setting::Param);
        let input = |said: &SettingText| said.of(Setting::Param);
        let named = parameters.iter().find(breaks).map(input);
        let input =
            named.unwrap_or_else(|| parameters.iter().map(input).collect::<Vec<_>>().join(" "));
        Err(SettingsError { input, remedy: error.to_string() })
    }
}

/// Returns the settings of a plan as the result records them, without the task's parameters.
pub(crate) fn recorded(plan: &Plan) -> Parameters {
    let mut parameters = Parameters::default();
    for setting in Setting::ALL {
        (setting.row().record)(plan, &mut parameters);
    }
    parameters
}

/// Returns the settings that a run depends on as rows of a name and a value, in the order of the
/// documentation.
pub(crate) fn rows(parameters: &Parameters) -> impl Iterator<Item = (Setting, String)> {
    let shown = |setting: Setting| Some((setting, (setting.row().shown)(parameters)?));
    Setting::ALL.into_iter().filter_map(shown)
}

/// Returns the length of the sliding windows of a threshold, as it is written in a summary; `None`
/// if it has none, or if a later version wrote it.
pub(crate) fn sliding_window(threshold: &str) -> Option<Duration> {
    threshold::threshold(threshold).ok()?.over
}

/// Returns the settings that a report lists: the main ones, and those that differ from their
/// defaults.
pub(crate) fn reported(parameters: &Parameters) -> impl Iterator<Item = String> {
    let is_listed = |(setting, text): &(Setting, String)| {
        setting.row().is_always_reported || setting.default_text() != Some(text)
    };
    rows(parameters).filter(is_listed).map(|(setting, text)| format!("{} {text}", setting.flag()))
}

impl Plan {
    /// Returns each setting and its value as one text, followed by each parameter of the task.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let parameters = recorded(self);
        let rows = rows(&parameters).map(|(setting, text)| format!("{} {text}", setting.flag()));
        let task = self.task.iter().map(|(name, value)| format!("{name}={value}"));
        rows.chain(task).collect()
    }
}

/// All rows in one line, separated by ` · `.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" · "))
    }
}

/// An invalid input, and the remedy.
///
/// ```no_run
/// let benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).rate(-1.0);
/// if let Err(dyno::RunError::Settings(error)) = benchmark.run() {
///     assert_eq!(error.input, ".rate(-1)");
/// }
/// ```
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
