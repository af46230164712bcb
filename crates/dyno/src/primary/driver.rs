//! The driver: turns sources into events and performs actions, nothing else.
//!
//! One thread and one sleep serve the workers' sockets, their output, their ends, signals, and the
//! caller's remote. Every source is read until it is empty, but a busy worker only for a bounded
//! turn, so that the others are served too. A worker's messages are read to the end before its exit
//! is judged.
//!
//! It is generic over its [world](PrimaryWorld), which has the time, the processes and the signals.

mod finish;
pub(super) mod own_bus;
mod peer;
pub(super) mod periodic;
mod read;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use dyno_bus::message::Start;
use dyno_bus::{Time, clock};
use dyno_emitter::harness::Emitter;
use dyno_observer::ProcessId;
use libc::SIGHUP;
use nix::sys::signal::Signal;

use self::own_bus::OwnBus;
use self::peer::Peer;
use self::periodic::Beat;
use super::crew::Crew;
use super::error::StartError;
use super::launch::{Conduct, Launch, nonce, start_of};
use super::os::system::{SystemWorld, WorkerProgram};
use super::record::RunRecord;
use super::record::fault::{FaultReport, Faults, Named};
use super::remote::Remote;
use super::run::{Run, Sink, Update};
use super::state::Primary;
use super::state::event::{Action, Event, Fault, RunPhase};
use super::state::schedule::Schedule;
use super::surroundings::Surroundings;
use super::world::{PrimaryWorld, ProcessHandle, ReadySource, SignalRequest};
use crate::plan::{OnBacklog, Plan, sampling};

/// A delay of a wake beyond which this process is taken to have stood still: no worker is to blame
/// for that time.
const STALL_MIN: Duration = Duration::from_millis(100);

/// The warning at the start of each run of a debug build.
const DEBUG_BUILD: &str = "THIS IS A DEBUG BUILD: its numbers say nothing about the code that users \
                           run; build with --release";

/// Runs the plan to its end, in success and in failure.
///
/// # Errors
/// Only if nothing could be started. Every later failure is part of the [`Run`].
pub(crate) fn drive(launch: Launch, sink: &mut dyn Sink) -> Result<Run, StartError> {
    let Launch { plan, worker_exe, worker_line, variables, reach, remote, conduct, targets } =
        launch;
    let nonce = nonce();
    let benchmark = plan.benchmark.clone();
    let program = WorkerProgram { exe: worker_exe, line: worker_line, variables, nonce, benchmark };
    let (world, waker) = SystemWorld::new(program, reach)?;
    // A thread that has recorded keeps this closure beyond the run, but not the descriptor.
    let known = Arc::downgrade(&waker);
    let mut emitter = Emitter::new(move || {
        let _over = known.upgrade().map(|waker| waker.wake());
    });
    remote.listen(waker);
    let surroundings = Surroundings::watch(&mut emitter, targets);
    let own = OwnBus::new(emitter).install();
    let period = sampling::period(&plan);
    let beat = Beat::new(&plan, clock::now(), period, sink.tick_period(), own);
    let start = start_of(&plan);
    let input = DriverInput { nonce, start, beat, remote, surroundings };
    let mut driver = Driver::new(world, plan, input, sink);
    if conduct == Conduct::Remote {
        driver.state.close_gate();
        driver.keeps_limits = false;
        driver.record.judge_as_a_part(&driver.plan);
    }
    if cfg!(debug_assertions) {
        driver.warn(DEBUG_BUILD.into());
    }
    let mut flow = driver.begin();
    while flow.is_continue() {
        flow = driver.turn();
    }
    Ok(driver.finish())
}

/// The parts of a driver besides its world and its plan.
pub(crate) struct DriverInput {
    /// The number that tells this run's workers from those of any other.
    pub(crate) nonce: u64,
    /// The first command to every worker.
    pub(crate) start: Start,
    pub(crate) beat: Beat,
    pub(crate) remote: Remote,
    pub(crate) surroundings: Surroundings,
}

/// A run on its way, in this world.
pub(crate) struct Driver<'a, W: PrimaryWorld> {
    pub(crate) world: W,
    plan: Plan,
    state: Primary,
    pub(crate) record: RunRecord,
    beat: Beat,
    surroundings: Surroundings,
    pub(crate) faults: Faults,
    /// The workers; `None` before they are started, or if they could not be.
    peers: Crew<Option<Peer<W::Process>>>,
    /// The sources that this turn reads.
    ready: Vec<ReadySource>,
    /// Sources that had more to read than one turn allows.
    unread: Vec<ReadySource>,
    remote: Remote,
    /// `false` if the holder of the remote ends the run at a limit.
    keeps_limits: bool,
    sink: &'a mut dyn Sink,
    begun: Time,
    cpu_begun: Duration,
    started_at: Duration,
    /// The first signal that requested the end of the run.
    ended_by: Option<i32>,
    /// The instant from which no cycle becomes due any more.
    cut: Option<Time>,
    pauses: Vec<Duration>,
    /// The time during which this process stood still in the measured window.
    stood_still: Duration,
}

