//! Studies as runs: the one loop that performs a study, a whole run for each of its trials.
//!
//! ```text
//!   [question] ─▶ [course] ── next: rate, window, rest ─▶ a run with its own workers and folder
//!                    ▲                                              │
//!                    └───── take ◀── [record]: the trial's figures ◀┘
//! ```
//!
//! The primary's `before` runs once before the first trial, and its `after` once after the last one,
//! so that a server that `before` starts lives for the whole study. The caller runs each trial and
//! gets the state of the study after it; nothing is printed or written here.

mod answer;
mod course;
pub(crate) mod question;
mod record;

use dyno_bus::clock;
use dyno_summary::{STUDY_SCHEMA, Study, Summary};

use self::course::{NextTrial, StudyCourse};
use self::question::StudyQuestion;
use crate::bench::{Bench, WorkerCommand};
use crate::error::RunError;
use crate::plan::{OnBacklog, Plan, Rate};
use crate::primary::run::Silent;
use crate::primary::{ProcessOwnership, Run, SignalWatch};
use crate::result::{environment, redact, redacted, summary_of};
use crate::settings::{Setting, SettingSource, Settings, SettingsError, StudySettings};
use crate::study::searches::Searches;
use crate::study::sweep::SweepOrder;
use crate::study::trial::{Trial, TrialVerdict};

/// A study whose settings are all checked.
#[derive(Debug, Clone)]
pub(crate) struct StudyPlan {
    /// The plan of all trials, except for what each of them changes.
    pub(crate) base: Plan,
    /// The question in a few words, for people.
    pub(crate) title: String,
    course: StudyCourse,
}

/// The caller of a study: it runs a trial, and gets the state after it.
pub(crate) trait TrialHost {
    /// The reason why a trial could not be started.
    type Failure: std::error::Error + From<RunError>;

    /// The one who owns this process.
    fn reach(&self) -> ProcessOwnership;

    /// Runs a trial, whose files belong in the study's folder under this name.
    ///
    /// # Errors
    /// If it could not be started.
    fn run(
        &mut self,
        bench: &Bench,
        command: WorkerCommand,
        plan: Plan,
        folder: &str,
    ) -> Result<(Run, Summary), Self::Failure>;

    /// Receives the study after each trial.
    fn ended(&mut self, study: &Study);
}

