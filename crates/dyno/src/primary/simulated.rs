//! A primary without processes, for the simulation of whole runs.
//!
//! Its state machine, its record and the codec are the real ones. The rest is a model of
//! [`super::driver`] that gets the time as an argument. Actions that only an operating system can
//! perform come out as [`Effect`]s.

use std::collections::VecDeque;
use std::time::Duration;

use dyno_bus::local::{Local, pair_with};
use dyno_bus::message::{Command, Report, Start};
use dyno_bus::segment::PerPhase;
use dyno_bus::{Link, LinkError, Received, Segment, Time};
use dyno_observer::{Account, ProcessId, ProcessStatus};
use dyno_summary::Verdict;

use super::launch::{backlog_max, window_ns};
use super::record::fault::{Faults, Named};
use super::record::{RunEnd, RunRecord};
use super::state::Primary;
use super::state::event::{Action, Event, Exit, RunPhase};
use crate::plan::{OnBacklog, Plan};
use crate::simulation::chance::{Chance, Wire};

/// The time that a killed process has until it must be gone.
pub(crate) const REAP_DEADLINE: Duration = super::state::REAP_DEADLINE;
/// The nonce of every simulated run.
pub(crate) const NONCE: u64 = 77;
/// The time between two samples of the backlog, and between two rotations.
const BEAT: Duration = Duration::from_millis(90);
/// A delay of a wake beyond which this process is taken to have stood still.
const STALL_MIN: Duration = Duration::from_millis(100);

/// An action that the simulated world performs.
pub(crate) enum Effect {
    /// Starts a worker at the other end of this wire.
    Spawn(u32, Local),
    /// Kills a worker.
    Kill(u32),
}

/// A request that the simulated world makes of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Asked {
    Signal,
    Stop,
    Backlog,
    Rate(f64),
}

struct Peer {
    link: Link<Wire, Report, Command>,
    closed: bool,
    /// The exit of its process; `true` if it is noticed before its last messages are read.
    exit: Option<(Exit, bool)>,
}

/// A primary whose processes and clock are simulated.
pub(crate) struct SimulatedPrimary {
    plan: Plan,
    state: Primary,
    record: RunRecord,
    peers: Vec<Option<Peer>>,
    /// The most bytes that each wire holds.
    capacity: usize,
    spawn_fails: Option<u32>,
    begun: Time,
    cut: Option<Time>,
    beat_next: Time,
    /// The instant at which it requested its next turn.
    wake_at: Time,
    unread: bool,
    asked: VecDeque<Asked>,
    signals: u32,
    effects: Vec<Effect>,
    told: Faults,
    /// The faults so far, by worker and cause.
    pub(crate) faults: Vec<(u32, String)>,
    /// All segments of the plan so far.
    pub(crate) segments: Vec<Segment>,
    /// The instant of the first early stop, or of the plan's end.
    pub(crate) stopped: Option<Time>,
}

impl SimulatedPrimary {
    pub(crate) fn new(plan: Plan, capacity: usize, spawn_fails: Option<u32>, now: Time) -> Self {
        Self {
            state: Primary::new(plan.clone(), NONCE, start_of(&plan)),
            record: RunRecord::new(&plan),
            peers: (0..plan.workers).map(|_| None).collect(),
            capacity,
            spawn_fails,
            begun: now,
            cut: None,
            beat_next: now + BEAT,
            wake_at: Time::NEVER,
            unread: false,
            asked: VecDeque::new(),
            signals: 0,
            effects: Vec::new(),
            told: Faults::default(),
            faults: Vec::new(),
            segments: Vec::new(),
            stopped: None,
            plan,
        }
    }

    pub(crate) fn begin(&mut self, now: Time) -> Vec<Effect> {
        self.step(now, Event::Begin);
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.phase() == RunPhase::Done
    }

    /// Returns the number of bytes that have crossed a worker's wire.
    pub(crate) fn moved(&self, worker: u32) -> u64 {
        self.peers[worker as usize].as_ref().map_or(0, |peer| peer.link.stream().moved())
    }

    /// Adds a request, which the next turn handles.
    pub(crate) fn ask(&mut self, asked: Asked) {
        self.asked.push_back(asked);
    }

    /// Notes that a worker's process has ended. The next turn handles it; if `early`, before it
    /// reads what the worker sent.
    pub(crate) fn exited(&mut self, worker: u32, exit: Exit, early: bool) {
        if let Some(peer) = &mut self.peers[worker as usize] {
            peer.exit = Some((exit, early));
        }
    }

    /// Returns the instant at which it needs its next turn, if nothing happens before.
    pub(crate) fn wake_at(&mut self, now: Time, chance: &mut Chance) -> Time {
        let timer = self.state.next_tick().min(self.beat_next);
        self.wake_at = if self.unread { timer.min(now + chance.delay()) } else { timer };
        self.wake_at
    }