impl<'a, W: PrimaryWorld> Driver<'a, W> {
    /// Creates the driver of a run that has not begun.
    pub(crate) fn new(world: W, plan: Plan, input: DriverInput, sink: &'a mut dyn Sink) -> Self {
        let DriverInput { nonce, start, beat, remote, surroundings } = input;
        let mut record = RunRecord::new(&plan);
        // The observer knows no process yet: it can't refuse this one.
        let _first = record.observer.hello(ProcessId::Primary, std::process::id());
        Self {
            state: Primary::new(plan.clone(), nonce, start),
            record,
            beat,
            surroundings,
            faults: Faults::default(),
            peers: Crew::new(plan.worker_numbers(), |_| None),
            ready: Vec::new(),
            unread: Vec::new(),
            remote,
            keeps_limits: true,
            sink,
            begun: world.now(),
            cpu_begun: world.cpu_time(),
            started_at: clock::wall(),
            ended_by: None,
            cut: None,
            pauses: Vec::new(),
            stood_still: Duration::ZERO,
            plan,
            world,
        }
    }

    /// Starts the workers. Breaks if the run is over already, since none could be started.
    pub(crate) fn begin(&mut self) -> ControlFlow<()> {
        self.step(Event::Begin);
        self.flow()
    }

    /// Returns the instant at which the next turn is needed, if nothing happens before.
    pub(crate) fn wake_at(&self) -> Time {
        self.state.next_tick().min(self.beat.next())
    }

    /// Returns `true` if the next turn must not wait: the last one left something unread.
    pub(crate) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Sleeps until something happens or is due, then handles all of it. Breaks once the run is
    /// over.
    pub(crate) fn turn(&mut self) -> ControlFlow<()> {
        let now = self.world.now();
        let wake_at = self.wake_at();
        // A source that is not read to its end makes no new event: don't sleep on it.
        let timeout = if self.has_unread() { Duration::ZERO } else { wake_at - now };
        // The lists are kept and used again, so that a turn allocates nothing. What the last turn
        // left comes first: those workers have waited longest.
        let mut ready = std::mem::take(&mut self.ready);
        ready.clear();
        ready.append(&mut self.unread);
        self.world.wait(timeout, &mut ready);
        // A wake that comes far too late is noted before anything is judged by the time: neither
        // this process nor a worker could do anything meanwhile, so all deadlines move.
        let late = self.world.now() - wake_at.max(now);
        if late > STALL_MIN {
            if self.state.phase() == RunPhase::Measuring {
                self.stood_still += late;
            }
            self.step(Event::Stalled(late));
        }
        // Signals come before any worker's end: a signal from the terminal also reaches workers
        // that have not begun their own session yet.
        self.signals();
        // All that has arrived is read before any deadline is judged, so that it is not late.
        for ready in &ready {
            match *ready {
                // A remote's request may be another reason for this wake; it is taken below.
                ReadySource::Woken => self.beat.publish(self.world.now(), &mut self.record),
                ReadySource::Worker(worker, source) => self.serve(worker, source),
            }
        }
        self.ready = ready;
        // This is not tied to a wake: a request may have come before the waker was set, or before
        // the run could act on it.
        for event in self.remote.take(self.state.phase()) {
            if event == Event::Severed {
                self.ended_by.get_or_insert(SIGHUP);
            }
            self.step(event);
        }
        let now = self.world.now();
        // Orphans, but never a worker: its exit is judged only once its messages are read, in
        // `serve`.
        let peers = self.peers.values().iter().flatten();
        self.world.reap_orphans(now, peers.map(|peer| peer.process.pid()));
        if now >= self.state.next_tick() {
            self.step(Event::Tick);
        }
        // The beat is last: it samples the backlog that all messages of this turn have made.
        if now >= self.beat.next() {
            let phase = self.state.phase();
            let broken = self.beat.beat(now, phase, &mut self.record, self.sink);
            if self.keeps_limits && broken.backlog && self.plan.on_backlog == OnBacklog::Stop {
                self.step(Event::BacklogPassed);
            }
            if self.keeps_limits && broken.threshold {
                self.step(Event::Breached);
            }
            self.note_surroundings();
        }
        self.flow()
    }

    /// Returns the plan in time, once all workers are ready.
    #[cfg(test)]
    pub(crate) fn schedule(&self) -> Option<&Schedule> {
        self.state.schedule()
    }

    /// Returns `true` once a worker's link has been read to its end, or is not read any more.
    #[cfg(test)]
    pub(crate) fn has_closed(&self, worker: u32) -> bool {
        self.peers[worker].as_ref().is_some_and(|peer| peer.closed)
    }

