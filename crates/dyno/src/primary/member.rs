//! One worker, as the primary sees it.

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
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) stage: Stage,
    /// Its socket has been read to the end.
    pub(super) closed: bool,
    /// Its process has ended and been reaped.
    pub(super) exited: Option<Exit>,
    /// It is to be told to drain, once it is ready.
    pub(super) drain_wanted: bool,
    /// What is wrong with it has been said, or need not be.
    pub(super) faulted: bool,
    /// It has been killed.
    pub(super) killed: bool,
    /// When it is killed if it is not gone by then.
    deadline: Option<Time>,
}

impl Member {
    /// Nothing of it is left.
    pub(super) fn gone(&self) -> bool {
        self.stage == Stage::Gone
    }

    /// When it is killed, if ever.
    pub(super) fn next_deadline(&self) -> Time {
        self.deadline.unwrap_or(Time::NEVER)
    }

    /// It said its last words, and has until then to exit.
    pub(super) fn finish(&mut self, deadline: Time) {
        self.stage = Stage::Finished;
        self.deadline = Some(deadline);
    }

    /// Its hook failed, and it has until then to say its last words.
    pub(super) fn fail(&mut self, deadline: Time) {
        self.stage = Stage::HookFailed;
        self.deadline = Some(deadline);
    }

    /// It closed its socket, and has until then to exit.
    pub(super) fn close_deadline(&mut self, deadline: Time) {
        if self.closed && self.exited.is_none() && self.deadline.is_none() {
            self.deadline = Some(deadline);
        }
    }

    /// Its deadline has been acted upon.
    pub(super) fn no_deadline(&mut self) {
        self.deadline = None;
    }

    /// Whether its cycles were accounted for by the stage at which it ended: it gave its account,
    /// or it never had a cycle.
    pub(super) fn accounted(&self, stage: Stage) -> bool {
        stage != Stage::Ready && stage != Stage::Verifying
    }
}