    /// Does all work that is due. Returns the effects that follow.
    pub(crate) fn turn(&mut self, now: Time, chance: &mut Chance) -> Vec<Effect> {
        self.unread = false;
        let late = now - self.wake_at;
        if late > STALL_MIN {
            self.step(now, Event::Stalled(late));
        }
        while let Some(asked) = self.asked.pop_front() {
            self.signals += u32::from(asked == Asked::Signal);
            self.step(
                now,
                match asked {
                    Asked::Signal => Event::Signal,
                    Asked::Stop => Event::Stop,
                    Asked::Backlog => Event::BacklogPassed,
                    Asked::Rate(rate) => Event::Rate(rate),
                },
            );
        }
        let first = chance.between(0, u64::from(self.plan.workers) - 1) as u32;
        for worker in (first..self.plan.workers).chain(0..first) {
            let frames_max = chance.between(1, 32) as usize;
            self.serve(now, worker, frames_max, chance);
        }
        if now >= self.state.next_tick() {
            self.step(now, Event::Tick);
            assert!(self.state.next_tick() > now, "a tick leaves nothing to do at once");
        }
        if now >= self.beat_next {
            self.beat(now);
        }
        std::mem::take(&mut self.effects)
    }

    fn serve(&mut self, now: Time, worker: u32, frames_max: usize, chance: &mut Chance) {
        let Some(peer) = &mut self.peers[worker as usize] else { return };
        peer.link.stream().turn(chance);
        let Some((exit, early)) = peer.exit.take() else {
            return self.read(now, worker, frames_max);
        };
        if early {
            self.step(now, Event::Exited { worker, exit });
            self.read(now, worker, usize::MAX);
            return;
        }
        // A process has ended: all that it sent has arrived, and is read to the end.
        while !self.closed(worker) {
            self.read(now, worker, usize::MAX);
            let Some(peer) = &self.peers[worker as usize] else { return };
            if !peer.link.stream().is_held() {
                break;
            }
            peer.link.stream().turn(chance);
        }
        self.close(now, worker);
        self.step(now, Event::Exited { worker, exit });
    }

    fn closed(&self, worker: u32) -> bool {
        self.peers[worker as usize].as_ref().is_none_or(|peer| peer.closed)
    }

    fn read(&mut self, now: Time, worker: u32, frames_max: usize) {
        for _ in 0..frames_max {
            let Some(peer) = self.peers[worker as usize].as_mut().filter(|peer| !peer.closed)
            else {
                return;
            };
            let _gone = peer.link.flush();
            match peer.link.receive() {
                Ok(Received::Message(report)) => self.report(now, worker, report),
                Ok(Received::NotYet) => {
                    self.unread |= peer.link.stream().is_held() || peer.link.queued() > 0;
                    return;
                }
                // A dead worker's half-written message is not an error.
                Ok(Received::Closed) | Err(LinkError::Truncated { .. }) => {
                    return self.close(now, worker);
                }
                Err(error) => return self.break_with(now, worker, error.to_string()),
            }
        }
        self.unread = true;
    }

    fn close(&mut self, now: Time, worker: u32) {
        if let Some(peer) = self.peers[worker as usize].as_mut().filter(|peer| !peer.closed) {
            peer.closed = true;
            self.step(now, Event::Closed { worker });
        }
    }

    fn break_with(&mut self, now: Time, worker: u32, error: String) {
        self.step(now, Event::Broken { worker, error });
        self.close(now, worker);
    }

    fn report(&mut self, now: Time, worker: u32, report: Report) {
        let process = ProcessId::Worker(worker);
        let refused = match report {
            Report::Hello(hello) => {
                let refused = self.record.observer.hello(process, hello.pid);
                self.step(now, Event::Hello { worker, hello });
                refused.err().map(|error| error.to_string())
            }
            Report::Declare(declare) => {
                self.record.observer.declare(process, &declare).err().map(|e| e.to_string())
            }
            Report::Batch(batch) => {
                let due = self.state.due(worker, batch.as_of);
                self.record.absorb(worker, batch, due).err().map(|error| error.to_string())
            }
            Report::Ready => return self.step(now, Event::Ready { worker }),
            Report::Failed(failed) => {
                let (hook, message) = (failed.hook, failed.message);
                return self.step(now, Event::HookFailed { worker, hook, message });
            }
            Report::Notice(notice) => {
                self.record.warn(&notice);
                None
            }
            Report::Drained(drained) => return self.step(now, Event::Drained { worker, drained }),
            Report::Bye(bye) => return self.step(now, Event::Bye { worker, bye }),
        };
        if let Some(error) = refused {
            self.break_with(now, worker, error);
        }
    }

