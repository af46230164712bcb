//! The simulated world of a primary: processes that are only states, and a clock that others move.
//!
//! The driver in this world is the real one, with its record and its own emitter.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dyno_bus::local::pair_with;
use dyno_bus::message::{Command, Report};
use dyno_bus::{Link, Time};
use nix::sys::signal::Signal;

use super::chance::Chance;
use super::process::ProcessState;
use super::wire::Wire;
use crate::primary::run::Stream;
use crate::primary::{
    Exit, HandRate, PrimaryWorld, ProcessHandle, ReadySource, RunPhase, SignalRequest, Sink, Update,
};

/// The surroundings of a simulated primary.
pub(super) struct SimulatedWorld {
    /// The time that this process knows: that of the end of its last sleep.
    clock: Rc<Cell<Time>>,
    /// The time at which its next sleep ends.
    pub(super) wakes_at: Time,
    chance: Chance,
    /// The most bytes that each wire holds.
    capacity: usize,
    /// The worker whose process can't be started.
    spawn_fails: Option<u32>,
    /// Set if another thread has woken this process.
    woken: Arc<AtomicBool>,
    processes: Vec<Rc<ProcessState>>,
    /// The requests of signals since the last turn.
    pub(super) signals: Vec<SignalRequest>,
    /// The length of the next pause.
    pub(super) pause: Duration,
    /// The workers' ends of the wires of processes that have just been started.
    pub(super) spawned: Vec<(u32, Wire)>,
    /// The number of times that orphans were swept.
    sweeps: Rc<Cell<u32>>,
}

impl SimulatedWorld {
    pub(super) fn new(
        clock: Rc<Cell<Time>>,
        chance: Chance,
        (capacity, spawn_fails): (usize, Option<u32>),
        processes: Vec<Rc<ProcessState>>,
    ) -> Self {
        Self {
            wakes_at: clock.get(),
            clock,
            chance,
            capacity,
            spawn_fails,
            woken: Arc::default(),
            processes,
            signals: Vec::new(),
            pause: Duration::ZERO,
            spawned: Vec::new(),
            sweeps: Rc::default(),
        }
    }

    /// Returns a function that wakes the primary from any thread.
    pub(super) fn waker(&self) -> impl Fn() + Send + Sync + 'static {
        let woken = Arc::clone(&self.woken);
        move || woken.store(true, Ordering::Relaxed)
    }

    /// Returns the number of times that orphans were swept, to be read after the run's end.
    pub(super) fn sweeps(&self) -> Rc<Cell<u32>> {
        Rc::clone(&self.sweeps)
    }
}

impl PrimaryWorld for SimulatedWorld {
    type Process = SimulatedProcess;

    /// Few, so that a worker is often left unread.
    const FRAMES_PER_TURN: usize = 3;

    fn now(&self) -> Time {
        self.clock.get()
    }

    fn wait(&mut self, _timeout: Duration, ready: &mut Vec<ReadySource>) {
        self.clock.set(self.wakes_at);
        if self.woken.swap(false, Ordering::Relaxed) {
            ready.push(ReadySource::Woken);
        }
        let count = self.processes.len();
        let first = self.chance.between(0, count as u64 - 1) as usize;
        for worker in (first..count).chain(0..first) {
            let found = self.processes[worker].ready(&mut self.chance);
            ready.extend(found.map(|source| ReadySource::Worker(worker as u32, source)));
        }
    }

    fn signals(&mut self) -> Vec<SignalRequest> {
        std::mem::take(&mut self.signals)
    }

    fn pause(&mut self) -> bool {
        self.clock.set(self.clock.get() + self.pause);
        true
    }

    fn spawn(&mut self, worker: u32) -> Result<SimulatedProcess, String> {
        if self.spawn_fails == Some(worker) {
            return Err("no more".into());
        }
        let state = Rc::clone(&self.processes[worker as usize]);
        let liar = state.liar();
        let capacity = if liar.is_some() { usize::MAX } else { self.capacity };
        let (ours, theirs) = pair_with(capacity, usize::MAX);
        let ours = Wire::new(ours, None);
        state.begin(ours.state());
        self.spawned.push((worker, Wire::new(theirs, liar)));
        Ok(SimulatedProcess { worker, link: Link::new(ours), state, exit: None })
    }

    fn watch_room(&mut self, _worker: u32, process: &mut SimulatedProcess) -> Result<(), String> {
        process.state.watch_room(process.link.queued() > 0);
        Ok(())
    }

    fn reap_orphans(&mut self, _now: Time, _workers: impl Iterator<Item = u32>) {}

    fn sweep(&mut self, _workers: impl Iterator<Item = u32>) -> Vec<u32> {
        self.sweeps.set(self.sweeps.get() + 1);
        Vec::new()
    }

    fn cpu_time(&self) -> Duration {
        Duration::ZERO
    }
}

/// The process of a simulated worker, as its primary holds it.
pub(super) struct SimulatedProcess {
    worker: u32,
    link: Link<Wire, Report, Command>,
    state: Rc<ProcessState>,
    exit: Option<Exit>,
}

impl ProcessHandle for SimulatedProcess {
    type Stream = Wire;

    fn pid(&self) -> u32 {
        super::PID + self.worker
    }

    fn link(&mut self) -> &mut Link<Wire, Report, Command> {
        &mut self.link
    }

    fn signal(&self, signal: Signal) {
        if self.exit.is_none() {
            self.state.signal(signal);
        }
    }

    fn reap(&mut self) -> Option<Exit> {
        if self.exit.is_some() {
            return None;
        }
        self.exit = self.state.reap();
        // All that a process wrote before its end has arrived.
        self.link.stream().state().arrive();
        self.exit
    }

    fn exit(&self) -> Option<Exit> {
        self.exit
    }

    fn read_output(&mut self, stream: Stream, take: impl FnMut(String)) -> bool {
        self.state.read_lines(stream, take)
    }

    fn output_reads_max(&self, stream: Stream) -> usize {
        self.state.reads_max(stream)
    }
}

/// The updates of a run, as its caller got them.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) entered: Vec<(RunPhase, Time)>,
    /// The rates that were requested by hand.
    pub(super) rates: Vec<(HandRate, Time)>,
    pub(super) lines: Vec<(u32, Stream, String)>,
}

/// The caller of a simulated run.
pub(super) struct Caller {
    pub(super) clock: Rc<Cell<Time>>,
    pub(super) told: Rc<RefCell<Told>>,
}

impl Sink for Caller {
    fn update(&mut self, update: Update) {
        let mut told = self.told.borrow_mut();
        match update {
            Update::Entered(phase) => told.entered.push((phase, self.clock.get())),
            Update::Line { worker, stream, text } => told.lines.push((worker, stream, text)),
            Update::Rate(rate) => told.rates.push((rate, self.clock.get())),
            Update::Tick(_) | Update::Warning(_) | Update::Fault(_) => {}
        }
    }
}
