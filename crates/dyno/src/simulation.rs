//! Simulated whole runs: the real driver and the real buses, over a simulated clock and link.
//!
//! A seed makes a plan, workers, and the faults that they meet; a run of it takes about a
//! millisecond. The real parts are both state machines, the driver with its reading, its beat and
//! its record, the bus with its emitter, the schedule, the pace, leases and cuts, frames and codec.
//! Simulated is the world around them: time, wires, processes and signals ([`primary`]), a worker's
//! loop ([`worker`], [`cycles`]), and the lies of a worker that misbehaves ([`lies`]). At the end
//! of each run, the rules that hold for any run are checked.
//!
//! A failing seed is printed and replays exactly, with a trace:
//! `DYNO_SIM_SEED=17 cargo test -p dyno-bench simulation -- --nocapture`.

mod behaviour;
mod chance;
mod check;
mod cycles;
mod events;
mod lies;
mod primary;
mod process;
mod scenario;
mod wire;
mod worker;

use std::cell::{Cell, RefCell};
use std::env;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::message::Start;
use dyno_emitter::harness::Emitter;

use self::chance::Chance;
use self::lies::Lie;
use self::primary::{Caller, SimulatedWorld, Told};
use self::process::ProcessState;
use self::scenario::{Scenario, Shock};
use self::worker::SimulatedWorker;
use crate::primary::{
    Beat, Driver, DriverInput, Event, Exit, OwnBus, REAP_DEADLINE, Remote, Surroundings, start_of,
};

/// The number of seeds that are run by default.
const SEEDS: u64 = 2_000;
/// The number of seeds among which a fault of the link must be found.
const SEEDS_TO_FIND: u64 = 20;
/// The most events of one run: beyond this number it makes no progress.
const EVENTS_MAX: u64 = 200_000;
/// The instant at which every run begins.
const BEGIN: Time = Time::from_nanos(1_000_000_000);
/// The number that tells the workers of a run from those of others.
const NONCE: u64 = 77;
/// The process id of the first worker.
const PID: u32 = 100;
/// The signal with which the user ends a run.
const SIGINT: i32 = 2;
/// The time between two samples of the backlog.
const BEAT: Duration = Duration::from_millis(90);
/// The longest time for which a worker keeps values.
const FLUSH_NS: u64 = 70_000_000;
/// The slots of the primary's ring, and the most values of its batches.
const LIMITS: (usize, usize) = (2_048, 64);

/// The process of one worker.
struct Host {
    worker: Option<SimulatedWorker>,
    state: Rc<ProcessState>,
    bus_at: Time,
    loop_at: Time,
    /// The instant until which the process is frozen.
    frozen_until: Time,
    was_frozen: bool,
    /// `true` if the kernel keeps the process when it is killed.
    stays: bool,
    exit: Option<Exit>,
    ended_at: Time,
    /// The instant at which the primary can notice its end.
    exit_seen_at: Time,
    was_killed: bool,
    /// The exit that a shock forced on it.
    crashed: Option<Exit>,
    /// Set once a shock has closed its socket.
    closed: bool,
    /// The bytes that the primary had read when it gave up reading.
    read_at_close: Option<u64>,
    /// The ends of its socket that outlive it, in processes that it started.
    leaked: Vec<Box<dyn std::any::Any>>,
}

struct Simulation<'a> {
    scenario: Scenario,
    chance: Chance,
    now: Time,
    driver: Driver<'a, SimulatedWorld>,
    remote: Remote,
    told: Rc<RefCell<Told>>,
    /// The clock of the primary, which does not move while it sleeps.
    clock: Rc<Cell<Time>>,
    has_begun: bool,
    is_done: bool,
    primary_at: Time,
    primary_frozen_until: Time,
    primary_was_frozen: bool,
    /// Set if the caller reports a backlog beyond its limit.
    backlog_passed: bool,
    hosts: Vec<Host>,
    signals: u32,
    pauses: u64,
    shocks_done: usize,
    trace: bool,
}

/// The next event of the simulation, in order of precedence at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Shock,
    Primary,
    Bus(usize),
    Loop(usize),
    ExitSeen(usize),
}

