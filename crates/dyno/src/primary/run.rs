//! What a primary tells while it runs, and what it knows at the end.

use std::time::Duration;

use dyno_bus::Time;
use dyno_observer::{Account, Interval, List, MetricStats, Observer};

use super::backlog::{BacklogSample, Totals};
use super::event::{Exit, Phase};
use super::plan::Plan;
use super::verdict::Judgement;

/// Who hears of a run while it goes on.
///
/// All methods are called on the thread that drives the run: they hand over and return.
pub trait Sink {
    /// How often it wants a [`Tick`]; `None` for never.
    fn tick_period(&self) -> Option<Duration>;

    /// Something happened.
    fn update(&mut self, update: Update);

    /// An interval of one metric of one process is over; its histogram can be had here and
    /// nowhere else.
    fn interval(&mut self, interval: &Interval<'_>);

    /// There are no more intervals that end at `at`.
    fn rotated(&mut self, at: Time);
}

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub enum Update {
    /// The run has come to this phase.
    Entered(Phase),
    /// How it stands.
    Tick(Box<Tick>),
    /// A line that a worker wrote.
    Line {
        /// Its index.
        worker: u32,
        /// To which of its streams.
        stream: Stream,
        /// Without its end.
        text: String,
    },
    /// Something that the user should know.
    Warning(String),
    /// Something that went wrong: one sentence with worker, pid, phase and cause.
    Fault(String),
}

/// A worker's output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a run stands.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Where it is.
    pub phase: Phase,
    /// Since its first due time; zero before that.
    pub elapsed: Duration,
    /// Cycles issued and ended so far.
    pub totals: Totals,
    /// The backlog now.
    pub backlog: BacklogSample,
    /// All processes with their metrics.
    pub list: List,
}

/// One point of the run's time series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Since the run's first due time.
    pub t: Duration,
    /// Cycles issued since the point before, warm-up included.
    pub issued: u64,
    /// Cycles completed since the point before.
    pub completed: u64,
    /// The backlog then.
    pub backlog: u64,
    /// Statistics of the interval that ends here, over all workers. The observer's own snapshots
    /// are thinned out where a run lasts longer than its plan.
    pub merged: Box<[MetricStats]>,
}

/// All that a primary knows of a run that is over.
#[derive(Debug)]
pub struct Run {
    /// What it was to do.
    pub plan: Plan,
    /// Wall time of its begin, since the Unix epoch.
    pub started_at: Duration,
    /// From its begin to its end.
    pub elapsed: Duration,
    /// The measured window: from its first instant to the plan's end or the early stop. Zero if
    /// it never began.
    pub window: Duration,
    /// Verdict, reasons, hint.
    pub judgement: Judgement,
    /// What should be known beside the verdict.
    pub warnings: Vec<String>,
    /// What became of all cycles.
    pub account: Account,
    /// Cycles that ended well inside the measured window.
    pub delivered: u64,
    /// Cycles that ended well after the measured window's end, while draining.
    pub late: u64,
    /// The backlog over the window.
    pub backlog: BacklogSummary,
    /// Failed cycles by message, most frequent first.
    pub errors: Vec<ErrorGroup>,
    /// Each worker.
    pub workers: Vec<WorkerEnd>,
    /// Over the whole run.
    pub series: Vec<Point>,
    /// The harness's own troubles.
    pub harness: HarnessSummary,
    /// Histograms and snapshots.
    pub observer: Observer,
}

/// The backlog over the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BacklogSummary {
    /// At its begin: inherited from the warm-up.
    pub start: u64,
    /// The most.
    pub max: u64,
    /// At its end.
    pub end: BacklogSample,
}

/// Failed cycles with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorGroup {
    /// What the task said, or its panic.
    pub message: String,
    /// How many.
    pub count: u64,
    /// The lowest index among them.
    pub first_cycle: u64,
}

/// A worker at the run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerEnd {
    /// Its index.
    pub index: u32,
    /// Its process id; `None` if it never started.
    pub pid: Option<u32>,
    /// How it ended; `None` if it never started.
    pub exit: Option<Exit>,
}

/// What the harness itself cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HarnessSummary {
    /// Measured cycles that came due while no lease covered them.
    pub unleased: u64,
    /// For how long recording threads waited for the bus.
    pub bus_stall: Duration,
    /// The processor time of the primary over the run, as a share of one core.
    pub cpu_share: f64,
    /// How long the run was stopped (Ctrl-Z), each time.
    pub pauses: Vec<Duration>,
}
