//! The summary: the whole report of a run that is over. Its field names are a contract.
//!
//! `--format json` prints it, `run.json` stores it, and `.run()` returns it. Every other format is
//! made from it alone, so that a saved run prints as it did when it was new. Spans of time are
//! whole nanoseconds. Fields may be added within a version; any other change that a reader could
//! notice raises [`SCHEMA`]. `docs/summary.schema.json` describes the same contract for other
//! tools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::environment::Environment;
use super::redact;
pub use crate::primary::{CycleErrors, Fates};
use crate::verdict::Verdict;

mod gather;

/// The version of the contract.
pub const SCHEMA: u32 = 1;
/// The most messages of failed cycles that are listed, most frequent first.
pub const ERRORS_LISTED: usize = 10;
/// The largest whole number up to which every reader of JSON is exact.
const EXACT_MAX: f64 = (1_u64 << 53) as f64;

/// The summary of a run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this contract: [`SCHEMA`].
    pub schema: u32,
    /// The benchmark's name.
    pub benchmark: String,
    /// The verdict's name; [`Summary::verdict`] gives it as a value.
    pub verdict: String,
    /// The reasons, a sentence each, those of the verdict first.
    pub reasons: Vec<String>,
    /// Warnings that a reader should know in order to understand the figures.
    pub warnings: Vec<String>,
    /// The exit code of the primary.
    pub exit_code: i32,
    /// The wall time of the run's begin, as in RFC 3339, in UTC.
    pub started_at: String,
    /// The time from the run's begin to its end, in nanoseconds.
    pub elapsed_ns: u64,
    /// The command line, without the passwords of its URLs.
    pub command: Vec<String>,
    /// The build profile: `release` or `debug`.
    pub profile: String,
    /// The settings of the run, defaults included.
    pub parameters: Parameters,
    /// The requested rate, and the delivered one.
    pub rate: RateSummary,
    /// The outcomes of the cycles that were due in the measured window.
    pub cycles: Fates,
    /// The outcomes of the cycles that were due in the warm-up: they count in no result.
    pub warmup: Fates,
    /// The cycles that were due and had not ended.
    pub backlog: Backlog,
    /// Failed cycles by message, most frequent first: at most [`ERRORS_LISTED`].
    pub errors: Vec<CycleErrors>,
    /// The metrics by name, merged over the workers. `wait`, `service` and `response` include
    /// failed cycles.
    pub metrics: Metrics,
    /// `service` and `response` of completed cycles alone, merged over the workers; empty if no
    /// cycle failed.
    #[serde(default)]
    pub completed_metrics: Metrics,
    /// The process that issued the cycles and decided the verdict.
    pub primary: PrimaryProcess,
    /// The processes that ran the task.
    pub workers: Vec<WorkerProcess>,
    /// The course of the run: its counts, backlog and metrics over time.
    pub series: Vec<SeriesPoint>,
    /// The cost of dyno itself.
    pub harness: Harness,
    /// The environment that the run took place in.
    pub environment: Environment,
    /// A suggestion for the next run. It is for people, who read it where the run ends, and no part
    /// of the contract.
    #[serde(skip)]
    pub hint: String,
}

impl Summary {
    /// Returns the verdict; `None` for a name that this version does not know.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let signal = self.exit_code - Verdict::Interrupted { signal: 0 }.exit_code();
        let known = [
            Verdict::Completed,
            Verdict::Sustained,
            Verdict::Inconclusive,
            Verdict::Failed,
            Verdict::Unsustained,
            Verdict::Invalid,
            Verdict::Interrupted { signal },
            Verdict::Error,
        ];
        known.into_iter().find(|verdict| verdict.name() == self.verdict)
    }

    /// Returns `true` if the rate was sustained.
    #[must_use]
    pub fn sustained(&self) -> bool {
        self.verdict == Verdict::Sustained.name()
    }

    /// Turns the verdict into an error, with this reason before all others.
    pub(crate) fn fail(&mut self, reason: &str) {
        self.verdict = Verdict::Error.name().to_owned();
        self.exit_code = Verdict::Error.exit_code();
        self.reasons.insert(0, redact::text(reason));
    }

    /// Returns a metric over all workers, such as `response`.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.get(name)
    }

    /// Returns a worker by its index.
    #[must_use]
    pub fn worker(&self, index: u32) -> Option<&WorkerProcess> {
        self.workers.iter().find(|worker| worker.index == index)
    }

    /// Returns the number of failed cycles whose messages are not among [`errors`](Self::errors).
    #[must_use]
    pub fn errors_unlisted(&self) -> u64 {
        let listed: u64 = self.errors.iter().map(|error| error.count).sum();
        self.cycles.failed.saturating_sub(listed)
    }
}

/// Metrics by their names.
pub type Metrics = BTreeMap<String, Metric>;

