//! The primary as a state machine: pure, so that every interleaving can be tested.
//!
//! ```text
//!   Starting ──all ready──▶ WarmingUp ──window begins──▶ Measuring
//!      │                        │                            │ plan's end (the last lease)
//!      │ a fault, a signal,     │ the same                   │ or an early stop
//!      ▼ a stop                 ▼                            ▼
//!   Draining ◀──────────────────┴────────────────────────────┘
//!      │ every worker that lives has given its account
//!      ▼
//!   Finishing ── every worker is gone ──▶ Done ◀── every worker is gone ── Killing
//!                                                                            ▲
//!                                        the second signal, from any phase ──┘
//! ```
//!
//! - A worker is *gone* once its socket has been read to the end **and** its process is reaped;
//!   only then is its end judged.
//! - A run that is one host's part of a larger one waits at its *gate*, with all workers ready, for
//!   the instant of its first due time.
//! - The first fault ends the run at once; the other workers drain and run `after`.
//! - No worker's `after` begins before the last cycle of all workers is over.
//! - Every wait has a deadline. When it passes, the workers that are late are named and killed; a
//!   process that survives even that is left to the kernel. Deadlines are judged at a tick, after
//!   the reading. The time for which this process itself stood still counts for no deadline.

mod advance;
pub(super) mod event;
pub(crate) mod hand;
pub(super) mod member;
pub(super) mod schedule;
pub(super) mod stage;

use std::time::Duration;

use dyno_bus::message::{Command, Drained, Hello, Hook, Start, VERSION};
use dyno_bus::segment::PerPhase;
use dyno_bus::{Segment, Time};

use self::event::{Action, Cause, Event, Exit, Fault, RunPhase};
use self::member::Member;
use self::schedule::Schedule;
use self::stage::MemberStage;
use super::crew::Crew;
use crate::plan::{Plan, Rate};

/// The time that running cycles have once nobody is left to receive the result: a second less than
/// the time after which nothing of the run is left.
const SEVERED_DRAIN: Duration = Duration::from_secs(1);
/// The time that a killed process has until it must be gone: a kernel that frees much memory takes
/// a while.
pub(crate) const REAP_DEADLINE: Duration = Duration::from_secs(5);
/// The same after the second signal, which ends everything within a second.
const REAP_DEADLINE_KILLING: Duration = Duration::from_millis(500);

/// The state of a run: its phase, and the stage of each worker.
#[derive(Debug)]
pub(crate) struct Primary {
    plan: Plan,
    nonce: u64,
    start: Start,
    phase: RunPhase,
    members: Crew<Member>,
    /// `None` until all workers are ready.
    schedule: Option<Schedule>,
    /// The deadline of the present phase: of `Starting`, `Draining` or `Finishing`, in other phases
    /// never.
    deadline: Time,
    /// `true` once a signal has requested the end: the next one kills.
    signalled: bool,
    gate: Gate,
    /// The instant at which all workers are killed, if nobody is left to receive the result; else
    /// never.
    severed_until: Time,
}

/// The permission for the plan to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// It begins as soon as all workers are ready.
    Open,
    /// It begins when [`Event::Go`] comes. Nobody knows yet whether all workers are ready.
    Closed,
    /// All workers are ready, and the plan waits for the event.
    Waiting,
    /// Its first cycle is due at this instant.
    Given(Time),
}

impl Primary {
    /// Creates a run that has not begun. `start` is the message that every worker gets.
    pub(crate) fn new(plan: Plan, nonce: u64, start: Start) -> Self {
        let members = Crew::new(plan.worker_numbers(), |_| Member::default());
        Self {
            plan,
            nonce,
            start,
            phase: RunPhase::Starting,
            members,
            schedule: None,
            deadline: Time::NEVER,
            signalled: false,
            gate: Gate::Open,
            severed_until: Time::NEVER,
        }
    }

    /// Lets the plan wait for [`Event::Go`] once all workers are ready.
    pub(crate) fn close_gate(&mut self) {
        self.gate = Gate::Closed;
    }

    /// Returns the present phase of the run.
    pub(crate) fn phase(&self) -> RunPhase {
        self.phase
    }

