//! The measurements, a file each.

pub mod comparisons;
pub mod lag;
pub mod omission;
pub mod queues;
pub mod searches;
pub mod verdicts;

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The command line of the truth program.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo xtask bench truth", about = "What dyno measures, against theory")]
pub struct Options {
    /// `queues`, `omission`, `verdicts`, `pools`, `redis`, `lag`, `searches` (or one of its parts:
    /// `searches-spin`, `searches-pool`, `searches-redis`, `searches-cost`): all of these unless
    /// named; `comparisons` (or one of its parts: `comparisons-fixed`, `comparisons-pool`,
    /// `comparisons-redis`, `comparisons-slower`), which takes hours, only if it is named
    rows: Vec<String>,
    /// Less of everything: a minute, to check that it works
    #[arg(long)]
    pub quick: bool,
    /// Number of runs for each verdict; 20 unless quick
    #[arg(long)]
    pub runs: Option<usize>,
    /// Number of searches of each system; 20 unless quick, 10 of Redis
    #[arg(long)]
    pub searches: Option<usize>,
    /// Number of comparisons for each program and method; 100 unless quick
    #[arg(long)]
    pub comparisons: Option<usize>,
}

const RUNS: usize = 20;
const RUNS_QUICK: usize = 1;
const COMPARISONS: usize = 100;
const COMPARISONS_QUICK: usize = 1;
/// The group of rows that take hours.
const LONG: &str = "comparisons";

impl Options {
    /// Returns the number of runs for each verdict.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.quick { RUNS_QUICK } else { RUNS }).max(1)
    }

    /// Returns the number of searches of a system that is searched this often by default.
    #[must_use]
    pub fn searches(&self, unless_set: usize) -> usize {
        self.searches.unwrap_or(if self.quick { RUNS_QUICK } else { unless_set }).max(1)
    }

    /// Returns the number of comparisons for each program and method.
    #[must_use]
    pub fn comparisons(&self) -> usize {
        let usual = if self.quick { COMPARISONS_QUICK } else { COMPARISONS };
        self.comparisons.unwrap_or(usual).max(1)
    }

    /// Returns `true` if a row is to be measured: by its name, or by that of its group, which is
    /// the part before `-`.
    #[must_use]
    pub fn asks_for(&self, name: &str) -> bool {
        let group = name.split('-').next();
        let is_named = self.rows.iter().any(|row| row == name || Some(&**row) == group);
        is_named || self.rows.is_empty() && group != Some(LONG)
    }
}

/// A row: its name, its title, and the function that measures it.
pub struct Row {
    /// Its name on the command line.
    pub name: &'static str,
    /// The heading of its tables.
    pub title: &'static str,
    /// The function that measures the row.
    pub measure: fn(&Options) -> Result<Told>,
}

/// The result of a row.
#[derive(Debug)]
pub struct Told {
    /// The tables and notes, in markdown.
    pub text: String,
    /// `true` if every figure agrees with theory, or its difference is explained.
    pub is_true: bool,
}

/// All rows, in the order of their measurement.
pub const ALL: [Row; 14] = [
    Row { name: "queues", title: "Queues", measure: queues::measure },
    Row { name: "omission", title: "Coordinated omission", measure: omission::measure },
    Row { name: "verdicts", title: "Verdicts", measure: verdicts::measure },
    Row {
        name: "pools",
        title: "Verdicts near a measured capacity: pools",
        measure: verdicts::capacity::pools,
    },
    Row {
        name: "redis",
        title: "Verdicts near a measured capacity: Redis",
        measure: verdicts::capacity::redis,
    },
    Row {
        name: "comparisons-fixed",
        title: "Comparisons: fixed work with itself",
        measure: comparisons::fixed,
    },
    Row {
        name: "comparisons-pool",
        title: "Comparisons: a pool with itself",
        measure: comparisons::pool,
    },
    Row {
        name: "comparisons-redis",
        title: "Comparisons: Redis with itself",
        measure: comparisons::redis,
    },
    Row {
        name: "comparisons-slower",
        title: "Comparisons: fixed work with 5 % more of it",
        measure: comparisons::slower,
    },
    Row { name: "lag", title: "Loop lag", measure: lag::measure },
    Row { name: "searches-spin", title: "Searches: a known capacity", measure: searches::spin },
    Row { name: "searches-pool", title: "Searches: a pool", measure: searches::pool },
    Row { name: "searches-redis", title: "Searches: Redis", measure: searches::redis },
    Row {
        name: "searches-cost",
        title: "Searches: their cost, next to a script that doubles the rate",
        measure: searches::cost::measure,
    },
];

/// Returns the path of this program, which also runs the runs.
///
/// # Errors
/// If the program has no path any more.
fn program() -> Result<PathBuf> {
    std::env::current_exe().context("this program has no path")
}

/// Returns the number of processes that can run at once.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Describes the machine and its load in one line.
#[must_use]
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("{}, {} cores, load {load}", model.map_or("unknown", |(_, name)| name), cores())
}
