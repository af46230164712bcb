//! `cargo xtask bench truth`: all comparisons with theory, one table after another.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that talks to the person who started it"
)]

use std::process::ExitCode;

use clap::Parser;
use dyno_truth::rows::{ALL, Options};
use dyno_truth::run;

fn main() -> ExitCode {
    // In a worker, or in a process for one run, this never returns.
    if let Err(error) = run::main() {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    let options = Options::parse();
    println!("{}\n", dyno_truth::rows::machine());
    let mut is_true = true;
    for row in ALL.iter().filter(|row| options.asks_for(row.name)) {
        eprintln!("{} …", row.name);
        println!("## {}\n", row.title);
        match (row.measure)(&options) {
            Ok(told) => {
                println!("{}", told.text);
                is_true &= told.is_true;
            }
            Err(error) => {
                eprintln!("error: {}: {error:#}", row.name);
                is_true = false;
            }
        }
    }
    if is_true { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