    /// Returns the plan in time, once all workers are ready.
    pub(crate) fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// Returns the number of cycles that have become due to a worker by `as_of`; `None` in a closed
    /// loop.
    pub(crate) fn due(&mut self, worker: u32, as_of: Time) -> Option<PerPhase<u64>> {
        match (self.plan.rate, &mut self.schedule) {
            (Rate::Max, _) => None,
            (Rate::PerSecond(_), Some(schedule)) => Some(schedule.due(worker, as_of)),
            (Rate::PerSecond(_), None) => Some(PerPhase::default()),
        }
    }

    /// Returns the instant at which the next `Tick` is needed.
    pub(crate) fn next_tick(&self) -> Time {
        let members = self.members.values().iter().map(Member::next_deadline);
        let schedule = match (&self.schedule, self.phase) {
            (Some(schedule), RunPhase::WarmingUp) => {
                schedule.measured_from().min(schedule.next_lease())
            }
            (Some(schedule), RunPhase::Measuring) => schedule.end().min(schedule.next_lease()),
            _ => Time::NEVER,
        };
        let own = self.deadline.min(self.severed_until);
        members.min().unwrap_or(Time::NEVER).min(own).min(schedule)
    }

    /// Handles one event. Returns the actions that follow, in the order to perform them.
    #[must_use]
    pub(crate) fn step(&mut self, now: Time, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.phase == RunPhase::Done {
            return actions;
        }
        self.take(now, event, &mut actions);
        self.advance(now, &mut actions);
        actions
    }

