//! The reasons why [`Bench::run`](crate::Bench::run) returns no result.
//!
//! A run that started and went wrong is not among them: it has a result, which names the reasons.

use std::path::PathBuf;

use crate::primary::StartError;
use crate::settings::{ParameterError, SettingsError};

/// The reason why a benchmark was not run.
///
/// ```no_run
/// use dyno::RunError;
///
/// match dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).rate(5_000.0).run() {
///     Ok(summary) => println!("{}", summary.verdict),
///     Err(RunError::Settings(error)) => eprintln!("{} is not allowed", error.input),
///     Err(error) => eprintln!("{error}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The task's parameters are not a struct with named fields, serde can't read them back, or they
    /// are too long.
    #[error("invalid task parameters: {0}")]
    Parameters(#[source] ParameterError),
    /// This process is a worker of another benchmark, which was not declared before this one ran.
    #[error(
        "this process is a worker of `{benchmark}`, which is declared after `{ran}` runs: declare \
         every benchmark of a program before the first one runs"
    )]
    WorkerOfAnother {
        /// The benchmark that this process is a worker of.
        benchmark: String,
        /// The benchmark that ran first in this process.
        ran: String,
    },
    /// Another benchmark of this program runs before this one is declared, so that its workers would
    /// never come to it.
    #[error(
        "`{benchmark}` is declared after `{ran}` runs: its workers, which are this program started \
         again, would not get past that; declare every benchmark of a program before the first one \
         runs"
    )]
    DeclaredLate {
        /// The benchmark that is declared too late.
        benchmark: String,
        /// The benchmark that ran before it.
        ran: String,
    },
    /// Another task of this program has the same name, and the workers would run that task.
    #[error(
        "the name `{benchmark}` is taken: this program declares another task under it, which its \
         workers would run; give each `dyno::bench` a name of its own"
    )]
    NameTaken {
        /// The name that both tasks have.
        benchmark: String,
    },
    /// This program is a test, so that it can't be the program of its workers.
    #[error(
        "running this program again would run its tests: name a worker program whose `main` \
         declares `{benchmark}` too, by `.worker_exe(path)`"
    )]
    WorkerExeNeeded {
        /// The benchmark that a worker program has to declare.
        benchmark: String,
    },
    /// Called inside an event loop, which would be blocked for the whole run.
    #[error(
        "called inside a tokio runtime: dyno owns the event loops of its workers; call it from a \
         plain `fn main`, or declare and run it in a thread of its own by `std::thread::spawn`"
    )]
    InsideRuntime,
    /// The run could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Nothing could be started inside an emulator of another processor.
    #[error(
        "{source}; this program runs inside the emulator `{}`: run it on a processor that it was \
         built for",
        emulator.display()
    )]
    Emulated {
        /// The emulator's program.
        emulator: PathBuf,
        /// The means that it lacks.
        source: StartError,
    },
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io;

    use super::*;

    #[test]
    fn an_error_keeps_the_error_that_caused_it() {
        let missing = || StartError::WorkerExe {
            path: "worker".into(),
            source: io::Error::from(io::ErrorKind::NotFound),
        };
        let number = ParameterError::NoStruct { name: "u32" };
        let emulated = RunError::Emulated { emulator: "qemu".into(), source: missing() };
        for error in [RunError::Start(missing()), RunError::Parameters(number), emulated] {
            let cause = error.source().expect("it has a cause");
            assert!(error.to_string().contains(&cause.to_string()), "{error}: {cause}");
        }
    }
}
