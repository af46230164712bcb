//! The summary: all that is said of a run that is over. Its field names are a contract.
//!
//! `--format json` prints it, `run.json` keeps it, `.run()` returns it, and every other format is
//! made from it alone, so that a saved run prints as it did when it was new. Spans of time are
//! whole nanoseconds. A change that a reader could notice raises [`SCHEMA`];
//! `docs/summary.schema.json` says the same for other tools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::environment::Environment;
use super::redact;
use crate::primary::verdict::Verdict;
pub use crate::primary::{CycleErrors, Fates};

mod gather;

/// The version of the contract.
pub const SCHEMA: u32 = 1;
/// The most messages of failed cycles that are listed, most frequent first.
pub const ERRORS_LISTED: usize = 10;
/// Largest whole number to which every reader of JSON is exact.
const EXACT_MAX: f64 = (1_u64 << 53) as f64;

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of this contract: [`SCHEMA`].
    pub schema: u32,
    /// The benchmark's name.
    pub benchmark: String,
    /// The verdict's name; [`Summary::verdict`] gives it as a value.
    pub verdict: String,
    /// Why, a sentence each, those of the verdict first.
    pub reasons: Vec<String>,
    /// What should be known when reading it.
    pub warnings: Vec<String>,
    /// What the primary exits with.
    pub exit_code: i32,
    /// Wall time of the begin, as in RFC 3339, in UTC.
    pub started_at: String,
    /// From its begin to its end, in nanoseconds.
    pub elapsed_ns: u64,
    /// The command line.
    pub command: Vec<String>,
    /// `release` or `debug`.
    pub profile: String,
    /// What the run was to do.
    pub parameters: Parameters,
    /// What was asked for, and what came.
    pub rate: RateSummary,
    /// What became of the cycles due in the measured window.
    pub cycles: Fates,
    /// What became of those due in the warm-up: they count in nothing else.
    pub warmup: Fates,
    /// Cycles due and not ended.
    pub backlog: Backlog,
    /// Failed cycles by message, most frequent first: at most [`ERRORS_LISTED`].
    pub errors: Vec<CycleErrors>,
    /// Merged over the workers.
    pub metrics: Metrics,
    /// `service` and `response` of completed cycles alone, merged over the workers; empty unless
    /// cycles failed.
    #[serde(default)]
    pub completed_metrics: Metrics,
    /// The process that issued and decided.
    pub primary: PrimaryProcess,
    /// Those that ran the task.
    pub workers: Vec<WorkerProcess>,
    /// How the run went.
    pub series: Vec<SeriesPoint>,
    /// What dyno itself cost.
    pub harness: Harness,
    /// Where it ran.
    pub environment: Environment,
    /// What to try next. For people, who read it where the run ends: no part of the contract.
    #[serde(skip)]
    pub hint: String,
}

impl Summary {
    /// The verdict; `None` for a name that this version does not know.
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

    /// Whether the rate was sustained.
    #[must_use]
    pub fn sustained(&self) -> bool {
        self.verdict == Verdict::Sustained.name()
    }

    /// Makes it an error, for this reason before all others.
    pub(crate) fn fail(&mut self, reason: &str) {
        self.verdict = Verdict::Error.name().to_owned();
        self.exit_code = Verdict::Error.exit_code();
        self.reasons.insert(0, redact::text(reason));
    }

    /// A metric over all workers, such as `response`.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.get(name)
    }

    /// A worker, by its index.
    #[must_use]
    pub fn worker(&self, index: u32) -> Option<&WorkerProcess> {
        self.workers.iter().find(|worker| worker.index == index)
    }

    /// Failed cycles whose messages are not among [`errors`](Self::errors).
    #[must_use]
    pub fn errors_unlisted(&self) -> u64 {
        let listed: u64 = self.errors.iter().map(|error| error.count).sum();
        self.cycles.failed.saturating_sub(listed)
    }
}

/// By name.
pub type Metrics = BTreeMap<String, Metric>;

/// What a run was to do, defaults included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Cycles per second; `None` is `max`, the closed loop.
    #[serde(serialize_with = "optional_number")]
    pub rate: Option<f64>,
    /// The measured window, in nanoseconds.
    pub duration_ns: u64,
    /// The warm-up before it, in nanoseconds.
    pub warmup_ns: u64,
    /// How many worker processes.
    pub workers: u32,
    /// The limit of the backlog; `None` where it followed from the rate, or in a closed loop.
    pub max_backlog: Option<u64>,
    /// `stop`, `skip` or `queue`.
    pub on_backlog: String,
    /// How many cycles may fail: a number, or a share such as `1%`.
    pub max_failed: String,
    /// Cycles in flight per worker; `None` is no limit, or 1 in a closed loop.
    pub in_flight: Option<u32>,
    /// `uniform` or `poisson`.
    pub arrivals: String,
    /// Of the random streams.
    pub seed: u64,
    /// `sleep` or `spin`.
    pub pacing: String,
    /// Spans that become metrics beside the benchmark's own.
    pub spans: String,
    /// For every worker to be ready, in nanoseconds.
    pub start_deadline_ns: u64,
    /// For running cycles to end, in nanoseconds.
    pub drain_deadline_ns: u64,
    /// For the workers' `after`, in nanoseconds.
    pub after_deadline_ns: u64,
    /// Between being asked to end and being killed, in nanoseconds.
    pub kill_grace_ns: u64,
    /// The task's own.
    pub task: serde_json::Map<String, serde_json::Value>,
}

