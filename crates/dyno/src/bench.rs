//! The builder: one benchmark, from its declaration to its result.
//!
//! [`bench()`] first checks whether this process is one of the benchmark's workers; if so, it runs
//! the task and never returns. So code before it in `main` runs in every worker too, and code after
//! it runs in the primary alone.

mod declared;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dyno_bus::frame::FRAME_MAX;
use dyno_observer::List;
use dyno_summary::Summary;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::declared::Declaration;
use crate::identity::Claim;
use crate::outcome::Error;
use crate::plan::{Arrivals, MaxFailed, OnBacklog, Pacing, Plan, thousands};
use crate::primary::run::{OnTick, Silent};
use crate::primary::{Launch, ProcessOwnership, Remote, Run, Sink, StartError, Update, drive};
use crate::result::{environment, fail, redacted, summary_of};
use crate::settings::{Machine, Setting, Settings, TaskParameters};
use crate::task::{self, IntoTask};
use crate::worker;

/// The most bytes of the task's parameters as JSON: the rest of the frame is small.
const PARAMETERS_MAX: usize = FRAME_MAX - (64 << 10);

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
        parameters: TaskParameters::default(),
        parameters_error: None,
        plot: Vec::new(),
        before: None,
        after: None,
        on_tick: None,
        worker_exe: None,
        remote: Remote::default(),
    }
}

/// Ends a process that was started as a worker and cannot be one.
#[expect(clippy::print_stderr, reason = "there is no report in a process that must not run")]
fn refuse(why: &str) -> ! {
    eprintln!("error: {why}");
    std::process::exit(worker::REFUSED)
}

type Before = Box<dyn FnOnce(&mut TaskParameters) -> task::Result>;
type After = Box<dyn FnOnce(&Summary) -> task::Result>;

/// A declared benchmark: settings, hooks, and two ways to run it.
///
/// Settings in code are the lowest layer: environment variables and flags override them if
/// [`main`](Self::main) reads them.
#[must_use = "a benchmark that is declared runs by `.main()` or `.run()`"]
pub struct Bench {
    pub(crate) name: String,
    /// The name of another benchmark, if this process is one of its workers.
    worker_of: Option<String>,
    declaration: Declaration,
    pub(crate) settings: Settings,
    pub(crate) parameters: TaskParameters,
    parameters_error: Option<String>,
    pub(crate) plot: Vec<String>,
    before: Option<Before>,
    after: Option<After>,
    pub(crate) on_tick: Option<OnTick>,
    worker_exe: Option<PathBuf>,
    remote: Remote,
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
    pub fn rate(self, per_second: f64) -> Self {
        self.set(Setting::Rate, per_second)
    }

    /// Makes the run a closed loop: each worker keeps [`in_flight`](Self::in_flight) cycles
    /// running.
    pub fn rate_max(self) -> Self {
        self.set(Setting::Rate, "max")
    }

