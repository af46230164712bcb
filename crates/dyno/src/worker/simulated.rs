//! A worker without threads or a process, for the simulation of whole runs.
//!
//! Its state machine, its pace, its control, its leases and its codec are the real ones. The loop
//! and the bus are models of [`super::driver`] and [`super::bus`], with the time as an argument.
//! Its behaviour is a setting: hooks that fail or hang, cycles that never end, lies.

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
use super::bus::grid::GridMaker;
use super::control::{Control, Ending};
use super::cycle::leases::Leases;
use super::cycle::pace::CyclePacer;
use super::state::{LastWords, WorkerAction, WorkerEvent, WorkerState};
use crate::simulation::chance::{Chance, Wire};

/// The number of queued bytes at which nothing more is published.
const QUEUED_MAX: usize = 1_024;
/// The most cycles that one batch holds.
const BATCH_MAX: usize = 20;

/// The message to send once everything recorded has been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    None,
    Drained,
    Bye(LastWords),
    Exit(LastWords),
}

/// A worker of a simulated run.
pub(crate) struct SimulatedWorker {
    index: u32,
    nonce: u64,
    behaviour: Behaviour,
    /// The bus; `None` once it is closed.
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
    /// The number of cycles that the last batch reported as completed.
    reported: u64,
    told: VecDeque<WorkerEvent>,
    goal: Goal,
    flush_next: Time,
    flush_period: Duration,
    greets_at: Time,
    /// Set once it has ended by itself: it reads and sends nothing more.
    deaf: bool,
    /// The true outcomes of its cycles.
    pub(crate) counts: PerPhase<Counts>,
    /// The numbers of the cycles that it started, in order.
    pub(crate) started: Vec<u64>,
    /// Set once it has sent a lie.
    pub(crate) lied: bool,
    /// Set once its account is queued.
    pub(crate) drained: bool,
    /// Set once its `Bye` is in the wire.
    pub(crate) said_bye: bool,
    /// Set if its `before` failed.
    pub(crate) before_failed: bool,
    /// Set if its `after` failed.
    pub(crate) after_failed: bool,
    /// The number of times that `after` has begun; at most 1 in a correct run.
    pub(crate) afters: u32,
    /// Set once a cycle began that never ends.
    pub(crate) hung: bool,
    /// The exit code of a process that has ended by itself; `None` while it lives.
    pub(crate) exit: Option<i32>,
    /// Set once it has killed itself.
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

    /// Returns the number of bytes that have crossed its wire.
    pub(crate) fn moved(&self) -> u64 {
        self.link.as_ref().map_or(0, |link| link.stream().moved())
    }

    /// Returns `true` if all its messages have been written.
    pub(crate) fn is_silent(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.queued() == 0)
    }

    /// Returns `true` if its `before` runs, or has run.
    pub(crate) fn prepares(&self) -> bool {
        self.start.is_some()
    }

    /// Returns the cut: cycles due before it were this worker's.
    pub(crate) fn cut(&self) -> Time {
        self.control.cut()
    }

    /// Closes its socket, at times in the middle of a frame.
    pub(crate) fn close(&mut self, chance: &mut Chance) {
        if chance.one_in(2)
            && let Some(link) = &mut self.link
        {
            link.stream().cut_after(chance.between(1, 12) as usize);
            // Both may fail if the primary is gone: then no frame is cut.
            let _queued = link.send(&Report::Notice("never read to its end".into()));
            let _flushed = link.flush();
        }
        self.link = None;
    }

    /// Takes its end of the wire away. A process that it started keeps this end open.
    pub(crate) fn leak(&mut self) -> Option<impl Sized + 'static> {
        self.link.take()
    }

    /// Turns the bus once. Returns the time of the next turn, if nothing arrives before.
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
                self.control.extend(lease, || now);
            }
            WorkerAction::Cut => self.control.cut_now(|| now),
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

    /// Sends a batch. Returns `true` if more waits than it holds.
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
