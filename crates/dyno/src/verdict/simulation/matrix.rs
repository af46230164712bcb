//! The matrix: systems of every kind, at loads around capacity, over windows of several lengths.
//!
//! A small part of it runs with all other tests. The whole takes more than an hour, prints its
//! tables, and asserts the same [`limits`]:
//!
//! ```sh
//! cargo test --release -p dyno-bench --lib -- --ignored the_whole_matrix --nocapture
//! ```
//!
//! `RUNS` sets the number of runs of a cell, `THREADS` the number of threads. `CELLS` chooses cells
//! by texts in their names, separated by commas: `CELLS="50/s for 5 s, Cached, at 1.1."`.

mod limits;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Answer, Kind, Service, System};

/// Loads, as shares of capacity.
const LOADS: [f64; 8] = [0.5, 0.8, 0.9, 0.97, 1.03, 1.1, 1.3, 2.0];
const HELD_OUT_LOADS: [f64; 6] = [0.6, 0.75, 0.95, 1.05, 1.15, 1.5];
/// Services in seconds, for tasks without a limit.
const INFINITE_SERVICES: [f64; 7] = [0.01, 0.1, 0.3, 0.5, 1.0, 2.0, 4.0];
/// Rate and window: 250, 2,000, 2,000, 30,000 and 30,000 cycles.
const WINDOWS: [(f64, f64); 5] =
    [(50.0, 5.0), (400.0, 5.0), (50.0, 40.0), (1_000.0, 30.0), (50.0, 600.0)];

/// The most unclear runs of a cell that are run again for the duration that they suggest.
const AGAIN_MAX: u32 = 5;
/// The largest window that is tried for such a run, in cycles.
const AGAIN_CYCLES_MAX: f64 = 60_000.0;

/// One row of a table: a system at several loads.
#[derive(Debug, Clone, Copy)]
struct Row {
    system: System,
    loads: &'static [f64],
}

/// The answers to the runs of one cell: a thousand runs, or fewer.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    runs: u32,
    held: u32,
    unclear: u32,
    overloaded: u32,
    limit: u32,
    again: Again,
}

/// Unclear runs that were run again for the duration that they suggested.
#[derive(Debug, Clone, Copy, Default)]
struct Again {
    runs: u32,
    /// The runs that gave an answer then.
    told: u32,
}

impl Cell {
    fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.runs) * 100.0
    }
}

/// Runs one cell: a system at one load, with many seeds.
fn cell(system: System, runs: u32, seed: u64, rerun: bool) -> Cell {
    let mut cell = Cell { runs, ..Cell::default() };
    for run in 0..runs {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(u64::from(run));
        let (answer, longer) = system.answer(seed);
        match answer {
            Answer::Held => cell.held += 1,
            Answer::Unclear => cell.unclear += 1,
            Answer::Overloaded => cell.overloaded += 1,
            Answer::Limit => cell.limit += 1,
        }
        if rerun
            && answer == Answer::Unclear
            && cell.again.runs < AGAIN_MAX
            && let Some(longer) = longer
            && longer * system.rate < AGAIN_CYCLES_MAX
        {
            cell.again.runs += 1;
            let (answer, _) = System { window: longer, ..system }.answer(seed ^ 0x5555);
            cell.again.told += u32::from(answer != Answer::Unclear);
        }
    }
    cell
}

/// Runs the cells that `chosen` returns `true` for, on all processors; the others have no runs.
fn run(
    rows: &[Row],
    runs: impl Fn(&System) -> u32 + Sync,
    seed: u64,
    rerun: bool,
    chosen: impl Fn(&System) -> bool + Sync,
) -> Vec<Vec<Cell>> {
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, Vec<Cell>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads())
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(row) = rows.get(index) else { break mine };
                        let cells = row.loads.iter().map(|&load| {
                            let system = System { load, ..row.system };
                            let runs = if chosen(&system) { runs(&system) } else { 0 };
                            cell(system, runs, seed + index as u64 * 31, rerun)
                        });
                        mine.push((index, cells.collect()));
                    }
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, cells)| cells).collect()
}