    fn step(&mut self, now: Time, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.state.step(now, event) {
                events.extend(self.perform(now, action));
            }
        }
    }

    fn perform(&mut self, now: Time, action: Action) -> Option<Event> {
        match action {
            Action::Spawn(worker) if self.spawn_fails == Some(worker) => {
                return Some(Event::SpawnFailed { worker, error: "no more".into() });
            }
            Action::Spawn(worker) => {
                let (ours, theirs) = pair_with(self.capacity, usize::MAX);
                let link = Link::new(Wire::new(ours));
                self.peers[worker as usize] = Some(Peer { link, closed: false, exit: None });
                self.effects.push(Effect::Spawn(worker, theirs));
            }
            Action::Send(worker, command) => {
                let peer = self.peers[worker as usize].as_mut().filter(|peer| !peer.closed)?;
                peer.link.send(&command).expect("far below the outbox's limit");
                let _gone = peer.link.flush();
                self.unread |= peer.link.queued() > 0;
            }
            Action::Verify { worker, drained, issued } => {
                let result = self.record.verify(worker, issued, &drained);
                let result = result.map_err(|error| error.to_string());
                return Some(Event::Verified { worker, result });
            }
            Action::VerifyBye { worker, bye } => {
                let process = ProcessId::Worker(worker);
                if let Err(error) = self.record.observer.verify(process, &bye.emitted) {
                    return Some(Event::Verified { worker, result: Err(error.to_string()) });
                }
            }
            Action::WriteOff { worker, issued } => {
                if let Err(error) = self.record.write_off(worker, issued) {
                    return Some(Event::Verified { worker, result: Err(error.to_string()) });
                }
            }
            Action::Kill(worker) => self.effects.push(Effect::Kill(worker)),
            Action::Fault(fault) => {
                self.faults.push((fault.worker, format!("{:?}", fault.cause)));
                let named = Named { pid: None, tail: &[] };
                let _told = self.told.add(fault, named, &self.plan.deadlines);
            }
            Action::Planned(segment) => self.segments.push(segment),
            Action::Enter(phase) => self.enter(now, phase),
        }
        None
    }

    fn enter(&mut self, now: Time, phase: RunPhase) {
        let schedule = self.state.schedule();
        match phase {
            RunPhase::Measuring => {
                let from = schedule.map_or(now, super::state::schedule::Schedule::measured_from);
                self.record.begin_window(from, &self.plan);
            }
            RunPhase::Draining | RunPhase::Killing if self.cut.is_none() => {
                self.stopped = Some(now);
                let end = schedule.map_or(now, super::state::schedule::Schedule::end);
                self.cut = Some(now.min(end));
            }
            RunPhase::Starting
            | RunPhase::WarmingUp
            | RunPhase::Draining
            | RunPhase::Finishing
            | RunPhase::Killing
            | RunPhase::Done => {}
        }
    }

    fn beat(&mut self, now: Time) {
        self.beat_next = now + BEAT;
        if self.state.phase() != RunPhase::Measuring {
            return;
        }
        self.record.observer.rotate(now, |_| {});
        self.record.point(now - self.begun, now);
        if self.record.sample(now) && self.plan.on_backlog == OnBacklog::Stop {
            self.step(now, Event::BacklogPassed);
        }
    }

    /// Returns the knowledge of a worker's cycles: its closed account, and its latest progress.
    pub(crate) fn account(&self, worker: u32) -> Option<(Option<Account>, ProcessStatus)> {
        let progress = self.record.observer.progress(ProcessId::Worker(worker))?;
        Some((self.record.observer.account(worker), progress))
    }

    /// Returns the number of records of ended cycles that have arrived from a worker.
    pub(crate) fn received(&self, worker: u32) -> PerPhase<u64> {
        let received = self.record.observer.received(ProcessId::Worker(worker));
        received.map_or_else(PerPhase::default, |received| received.cycles)
    }

    /// Returns the verdict on the run, and the account of all workers together.
    pub(crate) fn finish(self, now: Time) -> (Verdict, Account) {
        let from = self.state.schedule().map(super::state::schedule::Schedule::measured_from);
        let window = from.zip(self.cut).filter(|(from, cut)| cut > from);
        let run = self.record.finish(RunEnd {
            plan: self.plan,
            started_at: Duration::ZERO,
            elapsed: now - self.begun,
            window,
            dues: self.state.schedule().map(super::state::schedule::Schedule::dues),
            faults: self.told.sentences(),
            signal: (self.signals > 0).then_some(2),
            pauses: Vec::new(),
            stood_still: Duration::ZERO,
            cpu_share: 0.0,
            workers: Vec::new(),
        });
        (run.judgement.verdict, run.account)
    }
}

fn start_of(plan: &Plan) -> Start {
    Start {
        workers: plan.workers,
        parameters: "{}".into(),
        in_flight_max: plan.in_flight,
        backlog_max: backlog_max(plan),
        pacing: plan.pacing,
        window_ns: window_ns(plan),
        probe_period_ns: 1,
        flush_period_ns: 70_000_000,
        drain_deadline_ns: dyno_bus::clock::nanos(plan.deadlines.drain),
        spans: String::new(),
    }
}
