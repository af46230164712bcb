//! The matrix: systems of every kind, at loads around capacity, over windows of several lengths.
//!
//! The small tests run a part of it at a few loads and assert its bounds. The whole of it takes many
//! minutes, prints its tables, and asserts the same bounds:
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
/// Services in seconds, where nothing limits the cycles.
const INFINITE_SERVICES: [f64; 7] = [0.01, 0.1, 0.3, 0.5, 1.0, 2.0, 4.0];
/// Rate and window: 250, 2,000, 2,000, 30,000 and 30,000 cycles.
const WINDOWS: [(f64, f64); 5] =
    [(50.0, 5.0), (400.0, 5.0), (50.0, 40.0), (1_000.0, 30.0), (50.0, 600.0)];

/// One row of a table: a system at several loads.
#[derive(Debug, Clone, Copy)]
struct Row {
    system: System,
    loads: &'static [f64],
}

/// How a thousand runs, or fewer, of one cell were answered.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    runs: u32,
    held: u32,
    unclear: u32,
    overloaded: u32,
    limit: u32,
    /// Of the unclear runs, how many were run again for as long as was said, and told then.
    again: u32,
    told: u32,
}

impl Cell {
    fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.runs) * 100.0
    }
}

/// Runs a cell.
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
            && cell.again < 20
            && let Some(longer) = longer
            && longer * system.rate < 200_000.0
        {
            cell.again += 1;
            let (answer, _) = System { window: longer, ..system }.answer(seed ^ 0x5555);
            cell.told += u32::from(answer != Answer::Unclear);
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

/// The systems of the matrix in one window, with one warm-up.
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

fn print(rows: &[Row], cells: &[Vec<Cell>], heading: &str) {
    println!("\n{heading}\nheld / unclear / overloaded (by the limit alone), in percent");
    for (row, cells) in rows.iter().zip(cells) {
        let figures = cells.iter().map(|cell| {
            let limit = match cell.limit {
                0 => String::new(),
                limit => format!("({:.0})", cell.share(limit)),
            };
            let [held, unclear, overloaded] =
                [cell.held, cell.unclear, cell.overloaded + cell.limit].map(|c| cell.share(c));
            format!("{:<17}", format!("{held:.1}/{unclear:.1}/{overloaded:.1}{limit}"))
        });
        println!("{:<34}{}", label(&row.system), figures.collect::<Vec<_>>().join(" "));
    }
}

/// What may be wrong in how many of a thousand runs: 1 %, and 2.5 standard deviations of it.
const WRONG_MAX: f64 = 1.8;

/// The cells that break a bound, a line each.
fn broken(rows: &[Row], cells: &[Vec<Cell>]) -> Vec<String> {
    let mut broken = Vec::new();
    for (row, cells) in rows.iter().zip(cells) {
        for (&load, cell) in row.loads.iter().zip(cells) {
            let system = row.system;
            let mut check = |what: &str, count: u32, most: f64| {
                // Of few runs, chance may make as much more.
                let room = 2.5 * (most * (100.0 - most) / f64::from(cell.runs)).sqrt();
                let most = if cell.runs >= 1_000 { most } else { most + room };
                if cell.share(count) > most {
                    let share = cell.share(count);
                    let window = (system.rate, system.window, system.warmup);
                    broken.push(format!(
                        "{window:?} {} at {load}: {what} {share:.1} %, at most {most:.1} %",
                        label(&system)
                    ));
                }
            };
            if system.kind == Kind::Infinite {
                check("overloaded", cell.overloaded + cell.limit, WRONG_MAX);
                // Poisson arrivals may by chance be fewer than the rate says: then 64 permits at 1.03 of
                // their capacity make the very same data.
                let is_clear = system.service == Service::Constant && !system.poisson;
                if is_clear && system.window >= 4.0 * load {
                    check("unclear", cell.unclear, 5.0);
                }
                continue;
            }
            let degrades = matches!(system.service, Service::Slows | Service::Stops);
            // What slows by 1 % a second is judged by its load over the window's second half: in the
            // last seconds of a long window the backlog has no time to grow.
            let slower =
                if system.service == Service::Slows { 0.0025 * system.window } else { 0.0 };
            let load = if degrades { load * (1.0 - slower) } else { load };
            if load < 1.0 && !degrades {
                check("overloaded", cell.overloaded + cell.limit, WRONG_MAX);
            }
            let cycles = system.rate * system.window;
            if load > 1.09 {
                check("held", cell.held, WRONG_MAX);
            } else if load > 1.02 {
                check("held", cell.held, if cycles >= 30_000.0 { WRONG_MAX } else { 5.0 });
            }
            if let Some(most) = unclear_max(&system, load) {
                check("unclear", cell.unclear, most);
            }
        }
    }
    broken
}

/// How many runs of a cell may be unclear, in percent, if that is bounded.
fn unclear_max(system: &System, load: f64) -> Option<f64> {
    let cycles = system.rate * system.window;
    let pool = match system.kind {
        Kind::Pool { permits } => permits,
        Kind::Sync { uneven: false, .. } => 0,
        Kind::Sync { uneven: true, .. } | Kind::Sharing | Kind::LastFirst | Kind::Infinite => {
            return None;
        }
    };
    let service = f64::from(pool.max(1)) * load / system.rate;
    let periodic = matches!(system.service, Service::Stalls | Service::Slows | Service::Stops);
    if system.service == Service::Cached {
        return None;
    }
    if cycles < 1_000.0 {
        return match (load, pool) {
            (0.5, 0) => Some(5.0),
            (0.5, 1..=4) if !periodic => Some(30.0),
            (2.0, 0) => Some(30.0),
            (2.0, 1..=4) if !periodic => Some(5.0),
            _ => None,
        };
    }
    let long_enough = system.window >= 30.0 * service && (!periodic || system.window >= 20.0);
    if !long_enough || (0.8 < load && load < 1.3) || load > 1.3 && periodic {
        return None;
    }
    if matches!(system.service, Service::Slows | Service::Stops) {
        return None;
    }
    Some(if system.service == Service::Hyper && pool > 0 && load == 0.8 { 15.0 } else { 5.0 })
}

/// The runs of a cell that take about as long as any other's.
fn runs_of(system: &System, most: u32) -> u32 {
    let cycles = system.rate * (system.window + system.warmup);
    (most as f64 * (4_000.0 / cycles).min(1.0)).ceil() as u32
}

/// A table, printed; the cells that break a bound.
fn table(rows: &[Row], runs: u32, seed: u64, heading: &str, again: &mut [Cell; 2]) -> Vec<String> {
    let cells = run(rows, |system| runs_of(system, runs), seed, true);
    print(rows, &cells, heading);
    for (row, cells) in rows.iter().zip(&cells) {
        let degrades = matches!(row.system.service, Service::Slows | Service::Stops);
        for (&load, cell) in row.loads.iter().zip(cells).filter(|_| !degrades) {
            let side = match load {
                ..=0.9 => 0,
                1.1.. => 1,
                _ => continue,
            };
            again[side].again += cell.again;
            again[side].told += cell.told;
        }
    }
    broken(rows, &cells)
}

/// Systems that no constant of the rule was chosen by.
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

/// Async tasks that nothing limits, by their service in seconds.
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

#[test]
#[ignore = "it takes minutes"]
fn the_quick_matrix() {
    let runs: u32 = std::env::var("RUNS").map_or(200, |runs| runs.parse().expect("a number"));
    let mut again = <[Cell; 2]>::default();
    let mut all = Vec::new();
    for (rate, window) in [WINDOWS[0], WINDOWS[1], WINDOWS[2]] {
        let rows = rows(rate, window, 1.0);
        let heading = format!("{rate}/s for {window} s after 1 s");
        all.extend(table(&rows, runs, 1, &heading, &mut again));
    }
    println!("\nagain {again:?} {} broken\n{}", all.len(), all.join("\n"));
}

#[test]
#[ignore = "it takes minutes"]
fn long_windows() {
    let runs: u32 = std::env::var("RUNS").map_or(2_000, |runs| runs.parse().expect("a number"));
    let mut again = <[Cell; 2]>::default();
    let rows = rows(1_000.0, 30.0, 1.0);
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|row| row.system.kind == Kind::Sharing || row.system.service == Service::Cached)
        .collect();
    let all = table(&rows, runs, 5, "long", &mut again);
    println!("\nagain {again:?} {} broken\n{}", all.len(), all.join("\n"));
}

