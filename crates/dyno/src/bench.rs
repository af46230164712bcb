//! The builder: one benchmark, from its declaration to its result.
//!
//! [`bench()`] first checks whether this process is one of the benchmark's workers; if so, it runs
//! the task and never returns. So code before it in `main` runs in every worker too, and code after
//! it runs in the primary alone.

mod declared;
mod run;
mod setup;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dyno_observer::List;
use dyno_summary::Summary;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::declared::Declaration;
pub(crate) use self::run::WorkerCommand;
pub use self::setup::Setup;
use crate::error::RunError;
use crate::hosts::Hosts;
use crate::identity::Claim;
use crate::plan::{Arrivals, MaxFailed, OnBacklog, Pacing};
use crate::primary::run::{OnTick, Silent};
use crate::primary::{Conduct, ProcessOwnership, Remote, TargetProcess};
use crate::result::{environment, summary_of};
use crate::settings::{
    ParameterError, Setting, SettingSource, Settings, StudySetting, StudySettings, TaskParameters,
};
use crate::task::{self, IntoTask};
use crate::worker;

/// Declares a benchmark of a task.
///
/// ```no_run
/// fn fibonacci(n: u64) -> u64 {
///     if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
/// }
///
/// fn main() -> dyno::Outcome {
///     dyno::bench("fibonacci", || fibonacci(30)).rate(50.0).main()
/// }
/// ```
///
/// In a worker process of this benchmark it runs the task and never returns. If one program has
/// several benchmarks, declare all of them before the first one runs, each under a different name.
/// A task that is declared again, to run it at another rate, must hold the same values: workers run
/// the first.
///
/// # Panics
/// If a task calls it: benchmarks are declared in `main`.
#[must_use = "a benchmark that is declared runs by `.main()` or `.run()`"]
#[track_caller]
pub fn bench<Shape>(name: impl Into<String>, task: impl IntoTask<Shape>) -> Bench {
    let name = name.into();
    crate::answer::expect();
    assert!(
        !worker::runs_here(),
        "the benchmark `{name}` is declared by a task, inside a worker: declare it in `main`, before \
         the first benchmark runs"
    );
    let declaration = declared::declare(&name, &task);
    let taken = match Claim::of_this_process() {
        Claim::None => None,
        Claim::Worker(identity) if identity.benchmark == name => {
            worker::run(&identity, task.into_task())
        }
        // A worker of a benchmark that is declared later, or never.
        Claim::Worker(identity) => Some(identity.benchmark),
        Claim::Refused(why) => refuse(&why),
    };
    Bench {
        name,
        worker_of: taken,
        declaration,
        settings: Settings::default(),
        study: StudySettings::default(),
        parameters: TaskParameters::default(),
        parameters_error: None,
        plot: Vec::new(),
        before: None,
        starts_nothing: false,
        after: None,
        on_tick: None,
        worker_exe: None,
        words: Vec::new(),
        variables: Vec::new(),
        remote: Remote::default(),
        hosts: None,
        conduct: Conduct::default(),
        targets: Vec::new(),
    }
}

/// Ends a process that was started as a worker and cannot be one.
#[expect(clippy::print_stderr, reason = "there is no report in a process that must not run")]
fn refuse(why: &str) -> ! {
    eprintln!("error: {why}");
    std::process::exit(worker::REFUSED)
}

type Before = Box<dyn FnOnce(&mut Setup) -> task::Result>;
type After = Box<dyn FnOnce(&Summary) -> task::Result>;

