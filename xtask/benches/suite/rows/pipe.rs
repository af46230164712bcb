//! S13: the share of a command's speed that `cargo dyno pipe` leaves, and the exactness of its
//! starts.

use anyhow::{Context, Result};
use dyno::Summary;

use crate::build::cargo_dyno;
use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::pipe_loop::{self, COMMAND, Load};
use crate::tasks::TaskName;

const WORKERS: u32 = 2;
const IN_FLIGHT: [u64; 2] = [1, 64];
/// The rate of the runs whose `wait` is compared, per second.
const RATE: u32 = 1_000;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut all = Vec::new();
    for in_flight in IN_FLIGHT {
        all.extend(closed(options, in_flight)?);
    }
    all.extend(wait(options)?);
    Ok(all)
}

/// Measures the closed loop with this number of lines in flight for each worker.
fn closed(options: &Options, in_flight: u64) -> Result<Vec<Figure>> {
    let name = format!("{in_flight} in flight");
    let mut ratio = Figure::new(format!("{name} ÷ bare loop"), "×", Goal::AtLeast(0.5));
    let mut dyno = Figure::reported(format!("{name}, dyno"), "/s");
    let mut bare = Figure::reported(format!("{name}, bare loop"), "/s");
    let warmup = Run::of(TaskName::Noop, None, options.window()).warmup;
    let load = Load { in_flight, window: options.window(), warmup };
    options.rounds(|| {
        let summary = pipe(options, "max", in_flight)?;
        let alone = pipe_loop::rate(&load, WORKERS)?;
        dyno.push(summary.rate.delivered);
        bare.push(alone);
        ratio.push(summary.rate.delivered / alone);
        anyhow::Ok(())
    })?;
    Ok(vec![ratio, dyno, bare])
}

/// Measures how late lines are sent at a set rate, compared with the cycles of an empty task.
fn wait(options: &Options) -> Result<Vec<Figure>> {
    let mut ratio = Figure::new("wait p50 at 1k/s ÷ empty task", "×", Goal::AtMost(2.0));
    let mut dyno = Figure::reported("wait p50 at 1k/s", "µs");
    let run = Run::of(TaskName::NoopAsync, Some(f64::from(RATE)), options.window());
    options.rounds(|| {
        let summary = pipe(options, &RATE.to_string(), 1)?;
        let wait = summary.metric("wait").and_then(|wait| wait.p50);
        let wait = wait.context("the run has too few values of `wait`")? as f64;
        let [empty, _] = run.run()?.p50_p99("wait")?;
        dyno.push(wait / 1e3);
        ratio.push(wait / empty);
        anyhow::Ok(())
    })?;
    Ok(vec![ratio, dyno])
}

/// Runs `cargo dyno pipe`, and returns its summary.
fn pipe(options: &Options, rate: &str, in_flight: u64) -> Result<Summary> {
    let window = options.window().as_secs();
    cargo_dyno(&format!(
        "pipe --rate {rate} --workers {WORKERS} --in-flight {in_flight} --duration {window}s \
         --warmup 1s -- {COMMAND}"
    ))
}
