//! The row for verdicts: on systems whose capacity is known, and on systems whose capacity is
//! measured (`capacity`).

pub(super) mod capacity;

use std::time::Duration;

use anyhow::Result;

use super::{Options, Told, cores, program};
use crate::run::{Ran, Run, run_all};
use crate::table::Table;
use crate::task::How;

/// The number of cycles that Poisson arrivals need before an overload differs from chance.
const POISSON_CYCLES: f64 = 30_000.0;
/// Cycles per second: 30,000 cycles take six seconds, and the service is far above the harness's
/// cost of a cycle.
const POISSON_RATE: f64 = 5_000.0;
const UNIFORM_RATE: f64 = 50.0;

/// Returns a run at this share of the capacity of one worker.
fn uniform(load: f64) -> Run {
    Run::new(How::Constant, Duration::from_secs_f64(load / UNIFORM_RATE), UNIFORM_RATE)
}

fn poisson(load: f64, seed: u64) -> Run {
    let window = Duration::from_secs_f64(POISSON_CYCLES / POISSON_RATE);
    let service = Duration::from_secs_f64(load / POISSON_RATE);
    Run { poisson: true, seed, window, ..Run::new(How::Constant, service, POISSON_RATE) }
}

/// Returns a run whose task sleeps, with two workers.
fn sleeping(rate: f64, sleep: Duration, window: Duration) -> Run {
    Run { workers: 2, window, ..Run::new(How::Sleep, sleep, rate) }
}

/// Returns a run whose worker records more than fits while its primary is stopped for less than a
/// lease: 10 MB, where about 4 MiB may wait to be read, and 64 Ki values in the ring.
#[must_use]
pub fn flooding() -> Run {
    let mut run = Run::new(How::Flood, Duration::ZERO, 100.0);
    run.work.ns = 20_000;
    Run { window: Duration::from_secs(2), warmup: Duration::from_millis(100), ..run }
}

/// The time that the primary of a flooding run is stopped.
pub const FLOOD_STOP: Duration = Duration::from_millis(700);
/// The time that a primary is stopped so that its leases end; a lease lasts a second.
const LEASE_STOP: Duration = Duration::from_millis(1_600);

pub(super) fn measure(options: &Options) -> Result<Told> {
    let runs = options.runs();
    let program = program()?;
    let mut table = Table::new(&["system", "runs", "expected", "wrong"]);
    let mut told = Vec::new();
    let mut is_true = true;
    let mut judge = |what: &str, expected: &str, ran: &[Ran]| {
        let wrong: Vec<_> =
            ran.iter().filter(|ran| ran.summary.verdict.name() != expected).collect();
        is_true &= wrong.is_empty();
        let cells = [ran.len().to_string(), expected.to_owned(), wrong.len().to_string()];
        table.row([what.to_owned()].into_iter().chain(cells));
        for ran in wrong {
            let summary = &ran.summary;
            told.push(format!("- {what}: {}: {}", summary.verdict, summary.reasons.join(" ")));
        }
    };
    // A window can judge only cycles that take at most a quarter of it.
    let slow = [(1, 5, "sustained"), (2, 10, "sustained"), (2, 5, "inconclusive")];
    let slow = slow.into_iter().flat_map(|row| [50.0, 200.0].map(|rate| (rate, row)));
    // These runs sleep, so that they can run at the same time as the busy ones.
    let start = |(rate, (sleep, window, expected))| {
        let [sleep, window] = [sleep, window].map(Duration::from_secs);
        Ok((expected, sleeping(rate, sleep, window).start(&program)?))
    };
    let slow = slow.map(start).collect::<Result<Vec<_>>>()?;
    for (load, expected) in [(0.95, "sustained"), (1.05, "unsustained")] {
        let even = run_all(&vec![uniform(load); runs], cores(), &program)?;
        judge(&format!("{load} C, uniform, 5 s, one worker"), expected, &even);
        // One at a time: besides 0.95 C, the machine also has to carry the harness's cost of each
        // cycle.
        let seeds: Vec<_> = (1..=runs as u64).map(|seed| poisson(load, seed)).collect();
        let random = run_all(&seeds, 1, &program)?;
        judge(&format!("{load} C, Poisson, 30,000 cycles, one worker"), expected, &random);
    }
    for (expected, running) in slow {
        let ran = running.end()?;
        let (rate, window) = (ran.run.rate, ran.run.window);
        let sleep = Duration::from_nanos(ran.run.work.ns);
        let what = format!("async, {sleep:?} of sleep, {rate} a second, {window:?}");
        judge(&what, expected, &[ran]);
    }
    let mut both = Run::new(How::Constant, Duration::from_millis(4), 0.0);
    both.workers = cores() as u32;
    both.rate = 1.5 * 250.0 * f64::from(both.workers);
    both.window = Duration::from_secs(2);
    judge("busy at 1.5 C on all cores", "unsustained", &[both.run(&program)?]);

    let stopped = Run { window: Duration::from_secs(3), ..uniform(0.2) }.start(&program)?;
    stopped.stop_primary(LEASE_STOP)?;
    judge("primary stopped past its leases", "invalid", &[stopped.end()?]);
    let flooded = flooding().start(&program)?;
    flooded.stop_primary(FLOOD_STOP)?;
    judge("bus held up, leases in time", "invalid", &[flooded.end()?]);
    let text = format!("{table}\n{}", told.join("\n"));
    Ok(Told { text: text.trim_end().to_owned() + "\n", is_true })
}
