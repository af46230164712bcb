//! The project's own tasks: `cargo xtask TASK`. What a workflow file or `.ci/run` does is here, so
//! that it can be run, and read, on anyone's machine.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that talks to the person who started it"
)]

mod api;
mod bench;
mod ci;
mod command;
mod coverage;
mod deny;
mod dist;
mod fuzz;
mod hosts;
mod picture;
mod semver;
mod sim;
mod soak;
mod steps;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The project's own tasks", version)]
enum Task {
    /// Run all tests; a program that they need and that is missing is installed (as root) or named
    Test(test::Arguments),
    /// Measure dyno's speed next to that of its peers, into target/bench/
    Bench(bench::Arguments),
    /// Do all that CI does: format, lints, docs, tests, examples, tidy, licences
    Ci,
    /// Check what no compiler checks: openers, lengths, arrows, the README's examples, the
    /// changelog
    Tidy(tidy::Arguments),
    /// Compare the public names of the libraries with docs/public-api.txt
    Api(api::Arguments),
    /// Compare the public types of the libraries with an earlier revision, by cargo-semver-checks
    Semver(semver::Arguments),
    /// Measure what the tests cover, into target/coverage/
    Coverage,
    /// Simulate whole runs with injected faults, as the unit tests do, for many more seeds
    Sim(sim::Arguments),
    /// Fuzz every parser of bytes or text that may come from elsewhere
    Fuzz(fuzz::Arguments),
    /// Run long and fast; check that every cycle is counted once and that memory does not grow
    Soak(soak::Arguments),
    /// Run a benchmark on the three nodes of a real Slurm, which is started on this machine as root
    Hosts,
    /// Make the picture of the README again, from the page of a real run
    Picture,
    /// Package each crate that is published, and build it from its package
    Dist(dist::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Test(arguments) => test::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Ci => ci::run(),
        Task::Tidy(arguments) => tidy::run(&arguments),
        Task::Api(arguments) => api::run(&arguments),
        Task::Semver(arguments) => semver::run(&arguments),
        Task::Coverage => coverage::run(),
        Task::Sim(arguments) => sim::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Soak(arguments) => soak::run(&arguments),
        Task::Hosts => hosts::run(),
        Task::Picture => picture::run(),
        Task::Dist(arguments) => dist::run(&arguments),
    };
    // One line, without a backtrace: the user needs the reason, not the place in xtask.
    outcome.map_or_else(
        |error| {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
