//! A worker without threads or a process, for the simulation of whole runs.
//!
//! Its state machine, its pace, its control, its leases and its codec are the real ones; the loop
//! and the bus are models of [`super::driver`] and [`super::bus`] that are told the time. It
//! behaves as it is told to: hooks that fail or hang, cycles that never end, lies.

mod behaviour;
mod cycles;
mod lies;

use std::collections::VecDeque;
use std::time::Duration;

use dyno_bus::message::{
    Batch, Bye, Column, Command, Counts, CycleTimes, Declare, Emitted, HarnessCosts, Report, Start,
};
use dyno_bus::segment::{PerPhase, Share};
use dyno_bus::timeline::{CycleTimeline, Grid};
use dyno_bus::value::Unit;
use dyno_bus::{Link, Phase, Received, Time};

pub(crate) use self::behaviour::{Behaviour, Leaves, Lie, Run};
use self::cycles::{Loop, Running};
use super::control::{Control, Ending};
use super::grid::GridMaker;
use super::leases::Leases;
use super::pace::CyclePacer;
use super::state::{LastWords, WorkerAction, WorkerEvent, WorkerState};
use crate::simulation::chance::{Chance, Wire};

/// Nothing more is published while so many bytes wait.
const QUEUED_MAX: usize = 1_024;
/// Cycles that one batch holds at most.
const BATCH_MAX: usize = 20;

/// What is to be said once everything recorded has been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    None,
    Drained,
    Bye(LastWords),
    Exit(LastWords),
}

/// A worker.
pub(crate) struct SimulatedWorker {
    index: u32,
    nonce: u64,
    behaviour: Behaviour,
    /// None once it is closed.
    link: Option<Link<Wire, Command, Report>>,
    state: WorkerState,
    control: Control,
    leases: Leases,
    pace: Option<CyclePacer>,
    start: Option<Start>,
    stage: Loop,
    running: Vec<Running>,
    cycles: PerPhase<CycleTimes>,
    failed: PerPhase<CycleTimes>,
    values: PerPhase<Vec<u64>>,
    emitted: Emitted,
    grid_maker: GridMaker,
    timeline: Option<(Grid, CycleTimeline)>,
    running_max: u64,
    /// Cycles completed by the last batch.
    reported: u64,
    told: VecDeque<WorkerEvent>,
    goal: Goal,
    flush_next: Time,
    flush_period: Duration,
    greets_at: Time,
    /// It reads and says nothing more: it has ended by itself.
    deaf: bool,
    /// What became of its cycles, in truth.
    pub(crate) counts: PerPhase<Counts>,
    /// The cycles that it started.
    pub(crate) started: Vec<u64>,
    /// It told a lie.
    pub(crate) lied: bool,
    /// Its account is on its way.
    pub(crate) drained: bool,
    /// Its last words are in the wire.
    pub(crate) said_bye: bool,
    /// Its `before` failed.
    pub(crate) before_failed: bool,
    /// Its `after` failed.
    pub(crate) after_failed: bool,
    /// How often `after` has begun.
    pub(crate) afters: u32,
    /// A cycle began that never ends.
    pub(crate) hung: bool,
    /// With which code the process has ended by itself; `None` while it lives.
    pub(crate) exit: Option<i32>,
    /// It has killed itself.
    pub(crate) killed_itself: bool,
}

impl SimulatedWorker {
    pub(crate) fn new(index: u32, nonce: u64, wire: Wire, behaviour: Behaviour, now: Time) -> Self {
        Self {
            index,
            nonce,
            link: Some(Link::new(wire)),
            state: WorkerState::new(),
            control: Control::default(),
            leases: Leases::new(index),
            pace: None,
            start: None,
            stage: Loop::Idle,
            running: Vec::new(),
            cycles: PerPhase::default(),
            failed: PerPhase::default(),
            values: PerPhase::default(),
            emitted: Emitted { values: vec![0], ..Emitted::default() },
            grid_maker: GridMaker::default(),
            timeline: None,
            running_max: 0,
            reported: 0,
            told: VecDeque::new(),
            goal: Goal::None,
            flush_next: Time::NEVER,
            flush_period: Duration::ZERO,
            greets_at: now + behaviour.boot,
            deaf: false,
            counts: PerPhase::default(),
            started: Vec::new(),
            lied: false,
            drained: false,
            said_bye: false,
            before_failed: false,
            after_failed: false,
            afters: 0,
            hung: false,
            exit: None,
            killed_itself: false,
            behaviour,
        }
    }

