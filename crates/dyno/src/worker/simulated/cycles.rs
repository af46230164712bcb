//! The loop of a simulated worker: hooks and cycles, as [`driver`](super::super::driver) runs them.

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::segment::Due;

use super::super::control::Ending;
use super::super::state::WorkerEvent;
use super::SimulatedWorker;
use crate::simulation::chance::Chance;
use crate::worker::cycle::pace::Next;

/// The present work of the worker's loop; hooks with the time at which they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    Idle,
    Before(Time),
    Cycles,
    After(Time),
}

/// A cycle that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    due: Due,
    start: Time,
    end: Time,
    fails: bool,
}

impl SimulatedWorker {
    /// Turns the loop once. Returns the time of the next turn, if the bus does not wake it before,
    /// and `true` if it reported something to the bus.
    pub(crate) fn turn_loop(&mut self, now: Time, chance: &mut Chance) -> (Time, bool) {
        match self.stage {
            Loop::Idle => return (Time::NEVER, false),
            Loop::Before(until) | Loop::After(until) if now < until => return (until, false),
            Loop::Before(_) => {
                let result = self.behaviour.before.result();
                self.before_failed = result.is_err();
                self.stage = if result.is_ok() { Loop::Cycles } else { Loop::Idle };
                self.told.push_back(WorkerEvent::BeforeDone(result));
                return (now, true);
            }
            Loop::After(_) => {
                self.stage = Loop::Idle;
                self.values.measured.push(now.as_nanos());
                let result = self.behaviour.after.result();
                self.after_failed = result.is_err();
                self.told.push_back(WorkerEvent::AfterDone(result));
                return (Time::NEVER, true);
            }
            Loop::Cycles => {}
        }
        let busy_until = self.running.first().filter(|_| self.behaviour.is_sync).map(|run| run.end);
        if let Some(end) = busy_until.filter(|end| *end > now) {
            return (end, false);
        }
        match self.turn_cycles(now, chance) {
            Some(at) => (at, false),
            None => {
                self.give_up();
                self.told.push_back(WorkerEvent::CyclesOver);
                (Time::NEVER, true)
            }
        }
    }

    /// Ends and begins due cycles. Returns the time at which there is more to do, or `None` when
    /// all are over.
    fn turn_cycles(&mut self, now: Time, chance: &mut Chance) -> Option<Time> {
        let start = self.start.as_ref().expect("it runs");
        let deadline = match self.control.ending() {
            Ending::Open => Time::NEVER,
            _ => self.control.cut() + Duration::from_nanos(start.drain_deadline_ns),
        };
        if now >= deadline {
            return None;
        }
        loop {
            let pace = self.pace.as_mut().expect("it runs");
            self.control.take_segments(|segment| pace.follow(segment));
            let over = |run: &mut Running| run.end <= now;
            let ended: Vec<_> = self.running.extract_if(.., over).collect();
            ended.into_iter().for_each(|run| self.ended(run, now));
            let pace = self.pace.as_mut().expect("it runs");
            let running = self.running.len() as u32;
            let skipped = pace.skip(now, running, self.control.due_before());
            self.counts.warmup.skipped += skipped.warmup;
            self.counts.measured.skipped += skipped.measured;
            let at = match pace.next(now, running, &self.control) {
                Next::Start(due) => {
                    self.begin(due, now, chance);
                    if self.behaviour.is_sync {
                        return self.running.first().map(|run| run.end);
                    }
                    continue;
                }
                Next::Over if running == 0 => return None,
                Next::At(at) => at,
                Next::Wait | Next::Over => Time::NEVER,
            };
            let end = self.running.iter().map(|run| run.end).min().unwrap_or(Time::NEVER);
            return Some(at.min(end).min(deadline));
        }
    }

    fn begin(&mut self, due: Due, now: Time, chance: &mut Chance) {
        let ending = self.control.ending();
        assert_ne!(ending, Ending::Cut, "no cycle starts after the cut");
        assert!(ending == Ending::Open || due.at < self.control.cut(), "nor one due after it");
        assert!(due.at <= now && now > Time::ZERO, "nor before it is due");
        self.pace.as_mut().expect("it runs").begun();
        let number = self.started.len() as u64;
        let (low, high) = self.behaviour.service;
        let service = chance.micros(low.as_micros() as u64, high.as_micros() as u64);
        let hangs = self.behaviour.hangs_at == Some(number);
        self.hung |= hangs;
        let end = if hangs { Time::NEVER } else { now + service };
        let fails = (number + 1).is_multiple_of(self.behaviour.fails_each);
        self.running.push(Running { due, start: now, end, fails });
        self.started.push(due.index);
        self.running_max = self.running_max.max(self.running.len() as u64);
        self.counts[due.phase].started += 1;
    }

    fn ended(&mut self, run: Running, now: Time) {
        let Running { due, start, end: _, fails } = run;
        let (wait, service) = (start.nanos_since(due.at), now.nanos_since(start));
        let cycles = if fails { &mut self.failed } else { &mut self.cycles };
        cycles[due.phase].wait.push(wait);
        cycles[due.phase].service.push(service);
        if let Some((grid, timeline)) = &mut self.timeline {
            timeline.record(grid, grid.place(due.at), wait, service);
        }
        self.values[due.phase].push(due.index);
        let counts = &mut self.counts[due.phase];
        *(if fails { &mut counts.failed } else { &mut counts.completed }) += 1;
    }

    pub(super) fn give_up(&mut self) {
        let pace = self.pace.as_mut().expect("it runs");
        self.control.take_segments(|segment| pace.follow(segment));
        let unstarted = pace.give_up(self.control.cut());
        self.counts.warmup.unstarted += unstarted.warmup;
        self.counts.measured.unstarted += unstarted.measured;
        for run in self.running.drain(..) {
            self.counts[run.due.phase].abandoned += 1;
        }
        self.stage = Loop::Idle;
    }
}