/// A declared benchmark: settings, hooks, and two ways to run it.
///
/// Settings in code are the lowest layer: environment variables and flags override them if
/// [`main`](Self::main) reads them.
///
/// It stays in the thread that declares it, since hooks may hold values of any type; a
/// [`Remote`] controls it from other threads.
///
/// ```no_run
/// use std::time::Duration;
///
/// use dyno::{Arrivals, MaxFailed};
///
/// fn main() -> dyno::Outcome {
///     dyno::bench("sum", || (1..=1_000_u64).sum::<u64>())
///         .rate(5_000.0)
///         .arrivals(Arrivals::Poisson)
///         .duration(Duration::from_secs(20))
///         .workers(4)
///         .max_failed(MaxFailed::Share(0.01))
///         .main()
/// }
/// ```
#[must_use = "a benchmark that is declared runs by `.main()` or `.run()`"]
pub struct Bench {
    pub(crate) name: String,
    /// The name of another benchmark, if this process is one of its workers.
    worker_of: Option<String>,
    declaration: Declaration,
    pub(crate) settings: Settings,
    pub(crate) study: StudySettings,
    pub(crate) parameters: TaskParameters,
    parameters_error: Option<ParameterError>,
    pub(crate) plot: Vec<String>,
    before: Option<Before>,
    /// `true` if `before` starts no process that the run may watch.
    starts_nothing: bool,
    after: Option<After>,
    pub(crate) on_tick: Option<OnTick>,
    pub(crate) worker_exe: Option<PathBuf>,
    /// The words behind this program's name that lead to this benchmark on another host.
    pub(crate) words: Vec<String>,
    /// The variables that its workers get in addition to this process's own.
    pub(crate) variables: Vec<(String, String)>,
    remote: Remote,
    /// The hosts that share its runs; `None` for this host alone.
    pub(crate) hosts: Option<Hosts>,
    /// The one who decides when its runs begin.
    pub(crate) conduct: Conduct,
    /// The processes that its runs watch, once the primary's `before` is over.
    targets: Vec<TargetProcess>,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Bench {
    /// Sets the cycles per second over all workers; fractions are allowed. Default: 50.
    ///
    /// [`closed_loop`](Self::closed_loop) is the alternative.
    pub fn rate(self, per_second: f64) -> Self {
        self.set(Setting::Rate, per_second)
    }

    /// Makes the run a closed loop: each worker keeps [`in_flight`](Self::in_flight) cycles
    /// running, and a cycle is due when another one ends. `--rate max` does the same.
    ///
    /// It measures the highest throughput, and no waiting.
    ///
    /// ```
    /// let _benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).closed_loop();
    /// ```
    pub fn closed_loop(self) -> Self {
        self.set(Setting::Rate, "max")
    }

    /// Sets the length of the measured window, which begins after the warm-up. Default: 5 s.
    pub fn duration(self, duration: Duration) -> Self {
        self.set_duration(Setting::Duration, duration)
    }

    /// Sets a load profile in place of a rate and a duration, in the form of the flag `--stages`: each
    /// stage is `TIME:RATE`, or `TIME:RATE..RATE` for a linear ramp.
    ///
    /// ```
    /// let _benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>())
    ///     .stages("30s:1k, 1m:1k..5k, 10s:20k, 1m:1k");
    /// ```
    pub fn stages(self, profile: &str) -> Self {
        self.set(Setting::Stages, profile)
    }

    /// Sets the length of the warm-up: it has the same rate, and counts in no result. Default: 1 s.
    pub fn warmup(self, warmup: Duration) -> Self {
        self.set_duration(Setting::Warmup, warmup)
    }

    /// Sets the number of worker processes. Default: the number of processors.
    pub fn workers(self, count: u32) -> Self {
        self.set(Setting::Workers, count)
    }

    /// Sets how due times are spread. Default: uniform.
    pub fn arrivals(self, arrivals: Arrivals) -> Self {
        self.set(Setting::Arrivals, arrivals)
    }

    /// Sets the seed of random arrivals. Default: a new one for each run.
    pub fn seed(self, seed: u64) -> Self {
        self.set(Setting::Seed, seed)
    }

    /// Sets how workers wait for due times. Default: by sleeping.
    pub fn pacing(self, pacing: Pacing) -> Self {
        self.set(Setting::Pacing, pacing)
    }

    /// Sets the backlog beyond which [`on_backlog`](Self::on_backlog) acts. Default: two seconds'
    /// worth of cycles above the level at the end of the warm-up, and at least 100.
    pub fn max_backlog(self, cycles: u64) -> Self {
        self.set(Setting::MaxBacklog, cycles)
    }

    /// Sets the policy for a backlog that exceeds the limit. Default: the run stops; under
    /// [`stages`](Self::stages) the backlog may grow.
    pub fn on_backlog(self, policy: OnBacklog) -> Self {
        self.set(Setting::OnBacklog, policy)
    }

    /// Sets the number of cycles that may fail or be abandoned. Default: none.
    pub fn max_failed(self, max: MaxFailed) -> Self {
        self.set(Setting::MaxFailed, max)
    }

    /// Adds a limit that the run must keep, in the form of the flag `--threshold`:
    /// `METRIC.STAT OP VALUE [over TIME] [abort]`.
    ///
    /// ```
    /// let _benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>())
    ///     .rate(500.0)
    ///     .threshold("response.p99 < 20ms")
    ///     .threshold("failed.share < 1%");
    /// ```
    pub fn threshold(self, limit: &str) -> Self {
        self.set(Setting::Threshold, limit)
    }

    /// Sets the most cycles in flight in each worker. Default: 1 in a closed loop, unlimited in an
    /// open one.
    pub fn in_flight(self, cycles: u32) -> Self {
        self.set(Setting::InFlight, cycles)
    }

    /// Makes spans of more targets metrics, in addition to those of the benchmark's own crate. The
    /// filter is a list of targets, each with a level if only its more important spans are wanted:
    /// `my_lib,my_lib::db=info`.
    pub fn spans(self, filter: &str) -> Self {
        self.set(Setting::Spans, filter)
    }

    /// Sets the longest time from spawning the workers until all of them are ready. Default: 10 s.
    pub fn start_deadline(self, deadline: Duration) -> Self {
        self.set_duration(Setting::StartDeadline, deadline)
    }

    /// Sets the longest time from the plan's end until running cycles have ended. Default: 5 s.
    pub fn drain_deadline(self, deadline: Duration) -> Self {
        self.set_duration(Setting::DrainDeadline, deadline)
    }

    /// Sets the longest time for the workers' `after`. Default: 5 s.
    pub fn after_deadline(self, deadline: Duration) -> Self {
        self.set_duration(Setting::AfterDeadline, deadline)
    }

    /// Sets the longest time from a worker's last message, or the end of its socket, until its process
    /// has exited; then it is killed. Default: 500 ms.
    pub fn kill_grace(self, grace: Duration) -> Self {
        self.set_duration(Setting::KillGrace, grace)
    }

    /// Sets the first rate of a [`search`](Self::search), in place of a closed loop. The search goes
    /// up or down from it.
    pub fn search_from(self, per_second: f64) -> Self {
        self.set_study(StudySetting::From, per_second)
    }

    /// Sets the highest rate that a [`search`](Self::search) tries.
    pub fn search_to(self, per_second: f64) -> Self {
        self.set_study(StudySetting::To, per_second)
    }

    /// Sets the distance between the two rates of a [`search`](Self::search)'s answer, as a share of
    /// the lower one. Default: 0.05.
    pub fn search_precision(self, share: f64) -> Self {
        self.set_study(StudySetting::Precision, format_args!("{}%", share * 100.0))
    }

    /// Sets the longest time of a [`search`](Self::search), over all its trials. Default: 3 min.
    pub fn search_time(self, time: Duration) -> Self {
        self.set_study(StudySetting::Time, humantime::format_duration(time))
    }

    /// Lets a [`sweep`](Self::sweep) run all its rates, also those above the first one that is not
    /// sustained.
    pub fn keep_going(self) -> Self {
        self.set_study(StudySetting::KeepGoing, "")
    }

    /// Runs the rates of a [`sweep`](Self::sweep) in a random order, which follows from the
    /// [`seed`](Self::seed). A machine that becomes slower during the sweep then looks like noise, and
    /// not like the effect of a higher rate.
    pub fn shuffle(self) -> Self {
        self.set_study(StudySetting::Shuffle, "")
    }

    /// Sets the number of times that each rate of a [`sweep`](Self::sweep) or a whole
    /// [`search`](Self::search) is repeated. Default: once.
    pub fn repeated(self, count: usize) -> Self {
        self.set_study(StudySetting::Repeat, count)
    }

    /// Sets the task's own parameters, with their defaults. `-P name=value` sets one, and the task
    /// reads them with [`Cycle::parameters`](crate::Cycle::parameters).
    ///
    /// ```
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Parameters {
    ///     n: u64,
    /// }
    ///
    /// let _benchmark = dyno::bench("sum", |cycle: &dyno::Cycle| {
    ///     (1..=cycle.parameters::<Parameters>().n).sum::<u64>()
    /// })
    /// .parameters(Parameters { n: 1_000 });
    /// ```
    pub fn parameters<P: Serialize + DeserializeOwned>(mut self, defaults: P) -> Self {
        match TaskParameters::of(&defaults) {
            Ok(parameters) => self.parameters = parameters,
            Err(error) => self.parameters_error = Some(error),
        }
        self
    }

    /// Sets a hook that runs in the primary before any worker is started. It may set task
    /// parameters, such as the URL of a server that it started: [`Setup`] has an example.
    pub fn before(mut self, before: impl FnOnce(&mut Setup) -> task::Result + 'static) -> Self {
        self.before = Some(Box::new(before));
        self
    }

    /// Sets a hook as [`before`](Self::before) does, for `cargo dyno pipe`, whose hook starts nothing:
    /// a process to watch is looked up before the run.
    #[doc(hidden)]
    pub fn prepare(mut self, hook: impl FnOnce(&mut Setup) -> task::Result + 'static) -> Self {
        self.starts_nothing = true;
        self.before(hook)
    }

    /// Sets the words behind this program's name that lead to this benchmark, for `cargo dyno exec` and
    /// its like on other hosts.
    #[doc(hidden)]
    pub fn reached_by<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.words = words.into_iter().map(str::to_owned).collect();
        self
    }

    /// Sets a hook that runs in the primary once all workers are gone. It gets the result of the
    /// run, good or bad. Its error makes the run an error.
    ///
    /// ```
    /// let _benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).after(|summary| {
    ///     match summary.metric("response").and_then(|response| response.p99) {
    ///         Some(p99_ns) if p99_ns > 20_000_000 => Err("the p99 is over 20 ms".into()),
    ///         _ => Ok(()),
    ///     }
    /// });
    /// ```
    pub fn after(mut self, after: impl FnOnce(&Summary) -> task::Result + 'static) -> Self {
        self.after = Some(Box::new(after));
        self
    }

    /// Sets a function that is called about five times a second while cycles run, and once after
    /// the drain, on a separate thread. Text that it returns replaces the live view.
    ///
    /// ```
    /// use dyno::{Order, Stat};
    ///
    /// let _benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).on_tick(|list| {
    ///     let means = list.workers().metrics(["service"]).pick(Stat::Mean);
    ///     Some(means.sort_by("service", Order::Descending).to_string())
    /// });
    /// ```
    pub fn on_tick(
        mut self,
        on_tick: impl FnMut(&List) -> Option<String> + Send + 'static,
    ) -> Self {
        self.on_tick = Some(Box::new(on_tick));
        self
    }

    /// Draws the timeline of a metric after the run, as `--plot` does.
    pub fn plot(mut self, metric: impl Into<String>) -> Self {
        self.plot.push(metric.into());
        self
    }

    /// Sets the workers' program; its `main` must declare this benchmark too. Default: this
    /// program. A test has to set it, because starting a test's program again would run the tests.
    ///
    /// ```no_run
    /// fn sum() -> u64 {
    ///     (1..=1_000).sum()
    /// }
    ///
    /// #[test]
    /// fn sum_is_fast_enough() {
    ///     // A program of this package, whose `main` declares the same benchmark.
    ///     let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/target/release/worker");
    ///     let summary = dyno::bench("sum", sum).rate(5_000.0).worker_exe(worker).run();
    ///     assert!(summary.expect("it starts").sustained());
    /// }
    /// ```
    pub fn worker_exe(mut self, path: impl AsRef<Path>) -> Self {
        self.worker_exe = Some(path.as_ref().to_owned());
        self
    }

    /// Returns a handle that controls the run or the study from another thread: it changes the rate,
    /// or ends the run early.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Returns the handle for the keys of a live view; `None` if the plan has no rate that keys can
    /// change, or if the benchmark's own code steers the run.
    pub(crate) fn steered_by_keys(&self, plan: &crate::plan::Plan) -> Option<Remote> {
        let is_alone = self.hosts.is_none() && !self.remote.is_shared();
        (plan.can_be_steered() && is_alone).then(|| self.remote.clone())
    }

    /// Runs the benchmark and leaves this process as it is: reads no command line and no
    /// environment, installs no signal handler, draws nothing, writes nothing.
    ///
    /// # Errors
    /// If a setting is invalid or nothing could be started. A run that went wrong is not an
    /// error: it returns a [`Summary`] with the reasons.
    ///
    /// ```no_run
    /// fn main() -> Result<(), dyno::RunError> {
    ///     let summary = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).rate(5_000.0).run()?;
    ///     println!("{}: {} cycles completed", summary.verdict, summary.cycles.completed);
    ///     Ok(())
    /// }
    /// ```
    pub fn run(mut self) -> Result<Summary, RunError> {
        self.begin()?;
        let plan = self.plan(&Settings::default())?;
        // The hooks may change the current folder.
        let environment = environment::here();
        let mut run = self.drive(plan, ProcessOwnership::Guest, &mut Silent)?;
        let mut summary = summary_of(&mut run, &[], environment);
        self.run_after(ProcessOwnership::Guest, &mut summary);
        Ok(summary)
    }
}

impl Bench {
    fn set(mut self, setting: Setting, value: impl fmt::Display) -> Self {
        self.settings.set(setting, value);
        self
    }

    fn set_duration(mut self, setting: Setting, duration: Duration) -> Self {
        self.settings.set_duration(setting, duration);
        self
    }

    fn set_study(mut self, setting: StudySetting, value: impl fmt::Display) -> Self {
        self.study.say(setting, value.to_string(), SettingSource::Code);
        self
    }
}
