//! The speed of dyno itself: each goal is a row, measured next to a peer in interleaved rounds.
//!
//! - [`options`]: the command line.
//! - [`tasks`]: the benchmarks of dyno that the rows run. Workers are this program again.
//! - [`build`]: the programs that are built for a row.
//! - [`child`]: the processes that are measured; each reports its results.
//! - [`peers`]: the programs that dyno is measured against.
//! - [`figure`]: medians, spreads, goals.
//! - [`rows`]: the measurements, a file each.
//! - [`report`]: the table, and JSON under `target/bench/`.
//!
//! A missing peer is noted in its row. A missed goal is a result, not an error; a row that could
//! not be measured is an error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that talks to the person who started it"
)]

mod build;
mod child;
mod figure;
mod machine;
mod options;
mod peers;
mod report;
mod rows;
mod tasks;

use std::process::ExitCode;

use clap::Parser;

use child::Child;
use options::Options;

fn main() -> ExitCode {
    // In a worker this never returns.
    tasks::take_workers();
    match Child::of_this_process() {
        Some(child) => child.run(),
        None => measure(&Options::parse()),
    }
}

/// Measures the requested rows, one after the other.
fn measure(options: &Options) -> ExitCode {
    println!("{}", machine::described());
    let mut is_whole = true;
    let mut measured = Vec::new();
    for row in rows::ALL.iter().filter(|row| options.asks_for(row.id)) {
        eprintln!("{}: {} …", row.id, row.title);
        let load = machine::load();
        match (row.measure)(options) {
            Ok(figures) => measured.push(report::Measured::new(row, load, figures)),
            Err(error) => {
                eprintln!("error: {}: {error:#}", row.id);
                is_whole = false;
            }
        }
        if let Some(row) = measured.last().filter(|measured| measured.is_of(row)) {
            println!("{row}");
        }
    }
    if measured.is_empty() {
        eprintln!("error: nothing was measured; the rows are S1 to S{}", rows::ALL.len());
        return ExitCode::FAILURE;
    }
    match report::write(options, &measured) {
        Ok(path) => println!("written to {}", path.display()),
        Err(error) => {
            eprintln!("error: {error:#}");
            is_whole = false;
        }
    }
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
