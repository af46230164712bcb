//! The errors of a run's reports, found before any worker starts.

use std::io;
use std::path::PathBuf;

/// The reason why a report that the user requested can't be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReportError {
    /// The folder of `--out` can't be written to.
    #[error("--out {}: {source}; name a folder that can be written", path.display())]
    Out {
        /// The folder, or the file in it that can't be written.
        path: PathBuf,
        /// The error that the system reports.
        source: io::Error,
    },
    /// The file of `--log-file` can't be written.
    #[error("--log-file {}: {source}; name a file that can be written", path.display())]
    LogFile {
        /// The path that `--log-file` names.
        path: PathBuf,
        /// The error that the system reports.
        source: io::Error,
    },
    /// The address of `--dashboard` can't be used.
    #[cfg(feature = "dashboard")]
    #[error("--dashboard: {address} can't be used ({source}); name another address or port")]
    Dashboard {
        /// The address that was to be listened on.
        address: std::net::SocketAddr,
        /// The error that the system reports.
        source: io::Error,
    },
    /// The system could not start a thread for the reports.
    #[error("no thread to report on: {source}")]
    Thread {
        /// The error that the system reports.
        source: io::Error,
    },
}
