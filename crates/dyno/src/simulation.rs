//! Simulated whole runs: both state machines and the protocol, over a simulated clock and link.
//!
//! A seed makes a plan, workers, and the faults that they meet; a run of it takes well under a
//! millisecond. The real parts are the state machines, the schedule, the pace, leases and cuts,
//! frames and codec, and the record with the observer and its accounts. The loop, the bus thread,
//! the driver and processes are modelled. At the end of each run, the rules that hold for any run
//! are checked.
//!
//! A failing seed is printed and replays exactly, with a trace:
//! `DYNO_SIM_SEED=17 cargo test -p dyno-bench simulation -- --nocapture`.

pub(crate) mod chance;
mod check;
mod scenario;

use std::env;
use std::time::Duration;

use dyno_bus::Time;

use self::chance::{Chance, Wire};
use self::scenario::{Scenario, Shock};
use crate::primary::Exit;
use crate::primary::simulated::{Asked, Effect, NONCE, SimulatedPrimary};
use crate::worker::simulated::SimulatedWorker;

/// The number of seeds that are run by default.
const SEEDS: u64 = 2_000;
/// The most events of one run: beyond this number it makes no progress.
const EVENTS_MAX: u64 = 200_000;
/// The instant at which every run begins.
const BEGIN: Time = Time::from_nanos(1_000_000_000);

/// The process of one worker.
struct Host {
    worker: Option<SimulatedWorker>,
    bus_at: Time,
    loop_at: Time,
    /// The instant until which the process is frozen.
    frozen_until: Time,
    was_frozen: bool,
    /// `true` if the kernel keeps the process when it is killed.
    stays: bool,
    exit: Option<Exit>,
    ended_at: Time,
    /// The instant at which the primary notices its end.
    exit_seen_at: Time,
    was_killed: bool,
    /// The exit that a shock forced on it.
    crashed: Option<Exit>,
    closed: bool,
    /// The ends of its socket that outlive it, in processes that it started.
    leaked: Vec<Box<dyn std::any::Any>>,
}

struct World {
    scenario: Scenario,
    chance: Chance,
    now: Time,
    primary: SimulatedPrimary,
    primary_at: Time,
    primary_frozen_until: Time,
    primary_was_frozen: bool,
    hosts: Vec<Host>,
    signals: u32,
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

impl World {
    fn new(seed: u64, trace: bool) -> Self {
        let mut chance = Chance::new(seed);
        let scenario = Scenario::new(&mut chance);
        if trace {
            println!("{scenario:#?}");
        }
        let Scenario { plan, capacity, spawn_fails, .. } = &scenario;
        let primary = SimulatedPrimary::new(plan.clone(), *capacity, *spawn_fails, BEGIN);
        let host = |index| Host {
            worker: None,
            bus_at: Time::NEVER,
            loop_at: Time::NEVER,
            frozen_until: Time::ZERO,
            was_frozen: false,
            stays: scenario.unkillable == Some(index),
            exit: None,
            ended_at: Time::NEVER,
            exit_seen_at: Time::NEVER,
            was_killed: false,
            crashed: None,
            closed: false,
            leaked: Vec::new(),
        };
        Self {
            hosts: (0..plan.workers).map(host).collect(),
            chance,
            now: BEGIN,
            primary,
            primary_at: BEGIN,
            primary_frozen_until: Time::ZERO,
            primary_was_frozen: false,
            signals: 0,
            shocks_done: 0,
            trace,
            scenario,
        }
    }

