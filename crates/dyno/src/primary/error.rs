//! The reasons why a run could not be started. Later failures are part of the run's result.

use std::io;
use std::path::PathBuf;

/// A failure before anything was started.
///
/// ```no_run
/// use dyno::{RunError, StartError};
///
/// let benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).worker_exe("./worker");
/// if let Err(RunError::Start(StartError::WorkerExe { path, .. })) = benchmark.run() {
///     eprintln!("build {} first", path.display());
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The worker program can't be used.
    #[error("the worker program `{}` can't be used: {source}", path.display())]
    WorkerExe {
        /// The path given to `.worker_exe(…)`, or this program's own.
        path: PathBuf,
        /// The reason that the kernel gives.
        source: io::Error,
    },
    /// A system call that the primary itself needs has failed.
    #[error("the primary can't {what}: {source}")]
    Primary {
        /// The action that failed: the rest of "the primary can't …".
        what: &'static str,
        /// The reason that the kernel gives.
        source: io::Error,
    },
}
