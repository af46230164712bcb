//! One worker, as the primary sees it: its stage and its deadline.

use std::time::Duration;

use dyno_bus::Time;

use super::event::Exit;
use super::stage::MemberStage;

/// The primary's knowledge of one worker.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) stage: MemberStage,
    /// `true` once its socket has been read to the end.
    pub(crate) closed: bool,
    /// The exit of its process, once it has ended and been reaped.
    pub(crate) exited: Option<Exit>,
    /// `true` while it still has to be sent `Drain`, once it is ready.
    pub(crate) drain_wanted: bool,
    /// The instant at which it was sent `Drain`; `NEVER` before.
    pub(crate) drain_sent: Time,
    /// `true` once its fault has been reported, or needs no report.
    pub(crate) faulted: bool,
    /// `true` once it has been killed.
    pub(crate) killed: bool,
    /// The instant at which it is killed or, if it has been killed already, given up.
    deadline: Time,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            stage: MemberStage::default(),
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
    /// Returns `true` if its socket and its process have ended, or it was given up.
    pub(crate) fn gone(&self) -> bool {
        self.stage == MemberStage::Gone
    }

    /// Returns the instant at which it is killed or given up; `NEVER` if it has no deadline.
    pub(crate) fn next_deadline(&self) -> Time {
        self.deadline
    }

    /// Notes that it sent its `Bye`; it must exit before `deadline`.
    pub(crate) fn finish(&mut self, deadline: Time) {
        self.stage = MemberStage::Finished;
        self.deadline = deadline;
    }

    /// Notes that its hook failed; it must send its `Bye` before `deadline`.
    pub(crate) fn fail(&mut self, deadline: Time) {
        self.stage = MemberStage::HookFailed;
        self.deadline = deadline;
    }

    /// Notes that its socket or its process has ended. If only the socket has, the process must
    /// exit before `deadline`.
    pub(crate) fn close_deadline(&mut self, deadline: Time) {
        if self.exited.is_some() || self.gone() {
            // The process has ended, and only its socket may still be read; or the worker was given
            // up, and is not waited for again.
            self.deadline = Time::NEVER;
        } else if self.closed && self.deadline == Time::NEVER {
            self.deadline = deadline;
        }
    }

    /// Notes that it is killed; it must be gone before `deadline`.
    pub(crate) fn expect_end(&mut self, deadline: Time) {
        self.deadline = deadline;
    }

    /// Brings its deadline forward to `deadline`, unless it is gone.
    pub(crate) fn hurry(&mut self, deadline: Time) {
        if !self.gone() {
            self.deadline = self.deadline.min(deadline);
        }
    }

    /// Extends its deadline by `span`.
    pub(crate) fn put_off(&mut self, span: Duration) {
        self.deadline = self.deadline + span;
    }

    /// Notes that it is gone. Returns `true` if its cycles are accounted for: it gave its account,
    /// or it never had a cycle.
    #[must_use]
    pub(crate) fn go(&mut self) -> bool {
        self.deadline = Time::NEVER;
        let stage = std::mem::replace(&mut self.stage, MemberStage::Gone);
        stage != MemberStage::Ready && stage != MemberStage::Verifying
    }
}