    /// Runs the world until the primary is done.
    fn run(&mut self) {
        let limit = self.limit();
        let effects = self.primary.begin(self.now);
        self.apply(effects);
        let mut events = 0;
        while !self.primary.is_done() {
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
            Shock::FreezePrimary(still) => *still,
            _ => Duration::ZERO,
        };
        let frozen: Duration = self.scenario.shocks.iter().map(frozen).sum();
        BEGIN
            + phases
            + deadlines.after
            + deadlines.kill_grace * 3
            + frozen * 2
            + crate::primary::simulated::REAP_DEADLINE
            + Duration::from_millis(500)
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>12} {}", self.now.nanos_since(BEGIN), what());
        }
    }

    fn shock(&mut self) {
        let (_, shock) = self.scenario.shocks[self.shocks_done];
        self.shocks_done += 1;
        self.say(|| format!("{shock:?}"));
        match shock {
            Shock::Ask(asked) => {
                self.signals += u32::from(asked == Asked::Signal);
                self.primary.ask(asked);
                self.primary_at = self.primary_at.min(self.now + self.chance.delay());
            }
            Shock::FreezePrimary(still) => {
                self.primary_frozen_until = self.now + still;
                self.primary_was_frozen = true;
            }
            Shock::Freeze(worker, still) => {
                let host = &mut self.hosts[worker as usize];
                host.frozen_until = self.now + still;
                host.was_frozen = true;
            }
            Shock::Close(worker) => {
                let host = &mut self.hosts[worker as usize];
                if let Some(worker) = host.worker.as_mut().filter(|_| host.exit.is_none()) {
                    host.closed = true;
                    worker.close(&mut self.chance);
                    self.primary_at = self.primary_at.min(self.now + self.chance.delay());
                }
            }
            Shock::Crash(index, exit) => {
                let host = &mut self.hosts[index as usize];
                if let Some(worker) = host.worker.as_mut().filter(|_| host.exit.is_none()) {
                    host.crashed = Some(exit);
                    worker.close(&mut self.chance);
                    self.end(index as usize, exit);
                }
            }
        }
    }

    /// Ends the process of a worker.
    fn end(&mut self, host: usize, exit: Exit) {
        self.say(|| format!("worker {host} ends: {exit:?}"));
        let leaks = self.scenario.leaks;
        let host = &mut self.hosts[host];
        host.exit = Some(exit);
        host.ended_at = self.now;
        host.exit_seen_at = self.now + self.chance.delay();
        if let Some(worker) = &mut host.worker
            && let Some(link) = worker.leak()
            && leaks
        {
            host.leaked.push(Box::new(link));
        }
        // The primary may notice the end of the file before it notices the exit.
        self.primary_at = self.primary_at.min(self.now + self.chance.delay());
    }

    /// Shows the end of a process to the primary, at times before it has read what the worker sent.
    fn see_exit(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.exit_seen_at = Time::NEVER;
        let exit = host.exit.expect("it ended");
        // After an early exit the primary waits for the end of the file, which never comes if
        // another process holds the socket.
        let early = host.leaked.is_empty() && self.chance.one_in(3);
        self.primary.exited(index as u32, exit, early);
        self.primary_at = self.now;
    }

    fn turn_primary(&mut self) {
        let before: Vec<_> = self.moved_by_primary();
        let faults = self.primary.faults.len();
        let effects = self.primary.turn(self.now, &mut self.chance);
        for (worker, cause) in &self.primary.faults[faults..] {
            self.say(|| format!("FAULT of worker {worker}: {cause}"));
        }
        self.primary_at = self.primary.wake_at(self.now, &mut self.chance);
        let after = self.moved_by_primary();
        for (index, host) in self.hosts.iter_mut().enumerate() {
            if before[index] != after[index] {
                host.bus_at = host.bus_at.min(self.now + self.chance.delay());
            }
        }
        self.apply(effects);
    }

    fn moved_by_primary(&self) -> Vec<u64> {
        (0..self.hosts.len() as u32).map(|worker| self.primary.moved(worker)).collect()
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Spawn(index, local) => {
                    let host = &mut self.hosts[index as usize];
                    let behaviour = self.scenario.workers[index as usize].clone();
                    let wire = Wire::new(local);
                    host.worker =
                        Some(SimulatedWorker::new(index, NONCE, wire, behaviour, self.now));
                    host.bus_at = self.now;
                }
                Effect::Kill(index) => {
                    self.say(|| format!("worker {index} is killed"));
                    let host = &mut self.hosts[index as usize];
                    host.was_killed = true;
                    if host.stays {
                        host.frozen_until = Time::NEVER;
                    } else if host.exit.is_none() {
                        self.end(index as usize, Exit::Signal(9));
                    }
                }
            }
        }
    }

    fn turn_bus(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let worker = host.worker.as_mut().expect("it lives");
        let (moved, afters) = (worker.moved(), worker.afters);
        host.bus_at = worker.turn_bus(self.now, &mut self.chance);
        let worker = host.worker.as_ref().expect("it lives");
        host.loop_at = host.loop_at.min(self.now + self.chance.delay());
        if moved != worker.moved() {
            self.primary_at = self.primary_at.min(self.now + self.chance.delay());
        }
        let exit = worker.exit;
        if afters != worker.afters {
            check::after_begins(self, index);
        }
        if let Some(code) = exit {
            self.end(index, if code < 0 { Exit::Signal(-code) } else { Exit::Code(code) });
        }
    }

    fn turn_loop(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let worker = host.worker.as_mut().expect("it lives");
        let (at, told) = worker.turn_loop(self.now, &mut self.chance);
        // A timer fires late, by up to 100 µs.
        host.loop_at = at + self.chance.micros(0, 100);
        if told {
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
    let mut world = World::new(seed, trace);
    world.run();
    check::ended(world);
}

#[test]
fn whatever_befalls_a_run_it_ends_and_tells_the_truth() {
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
