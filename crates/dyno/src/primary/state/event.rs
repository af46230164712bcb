//! The events that can happen to a primary, and the actions that it can answer with.

use std::time::Duration;

use dyno_bus::message::{Bye, Command, Drained, Hello, Hook};
use dyno_bus::segment::PerPhase;
use dyno_bus::{Segment, Time};
use serde::{Deserialize, Serialize};

use super::hand::{HandRate, RateKey};
use super::stage::MemberStage;

/// An event that can wake the primary's state machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The run begins.
    Begin,
    /// A worker's process could not be started.
    SpawnFailed { worker: u32, error: String },
    /// A worker sent its number and the run's nonce.
    Hello { worker: u32, hello: Hello },
    /// A worker's `before` is done.
    Ready { worker: u32 },
    /// A worker's hook failed.
    HookFailed { worker: u32, hook: Hook, message: String },
    /// A worker sent its account.
    Drained { worker: u32, drained: Drained },
    /// That account was compared with the primary's own counts; an error names the difference.
    Verified { worker: u32, result: Result<(), String> },
    /// A worker sent its last message.
    Bye { worker: u32, bye: Bye },
    /// A worker sent a message that can't be true.
    Broken { worker: u32, error: String },
    /// A worker's socket has been read to its end.
    Closed { worker: u32 },
    /// A worker's process has ended, and been reaped.
    Exited { worker: u32, exit: Exit },
    /// The backlog passed its limit.
    BacklogPassed,
    /// A threshold is certain to be broken, and requests the end of the run.
    Breached,
    /// A signal asked this process to end.
    Signal,
    /// The caller asks for an early end.
    Stop,
    /// The caller of a run that waits at its gate sets the instant of its first due time.
    Go(Time),
    /// Nobody is left to receive the result.
    Severed,
    /// The caller asks for another rate.
    Rate(f64),
    /// A key that changes the rate was pressed.
    Key(RateKey),
    /// This process stood still for this time, and perhaps its workers did too.
    Stalled(Duration),
    /// A deadline may have passed; messages that arrived before it are handled already.
    Tick,
}

/// An action that the driver must perform.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Start this worker's process.
    Spawn(u32),
    /// Send a command to a worker.
    Send(u32, Command),
    /// Compare a worker's account with the cycles issued to it and the records received from it. If
    /// `issued` is `None`, in a closed loop, the cycles that it reports as begun count as issued.
    Verify { worker: u32, drained: Drained, issued: Option<PerPhase<u64>> },
    /// Compare a worker's final count of values with the values received from it.
    VerifyBye { worker: u32, bye: Bye },
    /// Close the account of a worker that is gone and gave none: the cycles that were issued to it
    /// and not reported are lost. If `issued` is `None`, in a closed loop, those that it had begun
    /// count as issued.
    WriteOff { worker: u32, issued: Option<PerPhase<u64>> },
    /// Kill a worker's process group.
    Kill(u32),
    /// Report a fault to the user.
    Fault(Fault),
    /// Note a segment of the plan, which begins or continues the plan.
    Planned(Segment),
    /// Report the rate that was requested by hand.
    Rate(HandRate),
    /// Note that all workers are ready, and that the run waits at its gate.
    Ready,
    /// Note that the run has entered this phase.
    Enter(RunPhase),
}

/// A phase of a run; phases follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RunPhase {
    /// Workers are started and get ready.
    Starting,
    /// Cycles run and do not count.
    WarmingUp,
    /// Cycles run and count.
    Measuring,
    /// No cycle becomes due any more; those that are due end.
    Draining,
    /// All accounts are given; the workers run `after`.
    Finishing,
    /// Everything is killed.
    Killing,
    /// No worker is left.
    Done,
}

impl RunPhase {
    /// Returns the phase of the cycles that a view shows: once the window began, those due in it.
    pub(crate) const fn of_cycles(self) -> dyno_bus::Phase {
        match self {
            Self::Starting | Self::WarmingUp => dyno_bus::Phase::Warmup,
            Self::Measuring | Self::Draining | Self::Finishing | Self::Killing | Self::Done => {
                dyno_bus::Phase::Measured
            }
        }
    }
}

impl std::fmt::Display for RunPhase {
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

/// The end of a process, as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Exit {
    /// It exited with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
    /// It has ended, but other code in the primary's process has reaped it, and with it the exit
    /// code.
    Unknown,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {number}"),
            },
            Self::Unknown => f.write_str(
                "ended, with an unknown exit code, since other code in this process reaped it",
            ),
        }
    }
}

/// Something that went wrong with a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) worker: u32,
    /// The run's phase when it went wrong.
    pub(crate) phase: RunPhase,
    pub(crate) cause: Cause,
}

/// The cause of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its process could not be started.
    Spawn(String),
    /// It was not ready in time, had come so far, and is killed.
    StartDeadline(MemberStage),
    /// Its hook failed.
    Hook(Hook, String),
    /// It ended before it had sent its `Bye`.
    Died(Exit),
    /// It closed its socket, stayed alive, and is killed.
    ClosedEarly,
    /// It did not give its account in time, and is killed.
    DrainDeadline,
    /// Its `after` did not end in time, and it is killed.
    AfterDeadline,
    /// It sent its `Bye`, stayed alive, and is killed: its data is whole.
    LateExit,
    /// It sent a message that can't be true, and is killed.
    Broken(String),
    /// Its account does not agree with the primary's counts.
    Accounting(String),
}
