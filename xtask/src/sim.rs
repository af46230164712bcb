//! `cargo xtask sim`: whole runs, simulated, many more of them than the unit tests have time for.
//!
//! The simulation is a unit test of `dyno-bench`; what it is to do stands in its environment.

use anyhow::Result;

use crate::command::{self, cargo};

/// What is simulated.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many runs, of the seeds from 0 on
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    seeds: u64,
    /// This seed's run alone, with a trace of it
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
}

/// Simulates, in a release build whose checks of arithmetic are on.
///
/// # Errors
/// If a run does not hold what must hold for all; its seed is printed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // In a folder of its own: with those checks, everything is built anew.
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