impl<'a> Simulation<'a> {
    fn new(mut chance: Chance, scenario: Scenario, caller: &'a mut Caller, trace: bool) -> Self {
        if trace {
            println!("{scenario:#?}");
        }
        let Scenario { plan, capacity, spawn_fails, workers, .. } = &scenario;
        let (clock, told) = (Rc::clone(&caller.clock), Rc::clone(&caller.told));
        let states: Vec<_> =
            workers.iter().map(|worker| Rc::new(ProcessState::new(worker.lie))).collect();
        let limits = (*capacity, *spawn_fails);
        let world = SimulatedWorld::new(Rc::clone(&clock), chance.fork(), limits, states.clone());
        let (ring_slots, batch_values_max) = LIMITS;
        let own = OwnBus::new(Emitter::with_limits(ring_slots, batch_values_max, world.waker()));
        let remote = Remote::default();
        let input = DriverInput {
            nonce: NONCE,
            start: Start { probe_period_ns: 1, flush_period_ns: FLUSH_NS, ..start_of(plan) },
            beat: Beat::new(plan, BEGIN, BEAT, None, own),
            remote: remote.clone(),
            surroundings: Surroundings::unwatched(),
        };
        let driver = Driver::new(world, plan.clone(), input, caller);
        let host = |(index, state)| Host {
            worker: None,
            state,
            bus_at: Time::NEVER,
            loop_at: Time::NEVER,
            frozen_until: Time::ZERO,
            was_frozen: false,
            stays: scenario.unkillable == Some(index as u32),
            exit: None,
            ended_at: Time::NEVER,
            exit_seen_at: Time::NEVER,
            was_killed: false,
            crashed: None,
            closed: false,
            read_at_close: None,
            leaked: Vec::new(),
        };
        Self {
            hosts: states.into_iter().enumerate().map(host).collect(),
            chance,
            now: BEGIN,
            driver,
            remote,
            told,
            clock,
            has_begun: false,
            is_done: false,
            primary_at: BEGIN,
            primary_frozen_until: Time::ZERO,
            primary_was_frozen: false,
            backlog_passed: false,
            signals: 0,
            pauses: 0,
            shocks_done: 0,
            trace,
            scenario,
        }
    }

    /// Runs until the primary is done.
    fn run(&mut self) {
        let limit = self.limit();
        let mut events = 0;
        while !self.is_done {
            let (at, turn) = self.next();
            // The clock moves to the earliest event, and never back.
            self.now = self.now.max(at);
            events += 1;
            assert!(events < EVENTS_MAX, "it goes round in circles");
            assert!(self.now <= limit, "it takes longer than all deadlines together");
            match turn {
                Turn::Shock => self.shock(),
                Turn::Primary => self.turn_primary(),
                Turn::Bus(host) => self.turn_bus(host),
                Turn::Loop(host) => self.turn_loop(host),
                Turn::ExitSeen(host) => self.see_exit(host),
            }
        }
    }

    fn next(&self) -> (Time, Turn) {
        let shock = self.scenario.shocks.get(self.shocks_done);
        let shock = shock.map_or(Time::NEVER, |(after, _)| BEGIN + *after);
        let mut next = (shock, Turn::Shock);
        next = next.min((self.primary_at.max(self.primary_frozen_until), Turn::Primary));
        for (index, host) in self.hosts.iter().enumerate() {
            next = next.min((host.exit_seen_at, Turn::ExitSeen(index)));
            if host.exit.is_none() && host.worker.is_some() {
                next = next.min((host.bus_at.max(host.frozen_until), Turn::Bus(index)));
                next = next.min((host.loop_at.max(host.frozen_until), Turn::Loop(index)));
            }
        }
        next
    }

