//! The row for coordinated omission: one worker stalls once, and the plan tells how long all cycles
//! that came due in the stall would have waited.

use std::time::Duration;

use anyhow::{Context, Result};
use dyno_bus::Phase;

use super::queues::{Replayed, agrees};
use super::{Options, Told, program};
use crate::run::{Ran, Run};
use crate::statistics::{all, quantile};
use crate::table::{Table, millis};
use crate::task::How;

/// Cycles per second: far below the worker's capacity, so that it soon catches up.
const RATE: f64 = 100.0;
const SERVICE: Duration = Duration::from_millis(1);
/// The percentiles that are reported; the last covers all cycles except the stall itself.
const SHARES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// Returns a run with a stall in the middle of its window, a tenth of the window long.
#[must_use]
pub fn stalling(warmup: Duration, window: Duration) -> Run {
    let mut run = Run { warmup, window, ..Run::new(How::Constant, SERVICE, RATE) };
    let middle = run.load().dues().concat().into_iter().find(|due| {
        due.phase == Phase::Measured && due.at.as_nanos() >= nanos(run.warmup + window / 2)
    });
    run.work.stalls = middle.expect("a cycle is due in the window").index;
    run.work.stall_ns = nanos(window / 10);
    run
}

fn nanos(span: Duration) -> u64 {
    dyno_bus::clock::nanos(span)
}

/// Returns the percentiles of `service` as planned.
fn services(ran: &Ran) -> Result<[f64; 4]> {
    let (workers, _) = ran.told()?;
    let measured = workers.concat().into_iter().filter(|told| told.due.phase == Phase::Measured);
    let mut planned: Vec<_> =
        measured.map(|told| ran.run.work.busy_ns(told.due.index) as f64).collect();
    Ok(SHARES.map(|share| quantile(&mut planned, share)))
}

/// Returns the percentiles of `response` as planned, in a harness that costs nothing, and as the
/// task saw them.
fn responses(ran: &Ran) -> Result<[[f64; 4]; 2]> {
    let replayed = Replayed::of(ran)?;
    Ok([replayed.free_seen, replayed.seen].map(|seen| {
        let mut responses: Vec<_> = seen.iter().map(|cycle| cycle.response).collect();
        SHARES.map(|share| quantile(&mut responses, share))
    }))
}

/// Returns the percentiles that dyno reports for a metric: p50, p90, p99, p99.9.
fn measured(ran: &Ran, metric: &str) -> Result<[f64; 4]> {
    let metric = ran.metric(metric)?;
    let percentiles = all([metric.p50, metric.p90, metric.p99, metric.p999]);
    Ok(percentiles.context("too few cycles for p99.9")?.map(|ns| ns as f64))
}

pub(super) fn measure(options: &Options) -> Result<Told> {
    let window = Duration::from_secs(if options.quick { 3 } else { 10 });
    let ran = stalling(Duration::from_secs(1), window).run(&program()?)?;
    let mut table = Table::new(&["ms", "", "p50", "p90", "p99", "p99.9"]);
    let mut row = |metric: &str, what: &str, values: [f64; 4]| {
        table.row([metric.to_owned(), what.to_owned()].into_iter().chain(values.map(millis)));
    };
    let [planned, seen] = responses(&ran)?;
    let response = measured(&ran, "response")?;
    row("response", "by the plan", planned);
    row("response", "as the task saw it", seen);
    row("response", "measured", response);
    let service = measured(&ran, "service")?;
    row("service", "by the plan", services(&ran)?);
    row("service", "measured", service);
    let stall = ran.run.work.stall_ns;
    let is_true = response.into_iter().zip(seen).all(|(measured, seen)| agrees(measured, seen));
    let text = format!(
        "One worker, {RATE} cycles a second of {SERVICE:?} each for {window:?}, of which one takes \
         {:?}: the largest `service` is {} ms, and the largest `response` {} ms.\n\n{table}",
        Duration::from_nanos(stall),
        millis(ran.metric("service")?.max as f64),
        millis(ran.metric("response")?.max as f64),
    );
    Ok(Told { text, is_true })
}