    /// Sets the length of the measured window, which begins after the warm-up. Default: 5 s.
    pub fn duration(self, duration: Duration) -> Self {
        self.set_duration(Setting::Duration, duration)
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

    /// Sets the policy for a backlog that exceeds the limit. Default: the run stops.
    pub fn on_backlog(self, policy: OnBacklog) -> Self {
        self.set(Setting::OnBacklog, policy)
    }

    /// Sets the number of cycles that may fail or be abandoned. Default: none.
    pub fn max_failed(self, max: MaxFailed) -> Self {
        self.set(Setting::MaxFailed, max)
    }

    /// Sets the most cycles in flight in each worker. Default: 1 in a closed loop, unlimited in an
    /// open one.
    pub fn in_flight(self, cycles: u32) -> Self {
        self.set(Setting::InFlight, cycles)
    }

    /// Makes spans of more targets metrics, in addition to the benchmark's own:
    /// `my_lib,my_lib::db`.
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

    /// Sets the task's own parameters, with their defaults. `-P name=value` sets one, and the task
    /// reads them with [`Cycle::parameters`](crate::Cycle::parameters).
    pub fn parameters<P: Serialize + DeserializeOwned>(mut self, defaults: P) -> Self {
        match TaskParameters::of(&defaults) {
            Ok(parameters) => self.parameters = parameters,
            Err(error) => self.parameters_error = Some(error.to_string()),
        }
        self
    }

    /// Sets a hook that runs in the primary before any worker is started. It may set task
    /// parameters, such as the URL of a server that it started.
    pub fn before(
        mut self,
        before: impl FnOnce(&mut TaskParameters) -> task::Result + 'static,
    ) -> Self {
        self.before = Some(Box::new(before));
        self
    }

    /// Sets a hook that runs in the primary once all workers are gone. It gets the result of the
    /// run, good or bad. Its error makes the run an error.
    pub fn after(mut self, after: impl FnOnce(&Summary) -> task::Result + 'static) -> Self {
        self.after = Some(Box::new(after));
        self
    }

    /// Sets a function that is called about five times a second while cycles run, and once after
    /// the drain, on a separate thread. Text that it returns replaces the live view.
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
    pub fn worker_exe(mut self, path: impl AsRef<Path>) -> Self {
        self.worker_exe = Some(path.as_ref().to_owned());
        self
    }

    /// Returns a handle that controls the run from another thread.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Runs the benchmark and leaves this process as it is: reads no command line and no
    /// environment, installs no signal handler, draws nothing, writes nothing.
    ///
    /// # Errors
    /// If a setting is invalid or nothing could be started. A run that went wrong is not an
    /// error: it returns a [`Summary`] with the reasons.
    pub fn run(mut self) -> Result<Summary, Error> {
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

    /// Notes that this benchmark runs, or is refused with a message.
    ///
    /// # Errors
    /// If this process is a worker of another benchmark, which can no longer be reached.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        crate::answer::give();
        if let Some(benchmark) = &self.worker_of {
            let (benchmark, ran) = (benchmark.clone(), self.name.clone());
            return Err(Error::WorkerOfAnother { benchmark, ran });
        }
        declared::runs(&self.name);
        Ok(())
    }

    /// Returns the plan of this benchmark's settings with another layer over them, all checked.
    pub(crate) fn plan(&self, over: &Settings) -> Result<Plan, Error> {
        // Another program has its own declarations.
        if self.declaration == Declaration::Hidden && self.worker_exe.is_none() {
            return Err(Error::NameTaken { benchmark: self.name.clone() });
        }
        if tokio::runtime::Handle::try_current().is_ok() {
            return Err(Error::InsideRuntime);
        }
        if let Some(error) = &self.parameters_error {
            return Err(Error::Parameters(error.clone()));
        }
        self.check_program()?;
        if let Declaration::Late { ran } = &self.declaration
            && self.worker_exe.is_none()
        {
            return Err(Error::DeclaredLate { benchmark: self.name.clone(), ran: ran.clone() });
        }
        let settings = self.settings.clone().layered_with(over.clone());
        let plan = settings.plan(&self.name, &Machine::here(), &self.parameters)?;
        match too_long(&plan) {
            Some(reason) => Err(Error::Parameters(reason)),
            None => Ok(plan),
        }
    }

    /// Runs the primary's `before`, then the plan. If `before` fails, the result is a failed run.
    pub(crate) fn drive(
        &mut self,
        mut plan: Plan,
        reach: ProcessOwnership,
        sink: &mut dyn Sink,
    ) -> Result<Run, Error> {
        // The arguments of this program mean nothing to another program. A relative path among them
        // starts at the folder that `before` may leave.
        let worker_line = match self.worker_exe {
            None => crate::harness::command_line(),
            Some(_) => Vec::new(),
        };
        // Made absolute before the hook runs, for the same reason.
        let worker_exe = self.program();
        if let Some(before) = self.before.take() {
            let mut parameters = self.parameters.with_values(plan.task.clone());
            let result = call(reach, || before(&mut parameters));
            plan.task = parameters.into_map();
            if let Some(error) = result.err().or_else(|| too_long(&plan)) {
                let fault = redacted(&format!("the primary's `before` failed: {error}"));
                sink.update(Update::Fault(fault.clone()));
                return Ok(Run::never_begun(plan, fault));
            }
        }
        let remote = self.remote.clone();
        let launch = Launch { plan, worker_exe, worker_line, reach, remote };
        drive(launch, sink).map_err(|source| match crate::harness::emulator() {
            Some(emulator) => Error::Emulated { emulator, source },
            None => source.into(),
        })
    }

    /// Runs the primary's `after`, whose error makes the run an error.
    pub(crate) fn run_after(&mut self, reach: ProcessOwnership, summary: &mut Summary) {
        if let Some(after) = self.after.take()
            && let Err(error) = call(reach, || after(summary))
        {
            fail(summary, &format!("the primary's `after` failed: {error}"));
        }
    }

    /// Returns the workers' program: this one, unless another was set. The path is absolute,
    /// because a plain name would be searched in `PATH`.
    fn program(&self) -> PathBuf {
        match &self.worker_exe {
            Some(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
            // This path names this program even if its file has been replaced since.
            None if cfg!(target_os = "linux") => PathBuf::from("/proc/self/exe"),
            None => std::env::current_exe().unwrap_or_default(),
        }
    }

    /// Returns an error if the workers' program is missing, or is one that would run tests.
    fn check_program(&self) -> Result<(), Error> {
        if self.worker_exe.is_none() && crate::harness::is_test_program() {
            return Err(Error::WorkerExeNeeded { benchmark: self.name.clone() });
        }
        let path = self.program();
        match std::fs::metadata(&path) {
            Ok(_) => Ok(()),
            Err(source) => {
                // The path in the error is the one that was set.
                let path = self.worker_exe.clone().unwrap_or(path);
                Err(StartError::WorkerExe { path, source }.into())
            }
        }
    }
}

/// Returns a sentence if the task's parameters do not fit the one message that brings them to a
/// worker.
fn too_long(plan: &Plan) -> Option<String> {
    let length = crate::primary::parameters_of(plan).len();
    (length > PARAMETERS_MAX).then(|| {
        format!(
            "they are {} of JSON, and a worker takes {} at most; put long data into a file, and \
             let a parameter name it",
            bytes(length),
            bytes(PARAMETERS_MAX)
        )
    })
}

fn bytes(count: usize) -> String {
    format!("{} bytes", thousands(count as u64))
}

/// Calls a hook of the primary. If this is the primary's own program, a panic becomes the hook's
/// error, so that the run is reported all the same. In a guest's process, the panic goes on to the
/// user's code.
fn call(reach: ProcessOwnership, hook: impl FnOnce() -> task::Result) -> Result<(), String> {
    // An error's text is the user's code as well.
    let described = || hook().map_err(|error| task::describe(&error));
    match reach {
        ProcessOwnership::Guest => described(),
        ProcessOwnership::Process => {
            catch_unwind(AssertUnwindSafe(described)).unwrap_or_else(|panic| {
                let message = format!("panicked: {}", task::text_of(&*panic));
                task::discard(panic);
                Err(message)
            })
        }
    }
}