fn threads() -> usize {
    let all = || thread::available_parallelism().map_or(2, usize::from);
    std::env::var("THREADS").map_or_else(|_| all(), |threads| threads.parse().expect("a number"))
}

/// Returns the systems of the matrix in one window, with one warm-up.
fn rows(rate: f64, window: f64, warmup: f64) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |kind, service| {
        for poisson in [false, true] {
            let system = System { kind, service, poisson, rate, warmup, window, load: 0.0 };
            rows.push(Row { system, loads: &LOADS });
        }
    };
    let plain = [Service::Constant, Service::Exponential, Service::Hyper, Service::Pareto];
    for permits in [1, 4, 64] {
        for service in plain {
            add(Kind::Pool { permits }, service);
        }
        for service in [Service::Stalls, Service::Slows, Service::Stops, Service::Cached] {
            add(Kind::Pool { permits }, service);
        }
    }
    for (workers, uneven) in [(1, false), (2, false), (8, false), (2, true), (8, true)] {
        for service in plain {
            add(Kind::Sync { workers, uneven }, service);
        }
    }
    for service in [Service::Constant, Service::Exponential, Service::Hyper] {
        add(Kind::Sharing, service);
        add(Kind::LastFirst, service);
    }
    rows
}

/// Returns the name of a cell, such as `50/s for 5 s after 1 s: Pool 4 Cached Poisson at 1.1.`
fn name(system: &System) -> String {
    let System { rate, window, warmup, load, .. } = system;
    let label = label(system);
    let words: Vec<_> = label.split_whitespace().collect();
    format!("{rate}/s for {window} s after {warmup} s: {} at {load}.", words.join(" "))
}

fn label(system: &System) -> String {
    let arrivals = if system.poisson { "Poisson" } else { "uniform" };
    let kind = format!("{:?}", system.kind).replace(" { ", " ").replace(" }", "");
    let kind =
        kind.replace("workers: ", "").replace("permits: ", "").replace(", uneven: false", "");
    let kind = kind.replace(", uneven: true", " uneven");
    let service = format!("{:?}", system.service);
    format!("{kind:<14} {service:<11} {arrivals}")
}

/// Returns a number of runs that makes every cell take about the same time.
fn runs_of(system: &System, most: u32) -> u32 {
    let cycles = system.rate * (system.window + system.warmup);
    (most as f64 * (4_000.0 / cycles).min(1.0)).ceil() as u32
}

/// Returns systems that were not used to choose any constant of the rule.
fn held_out(rate: f64, window: f64, warmup: f64) -> Vec<Row> {
    let kinds = [
        Kind::Pool { permits: 2 },
        Kind::Pool { permits: 16 },
        Kind::Sync { workers: 4, uneven: false },
    ];
    let services = [Service::Erlang, Service::Bimodal, Service::LogNormal];
    let mut rows = Vec::new();
    for (kind, service) in kinds.iter().flat_map(|kind| services.map(|service| (*kind, service))) {
        for poisson in [false, true] {
            let system = System { kind, service, poisson, rate, warmup, window, load: 0.0 };
            rows.push(Row { system, loads: &HELD_OUT_LOADS });
        }
    }
    rows
}

/// Returns async tasks without any limit, by their service in seconds.
fn infinite(rate: f64, window: f64, warmup: f64) -> Vec<Row> {
    let services = [Service::Constant, Service::Exponential, Service::Hyper, Service::Pareto];
    let mut rows = Vec::new();
    for service in services {
        for poisson in [false, true] {
            let kind = Kind::Infinite;
            let system = System { kind, service, poisson, rate, warmup, window, load: 0.0 };
            rows.push(Row { system, loads: &INFINITE_SERVICES });
        }
    }
    rows
}

#[cfg(test)]
mod tests;
