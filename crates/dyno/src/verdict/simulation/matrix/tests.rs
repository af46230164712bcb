//! The matrix, run, printed, and checked against its bounds.

use super::limits::{Suspect, decided, degrades, suspects};
use super::*;

fn print(rows: &[Row], cells: &[Vec<Cell>], heading: &str) {
    println!("\n{heading}\nheld / unclear / overloaded (by the limit alone), in percent");
    for (row, cells) in rows.iter().zip(cells) {
        if cells.iter().all(|cell| cell.runs == 0) {
            continue;
        }
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

/// Returns `true` if a cell is to be run: its name must contain all texts of `CELLS`, which are
/// separated by commas.
fn is_chosen(system: &System) -> bool {
    let name = name(system);
    std::env::var("CELLS")
        .map_or(true, |texts| texts.split(',').all(|text| name.contains(text.trim())))
}

/// Prints a table. Returns the shares that seem to be above their limits.
fn table(
    rows: &[Row],
    runs: u32,
    seed: u64,
    heading: &str,
    again: &mut [Again; 2],
) -> Vec<Suspect> {
    let cells = run(rows, |system| runs_of(system, runs), seed, true, is_chosen);
    if cells.iter().flatten().all(|cell| cell.runs == 0) {
        return Vec::new();
    }
    print(rows, &cells, heading);
    for (row, cells) in rows.iter().zip(&cells) {
        // A system without a limit has no load. With the last come served first, the newest cycles
        // are as quick in an overload as ever, so that no window shows it early.
        let is_judged =
            !matches!(row.system.kind, Kind::Infinite | Kind::LastFirst) && !degrades(&row.system);
        for (&load, cell) in row.loads.iter().zip(cells).filter(|_| is_judged) {
            let side = match load {
                ..=0.9 => 0,
                1.1.. => 1,
                _ => continue,
            };
            again[side].runs += cell.again.runs;
            again[side].told += cell.again.told;
        }
    }
    suspects(rows, &cells, 1.0)
}

/// The runs of a cell in the second look, as a multiple of those in the first.
const SECOND_LOOK: u32 = 20;
/// The seed of the second look, far from those of the first.
const SECOND_SEED: u64 = 500_000;

/// Runs the suspects' cells again, with more runs and other seeds, and prints their shares. Returns
/// the number that are above their limits.
fn second_look(suspects: &[Suspect], runs: u32) -> usize {
    let rows: Vec<_> = suspects.iter().map(|suspect| suspect.row).collect();
    let runs = |system: &System| SECOND_LOOK * runs_of(system, runs);
    let cells = run(&rows, runs, SECOND_SEED, false, |_| true);
    let (lines, broken) = decided(suspects, &cells);
    println!("\nthe second look at {} shares\n{}", lines.len(), lines.join("\n"));
    broken
}

#[test]
fn the_small_matrix() {
    let plain = |kind, service, poisson, rate, window, loads| {
        let system = System { kind, service, poisson, rate, warmup: 1.0, window, load: 0.0 };
        Row { system, loads }
    };
    let loads: &[f64] = &[0.5, 0.97, 1.1, 2.0];
    let mut rows = Vec::new();
    for kind in [
        Kind::Pool { permits: 1 },
        Kind::Pool { permits: 4 },
        Kind::Pool { permits: 64 },
        Kind::Sync { workers: 1, uneven: false },
        Kind::Sync { workers: 2, uneven: true },
        Kind::Sharing,
        Kind::LastFirst,
    ] {
        for (service, poisson) in [
            (Service::Constant, false),
            (Service::Exponential, true),
            (Service::Stalls, false),
            (Service::Stops, true),
        ] {
            let changes = matches!(service, Service::Stalls | Service::Stops);
            if !changes || !matches!(kind, Kind::Sharing | Kind::LastFirst) {
                rows.push(plain(kind, service, poisson, 50.0, 5.0, loads));
            }
        }
        rows.push(plain(kind, Service::Exponential, false, 400.0, 5.0, &[0.97, 1.1]));
    }
    let services: &[f64] = &[0.01, 0.3, 1.0, 2.0];
    rows.push(plain(Kind::Infinite, Service::Constant, false, 50.0, 5.0, services));
    rows.push(plain(Kind::Infinite, Service::Exponential, true, 50.0, 5.0, services));
    let cells = run(&rows, |_| 40, 3, false, |_| true);
    let above = suspects(&rows, &cells, 2.5);
    assert!(above.is_empty(), "{above:?}");
    let told = cells.iter().flatten().filter(|cell| cell.unclear < cell.runs / 2).count();
    assert!(3 * told > cells.iter().flatten().count(), "{told} cells are clear");
}

#[test]
#[ignore = "it takes more than an hour: RUNS=100 takes some minutes"]
fn the_whole_matrix() {
    let runs: u32 = std::env::var("RUNS").map_or(1_000, |runs| runs.parse().expect("a number"));
    let mut again = [Again::default(); 2];
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
    for (again, side) in again.iter().zip(["at 0.9 and below", "at 1.1 and above"]) {
        let Again { runs, told } = again;
        println!(
            "unclear runs {side}, run again for as long as they say: {told} of {runs} are told"
        );
    }
    let broken = second_look(&all, runs);
    assert_eq!(broken, 0, "shares above their limits");
    if std::env::var("CELLS").is_ok() {
        return;
    }
    // The aim is nine of ten; above capacity it is missed by a little.
    let tell = |again: &Again, share| f64::from(again.told) >= share * f64::from(again.runs);
    assert!(tell(&again[0], 0.9) && tell(&again[1], 0.87), "{again:?}");
}

#[test]
#[ignore = "it prints a time, which counts in a release build only"]
fn the_time_of_a_verdict_on_a_million_cycles() {
    let (kind, service) = (Kind::Pool { permits: 64 }, Service::Exponential);
    let (rate, window) = (200_000.0, 5.0);
    let system = System { kind, service, poisson: true, rate, warmup: 1.0, window, load: 0.9 };
    let evidence = system.evidence(1);
    let begin = dyno_bus::clock::now();
    for _ in 0..100 {
        std::hint::black_box(crate::verdict::judge(std::hint::black_box(&evidence)));
    }
    let each = (dyno_bus::clock::now() - begin) / 100;
    println!("{} cycles: {each:?} for each verdict", evidence.cycles.issued);
}
