//! The matrix: systems of every kind, at loads around capacity, over windows of several lengths.
//!
//! A small part of it runs with all other tests. The whole takes many minutes, prints its tables,
//! and asserts the same bounds:
//!
//! ```sh
//! cargo test --release -p dyno-bench --lib -- --ignored the_whole_matrix --nocapture
//! ```

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

/// Runs all cells, on all processors.
fn run(
    rows: &[Row],
    runs: impl Fn(&System) -> u32 + Sync,
    seed: u64,
    rerun: bool,
) -> Vec<Vec<Cell>> {
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, Vec<Cell>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..thread::available_parallelism().map_or(2, usize::from))
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(row) = rows.get(index) else { break mine };
                        let cells = row.loads.iter().map(|&load| {
                            let system = System { load, ..row.system };
                            cell(system, runs(&system), seed + index as u64 * 31, rerun)
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

fn label(system: &System) -> String {
    let arrivals = if system.poisson { "Poisson" } else { "uniform" };
    let kind = format!("{:?}", system.kind).replace(" { ", " ").replace(" }", "");
    let kind =
        kind.replace("workers: ", "").replace("permits: ", "").replace(", uneven: false", "");
    let kind = kind.replace(", uneven: true", " uneven");
    let service = format!("{:?}", system.service);
    format!("{kind:<14} {service:<11} {arrivals}")
}

/// The wrong answers that are allowed in a thousand runs, in percent: 1 %, and 2.5 standard
/// deviations of it.
const WRONG_MAX: f64 = 1.8;

/// Returns the cells that break a bound, one line each.
fn broken(rows: &[Row], cells: &[Vec<Cell>]) -> Vec<String> {
    let mut broken = Vec::new();
    for (row, cells) in rows.iter().zip(cells) {
        for (&load, cell) in row.loads.iter().zip(cells) {
            let system = System { load, ..row.system };
            for (what, count, most) in [
                ("overloaded", cell.overloaded + cell.limit, overloaded_max(&system)),
                ("held", cell.held, held_max(&system)),
                ("unclear", cell.unclear, unclear_max(&system)),
            ] {
                let Some(most) = most else { continue };
                // If there are few runs, chance may add this much.
                let room = 2.5 * (most * (100.0 - most) / f64::from(cell.runs)).sqrt();
                let most = if cell.runs >= 1_000 { most } else { most + room };
                let share = cell.share(count);
                if share > most {
                    let System { rate, window, warmup, .. } = system;
                    broken.push(format!(
                        "{rate}/s, {window} s after {warmup} s, {} at {load}: {what} {share:.1} %, \
                         at most {most:.1} %",
                        label(&system)
                    ));
                }
            }
        }
    }
    broken
}

fn degrades(system: &System) -> bool {
    matches!(system.service, Service::Slows | Service::Stops)
}

/// Returns the runs of a cell that may be called overloaded, in percent; `None` if that has no
/// bound.
fn overloaded_max(system: &System) -> Option<f64> {
    let holds = system.kind == Kind::Infinite || (system.load < 1.0 && !degrades(system));
    holds.then_some(WRONG_MAX)
}

/// Returns the runs of a cell that may be called held, in percent; `None` if that has no bound.
fn held_max(system: &System) -> Option<f64> {
    let cycles = system.rate * system.window;
    if system.service == Service::Stops {
        return Some(WRONG_MAX);
    }
    // A system that slows by 1 % a second is judged by its load over the window's second half: in
    // the last seconds of a long window the backlog has no time to grow.
    let slower = if system.service == Service::Slows { 0.0025 * system.window } else { 0.0 };
    let load = system.load * (1.0 - slower);
    if load < 1.02 || system.kind == Kind::Infinite {
        return None;
    }
    let near = load < 1.09;
    match system.kind {
        // One of several workers is at this load, and only its own cycles show that: the mean of
        // 250 exponential ones has an error of 6 %, so that at 1.03 it is below 0.97 in 16 % of
        // runs.
        Kind::Sync { uneven: true, .. } if near => None,
        // The mean of 31 Pareto cycles is below 1 at 1.1 in most runs: the long ones are missing.
        Kind::Sync { uneven: true, .. }
            if system.service == Service::Pareto && cycles < 1_000.0 =>
        {
            Some(7.0)
        }
        // Under processor sharing the cycles that stay are the long ones, which are few: at 1.03
        // the backlog grows by 0.7 % of the cycles, less than the share that a held rate may have.
        Kind::Sharing if system.service == Service::Hyper && near => None,
        Kind::Sharing if system.service == Service::Hyper && cycles < 1_000.0 => Some(7.0),
        // Two of five cycles pass the pool by: if the rest are 3 % too many, 1.8 % of all cycles
        // stay.
        Kind::Pool { .. } if near && system.service == Service::Cached => {
            Some(if cycles < 30_000.0 { 9.0 } else { 5.0 })
        }
        _ if near && cycles < 30_000.0 => Some(5.0),
        _ => Some(WRONG_MAX),
    }
}

/// Returns the runs of a cell that may be unclear, in percent; `None` if that has no bound.
fn unclear_max(system: &System) -> Option<f64> {
    let (load, cycles) = (system.load, system.rate * system.window);
    let (pool, workers) = match system.kind {
        Kind::Pool { permits } => (permits, 1),
        Kind::Sync { uneven: false, workers } => (0, workers),
        // Poisson arrivals may by chance be fewer than the rate says: 64 permits at 1.03 of their
        // capacity then make the very same data.
        Kind::Infinite => {
            let is_clear = system.service == Service::Constant && !system.poisson;
            return (is_clear && system.window >= 4.0 * load).then_some(5.0);
        }
        Kind::Sync { uneven: true, .. } | Kind::Sharing | Kind::LastFirst => return None,
    };
    let stalls = system.service == Service::Stalls;
    if degrades(system) || system.service == Service::Cached {
        return None;
    }
    // One of eight workers seems to be above capacity by chance: the mean of its 250 cycles has an
    // error of 13 %. A rule that ignores this says *held* in every fourth run with one worker at
    // 1.1.
    let uneven_many = workers >= 8 && system.service == Service::Hyper;
    if cycles < 1_000.0 {
        return match (load, pool) {
            (0.5, 0) => Some(if uneven_many { 20.0 } else { 5.0 }),
            (0.5, 1..=4) if !stalls => Some(30.0),
            (2.0, 0) => Some(30.0),
            (2.0, 1..=4) if !stalls => Some(5.0),
            _ => None,
        };
    }
    let service = f64::from(pool.max(1)) * load / system.rate;
    let is_long = system.window >= 30.0 * service && (!stalls || system.window >= 20.0);
    if !is_long || (0.8 < load && load < 1.3) {
        return None;
    }
    Some(match (system.service, pool) {
        (Service::Hyper, 0) if uneven_many && load == 0.8 => 35.0,
        (Service::Hyper, 0) if load == 0.8 => 9.0,
        (Service::Hyper, 16..) if load == 0.8 => 25.0,
        (Service::Hyper, 1..) if load == 0.8 => 15.0,
        _ => 5.0,
    })
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
