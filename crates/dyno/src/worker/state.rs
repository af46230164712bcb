//! The worker as a state machine: pure, so that every interleaving can be tested.
//!
//! ```text
//!            Start            before done          first Lease
//!  Booting ────────▶ Booting ─────────────▶ Ready ─────────────▶ Running
//!     │  Hello sent     │ failed: say so, exit                      │ Lease{last}, Drain
//!     ▼                 ▼                                           ▼
//!   Gone ◀───────────────────────────── Finishing ◀────────────  Draining
//!          Bye flushed    after done        ▲  │  Ack: run after   │ cycles over: Drained sent
//!                                           └──┴──────────────────┘
//! ```
//!
//! From every phase, the primary's end of file leads to the death of the worker's whole process
//! group: a worker never outlives its primary. `after` runs only in `Finishing`, which is entered
//! once and only when no cycle can run any more.

use std::process::ExitCode;

use dyno_bus::Segment;
use dyno_bus::message::{Command, Failed, Hook, Lease, Report, Start};

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// `Hello` is sent; `Start` or `before` is awaited.
    Booting,
    /// `before` is done; the plan is awaited.
    Ready,
    /// Cycles run.
    Running,
    /// No new cycles become due; those that are due end.
    Draining,
    /// The account is given; `Ack`, then `after`, then the last words.
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
            (Phase::Booting, Command::Start(start)) => vec![Action::RunBefore(start)],
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
            (Phase::Finishing, Command::Ack) => vec![Action::RunAfter],
            // A `Drain` may cross the account that it asks for; a worker that is still booting
            // is killed by the primary's deadline, not drained.
            (Phase::Booting | Phase::Finishing | Phase::Gone, Command::Drain) => vec![],
            // Segments and leases that were under way when the cut was made.
            (
                Phase::Draining | Phase::Finishing | Phase::Gone,
                Command::Segment(_) | Command::Lease(_),
            ) => vec![],
            (
                Phase::Ready | Phase::Running | Phase::Draining | Phase::Finishing | Phase::Gone,
                Command::Start(_),
            )
            | (Phase::Booting, Command::Segment(_) | Command::Lease(_))
            | (
                Phase::Booting | Phase::Ready | Phase::Running | Phase::Draining | Phase::Gone,
                Command::Ack,
            ) => {
                let message = "the primary sent a command that is illegal in this phase".into();
                vec![Action::Send(Report::Notice(message)), Action::KillGroup]
            }
        }
    }

    fn before_done(&mut self, result: Result<(), String>) -> Vec<Action> {
        assert_eq!(self.phase, Phase::Booting, "`before` runs while booting");
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
        self.phase = Phase::Finishing;
        vec![Action::SendDrained]
    }

    fn after_done(&mut self, result: Result<(), String>) -> Vec<Action> {
        assert_eq!(self.phase, Phase::Finishing, "`after` runs after the last cycle");
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