#[test]
#[ignore = "it takes the better part of an hour"]
fn the_whole_matrix() {
    let runs: u32 = std::env::var("RUNS").map_or(1_000, |runs| runs.parse().expect("a number"));
    let mut again = <[Cell; 2]>::default();
    let mut all = Vec::new();
    for (rate, window) in WINDOWS {
        for warmup in [0.0, 1.0, window] {
            let rows = rows(rate, window, warmup);
            let heading = format!("{rate}/s for {window} s after {warmup} s");
            all.extend(table(&rows, runs, 1, &heading, &mut again));
        }
    }
    for (rate, window, warmup) in [(100.0, 5.0, 0.5), (200.0, 10.0, 2.0), (250.0, 20.0, 0.0)] {
        let rows = held_out(rate, window, warmup);
        let heading = format!("held out: {rate}/s for {window} s after {warmup} s");
        all.extend(table(&rows, runs, 77, &heading, &mut again));
    }
    for (rate, window) in [WINDOWS[0], WINDOWS[1], WINDOWS[2]] {
        for warmup in [0.0, 1.0, window] {
            let rows = infinite(rate, window, warmup);
            let heading = format!("nothing limits: {rate}/s for {window} s after {warmup} s");
            all.extend(table(&rows, runs, 1, &heading, &mut again));
        }
    }
    println!("\nagain {again:?} {} broken\n{}", all.len(), all.join("\n"));
}