    fn take(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Begin => {
                self.deadline = now + self.plan.deadlines.start;
                actions.extend(self.members.numbers().iter().copied().map(Action::Spawn));
            }
            Event::SpawnFailed { worker, error } => {
                // It is gone at once, because a process that never started never ends.
                self.fault(now, worker, Cause::Spawn(error), actions);
                let _never_had_a_cycle = self.member(worker).go();
            }
            Event::Hello { worker, hello } => self.hello(now, worker, hello, actions),
            Event::Ready { worker } => {
                if self.expect(now, worker, MemberStage::Greeted, "Ready", actions) {
                    self.member(worker).stage = MemberStage::Ready;
                }
            }
            Event::HookFailed { worker, hook, message } => {
                let stage = match hook {
                    Hook::Before => MemberStage::Greeted,
                    Hook::After => MemberStage::Acked,
                };
                if self.expect(now, worker, stage, "Failed", actions) {
                    // It still sends its `Bye`, and ends by itself.
                    let grace = now + self.plan.deadlines.kill_grace;
                    self.member(worker).fail(grace);
                    self.fault(now, worker, Cause::Hook(hook, message), actions);
                }
            }
            Event::Drained { worker, drained } => self.drained(now, worker, drained, actions),
            Event::Verified { worker, result } => {
                // A worker that was killed meanwhile stays as it is.
                if self.member(worker).stage == MemberStage::Verifying {
                    self.member(worker).stage = MemberStage::Drained;
                }
                if let Err(error) = result {
                    self.fault(now, worker, Cause::Accounting(error), actions);
                }
            }
            Event::Bye { worker, bye } => {
                // A worker whose hook failed owes no account, so it waits for no acknowledgement.
                let stage = self.member(worker).stage;
                if stage == MemberStage::Acked || stage == MemberStage::HookFailed {
                    let grace = now + self.plan.deadlines.kill_grace;
                    self.member(worker).finish(grace);
                    actions.push(Action::VerifyBye { worker, bye });
                } else {
                    self.broken(now, worker, "`Bye` before it was acknowledged".into(), actions);
                }
            }
            Event::Broken { worker, error } => self.broken(now, worker, error, actions),
            Event::Closed { worker } => {
                self.member(worker).closed = true;
                self.lost_sight(now, worker, actions);
            }
            Event::Exited { worker, exit } => {
                self.member(worker).exited = Some(exit);
                self.lost_sight(now, worker, actions);
            }
            Event::Signal => self.signal(now, actions),
            Event::Go(t0) => {
                if matches!(self.gate, Gate::Closed | Gate::Waiting) {
                    self.gate = Gate::Given(t0);
                }
            }
            Event::Severed => self.sever(now, actions),
            Event::BacklogPassed | Event::Breached | Event::Stop => self.stop(now, actions),
            Event::Rate(rate) => {
                let runs = matches!(self.phase, RunPhase::WarmingUp | RunPhase::Measuring);
                let schedule = self.schedule.as_mut().filter(|_| runs);
                let rate = schedule.and_then(|schedule| schedule.set_rate(rate));
                actions.extend(rate.map(Action::Rate));
            }
            Event::Key(key) => {
                let schedule = self.schedule.as_mut();
                let schedule = schedule.filter(|_| self.phase == RunPhase::Measuring);
                let rate = schedule.and_then(|schedule| schedule.press(key));
                actions.extend(rate.map(Action::Rate));
            }
            Event::Stalled(span) => {
                // This process read no message then, so no worker could meet a deadline.
                self.deadline = self.deadline + span;
                self.members.values_mut().iter_mut().for_each(|member| member.put_off(span));
            }
            Event::Tick => self.check_deadlines(now, actions),
        }
    }

    fn member(&mut self, worker: u32) -> &mut Member {
        &mut self.members[worker]
    }

    fn hello(&mut self, now: Time, worker: u32, hello: Hello, actions: &mut Vec<Action>) {
        if !self.expect(now, worker, MemberStage::Spawned, "Hello", actions) {
            return;
        }
        let Hello { version, worker: index, nonce, pid: _ } = hello;
        if version != VERSION {
            let error = format!("it speaks version {version} of the protocol, this is {VERSION}");
            self.broken(now, worker, error, actions);
        } else if (index, nonce) != (worker, self.nonce) {
            let error = format!("it says that it is worker {index} of run {nonce:016x}");
            self.broken(now, worker, error, actions);
        } else {
            self.member(worker).stage = MemberStage::Greeted;
            actions.push(Action::Send(worker, Command::Start(self.start.clone())));
        }
    }

    /// Returns `true` if a worker's message is legal at its stage; otherwise breaks with the
    /// worker.
    fn expect(
        &mut self,
        now: Time,
        worker: u32,
        stage: MemberStage,
        message: &str,
        actions: &mut Vec<Action>,
    ) -> bool {
        let found = self.member(worker).stage;
        if found != stage {
            let error = format!("`{message}` from a worker that is {found}");
            self.broken(now, worker, error, actions);
        }
        found == stage
    }

    fn drained(&mut self, now: Time, worker: u32, drained: Drained, actions: &mut Vec<Action>) {
        if !self.expect(now, worker, MemberStage::Ready, "Drained", actions) {
            return;
        }
        // The plan's end needs no command; every other cut follows our `Drain`.
        let end = self.schedule.as_ref().map_or(Time::NEVER, Schedule::end);
        if drained.cut < end.min(self.member(worker).drain_sent) {
            return self.broken(now, worker, "it drained before it was asked to".into(), actions);
        }
        let issued = match (self.plan.rate, &mut self.schedule) {
            (Rate::Max, _) => None,
            (Rate::PerSecond(_), Some(schedule)) => Some(schedule.issued(worker, drained.cut)),
            (Rate::PerSecond(_), None) => Some(PerPhase::default()),
        };
        self.member(worker).stage = MemberStage::Verifying;
        actions.push(Action::Verify { worker, drained, issued });
    }

    /// Breaks with a worker whose message can't be true: it is named and killed.
    fn broken(&mut self, now: Time, worker: u32, error: String, actions: &mut Vec<Action>) {
        self.fault(now, worker, Cause::Broken(error), actions);
        self.kill(now, worker, actions);
    }

    /// Reports a worker's fault, unless it has one already, and ends the run early. A late exit
    /// ends nothing: the worker's data is whole.
    fn fault(&mut self, now: Time, worker: u32, cause: Cause, actions: &mut Vec<Action>) {
        let phase = self.phase;
        let late = cause == Cause::LateExit;
        if !std::mem::replace(&mut self.member(worker).faulted, true) {
            actions.push(Action::Fault(Fault { worker, phase, cause }));
        }
        if !late {
            self.stop(now, actions);
        }
    }

    fn kill(&mut self, now: Time, worker: u32, actions: &mut Vec<Action>) {
        let member = self.member(worker);
        // Once a process is reaped, its id may be another process's.
        if member.exited.is_none() && !std::mem::replace(&mut member.killed, true) {
            member.expect_end(now + REAP_DEADLINE);
            actions.push(Action::Kill(worker));
        }
    }

    /// Notes that a worker's socket or process has ended. Once both have, its end is judged.
    fn lost_sight(&mut self, now: Time, worker: u32, actions: &mut Vec<Action>) {
        let grace = now + self.plan.deadlines.kill_grace;
        let member = self.member(worker);
        let Some(exit) = member.exited.filter(|_| member.closed) else {
            member.close_deadline(grace);
            return;
        };
        // A worker ends well only by exit code 0 after its `Bye`. Every other end is a fault. If the
        // exit code is unknown, the worker is believed: its data is whole.
        let is_well = matches!(exit, Exit::Code(0) | Exit::Unknown);
        if !(member.stage == MemberStage::Finished && is_well) {
            self.fault(now, worker, Cause::Died(exit), actions);
        }
        self.part_with(now, worker, actions);
    }

    /// Gives a worker up as gone. If it gave no account, it is written off.
    fn part_with(&mut self, now: Time, worker: u32, actions: &mut Vec<Action>) {
        if !self.member(worker).go() {
            // It owes every cycle that became due until the run is stopped, which is now at the
            // latest.
            let issued = self.due(worker, now);
            actions.push(Action::WriteOff { worker, issued });
        }
    }

    fn signal(&mut self, now: Time, actions: &mut Vec<Action>) {
        let second = std::mem::replace(&mut self.signalled, true);
        if second {
            return self.kill_all(now, actions);
        }
        if self.phase == RunPhase::Starting {
            // A worker that is not ready may take long, and has no cycle to wait for.
            for &worker in self.members.numbers().iter() {
                if self.member(worker).stage < MemberStage::Ready {
                    self.member(worker).faulted = true;
                    self.kill(now, worker, actions);
                }
            }
        }
        self.stop(now, actions);
    }

    /// Kills all workers, because the end is wanted now: none of these ends is a fault.
    fn kill_all(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.enter(RunPhase::Killing, actions);
        self.deadline = Time::NEVER;
        self.severed_until = Time::NEVER;
        for &worker in self.members.numbers().iter() {
            self.member(worker).faulted = true;
            self.kill(now, worker, actions);
            self.member(worker).hurry(now + REAP_DEADLINE_KILLING);
        }
    }

    /// Ends the run because nobody is left to receive its result: no cycle starts any more, and those
    /// that run have [`SEVERED_DRAIN`] until all workers are killed.
    fn sever(&mut self, now: Time, actions: &mut Vec<Action>) {
        if self.severed_until == Time::NEVER && self.phase < RunPhase::Killing {
            self.severed_until = now + SEVERED_DRAIN;
        }
        if !self.signalled {
            self.signal(now, actions);
        }
    }

    /// Ends the run early: no cycle starts once the workers have received the command to drain.
    fn stop(&mut self, now: Time, actions: &mut Vec<Action>) {
        if self.phase >= RunPhase::Draining {
            return;
        }
        if let Some(schedule) = &mut self.schedule {
            schedule.stop(now);
        }
        // Before the plan has begun there is nothing to drain: the deadline of the start stays, for
        // the workers that still get ready.
        let over = match self.phase {
            RunPhase::Starting if self.gate != Gate::Waiting => self.deadline,
            _ => now + self.plan.deadlines.drain,
        };
        self.deadline = over + self.plan.deadlines.kill_grace;
        self.enter(RunPhase::Draining, actions);
        for member in self.members.values_mut() {
            member.drain_wanted = true;
        }
    }

    /// Sends another segment of the plan to all workers.
    fn plan_on(&mut self, segment: Segment, actions: &mut Vec<Action>) {
        actions.push(Action::Planned(segment));
        for &worker in self.members.numbers().iter() {
            if self.member(worker).stage == MemberStage::Ready {
                actions.push(Action::Send(worker, Command::Segment(segment)));
            }
        }
    }

    fn enter(&mut self, phase: RunPhase, actions: &mut Vec<Action>) {
        if self.phase != phase {
            self.phase = phase;
            actions.push(Action::Enter(phase));
        }
    }
}

#[cfg(test)]
mod tests;
