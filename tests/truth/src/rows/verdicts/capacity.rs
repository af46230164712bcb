//! Verdicts near a measured capacity: async tasks that share a pool of permits, or a Redis server
//! with a few connections.
//!
//! A closed loop before a run and one after it measure the capacity, with the cycles of the run.
//! The loop after a run is the one before the next. If the two loops differ, the machine changed in
//! between: such a run is not judged but repeated, and the repeats are counted.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::super::{Options, Told, program};
use crate::pool::{PERMITS, Service};
use crate::redis::{COMMAND, CONNECTIONS, Server};
use crate::run::{Ran, Run, RunKind};
use crate::table::Table;
use crate::task::How;

/// The requested loads, as shares of the capacity, and the verdict that would be wrong there.
const LOADS: [(f64, &str); 3] = [(0.9, "unsustained"), (1.05, "sustained"), (1.15, "sustained")];
const WORKERS: u32 = 2;
/// The time for which a cycle of the pool keeps its permit.
const PERMIT: Duration = Duration::from_millis(20);
/// The window of a closed loop: about 2,000 cycles of the pool.
const LOOP_WINDOW: Duration = Duration::from_secs(6);
/// The shortest window.
const WINDOW_MIN: Duration = Duration::from_secs(5);
/// The cycles of a window.
const CYCLES: f64 = 2_100.0;
/// The cycles of a window with Poisson arrivals, whose backlog varies more.
const POISSON_CYCLES: f64 = 6_000.0;
/// The relative difference of two loops above which a run is repeated. Each of the loops is then
/// within half of it from their mean, so that no load lies on the wrong side of 1.
const APART: f64 = 0.04;
/// The repeats for each run, on average, above which the machine is too busy to go on.
const REPEATS: usize = 5;
/// The most wrong verdicts that are allowed over all runs.
const WRONG_MAX: usize = 1;

/// A system whose capacity is measured.
#[derive(Clone)]
struct System {
    name: String,
    run: Run,
    /// Cycles in flight in each worker of the closed loop.
    in_flight: u32,
}

impl System {
    fn pool(service: Service, name: &str, poisson: bool) -> Self {
        let arrivals = if poisson { "Poisson" } else { "uniform" };
        let run = Run::new(How::Pool(service), PERMIT, 0.0);
        let run = Run { workers: WORKERS, poisson, ..run };
        Self { name: format!("pool, {name}, {arrivals}"), run, in_flight: PERMITS }
    }

    fn redis(server: &Server) -> Self {
        let mut run = Run::new(How::Redis, COMMAND, 0.0);
        run.workers = WORKERS;
        run.work.url = server.url();
        Self { name: "Redis, uniform".to_owned(), run, in_flight: CONNECTIONS }
    }

    fn seeded(&self, seed: u64) -> Self {
        let mut system = self.clone();
        system.run.seed = seed;
        system.run.work.seed = seed;
        system
    }

    /// Measures the capacity, in cycles a second.
    fn capacity(&self, program: &Path) -> Result<f64> {
        let (kind, in_flight) = (RunKind::Closed, Some(self.in_flight));
        let run = Run { kind, in_flight, window: LOOP_WINDOW, ..self.run.clone() };
        Ok(run.run(program)?.summary.rate.delivered)
    }

    fn at(&self, rate: f64) -> Run {
        let cycles = if self.run.poisson { POISSON_CYCLES } else { CYCLES };
        let window = Duration::from_secs_f64(cycles / rate).max(WINDOW_MIN);
        Run { rate, window, ..self.run.clone() }
    }

    /// Runs each load `runs` times.
    fn measure(&self, runs: usize, program: &Path) -> Result<[Cell; 3]> {
        let mut cells = LOADS.map(|(load, wrong)| Cell::new(load, wrong));
        for seed in 1..=runs as u64 {
            let system = self.seeded(seed);
            let mut before = system.capacity(program)?;
            for cell in &mut cells {
                let mut is_judged = false;
                while !is_judged && cell.repeated <= REPEATS * runs {
                    let rate = before * cell.asked;
                    let ran = system.at(rate).run(program)?;
                    let after = system.capacity(program)?;
                    let mean = f64::midpoint(before, after);
                    // A run is judged only if both loops agree, so that the capacity during it is
                    // known.
                    is_judged =
                        (after - before).abs() <= APART * mean && cell.judge(&ran, rate / mean);
                    cell.repeated += usize::from(!is_judged);
                    tell(self, cell.asked, seed, is_judged, &ran, rate / mean);
                    // The loop after this run is the one before the next.
                    before = after;
                }
            }
        }
        Ok(cells)
    }
}

/// The verdicts of one system at one load.
struct Cell {
    asked: f64,
    /// The verdict that is wrong here.
    wrong: &'static str,
    repeated: usize,
    /// The loads of the runs that were judged.
    loads: Vec<f64>,
    verdicts: Vec<String>,
    /// A line for each wrong verdict.
    reasons: Vec<String>,
}