impl StudyPlan {
    /// Returns the study that these settings request over those of the code; `None` if they request
    /// a single run.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub(crate) fn requested(
        bench: &Bench,
        over: &Settings,
        study: &StudySettings,
    ) -> Result<Option<Self>, RunError> {
        let settings = bench.settings.clone().layered_with(over.clone());
        let study = bench.study.clone().layered_with(study.clone());
        let rate = settings.text(Setting::Rate);
        match StudyQuestion::of(rate, || settings.input(Setting::Rate), &study)? {
            Some(question) => Self::new(bench, over, &study, question).map(Some),
            None => Ok(None),
        }
    }

    /// Checks all settings of a study.
    ///
    /// # Errors
    /// If one of them is invalid, at any of the rates that are known before.
    fn new(
        bench: &Bench,
        over: &Settings,
        study: &StudySettings,
        question: StudyQuestion,
    ) -> Result<Self, RunError> {
        let settings = bench.settings.clone().layered_with(over.clone());
        if settings.has_stages() && !matches!(question, StudyQuestion::Repeat(_)) {
            let remedy = "a sweep or a search sets the rates itself: leave out the stages, or the \
                          study";
            let (input, remedy) = (settings.input(Setting::Stages), remedy.to_owned());
            return Err(SettingsError { input, remedy }.into());
        }
        if settings.text(Setting::Share).is_some() {
            let remedy =
                "each host would choose its own next run: leave out the share, or the study";
            let (input, remedy) = (settings.input(Setting::Share), remedy.to_owned());
            return Err(SettingsError { input, remedy }.into());
        }
        let plan_at = |rate: String| {
            let mut over = over.clone();
            over.say(Setting::Rate, rate, SettingSource::Flag);
            bench.plan(&over)
        };
        let mut base = match question::base_rates(&question) {
            None => bench.plan(over)?,
            Some(rates) => {
                let plans = rates.into_iter().map(plan_at).collect::<Result<Vec<_>, _>>()?;
                plans.into_iter().next().expect("a study has a rate")
            }
        };
        let title = course::title(&question, base.rate);
        let course = match question {
            StudyQuestion::Sweep(rates, mut options) => {
                if let SweepOrder::Shuffled { seed } = &mut options.order {
                    *seed = base.seed;
                }
                StudyCourse::sweep(rates, options)
            }
            StudyQuestion::Repeat(count) => StudyCourse::repeat(count, base.rate),
            StudyQuestion::Search(count) => {
                // A trial that is overloaded has to end soon, to be shorter than the others.
                base.on_backlog = OnBacklog::Stop;
                // The trials have other rates. This one lets the plan show what open loops have.
                base.rate = Rate::PerSecond(1.0);
                let settings = question::search_settings(study, &base)?;
                let once = Searches::once(settings);
                let once = once.map_err(|error| question::refused(study, &error))?;
                let searches = match count {
                    Some(count) => once.repeated(count).expect("a question has a valid number"),
                    None => once,
                };
                StudyCourse::Search(Box::new(searches))
            }
        };
        Ok(Self { base, title, course })
    }

    /// Performs the study.
    ///
    /// # Errors
    /// If the first trial could not be started. What goes wrong later is part of the result.
    pub(crate) fn perform<H: TrialHost>(
        mut self,
        bench: &mut Bench,
        command: &[String],
        host: &mut H,
    ) -> Result<Study, H::Failure> {
        let reach = host.reach();
        let begun = clock::now();
        let mut signals = SignalWatch::begin(reach).map_err(RunError::from)?;
        let remote = bench.remote();
        remote.wake_at_rest(Some(signals.waker().map_err(RunError::from)?));
        let mut study = new_study(&self.base.benchmark, command);
        // The hooks may change the current folder.
        let workers = bench.worker_command();
        let mut last = None;
        let mut refused = None;
        let mut fault = bench.run_before(reach, &mut self.base).err();
        while fault.is_none()
            && let Some(wanted) = self.course.next()
        {
            let is_stopped = || remote.is_stopped();
            let signal = signals.signal().or_else(|| signals.rest(wanted.rest, is_stopped));
            if signal.is_some() || remote.is_stopped() {
                self.course.interrupt(&wanted, signal);
                continue;
            }
            let folder = format!("{:02}", study.trials.len() + 1);
            let plan = self.plan_of(&wanted, study.trials.len());
            match host.run(bench, workers.clone(), plan, &folder) {
                Ok((mut run, summary)) => {
                    let trial = record::trial(&mut run, &summary);
                    let mut row =
                        record::row(folder, wanted.purpose, (&summary, trial.verdict), run.window);
                    row.round = self.course.round();
                    study.trials.push(row);
                    record::keep_common_warnings(&mut study, &summary);
                    // A trial that the code cut short says nothing about its rate.
                    let is_cut = remote.is_stopped()
                        && run.window < wanted.window.unwrap_or(self.base.duration);
                    let interrupted = TrialVerdict::Interrupted { signal: None };
                    let verdict = if is_cut { interrupted } else { trial.verdict };
                    self.course.take(Trial { verdict, ..trial }, &summary);
                    last = Some(summary);
                }
                Err(error) if study.trials.is_empty() => {
                    refused = Some(error);
                    break;
                }
                Err(error) => fault = Some(format!("a trial could not be started: {error}")),
            }
            study.elapsed_ns = clock::nanos(clock::now() - begun);
            answer::so_far(&mut study, &self.course);
            host.ended(&study);
        }
        remote.wake_at_rest(None);
        answer::at_end(&mut study, &mut self.course);
        let summary = last.unwrap_or_else(|| {
            summary_of(
                &mut Run::never_begun(self.base, String::new()),
                command,
                environment::here(),
            )
        });
        // The hook runs in any case: it ends what `before` began.
        let after = bench.after_of(reach, &summary).err();
        if let Some(refused) = refused {
            return Err(refused);
        }
        for fault in [fault, after].into_iter().flatten() {
            answer::fail(&mut study, &redacted(&fault));
        }
        study.elapsed_ns = clock::nanos(clock::now() - begun);
        Ok(study)
    }

    fn plan_of(&self, wanted: &NextTrial, trial: usize) -> Plan {
        // The closed loop of a search is a guess at the rate, and keeps no limits.
        let is_guess = wanted.rate == Rate::Max && self.base.rate != Rate::Max;
        let thresholds = if is_guess { Vec::new() } else { self.base.thresholds.clone() };
        Plan {
            thresholds,
            rate: wanted.rate,
            duration: wanted.window.unwrap_or(self.base.duration),
            seed: question::seed_of(self.base.seed, trial),
            ..self.base.clone()
        }
    }
}