/// Cycles per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateSummary {
    /// What was asked for; `None` is `max`, the closed loop.
    #[serde(serialize_with = "optional_number")]
    pub asked: Option<f64>,
    /// Cycles that ended well inside the measured window, by its length.
    #[serde(serialize_with = "number")]
    pub delivered: f64,
    /// Cycles that ended well after the window's end, while draining: not in `delivered`.
    #[serde(default)]
    pub late: u64,
}

/// Cycles due and not ended, over the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// At its begin: inherited from the warm-up.
    pub start: u64,
    /// The most.
    pub max: u64,
    /// At its end.
    pub end: u64,
    /// Of those at its end, the ones that had not begun.
    pub waiting_end: u64,
    /// Of those at its end, the ones that had.
    pub running_end: u64,
}

/// A metric's statistics, in its unit. A percentile is `None` of fewer values than it needs: 2 for
/// p50, 10 for p90, 100 for p99, 1,000 for p99.9.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `ns`, `bytes`, `permille` (of one core, for `cpu`), or nothing for a plain number.
    pub unit: String,
    /// How many values.
    pub count: u64,
    /// The smallest; exact.
    pub min: u64,
    /// The largest; exact.
    pub max: u64,
    /// Their mean; whole where the unit is `ns`.
    #[serde(serialize_with = "number")]
    pub mean: f64,
    /// Their standard deviation; whole where the unit is `ns`.
    #[serde(serialize_with = "number")]
    pub stddev: f64,
    /// The most recent.
    pub last: u64,
    /// Half of the values are at most this.
    pub p50: Option<u64>,
    /// 90 % of the values are at most this.
    pub p90: Option<u64>,
    /// 99 % of the values are at most this.
    pub p99: Option<u64>,
    /// 99.9 % of the values are at most this.
    pub p999: Option<u64>,
    /// How many values were clamped: they were negative, infinite, or no number.
    pub out_of_range: u64,
    /// Cycles that never ended and so are missing here: of `response` only.
    pub censored: u64,
}

/// The process that issued and decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimaryProcess {
    /// Its process id.
    pub pid: u32,
    /// Its own.
    pub metrics: Metrics,
}

/// A process that ran the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerProcess {
    /// Counted from 0.
    pub index: u32,
    /// Its process id; `None` if it never started.
    pub pid: Option<u32>,
    /// How it ended; `None` if it never started.
    pub exit: Option<WorkerExit>,
    /// Its own.
    pub metrics: Metrics,
}

/// How a worker's process ended: in JSON a number, or the name of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WorkerExit {
    /// With this code.
    Code(i32),
    /// By this signal, such as `SIGKILL`.
    Signal(String),
}

/// One point of the run's time series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Nanoseconds since the run's first due time.
    pub t_ns: u64,
    /// Cycles issued since the point before, warm-up included.
    pub issued: u64,
    /// Cycles completed since the point before.
    pub completed: u64,
    /// The backlog then.
    pub backlog: u64,
    /// Of the interval that ends here, merged over the workers; those without a value left out.
    pub metrics: BTreeMap<String, PointMetric>,
}

/// A metric's part of a [`SeriesPoint`], in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointMetric {
    /// How many values.
    pub count: u64,
    /// Half of the values are at most this.
    pub p50: Option<u64>,
    /// 99 % of the values are at most this.
    pub p99: Option<u64>,
    /// The largest.
    pub max: u64,
}

/// What dyno itself cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Harness {
    /// Measured cycles that came due while no lease covered them.
    pub unleased: u64,
    /// For how long recording threads waited for the bus, in nanoseconds.
    pub bus_stall_ns: u64,
    /// How late the primary's own timer fired, in nanoseconds; `None` if it did fewer than 100 times.
    pub loop_lag_p99: Option<u64>,
    /// The primary's processor time over the run, as a share of one core.
    #[serde(serialize_with = "number")]
    pub cpu_share: f64,
    /// How long the run was stopped each time, in nanoseconds.
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
