//! A run of the benchmark in a new process: the same program, with the run in an environment
//! variable. So a test can start it too, and a primary can be stopped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use dyno::summary::{Metric, Study};
use dyno::{OnBacklog, Summary};
use dyno_bus::segment::{Arrivals, Due};
use dyno_bus::{Time, clock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::plan::Load;
use crate::task::{self, How, Note, Work, begun_path, notes_path};

/// The environment variable that holds a [`Run`], as JSON.
const VARIABLE: &str = "TRUTH_RUN";
/// The environment variable that holds a [`Run`] of a program, whose own variables set the rest.
pub(crate) const PROGRAM_VARIABLE: &str = "TRUTH_PROGRAM";
/// The time between two checks of a condition that can't be waited for.
const POLL_PERIOD: Duration = Duration::from_millis(2);
/// The longest wait for a run's first cycle, even on a busy machine.
const BEGIN_DEADLINE: Duration = Duration::from_secs(30);

/// The question that a run answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// The verdict on a rate.
    AtRate,
    /// The cycles that a closed loop completes.
    Closed,
    /// The highest rate that is sustained.
    Search {
        /// The time for all trials.
        time: Duration,
    },
}

/// The settings of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// The work of its cycles.
    pub work: Work,
    /// The question that it answers.
    pub kind: RunKind,
    /// Cycles a second over all workers; used by a run at a rate alone.
    pub rate: f64,
    /// The load profile in place of the rate and the window; empty for a run without one.
    pub stages: String,
    /// The most cycles in flight in each worker; `None` for the default of dyno.
    pub in_flight: Option<u32>,
    /// `true` for Poisson arrivals, as from independent clients; `false` for uniform ones.
    pub poisson: bool,
    /// The number of workers.
    pub workers: u32,
    /// The time before the window.
    pub warmup: Duration,
    /// The measured window.
    pub window: Duration,
    /// The seed of the arrivals.
    pub seed: u64,
}

impl Run {
    /// Creates a run with one worker, uniform arrivals, one second of warm-up and a window of five.
    #[must_use]
    pub fn new(how: How, each: Duration, rate: f64) -> Self {
        Self {
            work: Work::new(how, each),
            kind: RunKind::AtRate,
            rate,
            stages: String::new(),
            in_flight: None,
            poisson: false,
            workers: 1,
            warmup: Duration::from_secs(1),
            window: Duration::from_secs(5),
            seed: 1,
        }
    }

    /// Returns the settings that determine its due times.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            rate: self.rate,
            arrivals: if self.poisson { Arrivals::Poisson } else { Arrivals::Uniform },
            seed: self.seed,
            workers: self.workers,
            warmup: self.warmup,
            window: self.window,
        }
    }

    /// Starts the run in `program`, which calls [`main`] in its `main`.
    ///
    /// # Errors
    /// If the program does not start.
    pub fn start(&self, program: &Path) -> Result<Running> {
        let folder = tempfile::tempdir()?;
        let mut run = self.clone();
        // The trials of a search would overwrite each other's notes.
        if !matches!(run.kind, RunKind::Search { .. }) {
            run.work.folder = folder.path().to_owned();
        }
        let process = Command::new(program)
            .env(VARIABLE, serde_json::to_string(&run)?)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} did not start", program.display()))?;
        Ok(Running { run, folder, process })
    }

    /// Starts the run and waits for its end.
    ///
    /// # Errors
    /// If the run ended without a summary. A run with any verdict is not an error.
    pub fn run(&self, program: &Path) -> Result<Ran> {
        self.start(program)?.end()
    }

    /// Searches the highest rate that is sustained, within this time, and waits for the answer.
    ///
    /// # Errors
    /// If the search ended without a result.
    pub fn search(&self, time: Duration, program: &Path) -> Result<Study> {
        let search = Self { kind: RunKind::Search { time }, ..self.clone() };
        Ok(search.start(program)?.finish()?.1)
    }
}

/// Runs all runs, `at_a_time` of them at once.
///
/// # Errors
/// The error of the first run that ended without a summary.
pub fn run_all(runs: &[Run], at_a_time: usize, program: &Path) -> Result<Vec<Ran>> {
    let mut ended = Vec::new();
    for some in runs.chunks(at_a_time.max(1)) {
        let running: Result<Vec<_>> = some.iter().map(|run| run.start(program)).collect();
        for running in running? {
            ended.push(running.end()?);
        }
    }
    Ok(ended)
}

/// A run that has not ended yet.
pub struct Running {
    run: Run,
    folder: TempDir,
    process: std::process::Child,
}

impl Running {
    /// Waits for the end of the run, and reads its summary and notes.
    ///
    /// # Errors
    /// If the run ended without a summary, or a worker left no notes.
    pub fn end(self) -> Result<Ran> {
        let (running, summary) = self.finish()?;
        let mut notes = Vec::new();
        for worker in 0..running.run.workers {
            let path = notes_path(running.folder.path(), worker);
            let noted = std::fs::read(&path).with_context(|| format!("no {}", path.display()))?;
            notes.push(serde_json::from_slice(&noted)?);
        }
        Ok(Ran { run: running.run, summary, notes })
    }

    /// Waits for the end of the process, and reads the result that it printed.
    fn finish<R: DeserializeOwned>(self) -> Result<(Finished, R)> {
        let output = self.process.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a run failed ({}): {}", output.status, said.trim());
        let result = serde_json::from_slice(&output.stdout).context("a result can't be read")?;
        Ok((Finished { run: self.run, folder: self.folder }, result))
    }

