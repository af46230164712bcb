//! The worker as a state machine: pure, so that every interleaving can be tested.
//!
//! ```text
//!              Start              `before` done          first Lease
//!   Booting ───────────▶ Preparing ─────────────▶ Ready ────────────▶ Running
//!   Hello is sent            │                      │                    │
//!                            │ failed               │ Drain, last Lease  │ Drain, last Lease
//!                            ▼                      └─────────┬──────────┘
//!                          Gone: Bye follows                  ▼
//!                            ▲                            Draining
//!                            │ `after` done, or failed        │ cycles over: the account
//!                            │               Ack              ▼
//!                        Finishing ◀────────────────────── Drained
//! ```
//!
//! Phases only go forward, so each hook runs at most once: `before` on the way to `Preparing`,
//! `after` on the way to `Finishing`, when no cycle can run any more. From every phase, the
//! primary's end of file leads to the death of the worker's whole process group: a worker never
//! outlives its primary.

use std::process::ExitCode;

use dyno_bus::Segment;
use dyno_bus::message::{Command, Failed, Hook, Lease, Report, Start};

/// The phase of a worker's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerPhase {
    /// `Hello` is sent; `Start` is awaited.
    Booting,
    /// `before` runs; no cycle is due yet.
    Preparing,
    /// `before` is done; the plan is awaited.
    Ready,
    /// Cycles run as they come due under a lease.
    Running,
    /// No new cycles become due; those that are due end.
    Draining,
    /// The account is given; `Ack` is awaited.
    Drained,
    /// `after` runs; no cycle can run any more.
    Finishing,
    /// `Bye` is queued; nothing follows it.
    Gone,
}

/// An event that can wake a worker's bus.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WorkerEvent {
    /// A command from the primary.
    Command(Command),
    /// The primary closed the bus or sent invalid data; for a worker it is gone in both cases.
    PrimaryGone,
    /// The loop has run `before`; the error's text if it failed.
    BeforeDone(Result<(), String>),
    /// The loop's cycles are over.
    CyclesOver,
    /// The loop has run `after`; the error's text if it failed.
    AfterDone(Result<(), String>),
}

/// An action that the bus must perform.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are a handful of them in a run")]
pub(crate) enum WorkerAction {
    /// Let the loop run `before` with these parameters.
    RunBefore(Start),
    /// Send this report to the primary.
    Send(Report),
    /// Append this segment to the plan.
    Follow(Segment),
    /// Extend the lease: cycles due before its end may start.
    Extend(Lease),
    /// Make the cut at this instant: no cycle starts from now on.
    Cut,
    /// Publish everything, then send the account.
    SendDrained,
    /// Let the loop run `after`.
    RunAfter,
    /// Publish everything, then send `Bye`, then exit.
    SendBye(LastWords),
    /// Kill this process's group, itself included.
    KillGroup,
}

/// The reason why the process ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastWords {
    /// All hooks have succeeded.
    Well,
    /// A hook failed, and the failure was reported to the primary.
    HookFailed,
}

impl From<LastWords> for ExitCode {
    fn from(exit: LastWords) -> Self {
        match exit {
            LastWords::Well => Self::SUCCESS,
            LastWords::HookFailed => Self::FAILURE,
        }
    }
}

/// A worker's state: its phase.
#[derive(Debug)]
pub(crate) struct WorkerState {
    phase: WorkerPhase,
}

impl WorkerState {
    /// Creates the state of a worker that has sent `Hello`.
    pub(crate) fn new() -> Self {
        Self { phase: WorkerPhase::Booting }
    }

    /// Takes one event, and returns the actions to perform, in order.
    #[must_use]
    pub(crate) fn step(&mut self, event: WorkerEvent) -> Vec<WorkerAction> {
        match event {
            WorkerEvent::PrimaryGone if self.phase == WorkerPhase::Gone => vec![],
            WorkerEvent::PrimaryGone => vec![WorkerAction::KillGroup],
            WorkerEvent::Command(command) => self.command(command),
            WorkerEvent::BeforeDone(result) => self.before_done(result),
            WorkerEvent::CyclesOver => self.cycles_over(),
            WorkerEvent::AfterDone(result) => self.after_done(result),
        }
    }

