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
//! Phases only go on, so that each hook is run once at most: `before` on the way to `Preparing`,
//! `after` on the way to `Finishing`, when no cycle can run any more. From every phase, the
//! primary's end of file leads to the death of the worker's whole process group: a worker never
//! outlives its primary.

use std::process::ExitCode;

use dyno_bus::Segment;
use dyno_bus::message::{Command, Failed, Hook, Lease, Report, Start};

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// `Hello` is sent; `Start` is awaited.
    Booting,
    /// `before` runs.
    Preparing,
    /// `before` is done; the plan is awaited.
    Ready,
    /// Cycles run.
    Running,
    /// No new cycles become due; those that are due end.
    Draining,
    /// The account is given; `Ack` is awaited.
    Drained,
    /// `after` runs.
    Finishing,
    /// The last words are queued; nothing follows.
    Gone,
}

/// All that can wake a worker's bus.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// From the primary.
    Command(Command),
    /// The primary closed, or speaks nonsense: for a worker it is gone either way.
    PrimaryGone,
    /// The loop has run `before`.
    BeforeDone(Result<(), String>),
    /// The loop's cycles are over.
    CyclesOver,
    /// The loop has run `after`.
    AfterDone(Result<(), String>),
}

/// What the bus must do.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are a handful of them in a run")]
pub(super) enum Action {
    /// Let the loop run `before` with these parameters.
    RunBefore(Start),
    /// Send this.
    Send(Report),
    /// The plan goes on.
    Follow(Segment),
    /// Cycles due before an instant may start.
    Extend(Lease),
    /// Nothing may start from now on: this instant is the cut.
    Cut,
    /// Publish everything, then send the account.
    SendDrained,
    /// Let the loop run `after`.
    RunAfter,
    /// Publish everything, then send the last words, then exit.
    SendBye(Exit),
    /// Kill this process's group, itself included.
    KillGroup,
}

/// How the process ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All went well.
    Well,
    /// A hook failed, and the primary has been told.
    HookFailed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Well => Self::SUCCESS,
            Exit::HookFailed => Self::FAILURE,
        }
    }
}

/// A worker's state.
#[derive(Debug)]
pub(super) struct Worker {
    phase: Phase,
}

impl Worker {
    /// A worker that has said `Hello`.
    pub(super) fn new() -> Self {
        Self { phase: Phase::Booting }
    }

    /// Takes one event.
    #[must_use]
    pub(super) fn step(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::PrimaryGone if self.phase == Phase::Gone => vec![],
            Event::PrimaryGone => vec![Action::KillGroup],
            Event::Command(command) => self.command(command),
            Event::BeforeDone(result) => self.before_done(result),
            Event::CyclesOver => self.cycles_over(),
            Event::AfterDone(result) => self.after_done(result),
        }
    }

    fn command(&mut self, command: Command) -> Vec<Action> {
        match (self.phase, command) {
            (Phase::Booting, Command::Start(start)) => {
                self.phase = Phase::Preparing;
                vec![Action::RunBefore(start)]
            }
            (Phase::Ready | Phase::Running, Command::Segment(segment)) => {
                vec![Action::Follow(segment)]
            }
            (Phase::Ready | Phase::Running, Command::Lease(lease)) => {
                self.phase = if lease.last { Phase::Draining } else { Phase::Running };
                vec![Action::Extend(lease)]
            }
            // Before the first lease there is nothing to cut, but the handshake is the same.
            (Phase::Ready | Phase::Running | Phase::Draining, Command::Drain) => {
                self.phase = Phase::Draining;
                vec![Action::Cut]
            }
            (Phase::Drained, Command::Ack) => {
                self.phase = Phase::Finishing;
                vec![Action::RunAfter]
            }
            // It may cross the account that it asks for.
            (Phase::Drained, Command::Drain) => vec![],
            // A segment or a lease of no use any more starts nothing.
            (
                Phase::Draining | Phase::Drained | Phase::Finishing,
                Command::Segment(_) | Command::Lease(_),
            ) => vec![],
            // The last words are said: nothing matters any more.
            (Phase::Gone, _) => vec![],
            (
                Phase::Preparing
                | Phase::Ready
                | Phase::Running
                | Phase::Draining
                | Phase::Drained
                | Phase::Finishing,
                Command::Start(_),
            )
            | (Phase::Booting | Phase::Preparing, Command::Segment(_) | Command::Lease(_))
            | (Phase::Booting | Phase::Preparing | Phase::Finishing, Command::Drain)
            | (
                Phase::Booting
                | Phase::Preparing
                | Phase::Ready
                | Phase::Running
                | Phase::Draining
                | Phase::Finishing,
                Command::Ack,
            ) => {
                let message = "the primary sent a command that is illegal in this phase".into();
                vec![Action::Send(Report::Notice(message)), Action::KillGroup]
            }
        }
    }

    fn before_done(&mut self, result: Result<(), String>) -> Vec<Action> {
        assert_eq!(self.phase, Phase::Preparing, "`before` was asked for");
        match result {
            Ok(()) => {
                self.phase = Phase::Ready;
                vec![Action::Send(Report::Ready)]
            }
            Err(message) => {
                self.phase = Phase::Gone;
                vec![
                    Action::Send(Report::Failed(Failed { hook: Hook::Before, message })),
                    Action::SendBye(Exit::HookFailed),
                ]
            }
        }
    }

    fn cycles_over(&mut self) -> Vec<Action> {
        assert_eq!(self.phase, Phase::Draining, "cycles are over only in a drain");
        self.phase = Phase::Drained;
        vec![Action::SendDrained]
    }

    fn after_done(&mut self, result: Result<(), String>) -> Vec<Action> {
        assert_eq!(self.phase, Phase::Finishing, "`after` was asked for");
        self.phase = Phase::Gone;
        match result {
            Ok(()) => vec![Action::SendBye(Exit::Well)],
            Err(message) => vec![
                Action::Send(Report::Failed(Failed { hook: Hook::After, message })),
                Action::SendBye(Exit::HookFailed),
            ],
        }
    }
}

#[cfg(test)]
mod tests;
