//! Why a run can't be reported as asked: said before anything starts.

use std::io;
use std::path::PathBuf;

/// What the user asked to have written and can't be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The folder of `--out` takes no files.
    #[error("--out {}: {source}; name a folder that can be written", path.display())]
    Out {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file of `--log-file` can't be written.
    #[error("--log-file {}: {source}; name a file that can be written", path.display())]
    LogFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// dyno was built without what writes logs.
    #[error("--log-file {}: this program was built without the feature `tracing` of dyno-bench", path.display())]
    LogUnsupported {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no thread to report on.
    #[error("no thread to report on: {source}")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
}