    fn command(&mut self, command: Command) -> Vec<WorkerAction> {
        match (self.phase, command) {
            (WorkerPhase::Booting, Command::Start(start)) => {
                self.phase = WorkerPhase::Preparing;
                vec![WorkerAction::RunBefore(start)]
            }
            (WorkerPhase::Ready | WorkerPhase::Running, Command::Segment(segment)) => {
                vec![WorkerAction::Follow(segment)]
            }
            (WorkerPhase::Ready | WorkerPhase::Running, Command::Lease(lease)) => {
                self.phase = if lease.last { WorkerPhase::Draining } else { WorkerPhase::Running };
                vec![WorkerAction::Extend(lease)]
            }
            // Before the first lease there is nothing to cut, but the handshake is the same.
            (WorkerPhase::Ready | WorkerPhase::Running | WorkerPhase::Draining, Command::Drain) => {
                self.phase = WorkerPhase::Draining;
                vec![WorkerAction::Cut]
            }
            (WorkerPhase::Drained, Command::Ack) => {
                self.phase = WorkerPhase::Finishing;
                vec![WorkerAction::RunAfter]
            }
            // The `Drain` may cross the account that it requests.
            (WorkerPhase::Drained, Command::Drain) => vec![],
            // A segment or a lease that comes too late starts nothing.
            (
                WorkerPhase::Draining | WorkerPhase::Drained | WorkerPhase::Finishing,
                Command::Segment(_) | Command::Lease(_),
            ) => vec![],
            // `Bye` is queued: no command matters any more.
            (WorkerPhase::Gone, _) => vec![],
            (
                WorkerPhase::Preparing
                | WorkerPhase::Ready
                | WorkerPhase::Running
                | WorkerPhase::Draining
                | WorkerPhase::Drained
                | WorkerPhase::Finishing,
                Command::Start(_),
            )
            | (
                WorkerPhase::Booting | WorkerPhase::Preparing,
                Command::Segment(_) | Command::Lease(_),
            )
            | (
                WorkerPhase::Booting | WorkerPhase::Preparing | WorkerPhase::Finishing,
                Command::Drain,
            )
            | (
                WorkerPhase::Booting
                | WorkerPhase::Preparing
                | WorkerPhase::Ready
                | WorkerPhase::Running
                | WorkerPhase::Draining
                | WorkerPhase::Finishing,
                Command::Ack,
            ) => {
                let message = "the primary sent a command that is illegal in this phase".into();
                vec![WorkerAction::Send(Report::Notice(message)), WorkerAction::KillGroup]
            }
        }
    }

    fn before_done(&mut self, result: Result<(), String>) -> Vec<WorkerAction> {
        assert_eq!(self.phase, WorkerPhase::Preparing, "`before` was asked for");
        match result {
            Ok(()) => {
                self.phase = WorkerPhase::Ready;
                vec![WorkerAction::Send(Report::Ready)]
            }
            Err(message) => {
                self.phase = WorkerPhase::Gone;
                vec![
                    WorkerAction::Send(Report::Failed(Failed { hook: Hook::Before, message })),
                    WorkerAction::SendBye(LastWords::HookFailed),
                ]
            }
        }
    }

    fn cycles_over(&mut self) -> Vec<WorkerAction> {
        assert_eq!(self.phase, WorkerPhase::Draining, "cycles are over only in a drain");
        self.phase = WorkerPhase::Drained;
        vec![WorkerAction::SendDrained]
    }

    fn after_done(&mut self, result: Result<(), String>) -> Vec<WorkerAction> {
        assert_eq!(self.phase, WorkerPhase::Finishing, "`after` was asked for");
        self.phase = WorkerPhase::Gone;
        match result {
            Ok(()) => vec![WorkerAction::SendBye(LastWords::Well)],
            Err(message) => vec![
                WorkerAction::Send(Report::Failed(Failed { hook: Hook::After, message })),
                WorkerAction::SendBye(LastWords::HookFailed),
            ],
        }
    }
}

#[cfg(test)]
mod tests;