    /// Returns the number of bytes that wait for room in a worker's stream.
    #[cfg(test)]
    pub(crate) fn queued(&mut self, worker: u32) -> usize {
        self.peer(worker).map_or(0, |peer| peer.process.link().queued())
    }

    /// Returns the exit of a worker's process, once it has been seen.
    #[cfg(test)]
    pub(crate) fn exit(&self, worker: u32) -> Option<super::state::event::Exit> {
        self.peers[worker].as_ref().and_then(|peer| peer.process.exit())
    }

    fn flow(&self) -> ControlFlow<()> {
        match self.state.phase() {
            RunPhase::Done => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn signals(&mut self) {
        let mut requests = self.world.signals();
        requests.extend(self.remote.take_signals().into_iter().map(SignalRequest::End));
        for request in requests {
            match request {
                SignalRequest::End(signal) => {
                    self.ended_by.get_or_insert(signal);
                    self.step(Event::Signal);
                }
                SignalRequest::Pause => self.pause(),
            }
        }
    }

    /// Stops the workers, then this process, and continues the workers once it is continued.
    fn pause(&mut self) {
        let before = self.world.now();
        self.signal_all(Signal::SIGSTOP);
        self.sink.pausing();
        let has_paused = self.world.pause();
        self.sink.continued();
        self.signal_all(Signal::SIGCONT);
        if has_paused {
            let span = self.world.now() - before;
            self.pauses.push(span);
            self.step(Event::Stalled(span));
        }
    }

    fn signal_all(&self, signal: Signal) {
        self.peers.values().iter().flatten().for_each(|peer| peer.process.signal(signal));
    }

    fn peer(&mut self, worker: u32) -> Option<&mut Peer<W::Process>> {
        self.peers[worker].as_mut()
    }

    /// Feeds an event to the state machine, and performs the actions that it returns.
    pub(crate) fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.state.step(self.world.now(), event) {
                events.extend(self.perform(action));
            }
        }
    }

    /// Performs an action. Returns the event that follows from it at once, if any.
    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Spawn(worker) => match self.world.spawn(worker) {
                Ok(process) => self.peers[worker] = Some(Peer::new(process)),
                Err(error) => return Some(Event::SpawnFailed { worker, error }),
            },
            Action::Send(worker, command) => {
                let peer = self.peers[worker].as_mut().filter(|peer| !peer.closed)?;
                let sent = peer.process.link().send(&command).map_err(|error| error.to_string());
                let sent = sent.and_then(|()| read::flush(&mut self.world, worker, peer));
                return sent.err().map(|error| Event::Broken { worker, error });
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
            Action::Kill(worker) => {
                if let Some(peer) = self.peer(worker) {
                    peer.process.signal(Signal::SIGKILL);
                }
            }
            Action::Fault(fault) => self.fault(fault),
            Action::Planned(segment) => self.beat.begin(segment.t0),
            Action::Rate(rate) => self.sink.update(Update::Rate(rate)),
            Action::Ready => self.sink.ready(),
            Action::Enter(phase) => self.enter(phase),
        }
        None
    }

    fn fault(&mut self, fault: Fault) {
        let peer = self.peers[fault.worker].as_ref();
        let tail: Vec<_> = peer.into_iter().flat_map(|p| p.tail().map(str::to_owned)).collect();
        let named = Named { pid: peer.map(|peer| peer.process.pid()), tail: &tail };
        match self.faults.add(fault, named, &self.plan.deadlines) {
            Some(FaultReport::Fault(sentence)) => self.sink.update(Update::Fault(sentence)),
            Some(FaultReport::Warning(sentence)) => self.warn(sentence),
            None => {}
        }
    }

    fn note_surroundings(&mut self) {
        self.surroundings.notes().into_iter().for_each(|note| self.warn(note));
    }

    fn warn(&mut self, warning: String) {
        if self.record.warn(&warning) {
            self.sink.update(Update::Warning(warning));
        }
    }

    fn enter(&mut self, phase: RunPhase) {
        let now = self.world.now();
        let schedule = self.state.schedule();
        match phase {
            RunPhase::Measuring => {
                let from = schedule.map_or(now, Schedule::measured_from);
                self.record.begin_window(from, &self.plan);
                self.beat.begin_window(from);
                self.surroundings.begin();
            }
            RunPhase::Draining | RunPhase::Killing if self.cut.is_none() => {
                self.surroundings.end();
                self.cut = Some(now.min(schedule.map_or(now, Schedule::end)));
            }
            RunPhase::Starting
            | RunPhase::WarmingUp
            | RunPhase::Draining
            | RunPhase::Finishing
            | RunPhase::Killing
            | RunPhase::Done => {}
        }
        self.sink.update(Update::Entered(phase));
    }
}
