//! The limits of the matrix: the largest share of runs that may have an answer, cell by cell, and
//! the test of it.
//!
//! A share that was measured differs from the true one by chance, and thousands of cells are
//! measured. So each cell gets two looks. The first one finds the suspects: cells whose share is
//! above the limit by more than one standard deviation. They are run again with other seeds and
//! many more runs, and only these runs decide. The first look misses few cells that matter, and the
//! second accuses few by chance.

use super::{Cell, Kind, Row, Service, System};

/// The largest share of wrong answers, in percent.
const WRONG: f64 = 1.0;
/// The same near capacity, in windows whose own arrivals and services are often below it.
const WRONG_NEAR: f64 = 5.0;
/// The chance, in the second look, that any of the cells breaks a limit which it keeps in truth.
const FALSE_ALARM: f64 = 0.01;

/// A share of a cell's runs that seems to be above its limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspect {
    /// The row of this cell alone.
    pub(super) row: Row,
    /// The answer whose share is too large.
    answer: &'static str,
    /// The share in the first look, in percent.
    share: f64,
    /// The limit, in percent.
    limit: f64,
}

/// Returns the shares that are above their limits by more than `deviations` standard deviations.
pub(super) fn suspects(rows: &[Row], cells: &[Vec<Cell>], deviations: f64) -> Vec<Suspect> {
    let mut suspects = Vec::new();
    for (row, cells) in rows.iter().zip(cells) {
        for (place, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.runs > 0) {
            let system = System { load: row.loads[place], ..row.system };
            for (answer, limit) in limits(&system) {
                let Some(limit) = limit else { continue };
                let deviation = (limit * (100.0 - limit) / f64::from(cell.runs)).sqrt();
                let share = cell.share(count(cell, answer));
                if share > limit + deviations * deviation {
                    let row = Row { system: row.system, loads: &row.loads[place..=place] };
                    suspects.push(Suspect { row, answer, share, limit });
                }
            }
        }
    }
    suspects
}

/// Decides on the suspects by the second look at their cells. Returns a line for each, and the
/// number of those that break their limits.
pub(super) fn decided(suspects: &[Suspect], cells: &[Vec<Cell>]) -> (Vec<String>, usize) {
    let mut broken = 0;
    let lines = suspects.iter().zip(cells).map(|(suspect, cells)| {
        let Suspect { row, answer, share, limit } = suspect;
        let (cell, name) = (&cells[0], super::name(&System { load: row.loads[0], ..row.system }));
        let found = count(cell, answer);
        let chance = FALSE_ALARM / suspects.len() as f64;
        let breaks = found > most_by_chance(cell.runs, limit / 100.0, chance);
        broken += usize::from(breaks);
        let (second, runs) = (cell.share(found), cell.runs);
        let mark = if breaks { "  BREAKS THE LIMIT" } else { "" };
        format!("{name} {answer} {share:.1} %, {second:.2} % of {runs}; limit {limit} %{mark}")
    });
    (lines.collect(), broken)
}

fn count(cell: &Cell, answer: &str) -> u32 {
    match answer {
        "held" => cell.held,
        "unclear" => cell.unclear,
        _ => cell.overloaded + cell.limit,
    }
}

