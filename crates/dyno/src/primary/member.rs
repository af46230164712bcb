//! One worker, as the primary sees it.

use std::time::Duration;

use dyno_bus::Time;

use super::event::Exit;

/// How far a worker has come; each stage follows those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Its process is started.
    #[default]
    Spawned,
    /// It said `Hello` and was told to start.
    Greeted,
    /// Its `before` is done: it waits for the plan, runs cycles, or drains.
    Ready,
    /// It gave its account, which is being compared.
    Verifying,
    /// Its account is settled.
    Drained,
    /// It may run `after`.
    Acked,
    /// Its hook failed: its last words follow.
    HookFailed,
    /// It said its last words.
    Finished,
    /// Its socket is read to the end and its process reaped.
    Gone,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Spawned => "just started",
            Self::Greeted => "getting ready",
            Self::Ready => "ready",
            Self::Verifying => "giving its account",
            Self::Drained => "drained",
            Self::Acked => "finishing",
            Self::HookFailed => "ending after a failed hook",
            Self::Finished => "finished",
            Self::Gone => "gone",
        })
    }
}

/// What is known of a worker.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) stage: Stage,
    /// Its socket has been read to the end.
    pub(super) closed: bool,
    /// Its process has ended and been reaped.
    pub(super) exited: Option<Exit>,
    /// It is to be told to drain, once it is ready.
    pub(super) drain_wanted: bool,
    /// When it was told to; never, if it was not.
    pub(super) drain_sent: Time,
    /// What is wrong with it has been said, or need not be.
    pub(super) faulted: bool,
    /// It has been killed.
    pub(super) killed: bool,
    /// When it is killed, or if it has been, given up.
    deadline: Time,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            stage: Stage::default(),
            closed: false,
            exited: None,
            drain_wanted: false,
            drain_sent: Time::NEVER,
            faulted: false,
            killed: false,
            deadline: Time::NEVER,
        }
    }
}

impl Member {
    /// Nothing of it is left.
    pub(super) fn gone(&self) -> bool {
        self.stage == Stage::Gone
    }

    /// When patience with it ends, if ever.
    pub(super) fn next_deadline(&self) -> Time {
        self.deadline
    }

    /// It said its last words, and has until then to exit.
    pub(super) fn finish(&mut self, deadline: Time) {
        self.stage = Stage::Finished;
        self.deadline = deadline;
    }

    /// Its hook failed, and it has until then to say its last words.
    pub(super) fn fail(&mut self, deadline: Time) {
        self.stage = Stage::HookFailed;
        self.deadline = deadline;
    }

    /// It closed its socket, and has until then to exit.
    pub(super) fn close_deadline(&mut self, deadline: Time) {
        if self.exited.is_some() || self.gone() {
            // There is no process to wait for: only what it sent is still to be read, if that. One
            // that was given up is not waited for again.
            self.deadline = Time::NEVER;
        } else if self.closed && self.deadline == Time::NEVER {
            self.deadline = deadline;
        }
    }

    /// It is killed, and has until then to be gone.
    pub(super) fn expect_end(&mut self, deadline: Time) {
        self.deadline = deadline;
    }

    /// It has until then at most, if anything of it is left.
    pub(super) fn hurry(&mut self, deadline: Time) {
        if !self.gone() {
            self.deadline = self.deadline.min(deadline);
        }
    }

    /// It has so much longer.
    pub(super) fn put_off(&mut self, span: Duration) {
        self.deadline = self.deadline + span;
    }

    /// Nothing of it is left. Whether its cycles are accounted for: it gave its account, or it
    /// never had a cycle.
    #[must_use]
    pub(super) fn go(&mut self) -> bool {
        self.deadline = Time::NEVER;
        let stage = std::mem::replace(&mut self.stage, Stage::Gone);
        stage != Stage::Ready && stage != Stage::Verifying
    }
}
