//! The loop of a simulated worker: hooks and cycles, as the worker's own loop runs them on an event
//! loop. It takes orders from a real bus, records at a real emitter, and reports to the bus.

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::segment::{Due, Share};

use super::chance::Chance;
use super::worker::SimulatedWorker;
use crate::primary::run::Stream;
use crate::worker::{CyclePacer, Ending, LoopOrder, LoopReport, Next, Over};

/// One in this number of cycles writes a line.
const CYCLES_PER_LINE: u64 = 16;

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
    /// Takes an order of the bus.
    pub(super) fn take_order(&mut self, order: LoopOrder, now: Time) {
        assert_eq!(self.stage, Loop::Idle, "a hook runs when cycles do not");
        match order {
            LoopOrder::Before(start) => {
                let share = Share { worker: self.index, workers: start.workers };
                self.pace = Some(CyclePacer::new(share, &start));
                self.start = Some(start);
                self.stage = Loop::Before(self.behaviour.before.end(now));
                self.print(Stream::Stdout, "begins `before`".into());
            }
            LoopOrder::After => {
                self.afters += 1;
                self.stage = Loop::After(self.behaviour.after.end(now));
                self.end.loop_lag(now.as_nanos());
            }
        }
    }

    /// Turns the loop once. Returns the time of the next turn, if the bus does not wake it before.
    pub(super) fn turn_loop(&mut self, now: Time, chance: &mut Chance) -> Time {
        match self.stage {
            Loop::Idle => return Time::NEVER,
            Loop::Before(until) | Loop::After(until) if now < until => return until,
            Loop::Before(_) => {
                let result = self.behaviour.before.result();
                self.before_failed = result.is_err();
                self.stage = if result.is_ok() { Loop::Cycles } else { Loop::Idle };
                self.end.tell(LoopReport::BeforeDone(result));
                return now;
            }
            Loop::After(_) => {
                self.stage = Loop::Idle;
                self.end.loop_lag(now.as_nanos());
                self.print(Stream::Stderr, "ends `after`".into());
                let result = self.behaviour.after.result();
                self.after_failed = result.is_err();
                self.end.tell(LoopReport::AfterDone(result));
                return Time::NEVER;
            }
            Loop::Cycles => {}
        }
        let busy_until = self.running.first().filter(|_| self.behaviour.is_sync).map(|run| run.end);
        if let Some(end) = busy_until.filter(|end| *end > now) {
            return end;
        }
        self.turn_cycles(now, chance).unwrap_or_else(|| {
            self.give_up();
            self.end.cycles_over();
            let over = Over { censored_age_min_ns: None, running_max: self.running_max };
            self.end.tell(LoopReport::CyclesOver(over));
            Time::NEVER
        })
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
            self.follow();
            let over = |run: &mut Running| run.end <= now;
            let ended: Vec<_> = self.running.extract_if(.., over).collect();
            ended.into_iter().for_each(|run| self.ended(run, now));
            let pace = self.pace.as_mut().expect("it runs");
            let running = self.running.len() as u32;
            let skipped = pace.skip(now, running, self.control.due_before());
            self.counts.warmup.skipped += skipped.warmup;
            self.counts.measured.skipped += skipped.measured;
            self.counters.skipped(skipped);
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

    /// Takes the segments that were appended to the plan.
    fn follow(&mut self) {
        let pace = self.pace.as_mut().expect("it runs");
        self.control.take_segments(|segment| {
            self.grids.follow(&segment);
            pace.follow(segment);
        });
    }

    fn begin(&mut self, due: Due, now: Time, chance: &mut Chance) {
        let ending = self.control.ending();
        assert_ne!(ending, Ending::Cut, "no cycle starts after the cut");
        assert!(ending == Ending::Open || due.at < self.control.cut(), "nor one due after it");
        assert!(due.at <= now && now > Time::ZERO, "nor before it is due");
        if due.phase != self.phase {
            self.phase = due.phase;
            self.end.set_phase(due.phase);
        }
        self.pace.as_mut().expect("it runs").begun();
        let number = self.started.len() as u64;
        let (low, high) = self.behaviour.service;
        let service = chance.micros(low.as_micros() as u64, high.as_micros() as u64);
        let hangs = self.behaviour.hangs_at == Some(number);
        self.hung |= hangs;
        let end = if hangs { Time::NEVER } else { now + service };
        let fails = (number + 1).is_multiple_of(self.behaviour.fails_each);
        if chance.one_in(CYCLES_PER_LINE) {
            self.print(Stream::Stdout, format!("begins cycle {number}"));
        }
        self.running.push(Running { due, start: now, end, fails });
        self.started.push(due);
        self.running_max = self.running_max.max(self.running.len() as u64);
        self.counts[due.phase].started += 1;
        self.counters.started(due.phase);
    }

    fn ended(&mut self, run: Running, now: Time) {
        let Running { due, start, end: _, fails } = run;
        let (wait, service) = (start.nanos_since(due.at), now.nanos_since(start));
        // A cycle is recorded before it is counted.
        let place = self.grids.place(due.stage, due.at);
        self.end.cycle(due, fails, place, wait, service);
        self.end.loop_lag(due.index);
        if fails {
            self.counts[due.phase].failed += 1;
            self.counters.failed(due.phase, due.index, "it fails".into());
        } else {
            self.counts[due.phase].completed += 1;
            self.counters.completed(due.phase);
            if due.phase == dyno_bus::Phase::Measured {
                self.counters.delivered();
            }
        }
    }

    fn give_up(&mut self) {
        self.follow();
        let pace = self.pace.as_mut().expect("it runs");
        let unstarted = pace.give_up(self.control.cut());
        self.counts.warmup.unstarted += unstarted.warmup;
        self.counts.measured.unstarted += unstarted.measured;
        self.counters.unstarted(unstarted);
        for run in self.running.drain(..) {
            self.counts[run.due.phase].abandoned += 1;
            self.counters.abandoned(run.due.phase);
        }
        self.stage = Loop::Idle;
    }
}
