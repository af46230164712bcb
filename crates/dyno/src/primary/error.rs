//! Why a run could not be started. What goes wrong later is part of its result.

use std::io;
use std::path::PathBuf;

/// Nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The worker program can't be used.
    #[error("the worker program `{}` can't be used: {source}", path.display())]
    WorkerExe {
        /// What `.worker_exe(…)` or the system said.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The primary's own means are missing.
    #[error("the primary can't {what}: {source}")]
    Primary {
        /// What it needs.
        what: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}
