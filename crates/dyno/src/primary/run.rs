//! The results of a primary: its updates during the run, and the whole at the end.

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::segment::PerPhase;
use dyno_observer::{
    Account, Interval, IntervalTable, Label, List, MetricStats, Observer, ProcessId, Series,
};
use dyno_summary::{CycleErrors, Fates};
use serde::{Deserialize, Serialize};

use super::state::event::{Exit, RunPhase};
use super::state::hand::HandRate;
use crate::plan::Plan;
pub(crate) use crate::verdict::stages::{Recovery, StageJudgement};
pub(crate) use crate::verdict::threshold::MeasuredThreshold;
use crate::verdict::{BacklogSample, Judgement};

/// A receiver of a run's updates.
///
/// All methods are called on the thread that drives the run: they must hand over and return.
pub(crate) trait Sink {
    /// Returns the time between two [`Tick`]s; `None` for no ticks.
    fn tick_period(&self) -> Option<Duration> {
        None
    }

    /// Receives one update.
    fn update(&mut self, _update: Update) {}

    /// Receives the end of an interval of one metric of one process. Its histogram can be read here
    /// and nowhere else.
    fn interval(&mut self, _interval: &Interval<'_>) {}

    /// Receives the end of all intervals that end at this instant: no other follows.
    fn rotated(&mut self, _at: Time) {}

    /// Receives the news that all workers are ready, and that the run waits for the instant of its
    /// first due time.
    fn ready(&mut self) {}

    /// Receives the news that this process is about to be stopped, as by Ctrl-Z.
    fn pausing(&mut self) {}

    /// Receives the news that this process goes on.
    fn continued(&mut self) {}

    /// Returns the time between two calls of [`interim`](Self::interim) from now on; `None` for no
    /// calls.
    fn interim_period(&self) -> Option<Duration> {
        None
    }

    /// Receives the record of a host of the run, whose folder has this name.
    fn record(&mut self, _folder: &str, _bytes: &[u8]) {}

    /// Receives the result so far.
    fn interim(&mut self, _interim: Interim) {}
}

/// A sink that ignores everything and reports nothing: for a run in a test.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Silent;

impl Sink for Silent {}

/// The user's callback, called about five times a second and once after the drain. A text that it
/// returns takes the live view's place, its rows cut to the terminal's width.
pub(crate) type OnTick = Box<dyn FnMut(&List) -> Option<String> + Send>;

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub(crate) enum Update {
    /// The run has come to this phase.
    Entered(RunPhase),
    /// The state of the run, in the period that the sink requested.
    Tick(Box<Tick>),
    /// A line that a worker wrote.
    Line {
        /// The worker's index, from 0.
        worker: u32,
        /// The stream that it was written to.
        stream: Stream,
        /// The text, without its line ending.
        text: String,
    },
    /// A warning, which takes nothing from the result.
    Warning(String),
    /// A fault, in one sentence with worker, pid, phase and cause.
    Fault(String),
    /// The rate that a key has requested.
    Rate(HandRate),
}

/// A worker's output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The worker's standard output.
    Stdout,
    /// The worker's standard error.
    Stderr,
}

/// The state of a run at one instant.
#[derive(Debug, Clone)]
pub(crate) struct Tick {
    /// The phase of the run.
    pub phase: RunPhase,
    /// Time since the run's first due time; zero before that.
    pub elapsed: Duration,
    /// Cycles issued and ended so far.
    pub totals: Totals,
    /// The backlog at this instant.
    pub backlog: BacklogSample,
    /// All processes with their metrics.
    pub list: List,
    /// The thresholds with their values so far; empty before the measured window.
    pub thresholds: Vec<MeasuredThreshold>,
    /// A number for each threshold, whose sum over all hosts is judged.
    pub beyond: Vec<u64>,
}

/// The result of a run so far, for those who look at it while it goes on.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "dashboard"), expect(dead_code, reason = "the dashboard reads all of it"))]
pub(crate) struct Interim {
    /// The phase of the run.
    pub phase: RunPhase,
    /// Time since the run's first due time; zero before that.
    pub elapsed: Duration,
    /// The outcomes of all cycles so far.
    pub account: Account,
    /// The backlog over the measured window.
    pub backlog: BacklogSummary,
    /// Failed cycles by message, most frequent first.
    pub errors: Vec<CycleErrors>,
    /// Facts that the user should know, one sentence each.
    pub warnings: Vec<String>,
    /// The points of the run, warm-up included.
    pub series: Vec<RunSample>,
    /// The values of each metric, merged over the workers.
    pub merged: Vec<(Label, Series)>,
    /// The interval table.
    pub intervals: IntervalTable,
    /// All processes, with their process ids and their metrics.
    pub processes: Vec<(ProcessId, u32, Vec<MetricStats>)>,
}

