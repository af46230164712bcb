//! All that can happen to a primary, and all that it can then ask for.

use dyno_bus::Segment;
use std::time::Duration;

use dyno_bus::message::{Bye, Command, Drained, Hello, Hook};
use dyno_bus::segment::PerPhase;

/// All that can wake the primary's state machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// The run begins.
    Begin,
    /// A worker's process could not be started.
    SpawnFailed { worker: u32, error: String },
    /// A worker said who it is.
    Hello { worker: u32, hello: Hello },
    /// A worker's `before` is done.
    Ready { worker: u32 },
    /// A worker's hook failed.
    HookFailed { worker: u32, hook: Hook, message: String },
    /// A worker gave its account.
    Drained { worker: u32, drained: Drained },
    /// That account agrees with ours, or how it does not.
    Verified { worker: u32, result: Result<(), String> },
    /// A worker said its last words.
    Bye { worker: u32, bye: Bye },
    /// What a worker sent can't be true.
    Broken { worker: u32, error: String },
    /// A worker's socket has been read to its end.
    Closed { worker: u32 },
    /// A worker's process has ended, and been reaped.
    Exited { worker: u32, exit: Exit },
    /// The backlog passed its limit.
    BacklogPassed,
    /// A signal asked this process to end.
    Signal,
    /// The caller asks for an early end.
    Stop,
    /// The caller asks for another rate.
    Rate(f64),
    /// This process stood still for so long, and perhaps its workers too.
    Stalled(Duration),
    /// Time passed, and all that had come by then has been told.
    Tick,
}

/// What the driver must do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Start this worker's process.
    Spawn(u32),
    /// Send a command to a worker.
    Send(u32, Command),
    /// Compare a worker's account with what was issued to it and what has come from it. In a
    /// closed loop, `None`, what it says that it began was issued.
    Verify { worker: u32, drained: Drained, issued: Option<PerPhase<u64>> },
    /// Compare a worker's last count with what has come from it.
    VerifyBye { worker: u32, bye: Bye },
    /// A worker is gone that gave no account: what it was issued and did not report is lost. In a
    /// closed loop, `None`, that is what it had begun.
    WriteOff { worker: u32, issued: Option<PerPhase<u64>> },
    /// Kill a worker's process group.
    Kill(u32),
    /// Something went wrong that the user must know.
    Fault(Fault),
    /// The plan begins, or goes on: for whoever draws it.
    Planned(Segment),
    /// The run has come to this phase.
    Enter(Phase),
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Workers are started and get ready.
    Starting,
    /// Cycles run and do not count.
    WarmingUp,
    /// Cycles run and count.
    Measuring,
    /// No cycle becomes due any more; those that are due end.
    Draining,
    /// All accounts are given: the workers' `after`.
    Finishing,
    /// Everything is killed.
    Killing,
    /// No worker is left.
    Done,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
            Self::Finishing => "finishing",
            Self::Killing => "killing",
            Self::Done => "done",
        })
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {number}"),
            },
        }
    }
}

/// Something that went wrong with a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) worker: u32,
    /// In which phase of the run.
    pub(super) phase: Phase,
    pub(super) cause: Cause,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its process could not be started.
    Spawn(String),
    /// It was not ready in time, and is killed.
    StartDeadline,
    /// Its hook failed.
    Hook(Hook, String),
    /// It ended before it had said its last words.
    Died(Exit),
    /// It closed its socket and lives on, and is killed.
    ClosedEarly,
    /// It did not give its account in time, and is killed.
    DrainDeadline,
    /// Its `after` did not end in time, and it is killed.
    AfterDeadline,
    /// It said its last words and lives on, and is killed: its data is whole.
    LateExit,
    /// What it sent can't be true, and it is killed.
    Broken(String),
    /// Its account does not agree with ours.
    Accounting(String),
}