    /// Bytes that have crossed its wire.
    pub(crate) fn moved(&self) -> u64 {
        self.link.as_ref().map_or(0, |link| link.stream().moved())
    }

    /// Whether all that it had to say has been written.
    pub(crate) fn is_silent(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.queued() == 0)
    }

    /// Its `before` runs, or has run.
    pub(crate) fn prepares(&self) -> bool {
        self.start.is_some()
    }

    /// Cycles due before this instant were its own.
    pub(crate) fn cut(&self) -> Time {
        self.control.cut()
    }

    /// Closes its socket, at times in the middle of a frame.
    pub(crate) fn close(&mut self, chance: &mut Chance) {
        if chance.one_in(2)
            && let Some(link) = &mut self.link
        {
            link.stream().cut_after(chance.between(1, 12) as usize);
            // Both may fail where the primary is gone: then nothing is cut.
            let _queued = link.send(&Report::Notice("never read to its end".into()));
            let _flushed = link.flush();
        }
        self.link = None;
    }

    /// Takes its end of the wire away, which a process that it started goes on holding.
    pub(crate) fn leak(&mut self) -> Option<impl Sized + 'static> {
        self.link.take()
    }

    /// Turns the bus once; when it wants to be turned again, if nothing arrives before.
    pub(crate) fn turn_bus(&mut self, now: Time, chance: &mut Chance) -> Time {
        if now < self.greets_at {
            return self.greets_at;
        }
        if self.greets_at > Time::ZERO {
            self.greets_at = Time::ZERO;
            self.greet();
        }
        if let Some(link) = &self.link {
            link.stream().turn(chance);
        }
        self.flush();
        self.read(now);
        while let Some(event) = self.told.pop_front() {
            self.take(now, event);
        }
        if !self.deaf {
            self.publish(now, chance);
            self.reach_goal();
        }
        let Some(link) = &self.link else { return Time::NEVER };
        let goes_on = matches!(self.goal, Goal::Drained | Goal::Bye(_));
        match link.stream().is_held() || link.queued() > 0 || goes_on {
            true => now + chance.delay(),
            false => self.flush_next,
        }
    }

    fn send(&mut self, report: Report) {
        if let Some(link) = &mut self.link {
            link.send(&report).expect("the outbox holds far more than a simulated run sends");
        }
    }

    fn flush(&mut self) {
        if self.link.as_mut().is_some_and(|link| link.flush().is_err()) {
            self.link = None;
        }
    }

    fn read(&mut self, now: Time) {
        while let Some(link) = &mut self.link {
            let event = match link.receive() {
                Ok(Received::Message(command)) => WorkerEvent::Command(command),
                Ok(Received::NotYet) => return,
                Ok(Received::Closed) | Err(_) => WorkerEvent::PrimaryGone,
            };
            let gone = event == WorkerEvent::PrimaryGone;
            if !self.deaf {
                self.take(now, event);
            }
            if gone {
                return;
            }
        }
    }

    fn take(&mut self, now: Time, event: WorkerEvent) {
        for action in self.state.step(event) {
            self.perform(now, action);
        }
    }

    fn perform(&mut self, now: Time, action: WorkerAction) {
        match action {
            WorkerAction::RunBefore(start) => {
                self.flush_period = Duration::from_nanos(start.flush_period_ns);
                self.flush_next = now + self.flush_period;
                self.leases.begin(start.workers);
                let share = Share { worker: self.index, workers: start.workers };
                self.pace = Some(CyclePacer::new(share, &start));
                self.grid_maker = GridMaker::new(start.window_ns);
                self.start = Some(start);
                self.stage = Loop::Before(self.behaviour.before.end(now));
                let name = "value".to_owned();
                self.send(Report::Declare(Declare { metric: 0, name, unit: Unit::None }));
                if self.lie(Lie::SecondHello) {
                    self.greet();
                }
                if self.lie(Lie::EarlyBye) {
                    self.send(Report::Bye(Bye::default()));
                }
            }
            WorkerAction::Send(report) => {
                if report == Report::Ready && self.lie(Lie::ReadyTwice) {
                    self.send(Report::Ready);
                }
                self.send(report);
            }
            WorkerAction::Follow(segment) => {
                self.leases.follow(segment);
                if let Some(grid) = self.grid_maker.follow(&segment) {
                    self.timeline = Some((grid, CycleTimeline::default()));
                }
                self.control.follow(segment);
            }
            WorkerAction::Extend(lease) => {
                self.leases.extend(lease, now);
                self.control.extend_by(lease, || now);
            }
            WorkerAction::Cut => self.control.cut_by(|| now),
            WorkerAction::RunAfter => {
                self.afters += 1;
                assert_eq!(self.stage, Loop::Idle, "`after` runs when cycles do not");
                self.stage = Loop::After(self.behaviour.after.end(now));
                self.values.measured.push(now.as_nanos());
            }
            WorkerAction::SendDrained => self.goal = Goal::Drained,
            WorkerAction::SendBye(exit) => self.goal = Goal::Bye(exit),
            WorkerAction::KillGroup => {
                self.killed_itself = true;
                self.exit = Some(-9);
            }
        }
    }

    fn publish(&mut self, now: Time, chance: &mut Chance) {
        if matches!(self.goal, Goal::Exit(_)) {
            self.flush_next = Time::NEVER;
            return;
        }
        if now < self.flush_next && self.goal == Goal::None {
            return;
        }
        self.flush_next = now + self.flush_period;
        while self.link.as_ref().is_some_and(|link| link.queued() < QUEUED_MAX) {
            let more = self.collect(now, chance);
            self.flush();
            if !more {
                break;
            }
        }
    }

    /// Sends a batch; whether there is more than it holds.
    fn collect(&mut self, now: Time, chance: &mut Chance) -> bool {
        let mut batch = Batch {
            sequence: self.emitted.batches,
            as_of: now,
            counts: self.counts,
            harness: HarnessCosts { unleased: self.leases.unleased, ..HarnessCosts::default() },
            ..Batch::default()
        };
        let mut more = false;
        for phase in [Phase::Warmup, Phase::Measured] {
            let both =
                [(&mut self.cycles, &mut batch.cycles), (&mut self.failed, &mut batch.failed)];
            for (from, into) in both {
                let CycleTimes { wait, service } = &mut from[phase];
                let size = wait.len().min(chance.between(1, BATCH_MAX as u64) as usize);
                more |= wait.len() > size;
                into[phase].wait.extend(wait.drain(..size));
                into[phase].service.extend(service.drain(..size));
                self.emitted.cycles += size as u64;
            }
            let values = std::mem::take(&mut self.values[phase]);
            self.emitted.values[0] += values.len() as u64;
            if !values.is_empty() {
                batch.columns.push(Column { metric: 0, phase, values });
            }
        }
        self.emitted.batches += 1;
        let busy = self.counts.measured.completed > 0;
        if self.reported > 0 && self.lie(Lie::CountsBack) {
            batch.counts.measured.completed = self.reported - 1;
        }
        self.reported = batch.counts.measured.completed;
        if busy && self.is_silent() && self.lie(Lie::Nonsense) {
            self.link.iter().for_each(|link| link.stream().spoil());
        }
        if busy && self.lie(Lie::BatchMissing) {
            return more;
        }
        if busy && self.lie(Lie::BatchTwice) {
            self.send(Report::Batch(batch.clone()));
        }
        self.send(Report::Batch(batch));
        if busy && self.control.ending() == Ending::Open && self.lie(Lie::DrainedUnasked) {
            self.end_by_itself(now);
        }
        more
    }

    fn reach_goal(&mut self) {
        let queued = self.link.as_ref().map_or(0, Link::queued);
        if queued >= QUEUED_MAX {
            return;
        }
        match self.goal {
            Goal::None => {}
            Goal::Drained => {
                self.send_drained();
                self.goal = Goal::None;
            }
            Goal::Bye(exit) => {
                let mut emitted = self.emitted.clone();
                emitted.cycles += u64::from(exit == LastWords::Well && self.lie(Lie::MoreAtBye));
                self.send(Report::Bye(Bye { emitted }));
                self.goal = Goal::Exit(exit);
                self.flush();
                self.exit_if_done();
            }
            Goal::Exit(_) => self.exit_if_done(),
        }
    }

    fn exit_if_done(&mut self) {
        if let Goal::Exit(exit) = self.goal
            && self.is_silent()
        {
            self.said_bye |= self.link.is_some();
            self.exit = match (self.behaviour.leaves, exit) {
                (Leaves::Never, _) => None,
                (Leaves::Code3, _) => Some(3),
                (Leaves::Well, LastWords::Well) => Some(0),
                (Leaves::Well, LastWords::HookFailed) => Some(super::FAILED),
            };
        }
    }
}