/// The cycles of all workers together, issued and ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Cycles due so far.
    pub issued: PerPhase<u64>,
    /// Cycles that completed so far.
    pub completed: PerPhase<u64>,
    /// Cycles that failed so far.
    pub failed: PerPhase<u64>,
}

/// One point of the run's time series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunSample {
    /// Time since the run's first due time.
    pub t: Duration,
    /// Cycles issued since the point before, warm-up included.
    pub issued: u64,
    /// Cycles completed since the point before.
    pub completed: u64,
    /// The backlog at this point.
    pub backlog: u64,
    /// Statistics of the interval that ends here, over all workers. The observer's own snapshots
    /// are thinned out where a run lasts longer than its plan.
    pub merged: Box<[MetricStats]>,
}

/// All that a primary knows of a run that is over.
#[derive(Debug)]
pub(crate) struct Run {
    /// The plan that the run followed.
    pub plan: Plan,
    /// Wall time of the run's begin, since the Unix epoch.
    pub started_at: Duration,
    /// Time from the run's begin to its end.
    pub elapsed: Duration,
    /// The length of the measured window: from its first instant to the plan's end or the early
    /// stop. Zero if it never began.
    pub window: Duration,
    /// The verdict with its reasons and a hint.
    pub judgement: Judgement,
    /// Facts that the user should know in addition to the verdict, one sentence each.
    pub warnings: Vec<String>,
    /// The outcomes of all cycles.
    pub account: Account,
    /// Cycles that completed inside the measured window.
    pub delivered: u64,
    /// Cycles that completed after the measured window's end, while draining.
    pub late: u64,
    /// The backlog over the window.
    pub backlog: BacklogSummary,
    /// Failed cycles by message, most frequent first.
    pub errors: Vec<CycleErrors>,
    /// The thresholds of the plan, with their values.
    pub thresholds: Vec<MeasuredThreshold>,
    /// The workers, by index.
    pub workers: Vec<WorkerEnd>,
    /// The points of the whole run, warm-up included.
    pub series: Vec<RunSample>,
    /// The cost and the troubles of the harness itself.
    pub harness: HarnessSummary,
    /// The histograms and snapshots of all metrics.
    pub observer: Observer,
    /// The hosts of a run over several, by their places; empty for a run on one host.
    pub hosts: Vec<HostEnd>,
    /// The record of a share of a run, as bytes: it can be merged with those of the other hosts.
    pub record: Option<Vec<u8>>,
}

/// The backlog over the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BacklogSummary {
    /// At the window's begin: inherited from the warm-up.
    pub start: u64,
    /// The largest backlog of all samples.
    pub max: u64,
    /// At the window's end.
    pub end: BacklogSample,
}

/// A worker at the run's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerEnd {
    /// The worker's index, from 0.
    pub index: u32,
    /// Its process id; `None` if it never started.
    pub pid: Option<u32>,
    /// The end of its process; `None` if it never started, or if it was given up without an end.
    pub exit: Option<Exit>,
}

/// One host of a run over several, at the run's end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HostEnd {
    /// Its name; may be empty.
    pub name: String,
    /// The number of its workers.
    pub workers: u32,
    /// The outcomes of its cycles that were due in the window.
    pub cycles: Fates,
    /// Its cycles that completed inside the window.
    pub delivered: u64,
    /// The length of its window.
    pub window: Duration,
    /// Its measured cycles that came due while no lease covered them.
    pub unleased: u64,
    /// The time for which its recording threads waited for the bus, in the worker where they waited
    /// most.
    pub bus_stall: Duration,
    /// The longest time for which one of its processes stood still; `None` if none did.
    pub stood_still: Option<Duration>,
    /// The processor time of its primary over the run, as a share of one core.
    pub cpu_share: f64,
    /// The p99 of the delay of its primary's timer, in nanoseconds.
    pub loop_lag_p99: Option<u64>,
    /// Its clock against that of another host.
    pub clock: Option<HostClock>,
}

/// The clock of a host against that of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostClock {
    /// The host's time less the other's, in nanoseconds.
    pub offset_ns: i64,
    /// The change of the offset over the run, in nanoseconds.
    pub drift_ns: i64,
    /// The offset is known to this many nanoseconds.
    pub bound_ns: u64,
}

/// The cost of the harness itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HarnessSummary {
    /// Measured cycles that came due while no lease covered them.
    pub unleased: u64,
    /// The time for which recording threads waited for the bus, over all processes.
    pub bus_stall: Duration,
    /// The processor time of the primary over the run, as a share of one core.
    pub cpu_share: f64,
    /// The length of each time that the run was stopped (Ctrl-Z).
    pub pauses: Vec<Duration>,
}
