//! The rows for searches: the interval that a search finds, next to the closed loops before and
//! after it.
//!
//! A search contains the capacity if its interval contains the mean of both loops. If the loops
//! differ, the machine changed in between: such a search is not judged but repeated, and the
//! repeats are counted. It refuses to widen an interval by an error of the loops.

pub(super) mod cost;
mod outcome;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use dyno::summary::Study;

use self::outcome::{Outcome, Tally};
use super::{Options, Told, program};
use crate::pool::{PERMITS, Service};
use crate::redis::{COMMAND, Server};
use crate::run::{Run, RunKind};
use crate::task::How;

/// The searches of a system whose capacity is known, and of a pool.
const SEARCHES: usize = 20;
/// The searches of Redis.
const SEARCHES_REDIS: usize = 10;
/// The time for which a cycle of the spinning task is busy: long compared with its cost in a
/// worker.
const SPIN: Duration = Duration::from_millis(2);
/// The mean time for which a cycle of the pool keeps its permit.
const PERMIT: Duration = Duration::from_millis(20);
/// The time of a search, at most. Most end before, so that a search and its loops are within a
/// minute.
const TIME: Duration = Duration::from_secs(45);
/// The same for the pool: its cycles sleep, so that its capacity does not change with the machine's
/// speed, and chance alone makes some trials inconclusive, which are then run longer.
const TIME_POOL: Duration = Duration::from_secs(90);
/// The window of a trial of full length.
const WINDOW: Duration = Duration::from_secs(4);
const WARMUP: Duration = Duration::from_millis(500);
/// The window of a closed loop.
const LOOP_WINDOW: Duration = Duration::from_secs(5);
/// The relative difference of two loops above which a search is repeated.
const APART: f64 = 0.04;
/// The repeats for each search, on average, above which the machine is too busy to go on.
const REPEATS: usize = 5;

/// A system whose capacity is searched.
struct Searched {
    name: String,
    run: Run,
    time: Duration,
}

impl Searched {
    fn new(name: &str, run: Run) -> Self {
        let run = Run { warmup: WARMUP, window: WINDOW, ..run };
        Self { name: name.to_owned(), run, time: TIME }
    }

    fn spin(workers: u32) -> Self {
        let name = if workers == 1 { "one worker" } else { "two workers" };
        let name = format!("spins for 2 ms, {name}");
        Self::new(&name, Run { workers, ..Run::new(How::Constant, SPIN, 0.0) })
    }

    fn pool() -> Self {
        let run = Run::new(How::Pool(Service::Exponential), PERMIT, 0.0);
        let name = "pool, 2 workers with 4 permits each, exponential, 20 ms";
        Self { time: TIME_POOL, ..Self::new(name, Run { workers: 2, ..run }) }
    }

    fn redis(server: &Server) -> Self {
        // With plain writes, the machine changes the capacity by a tenth from second to second.
        let mut run = Run::new(How::Redis, COMMAND, 0.0);
        run.work.url = server.url();
        // One command at a time: a cycle that is due waits for the one before.
        run.in_flight = Some(1);
        Self::new("Redis, one command of 4 ms in flight", run)
    }

    /// Measures the capacity by a closed loop, in cycles a second.
    fn closed_loop(&self, program: &Path) -> Result<f64> {
        // An open loop of the pool has any number of cycles in flight, and most of them wait
        // for a permit. A closed loop has as many as there are permits.
        let permits = if matches!(self.run.work.how, How::Pool(_)) { PERMITS } else { 1 };
        let in_flight = Some(self.run.in_flight.unwrap_or(permits));
        let run = Run { kind: RunKind::Closed, in_flight, window: LOOP_WINDOW, ..self.run.clone() };
        Ok(run.run(program)?.summary.rate.delivered)
    }

    /// Searches the capacity until this number of searches could be judged.
    fn measure(&self, searches: usize, program: &Path, tally: &mut Tally) -> Result<()> {
        let mut repeated = 0;
        let mut before = self.closed_loop(program)?;
        let mut number = 1;
        while number <= searches && repeated <= REPEATS * searches {
            let mut run = self.run.clone();
            // Other arrivals and other services of the pool.
            let seed = (number + repeated) as u64;
            (run.seed, run.work.seed) = (seed, seed);
            let study: Study = run.search(self.time, program)?;
            let after = self.closed_loop(program)?;
            let outcome = Outcome::of_study(&self.name, number, &study, [before, after]);
            let is_judged = outcome.loops_differ_by() <= APART;
            outcome.show(is_judged);
            if is_judged {
                tally.judged(outcome);
                number += 1;
            } else {
                repeated += 1;
            }
            // The loop after this search is the one before the next.
            before = after;
        }
        tally.ended(&self.name, searches, repeated);
        Ok(())
    }
}

fn measured(systems: &[Searched], searches: usize) -> Result<Told> {
    let program = program()?;
    let mut tally = Tally::default();
    for system in systems {
        system.measure(searches, &program, &mut tally)?;
    }
    Ok(tally.told())
}

/// Measures the spinning task, with one worker and with two.
pub(super) fn spin(options: &Options) -> Result<Told> {
    measured(&[Searched::spin(1), Searched::spin(2)], options.searches(SEARCHES))
}

/// Measures the pool.
pub(super) fn pool(options: &Options) -> Result<Told> {
    measured(&[Searched::pool()], options.searches(SEARCHES))
}

/// Measures a Redis server.
pub(super) fn redis(options: &Options) -> Result<Told> {
    let server = Server::start()?;
    measured(&[Searched::redis(&server)], options.searches(SEARCHES_REDIS))
}
