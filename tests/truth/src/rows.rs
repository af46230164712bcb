//! What is measured, a file each.

pub mod lag;
pub mod omission;
pub mod queues;
pub mod verdicts;

use std::path::PathBuf;

use anyhow::{Context, Result};

/// What is asked for.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo xtask bench truth", about = "What dyno measures, against theory")]
pub struct Options {
    /// `queues`, `omission`, `verdicts`, `lag`: all unless named
    rows: Vec<String>,
    /// Less of everything: a minute, to see that it works
    #[arg(long)]
    pub quick: bool,
    /// How often each verdict is asked for; 20 unless quick
    #[arg(long)]
    pub runs: Option<usize>,
}

impl Options {
    /// Whether a row is to be measured.
    #[must_use]
    pub fn asks_for(&self, name: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == name)
    }
}

/// A row: how it is asked for, its title, and what measures it.
pub struct Row {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Measures it.
    pub measure: fn(&Options) -> Result<Told>,
}

/// What a row has to tell.
#[derive(Debug)]
pub struct Told {
    /// Markdown.
    pub text: String,
    /// Whether everything is as theory says, or its difference is explained.
    pub is_true: bool,
}

/// All of them.
pub const ALL: [Row; 4] = [
    Row { name: "queues", title: "Queues", measure: queues::measure },
    Row { name: "omission", title: "Coordinated omission", measure: omission::measure },
    Row { name: "verdicts", title: "Verdicts", measure: verdicts::measure },
    Row { name: "lag", title: "Loop lag", measure: lag::measure },
];

/// The program that runs a run: this one.
///
/// # Errors
/// If it has no path any more.
fn program() -> Result<PathBuf> {
    std::env::current_exe().context("this program has no path")
}

/// How many processes can run at once.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The machine, and what else runs on it, in one line.
#[must_use]
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("{}, {} cores, load {load}", model.map_or("unknown", |(_, name)| name), cores())
}
