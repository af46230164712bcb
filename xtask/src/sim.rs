//! `cargo xtask sim`: simulates whole runs, many more of them than the unit tests have time for.
//!
//! The simulation is a unit test of `dyno-bench`; environment variables pass it the seeds.

use anyhow::Result;

use crate::command::{self, cargo};

/// The seeds of the runs to simulate.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Number of runs, one for each seed from 0 on
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    seeds: u64,
    /// Simulate the run of this seed alone, and print a trace of it
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
}

/// Runs the simulations in a release build with debug assertions and overflow checks.
///
/// # Errors
/// If a run breaks an invariant; its seed is printed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // In a separate target folder: with these checks on, everything is built again.
    let mut command =
        cargo("test --release --target-dir target/sim --package dyno-bench --lib simulation::");
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    match arguments.seed {
        Some(seed) => command.env("DYNO_SIM_SEED", seed.to_string()).args(["--", "--nocapture"]),
        None => command.env("DYNO_SIM_SEEDS", arguments.seeds.to_string()),
    };
    command::run(&mut command)
}