impl Cell {
    fn new(asked: f64, wrong: &'static str) -> Self {
        let (loads, verdicts, reasons) = (Vec::new(), Vec::new(), Vec::new());
        Self { asked, wrong, repeated: 0, loads, verdicts, reasons }
    }

    /// Counts a run's verdict. Returns `false` if the verdict is not about the rate, since the
    /// machine was in the way.
    fn judge(&mut self, ran: &Ran, load: f64) -> bool {
        let verdict = ran.summary.verdict.name();
        if !["sustained", "inconclusive", "unsustained"].contains(&verdict) {
            return false;
        }
        if verdict == self.wrong {
            let reasons = ran.summary.reasons.join(" ");
            self.reasons
                .push(format!("seed {}, load {load:.3}: {verdict}: {reasons}", ran.run.seed));
        }
        self.loads.push(load);
        self.verdicts.push(verdict.to_owned());
        true
    }

    fn count(&self, verdict: &str) -> usize {
        self.verdicts.iter().filter(|one| *one == verdict).count()
    }

    /// Returns `true` if each run was judged, and at most a quarter were inconclusive far from the
    /// capacity.
    fn is_useful(&self, runs: usize) -> bool {
        let is_far = (self.asked - 1.0).abs() > 0.08;
        self.verdicts.len() == runs && (!is_far || self.count("inconclusive") <= runs.div_ceil(4))
    }

    fn row(&self, system: &str) -> [String; 9] {
        let least = self.loads.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.loads.iter().copied().fold(0.0, f64::max);
        let [sustained, inconclusive, unsustained, wrong] =
            ["sustained", "inconclusive", "unsustained", self.wrong]
                .map(|verdict| self.count(verdict).to_string());
        [
            system.to_owned(),
            self.asked.to_string(),
            if self.loads.is_empty() {
                "–".to_owned()
            } else {
                format!("{least:.3} – {most:.3}")
            },
            self.verdicts.len().to_string(),
            self.repeated.to_string(),
            sustained,
            inconclusive,
            unsustained,
            wrong,
        ]
    }
}

/// Shows a run as soon as it has ended: a row can take an hour.
#[expect(clippy::print_stderr, reason = "progress of a tool, beside its results")]
fn tell(system: &System, asked: f64, seed: u64, is_judged: bool, ran: &Ran, load: f64) {
    let judged = if is_judged { "" } else { ", to be repeated" };
    let verdict = &ran.summary.verdict;
    eprintln!("{}, {asked}, seed {seed}: {verdict} at {load:.3}{judged}", system.name);
}

/// Measures the pools.
pub(crate) fn pools(options: &Options) -> Result<Told> {
    let services = [
        (Service::Constant, "constant"),
        (Service::Exponential, "exponential"),
        (Service::Uneven, "one in 400 takes 20 ×"),
    ];
    let pools = services
        .map(|(service, name)| [false, true].map(|poisson| System::pool(service, name, poisson)));
    let systems = pools.concat();
    let (runs, program) = (options.runs(), program()?);
    let program = &program;
    // Pools only sleep, so that they don't disturb each other.
    let measured: Result<Vec<_>> = std::thread::scope(|scope| {
        let start = |system| scope.spawn(move || System::measure(system, runs, program));
        let running: Vec<_> = systems.iter().map(start).collect();
        running.into_iter().map(|one| one.join().expect("a thread does not panic")).collect()
    });
    Ok(told(&systems, &measured?, runs))
}

/// Measures a Redis server.
pub(crate) fn redis(options: &Options) -> Result<Told> {
    let server = Server::start()?;
    let redis = System::redis(&server);
    let measured = redis.measure(options.runs(), &program()?)?;
    Ok(told(&[redis], &[measured], options.runs()))
}

fn told(systems: &[System], measured: &[[Cell; 3]], runs: usize) -> Told {
    let mut table = Table::new(&[
        "system",
        "load asked",
        "load, least – most",
        "runs",
        "repeated",
        "sustained",
        "inconclusive",
        "unsustained",
        "wrong",
    ]);
    let (mut wrong, mut notes, mut is_useful) = (0, Vec::new(), true);
    for (system, cells) in systems.iter().zip(measured) {
        for cell in cells {
            table.row(cell.row(&system.name));
            wrong += cell.reasons.len();
            is_useful &= cell.is_useful(runs);
            let note = |reason: &String| format!("- {}, {}: {reason}", system.name, cell.asked);
            notes.extend(cell.reasons.iter().map(note));
        }
    }
    let text = format!("{table}\n{}", notes.join("\n"));
    Told { text: text.trim_end().to_owned() + "\n", is_true: wrong <= WRONG_MAX && is_useful }
}
