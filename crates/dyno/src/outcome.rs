//! How a benchmark ends: an exit code from `main`, an error from `.run()`.

#[cfg(feature = "cli")]
use std::process::{ExitCode, Termination};

use crate::parameters::SettingsError;
use crate::primary::StartError;

/// What `main` returns: the verdict as an exit code.
#[cfg(feature = "cli")]
#[must_use = "return it from `main`: it is the exit code"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    code: u8,
}

#[cfg(feature = "cli")]
impl Outcome {
    pub(crate) fn new(code: i32) -> Self {
        // Every code of ours fits; what does not is an error.
        Self { code: u8::try_from(code).unwrap_or(u8::MAX) }
    }

    /// The exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        self.code
    }
}

#[cfg(feature = "cli")]
impl Termination for Outcome {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

/// Why a benchmark was not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting can't be taken.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The task's parameters are no struct that serde can name the fields of.
    #[error("invalid task parameters: {0}")]
    Parameters(String),
    /// This process is a worker of another benchmark, which was not declared before this one ran.
    #[error(
        "this process is a worker of `{benchmark}`, which is declared after `{ran}` runs: declare \
         every benchmark of a program before the first one runs"
    )]
    WorkerOfAnother {
        /// What it is a worker of.
        benchmark: String,
        /// What was to run instead.
        ran: String,
    },
    /// Another task of this program has the name, and the workers would run that one.
    #[error(
        "the name `{benchmark}` is taken: this program declares another task under it, which its \
         workers would run; give each `dyno::bench` a name of its own"
    )]
    NameTaken {
        /// The name.
        benchmark: String,
    },
    /// Inside a test, this program can't be its own workers' program.
    #[error(
        "running this program again would run its tests: name a worker program whose `main` \
         declares `{benchmark}` too, by `.worker_exe(path)`"
    )]
    WorkerExeNeeded {
        /// The benchmark.
        benchmark: String,
    },
    /// Called inside an event loop, which would be blocked for the whole run.
    #[error(
        "called inside a tokio runtime: dyno owns the event loops of its workers; call it from a \
         plain `fn main`, or declare and run it in a thread of its own by `std::thread::spawn`"
    )]
    InsideRuntime,
    /// Nothing could be started.
    #[error(transparent)]
    Start(#[from] StartError),
}
