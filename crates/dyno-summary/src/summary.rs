//! The summary of a run, and those of its parts that are about the run as a whole.
//!
//! `--format json` prints it, `run.json` stores it, and `.run()` returns it. Every other format is
//! made from it alone, so that a saved run prints as it did when it was new. Spans of time are
//! whole nanoseconds. `docs/summary.schema.json` describes the same contract for other tools.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::fates::{CycleErrors, Fates};
use crate::host::HostSummary;
use crate::metric::{Metric, Metrics, PointMetric};
use crate::number::{number, optional_number};
use crate::parameters::Parameters;
use crate::process::{PrimaryProcess, WorkerProcess};
use crate::stage::StageSummary;
use crate::threshold::ThresholdResult;
use crate::verdict::{SIGNAL_EXIT, Verdict};

/// The version of the contract.
pub const SCHEMA: u32 = 1;
/// The most messages of failed cycles that are listed, most frequent first.
pub const ERRORS_LISTED: usize = 10;

/// The summary of a run that is over.
///
/// ```
/// use dyno_summary::{ReadError, Summary};
///
/// fn line(folder: &str) -> Result<String, ReadError> {
///     let summary = Summary::read(folder)?;
///     Ok(format!("{}: {}", summary.benchmark, summary.verdict))
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// The version of this contract: [`SCHEMA`].
    pub schema: u32,
    /// The benchmark's name.
    pub benchmark: String,
    /// The verdict; in JSON its name.
    pub verdict: Verdict,
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
    /// The limits that the run had to keep; missing in JSON if it had none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdResult>,
    /// The stages of the load profile, in their order; missing in JSON for a run at one rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSummary>,
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
    /// The hosts of a run over several, by their places; missing in JSON for a run on one host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostSummary>,
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
    /// Returns `true` if the rate was sustained.
    #[must_use]
    pub fn sustained(&self) -> bool {
        self.verdict == Verdict::Sustained
    }

    /// Returns the number of the signal that ended the run; `None` if the run was not interrupted.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        let signal = self.exit_code.checked_sub(SIGNAL_EXIT)?;
        (self.verdict == Verdict::Interrupted && signal > 0).then_some(signal)
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

    /// Returns one of the task's own parameters; `None` if the task has no parameter of this name,
    /// or if its value is not a `T`.
    #[must_use]
    pub fn parameter<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.parameters.task.get(name)
    }

    /// Returns the number of failed cycles whose messages are not among [`errors`](Self::errors).
    #[must_use]
    pub fn errors_unlisted(&self) -> u64 {
        // A damaged file may hold any counts, whose sum is too large.
        let counts = self.errors.iter().map(|error| error.count);
        counts.fold(self.cycles.failed, u64::saturating_sub)
    }
}

/// The requested and the delivered rate, in cycles per second.
///
/// ```
/// use dyno_summary::{RateSummary, Summary};
///
/// fn delivered_share(summary: &Summary) -> Option<f64> {
///     let RateSummary { asked, delivered, .. } = summary.rate;
///     asked.map(|asked| delivered / asked)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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
///
/// ```
/// use dyno_summary::{Backlog, Summary};
///
/// fn growth(summary: &Summary) -> i64 {
///     let Backlog { start, end, .. } = summary.backlog;
///     end.cast_signed() - start.cast_signed()
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
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

/// One point of the run's time series.
///
/// ```
/// use dyno_summary::{SeriesPoint, Summary};
///
/// fn backlogs(summary: &Summary) -> Vec<u64> {
///     summary.series.iter().map(|point: &SeriesPoint| point.backlog).collect()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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

/// The cost of dyno itself, and the times for which the run was stopped.
///
/// ```
/// use dyno_summary::{Harness, Summary};
///
/// fn is_undisturbed(summary: &Summary) -> bool {
///     let Harness { bus_stall_ns, pauses, .. } = &summary.harness;
///     *bus_stall_ns == 0 && pauses.is_empty()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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