    /// Stops the run's primary for `span`, after the first cycle has begun; the workers go on.
    ///
    /// # Errors
    /// If no cycle begins.
    pub fn stop_primary(&self, span: Duration) -> Result<()> {
        let begun: PathBuf = begun_path(self.folder.path(), 0);
        wait_until(clock::now() + BEGIN_DEADLINE, || begun.exists());
        ensure!(begun.exists(), "no cycle began within {BEGIN_DEADLINE:?}");
        let primary = Pid::from_raw(self.process.id().cast_signed());
        kill(primary, Signal::SIGSTOP)?;
        wait_until(clock::now() + span, || false);
        Ok(kill(primary, Signal::SIGCONT)?)
    }
}

/// A run whose process has ended, with the folder of its notes.
struct Finished {
    run: Run,
    folder: TempDir,
}

/// Waits for a condition, or until an instant.
fn wait_until(instant: Time, mut condition: impl FnMut() -> bool) {
    while !condition() && clock::now() < instant {
        // Nobody unparks this thread: parking with a timeout is a way to check again without taking
        // a core.
        std::thread::park_timeout(POLL_PERIOD);
    }
}

/// A run that has ended, with its results.
#[derive(Debug)]
pub struct Ran {
    /// The settings of the run.
    pub run: Run,
    /// The summary that dyno reported.
    pub summary: Summary,
    /// The notes of each worker's task, in the order of its cycles.
    pub notes: Vec<Vec<Note>>,
}

/// A cycle as planned, and as the task saw it.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The planned cycle; its due time counts from the warm-up's begin.
    pub due: Due,
    /// The task's note of the cycle.
    pub note: Note,
}

impl Ran {
    /// Returns the statistics of a metric over all workers.
    ///
    /// # Errors
    /// If the run has no such metric.
    pub fn metric(&self, name: &str) -> Result<&Metric> {
        self.summary.metric(name).with_context(|| format!("the run has no metric `{name}`"))
    }

    /// Returns each worker's cycles in order, as planned and as seen, and the instant at which the
    /// warm-up began.
    ///
    /// # Errors
    /// If the cycles that ran differ from the plan, even by a nanosecond. Missing cycles are
    /// allowed if dyno reports as many as unstarted.
    pub fn told(&self) -> Result<(Vec<Vec<Told>>, u64)> {
        let plan = self.run.load().dues();
        let first = plan
            .iter()
            .zip(&self.notes)
            .find_map(|(dues, notes)| Some(notes.first()?.due - dues.first()?.at.as_nanos()));
        let begin = first.context("no cycle began")?;
        let missing = plan.concat().len() - self.notes.concat().len();
        let (window, warmup) = (&self.summary.cycles, &self.summary.warmup);
        // On a machine that is too busy, the last cycles are still unstarted at the drain deadline.
        let unstarted = (window.unstarted + warmup.unstarted) as usize;
        ensure!(missing == unstarted, "{missing} cycles missing, {unstarted} unstarted");
        let mut workers = Vec::new();
        for (dues, notes) in plan.iter().zip(&self.notes) {
            let told: Vec<_> =
                dues.iter().zip(notes).map(|(due, note)| Told { due: *due, note: *note }).collect();
            for Told { due, note } in &told {
                if (due.index, due.at.as_nanos() + begin) != (note.index, note.due) {
                    bail!("planned {due:?} from {begin} on, ran {note:?}");
                }
            }
            workers.push(told);
        }
        Ok((workers, begin))
    }
}

/// In a worker or with the variable set, runs the task or the run and never returns; otherwise does
/// nothing.
///
/// # Errors
/// If the run of the variable can't be started.
pub fn main() -> Result<()> {
    let bench = task::bench();
    if let Ok(text) = std::env::var(PROGRAM_VARIABLE) {
        let run: Run = serde_json::from_str(&text).context("set by this program alone")?;
        let bench = bench.rate(run.rate).parameters(run.work).workers(run.workers);
        // The command line is that of a program without flags.
        let outcome = bench.main_with(["truth".into()]);
        std::process::exit(outcome.exit_code().into());
    }
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(()) };
    let run: Run = serde_json::from_str(&text).context("set by this program alone")?;
    let arrivals = run.load().arrivals;
    let bench = match run.kind {
        RunKind::AtRate if !run.stages.is_empty() => bench.stages(&run.stages),
        RunKind::AtRate => bench.rate(run.rate).duration(run.window),
        RunKind::Closed => bench.closed_loop().duration(run.window),
        RunKind::Search { time } => bench.search_time(time).duration(run.window),
    };
    let bench = match run.in_flight {
        Some(in_flight) => bench.in_flight(in_flight),
        None => bench,
    };
    let bench = bench
        .parameters(run.work)
        .arrivals(arrivals)
        .workers(run.workers)
        .warmup(run.warmup)
        .seed(run.seed)
        // Without a limit to the backlog, growth alone decides the verdict, and cycles that wait
        // still run.
        .on_backlog(OnBacklog::Queue)
        .drain_deadline(DRAIN_DEADLINE);
    match run.kind {
        RunKind::AtRate | RunKind::Closed => print(&bench.run()?)?,
        RunKind::Search { .. } => print(&bench.search()?)?,
    }
    std::process::exit(0)
}

fn print(result: &impl Serialize) -> Result<()> {
    Ok(serde_json::to_writer(std::io::stdout(), result)?)
}

/// The drain deadline of each run: enough for the backlog of 30 s at 1.5 times the capacity.
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);
