//! The processes of a run.

use serde::{Deserialize, Serialize};

use crate::metric::Metrics;

/// The process that issued the cycles and decided the verdict.
///
/// ```
/// use dyno_summary::{PrimaryProcess, Summary};
///
/// fn backlog_mean(summary: &Summary) -> Option<f64> {
///     let PrimaryProcess { metrics, .. } = &summary.primary;
///     metrics.get("backlog").map(|backlog| backlog.mean)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PrimaryProcess {
    /// Its process id.
    pub pid: u32,
    /// The metrics of the primary alone.
    pub metrics: Metrics,
}

/// A process that ran the task.
///
/// ```
/// use dyno_summary::{Summary, WorkerProcess};
///
/// fn busiest(summary: &Summary) -> Option<&WorkerProcess> {
///     let lag = |worker: &&WorkerProcess| worker.metrics.get("loop_lag").and_then(|lag| lag.p99);
///     summary.workers.iter().max_by_key(lag)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerProcess {
    /// The worker's index, counted from 0.
    pub index: u32,
    /// Its process id; `None` if it never started.
    pub pid: Option<u32>,
    /// The end of the worker's process; `None` if it never started, or if its end is unknown.
    pub exit: Option<WorkerExit>,
    /// The metrics of this worker alone.
    pub metrics: Metrics,
}

/// The end of a worker's process: in JSON a number, or the name of a signal.
///
/// ```
/// use dyno_summary::{Summary, WorkerExit};
///
/// fn killed(summary: &Summary) -> usize {
///     let exits = summary.workers.iter().filter_map(|worker| worker.exit.as_ref());
///     exits.filter(|exit| matches!(exit, WorkerExit::Signal(_))).count()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum WorkerExit {
    /// It exited with this code.
    Code(i32),
    /// It was ended by this signal, such as `SIGKILL`.
    Signal(String),
}
