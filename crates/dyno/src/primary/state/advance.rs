//! The steps that follow from the stages of all workers and from the time: the plan begins, leases
//! are given, phases end, deadlines pass.

use dyno_bus::Time;
use dyno_bus::message::Command;

use super::event::{Action, Cause, RunPhase};
use super::member::Member;
use super::schedule::Schedule;
use super::stage::MemberStage;
use super::{Gate, Primary};

impl Primary {
    /// Does what follows from the stages of all workers, and from the time.
    pub(super) fn advance(&mut self, now: Time, actions: &mut Vec<Action>) {
        if self.phase == RunPhase::Starting
            && self.members.values().iter().all(|member| member.stage == MemberStage::Ready)
        {
            self.at_gate(now, actions);
        }
        if matches!(self.phase, RunPhase::WarmingUp | RunPhase::Measuring) {
            self.follow_plan(now, actions);
        }
        if self.phase == RunPhase::Draining {
            self.drain(now, actions);
        }
        if self.phase >= RunPhase::Draining
            && self.phase < RunPhase::Done
            && self.members.values().iter().all(Member::gone)
        {
            self.deadline = Time::NEVER;
            self.enter(RunPhase::Done, actions);
        }
    }

    /// Begins the plan if the gate lets it.
    fn at_gate(&mut self, now: Time, actions: &mut Vec<Action>) {
        match self.gate {
            Gate::Open => self.begin_plan(Schedule::new(&self.plan, now), actions),
            Gate::Given(t0) => self.begin_plan(Schedule::from(&self.plan, now, t0), actions),
            Gate::Closed => {
                // The workers have kept the deadline of the start. The one who opens the gate has
                // a deadline for it.
                self.gate = Gate::Waiting;
                self.deadline = Time::NEVER;
                actions.push(Action::Ready);
            }
            Gate::Waiting => {}
        }
    }

    fn begin_plan(&mut self, schedule: Schedule, actions: &mut Vec<Action>) {
        let schedule = self.schedule.insert(schedule);
        let segments = schedule.segments().to_vec();
        self.deadline = Time::NEVER;
        for segment in segments {
            actions.push(Action::Planned(segment));
            let send = |worker: &u32| Action::Send(*worker, Command::Segment(segment));
            actions.extend(self.members.numbers().iter().map(send));
        }
        self.enter(RunPhase::WarmingUp, actions);
    }

    fn follow_plan(&mut self, now: Time, actions: &mut Vec<Action>) {
        // A stretch comes before the lease that covers its beginning.
        let stretches = self.schedule.as_mut().map(|plan| plan.next_stretches(now));
        for stretch in stretches.unwrap_or_default() {
            self.plan_on(stretch, actions);
        }
        let Some(schedule) = &mut self.schedule else { return };
        if let Some(lease) = schedule.lease(now) {
            for (worker, member) in self.members.iter() {
                if member.stage == MemberStage::Ready {
                    actions.push(Action::Send(worker, Command::Lease(lease)));
                }
            }
        }
        let (measured_from, end) = (schedule.measured_from(), schedule.end());
        if self.phase == RunPhase::WarmingUp && now >= measured_from {
            self.enter(RunPhase::Measuring, actions);
        }
        if self.phase == RunPhase::Measuring && now >= end {
            // The deadline counts from now, not from the plan's end: if this tick is late, so was
            // the last lease.
            self.deadline = now + self.plan.deadlines.drain + self.plan.deadlines.kill_grace;
            self.enter(RunPhase::Draining, actions);
        }
    }

    /// Requests the accounts that are still missing. Once all are given, lets `after` run.
    fn drain(&mut self, now: Time, actions: &mut Vec<Action>) {
        for (worker, member) in self.members.iter_mut() {
            if member.drain_wanted && member.stage == MemberStage::Ready {
                member.drain_wanted = false;
                member.drain_sent = now;
                actions.push(Action::Send(worker, Command::Drain));
            }
        }
        if !self.members.values().iter().all(|member| member.stage >= MemberStage::Drained) {
            return;
        }
        self.enter(RunPhase::Finishing, actions);
        self.deadline = now + self.plan.deadlines.after;
        for (worker, member) in self.members.iter_mut() {
            // A process that is being killed runs no hook.
            if member.stage == MemberStage::Drained && !member.killed {
                member.stage = MemberStage::Acked;
                actions.push(Action::Send(worker, Command::Ack));
            }
        }
    }

    /// Names and kills each worker that is late.
    pub(super) fn check_deadlines(&mut self, now: Time, actions: &mut Vec<Action>) {
        if now >= self.severed_until {
            return self.kill_all(now, actions);
        }
        let passed = now >= self.deadline;
        let phase = self.phase;
        if passed {
            // A start that took too long becomes a drain. Its deadline counts from now.
            self.deadline = if phase == RunPhase::Starting { now } else { Time::NEVER };
        }
        for &worker in self.members.numbers().iter() {
            let member = self.member(worker);
            let overdue = now >= member.next_deadline();
            // A worker that is being killed can only be given up. Any other that is late is named
            // and killed.
            let cause = match (phase, member.stage) {
                (_, MemberStage::Gone) => continue,
                _ if member.killed => {
                    if overdue {
                        // Not even SIGKILL ends a process that the kernel holds.
                        self.part_with(now, worker, actions);
                    }
                    continue;
                }
                (
                    RunPhase::Starting | RunPhase::Draining,
                    stage @ (MemberStage::Spawned | MemberStage::Greeted),
                ) if passed => Cause::StartDeadline(stage),
                (RunPhase::Draining, MemberStage::Ready | MemberStage::Verifying) if passed => {
                    Cause::DrainDeadline
                }
                (RunPhase::Finishing, MemberStage::Acked) if passed => Cause::AfterDeadline,
                (_, MemberStage::Finished) if overdue => Cause::LateExit,
                _ if overdue => Cause::ClosedEarly,
                _ => continue,
            };
            self.fault(now, worker, cause, actions);
            self.kill(now, worker, actions);
        }
    }
}