    /// Returns the latest end that the deadlines allow.
    fn limit(&self) -> Time {
        let plan = &self.scenario.plan;
        let deadlines = plan.deadlines;
        let phases = deadlines.start + plan.warmup + plan.duration + deadlines.drain;
        let frozen = |(_, shock): &(Duration, Shock)| match shock {
            Shock::FreezePrimary(still) | Shock::Pause(still) => *still,
            _ => Duration::ZERO,
        };
        let frozen: Duration = self.scenario.shocks.iter().map(frozen).sum();
        BEGIN
            + phases
            + deadlines.after
            + deadlines.kill_grace * 3
            + frozen * 2
            + REAP_DEADLINE
            + Duration::from_millis(500)
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>12} {}", self.now.nanos_since(BEGIN), what());
        }
    }

    /// Lets the primary wake soon, because something happened that its system shows to it.
    fn wake_primary(&mut self) {
        self.primary_at = self.primary_at.min(self.now + self.chance.delay());
    }

    fn turn_primary(&mut self) {
        let moved = |host: &Host| host.state.wire().map(|wire| wire.read() + wire.written());
        let before: Vec<_> = self.hosts.iter().map(moved).collect();
        let faults = self.driver.faults.all.len();
        self.driver.world.wakes_at = self.now;
        let flow = match std::mem::replace(&mut self.has_begun, true) {
            true => self.driver.turn(),
            false => self.driver.begin(),
        };
        self.is_done = flow.is_break();
        if std::mem::take(&mut self.backlog_passed) {
            self.driver.step(Event::BacklogPassed);
        }
        for fault in &self.driver.faults.all[faults..] {
            self.say(|| format!("FAULT of worker {}: {:?}", fault.worker, fault.cause));
        }
        self.paused();
        let is_held = |host: &Host| host.state.wire().is_some_and(|wire| wire.is_held());
        self.primary_at = self.driver.wake_at();
        if self.driver.has_unread() || self.hosts.iter().any(is_held) {
            self.wake_primary();
        }
        for (index, host) in self.hosts.iter_mut().enumerate() {
            if before[index] != moved(host) {
                host.bus_at = host.bus_at.min(self.now + self.chance.delay());
            }
            let is_closed = self.driver.has_closed(index as u32);
            check::reads_nothing_more(host, is_closed);
            let waits = self.driver.queued(index as u32) > 0;
            assert!(is_closed || host.state.is_room_watched() == waits, "what waits is written");
        }
        self.begin_workers();
        self.kill_workers();
    }

    /// Moves the time past a pause that the primary has just made: its workers stood still.
    fn paused(&mut self) {
        let until = self.clock.get();
        if until > self.now {
            self.pauses += 1;
            self.now = until;
            for host in &mut self.hosts {
                assert!(!host.state.is_stopped.get(), "a worker goes on after a pause");
                host.frozen_until = host.frozen_until.max(until);
            }
        }
    }

    fn begin_workers(&mut self) {
        for (index, wire) in std::mem::take(&mut self.driver.world.spawned) {
            let host = &mut self.hosts[index as usize];
            let behaviour = self.scenario.workers[index as usize].clone();
            host.bus_at = self.now + behaviour.boot;
            let around = (self.now, self.chance.fork());
            host.worker = Some(SimulatedWorker::new(index, wire, behaviour, &host.state, around));
        }
    }

    fn kill_workers(&mut self) {
        for index in 0..self.hosts.len() {
            let host = &mut self.hosts[index];
            if host.state.is_killed.take() {
                host.was_killed = true;
                if host.stays {
                    host.frozen_until = Time::NEVER;
                } else if host.exit.is_none() {
                    self.say(|| format!("worker {index} is killed"));
                    self.end(index, Exit::Signal(9));
                }
            }
        }
    }

    fn turn_bus(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let worker = host.worker.as_mut().expect("it lives");
        let (moved, afters) = (worker.moved(), worker.afters);
        let exit = worker.turn_bus(self.now);
        host.bus_at = worker.bus_wakes_at(self.now, &mut self.chance);
        host.loop_at = host.loop_at.min(self.now + self.chance.delay());
        let (read, written) = worker.moved();
        if moved != (read, written) {
            host.state.has_read.set(host.state.has_read.get() || read != moved.0);
            host.state.has_written.set(host.state.has_written.get() || written != moved.1);
            self.primary_at = self.primary_at.min(self.now + self.chance.delay());
        }
        if afters != worker.afters {
            check::after_begins(self, index);
        }
        if let Some(exit) = exit {
            self.end(index, exit);
        }
    }

    fn turn_loop(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let worker = host.worker.as_mut().expect("it lives");
        let at = worker.turn_loop(self.now, &mut self.chance);
        // A timer fires late, by up to 100 µs.
        host.loop_at = at + self.chance.micros(0, 100);
        if worker.is_woken() {
            host.bus_at = host.bus_at.min(self.now + self.chance.delay());
        }
    }
}

/// Prints the seed if a check fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            println!("DYNO_SIM_SEED={seed} cargo test -p dyno-bench simulation -- --nocapture");
        }
    }
}

fn simulate(seed: u64, trace: bool) {
    let _named = Named(seed);
    let mut chance = Chance::new(seed);
    let scenario = Scenario::new(&mut chance);
    simulate_scenario(chance, scenario, trace);
}

#[test]
fn a_link_that_loses_the_last_frame_of_a_worker_is_found() {
    // The driver would do the same if it dropped a frame that comes with the end of the file.
    let is_found = |seed| {
        let mut chance = Chance::new(seed);
        let mut scenario = Scenario::new(&mut chance);
        scenario.workers.iter_mut().for_each(|worker| worker.lie = Lie::LastFrameLost);
        let run = AssertUnwindSafe(|| simulate_scenario(chance, scenario, false));
        std::panic::catch_unwind(run).is_err_and(|found| {
            let message = found.downcast_ref::<String>().map_or("", |message| message);
            message.contains("is blamed for Died(Code(0)), had []")
        })
    };
    assert!((0..SEEDS_TO_FIND).any(is_found));
}

fn simulate_scenario(chance: Chance, scenario: Scenario, trace: bool) {
    let mut caller = Caller { clock: Rc::new(Cell::new(BEGIN)), told: Rc::default() };
    let mut simulation = Simulation::new(chance, scenario, &mut caller, trace);
    simulation.run();
    check::ended(simulation);
}

#[test]
fn every_random_run_ends_with_a_true_result() {
    let number = |name| env::var(name).ok().map(|value| value.parse().expect("a whole number"));
    if let Some(seed) = number("DYNO_SIM_SEED") {
        return simulate(seed, true);
    }
    let seeds = number("DYNO_SIM_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let run = move || {
                (first..seeds).step_by(threads as usize).for_each(|seed| simulate(seed, false));
            };
            scope.spawn(run);
        }
    });
}