fn new_study(benchmark: &str, command: &[String]) -> Study {
    let mut study = Study::default();
    study.schema = STUDY_SCHEMA;
    study.benchmark = benchmark.to_owned();
    study.started_at =
        humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + clock::wall()).to_string();
    study.command = redact::command(command);
    study.profile = if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned();
    study
}

/// A host in someone else's process: it prints nothing and writes nothing.
struct Guest;

impl TrialHost for Guest {
    type Failure = RunError;

    fn reach(&self) -> ProcessOwnership {
        ProcessOwnership::Guest
    }

    fn run(
        &mut self,
        bench: &Bench,
        command: WorkerCommand,
        plan: Plan,
        _folder: &str,
    ) -> Result<(Run, Summary), RunError> {
        let environment = environment::here();
        let mut run = bench.launch(command, plan, self.reach(), &mut Silent)?;
        let summary = summary_of(&mut run, &[], environment);
        Ok((run, summary))
    }

    fn ended(&mut self, _study: &Study) {}
}

impl Bench {
    /// Searches the highest rate that is sustained, by a series of runs, and leaves this process as
    /// it is, as [`run`](Self::run) does.
    ///
    /// [`duration`](Self::duration) is the window of a full-length trial; shorter and longer ones
    /// are chosen as needed. `before` runs once before the first trial, and `after` once after the
    /// last one, with its summary. [`on_tick`](Self::on_tick) is not called, and
    /// [`remote`](Self::remote) can end the whole search.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), dyno::RunError> {
    /// # let shop = || ();
    /// let study = dyno::bench("shop", shop).workers(2).search()?;
    /// println!("{}", study.answer);
    /// if let Some(lower) = study.search.and_then(|search| search.lower) {
    ///     println!("at least {} orders per second", lower.rate);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If a setting is invalid or nothing could be started. A trial that went wrong is not an
    /// error: the study has its verdict.
    pub fn search(self) -> Result<Study, RunError> {
        let question = StudyQuestion::search(&self.study)?;
        self.study_of(question)
    }

    /// Runs each of these rates, from the lowest up, until one of them is not sustained; with
    /// [`keep_going`](Self::keep_going) all of them. Otherwise it is like [`search`](Self::search).
    ///
    /// # Errors
    /// If there are fewer than two rates, or one is not above the one before, and as for a search.
    pub fn sweep(self, rates: impl IntoIterator<Item = f64>) -> Result<Study, RunError> {
        let rates: Vec<_> = rates.into_iter().map(|rate| rate.to_string()).collect();
        let rates = rates.join(",");
        let question = StudyQuestion::sweep(&rates, || format!(".sweep([{rates}])"), &self.study)?;
        self.study_of(question)
    }

    /// Runs the benchmark this many times, to show how far two runs of the same code differ.
    /// Otherwise it is like [`search`](Self::search).
    ///
    /// # Errors
    /// If the number is below 2 or above 1,000, and as for a search.
    pub fn repeat(self, count: usize) -> Result<Study, RunError> {
        let question = StudyQuestion::repeat(count, || format!(".repeat({count})"))?;
        self.study_of(question)
    }

    fn study_of(mut self, question: StudyQuestion) -> Result<Study, RunError> {
        self.begin()?;
        let study = StudyPlan::new(&self, &Settings::default(), &self.study, question)?;
        study.perform(&mut self, &[], &mut Guest)
    }
}