/// The settings of a run, defaults included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Cycles per second; `None` is `max`, the closed loop.
    #[serde(serialize_with = "optional_number")]
    pub rate: Option<f64>,
    /// The length of the measured window, in nanoseconds.
    pub duration_ns: u64,
    /// The length of the warm-up before the window, in nanoseconds.
    pub warmup_ns: u64,
    /// The number of worker processes.
    pub workers: u32,
    /// The limit of the backlog, in cycles; `None` if it followed from the rate, or in a closed
    /// loop.
    pub max_backlog: Option<u64>,
    /// The policy at the backlog's limit: `stop`, `skip` or `queue`.
    pub on_backlog: String,
    /// The most cycles that may fail: a number, or a share such as `1%`.
    pub max_failed: String,
    /// The most cycles in flight per worker; `None` is unlimited, or 1 in a closed loop.
    pub in_flight: Option<u32>,
    /// The pattern of the due times: `uniform` or `poisson`.
    pub arrivals: String,
    /// The seed of the random streams.
    pub seed: u64,
    /// The way to wait for a due time: `sleep` or `spin`.
    pub pacing: String,
    /// The spans that become metrics, in addition to the benchmark's own.
    pub spans: String,
    /// The time limit for every worker to be ready, in nanoseconds.
    pub start_deadline_ns: u64,
    /// The time limit for running cycles to end, in nanoseconds.
    pub drain_deadline_ns: u64,
    /// The time limit for the workers' `after`, in nanoseconds.
    pub after_deadline_ns: u64,
    /// The time between the request that a worker ends and its kill, in nanoseconds.
    pub kill_grace_ns: u64,
    /// The task's own parameters, by name.
    pub task: serde_json::Map<String, serde_json::Value>,
}

/// The requested and the delivered rate, in cycles per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateSummary {
    /// The requested rate; `None` is `max`, the closed loop.
    #[serde(serialize_with = "optional_number")]
    pub asked: Option<f64>,
    /// The number of cycles that completed inside the measured window, divided by its length.
    #[serde(serialize_with = "number")]
    pub delivered: f64,
    /// The number of cycles that completed after the window's end, while draining: they are not in
    /// `delivered`.
    #[serde(default)]
    pub late: u64,
}

/// The number of cycles that were due and had not ended, over the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// The backlog at the window's begin, inherited from the warm-up.
    pub start: u64,
    /// The largest backlog in the window.
    pub max: u64,
    /// The backlog at the window's end.
    pub end: u64,
    /// The cycles of `end` that had not started.
    pub waiting_end: u64,
    /// The cycles of `end` that had started.
    pub running_end: u64,
}

/// The statistics of a metric, in its unit. A percentile is `None` if there are fewer values than
/// it needs: 2 for p50, 10 for p90, 100 for p99, 1,000 for p99.9.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `ns`, `bytes`, `permille` (of one core, for `cpu`), or an empty text for a plain number.
    pub unit: String,
    /// The number of values.
    pub count: u64,
    /// The smallest value; exact.
    pub min: u64,
    /// The largest value; exact.
    pub max: u64,
    /// The mean of the values; whole if the unit is `ns`.
    #[serde(serialize_with = "number")]
    pub mean: f64,
    /// The standard deviation of the values; whole if the unit is `ns`.
    #[serde(serialize_with = "number")]
    pub stddev: f64,
    /// The most recent value.
    pub last: u64,
    /// Half of the values are at most this.
    pub p50: Option<u64>,
    /// 90 % of the values are at most this.
    pub p90: Option<u64>,
    /// 99 % of the values are at most this.
    pub p99: Option<u64>,
    /// 99.9 % of the values are at most this.
    pub p999: Option<u64>,
    /// The number of values that were clamped: they were negative, infinite, or not a number.
    pub out_of_range: u64,
    /// The number of cycles that never ended and so are missing here: of `response` only.
    pub censored: u64,
}

/// The process that issued the cycles and decided the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimaryProcess {
    /// Its process id.
    pub pid: u32,
    /// The metrics of the primary alone.
    pub metrics: Metrics,
}

/// A process that ran the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerProcess {
    /// The worker's index, counted from 0.
    pub index: u32,
    /// Its process id; `None` if it never started.
    pub pid: Option<u32>,
    /// The end of the worker's process; `None` if it never started.
    pub exit: Option<WorkerExit>,
    /// The metrics of this worker alone.
    pub metrics: Metrics,
}

/// The end of a worker's process: in JSON a number, or the name of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WorkerExit {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal, such as `SIGKILL`.
    Signal(String),
}

/// One point of the run's time series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Nanoseconds since the run's first due time.
    pub t_ns: u64,
    /// The number of cycles issued since the point before, warm-up included.
    pub issued: u64,
    /// The number of cycles completed since the point before.
    pub completed: u64,
    /// The backlog at this point.
    pub backlog: u64,
    /// The metrics of the interval that ends here, merged over the workers; metrics without a value
    /// are left out.
    pub metrics: BTreeMap<String, PointMetric>,
}

/// A metric's part of a [`SeriesPoint`], in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointMetric {
    /// The number of values.
    pub count: u64,
    /// Half of the values are at most this.
    pub p50: Option<u64>,
    /// 99 % of the values are at most this.
    pub p99: Option<u64>,
    /// The largest value.
    pub max: u64,
}

/// The cost of dyno itself, and the times for which the run was stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Harness {
    /// The number of measured cycles that came due while no lease covered them.
    pub unleased: u64,
    /// The time for which recording threads waited for the bus, in nanoseconds.
    pub bus_stall_ns: u64,
    /// The p99 of the delay of the primary's own timer, in nanoseconds; `None` if it fired fewer
    /// than 100 times.
    pub loop_lag_p99: Option<u64>,
    /// The primary's processor time over the run, as a share of one core.
    #[serde(serialize_with = "number")]
    pub cpu_share: f64,
    /// The length of each time that the run was stopped, in nanoseconds.
    pub pauses: Vec<u64>,
}

/// Writes a number that is whole as an integer, as readers expect of nanoseconds and rates.
fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && (0.0..=EXACT_MAX).contains(value) {
        serializer.serialize_u64(*value as u64)
    } else {
        serializer.serialize_f64(*value)
    }
}

fn optional_number<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests;
