//! The harness rlt with a no-op, written as its users do: each iteration reads the clock twice, as
//! dyno's does.
//!
//! It runs a number of iterations rather than for a duration: with `-c 2` on two cores it did not
//! end when its time was over. Its workers never wait, and its timer seems to be never polled. Its
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

/// The number of iterations before those that count.
const WARMUP: u64 = 100_000;
/// The number of iterations for each second of the window; rlt takes half a second to one second
/// for them.
const ITERATIONS_PER_SECOND: u64 = 2_000_000;

/// The settings of a run of rlt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The value of rlt's `-c`: the number of its workers.
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

/// Runs rlt in this process; its report goes to standard output.
pub(crate) fn run(load: &Load) -> ExitCode {
    let Load { concurrency, iterations } = load;
    let line = format!(
        "rlt --concurrency {concurrency} --iterations {iterations} --warmup {WARMUP} --quiet \
         --output json"
    );
    // The same runtime as that of `#[tokio::main]`, which rlt's examples use.
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

/// Returns the iterations per second, measured in a new process.
///
/// # Errors
/// If rlt fails, or its report has no rate.
pub(crate) fn rate(concurrency: u32, window: Duration) -> Result<f64> {
    let iterations = ITERATIONS_PER_SECOND * window.as_secs();
    let report: Value = Child::Rlt(Load { concurrency, iterations }).start()?.reply()?;
    report["summary"]["iters"]["rate"].as_f64().context("rlt's report has no rate")
}
