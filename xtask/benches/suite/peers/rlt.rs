//! rlt, with the no-op as its users write it: each iteration reads the clock twice, as dyno's does.
//!
//! It is asked for a number of iterations rather than for a duration: with `-c 2` on two cores it did
//! not end when its time was over. Its workers never wait, and its timer seems not to be served. Its
//! rate is the one that it reports.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use clap::Parser;
use dyno_bus::clock;
use rlt::cli::BenchCli;
use rlt::{IterInfo, IterReport, StatelessBenchSuite, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::child::Child;

/// Iterations before those that count.
const WARMUP: u64 = 100_000;
/// Iterations for each second of the window: about what it does in half a second to one.
const ITERATIONS_PER_SECOND: u64 = 2_000_000;

/// How it is run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Its `-c`.
    pub(crate) concurrency: u32,
    pub(crate) iterations: u64,
}

#[derive(Clone)]
struct Noop;

#[async_trait]
impl StatelessBenchSuite for Noop {
    async fn bench(&mut self, _info: &IterInfo) -> anyhow::Result<IterReport> {
        let start = clock::now();
        let duration = clock::now() - start;
        Ok(IterReport { duration, status: Status::success(0), bytes: 0, items: 1 })
    }
}

/// Runs it in this process; its report goes to standard output.
pub(crate) fn run(load: &Load) -> ExitCode {
    let Load { concurrency, iterations } = load;
    let line = format!(
        "rlt --concurrency {concurrency} --iterations {iterations} --warmup {WARMUP} --quiet \
         --output json"
    );
    // As `#[tokio::main]` does, which is what its examples use.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let cli = BenchCli::try_parse_from(line.split(' '))?;
        runtime.block_on(rlt::cli::run(cli, Noop))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Iterations per second, measured in a process of its own.
///
/// # Errors
/// If it fails, or reports something else.
pub(crate) fn rate(concurrency: u32, window: Duration) -> Result<f64> {
    let iterations = ITERATIONS_PER_SECOND * window.as_secs();
    let report: Value = Child::Rlt(Load { concurrency, iterations }).start()?.reply()?;
    report["summary"]["iters"]["rate"].as_f64().context("rlt's report has no rate")
}