fn limits(system: &System) -> [(&'static str, Option<f64>); 3] {
    [
        ("overloaded", overloaded_max(system)),
        ("held", held_max(system)),
        ("unclear", unclear_max(system)),
    ]
}

/// Returns the quantile of the binomial distribution: if an answer has the probability `share`, more
/// runs than this have it with a probability of at most `chance`.
fn most_by_chance(runs: u32, share: f64, chance: f64) -> u32 {
    // Logarithms, since the probability of no such run at all is below the smallest number.
    let mut log = f64::from(runs) * (1.0 - share).ln();
    let mut above = 1.0 - log.exp();
    let mut most = 0;
    while above > chance {
        log += (f64::from(runs - most) / f64::from(most + 1) * share / (1.0 - share)).ln();
        above -= log.exp();
        most += 1;
    }
    most
}

pub(super) fn degrades(system: &System) -> bool {
    matches!(system.service, Service::Slows | Service::Stops)
}

/// Returns the runs of a cell that may be called overloaded, in percent; `None` if that has no
/// limit.
fn overloaded_max(system: &System) -> Option<f64> {
    let holds = system.kind == Kind::Infinite || (system.load < 1.0 && !degrades(system));
    // A long cycle holds one of four permits for more than a twentieth of the window, so that the
    // steps of the backlog depend on each other. In 39 % of these windows the load is above 1.
    let depends = system.kind == Kind::Pool { permits: 4 } && system.service == Service::Hyper;
    let few = system.rate * system.window < 1_000.0;
    holds.then_some(if depends && few && system.load > 0.9 { 1.5 } else { WRONG })
}

/// Returns the runs of a cell that may be called held, in percent; `None` if that has no limit.
fn held_max(system: &System) -> Option<f64> {
    let cycles = system.rate * system.window;
    if system.service == Service::Stops {
        return Some(WRONG);
    }
    // A system that slows by 1 % a second is judged by its load over the window's second half: in
    // the last seconds of a long window the backlog has no time to grow.
    let slower = if system.service == Service::Slows { 0.0025 * system.window } else { 0.0 };
    let load = system.load * (1.0 - slower);
    if load < 1.02 || system.kind == Kind::Infinite {
        return None;
    }
    let near = load < 1.09;
    let few = cycles < 1_000.0;
    Some(match (system.kind, system.service) {
        // One of several workers is at this load, and only its own cycles show that: the mean of
        // 250 exponential ones has an error of 6 %, so that at 1.03 it is below 0.97 in 16 % of
        // runs.
        (Kind::Sync { uneven: true, workers: 8 }, _) if near => 23.0,
        (Kind::Sync { uneven: true, .. }, _) if near => 11.0,
        // The mean of 31 Pareto cycles is below 1 at 1.1 in most runs: the long ones are missing.
        (Kind::Sync { uneven: true, .. }, Service::Pareto) if few => 5.0,
        // The mean of a worker's 250 hyper-exponential cycles is below 1 at 1.1 in every fourth
        // window, and that of fewer cycles more often. But then fewer windows show a rate as held.
        (Kind::Sync { uneven: true, workers: 8 }, Service::Hyper) if !few && cycles < 30_000.0 => {
            2.0
        }
        (Kind::Sync { uneven: true, .. }, Service::Hyper | Service::Exponential) if few => 1.5,
        // Under processor sharing the cycles that stay are the long ones, which are few: at 1.03
        // the backlog grows by 0.7 % of the cycles, less than the share that a held rate may have.
        (Kind::Sharing, Service::Hyper) if near => 13.0,
        (Kind::Sharing, Service::Hyper) if few => 4.0,
        // Two of five cycles pass the pool by: if the rest are 3 % too many, 1.8 % of all cycles
        // stay.
        (Kind::Pool { .. }, Service::Cached) if near && cycles < 30_000.0 => 7.0,
        (Kind::Pool { .. }, Service::Cached) if near => WRONG_NEAR,
        // At 1.1, 5.5 % of all cycles stay. The load of a window's own 150 cycles in the pool is
        // at most 1 in 18 % of windows, and in 23 % of those with Poisson arrivals.
        (Kind::Pool { permits: 1 | 4 }, Service::Cached) if few && load < 1.2 => 2.6,
        // The load of a window's 2,000 cycles is at most 1 in 27 % of windows.
        (Kind::Pool { permits: 64 }, Service::Hyper) if near && !few && cycles < 30_000.0 => 7.0,
        _ if near && cycles < 30_000.0 => WRONG_NEAR,
        _ => WRONG,
    })
}

/// Returns the runs of a cell that may be unclear, in percent; `None` if that has no limit.
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
            (2.0, 1) if system.service == Service::Hyper => Some(12.0),
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
        (Service::Hyper, 16..) if load == 0.8 => 27.0,
        (Service::Hyper, 1..) if load == 0.8 => 15.0,
        _ => 5.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_adds_as_many_runs_as_the_binomial_distribution_has() {
        // Of 10 throws of a coin, more than 8 are heads with a probability of 11/1024.
        assert_eq!(most_by_chance(10, 0.5, 11.0 / 1_024.0 + 1e-9), 8);
        assert_eq!(most_by_chance(10, 0.5, 11.0 / 1_024.0 - 1e-9), 9);
        assert_eq!(most_by_chance(1_000, 0.01, 0.01), 18);
        assert_eq!(most_by_chance(20_000, 0.05, 0.01 / 60.0), 1_112);
    }
}
