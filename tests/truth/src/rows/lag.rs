//! The row for loop lag, with blocks at random: every period of the loop-lag probe that ends inside
//! a block is late by the rest of the block.

use std::time::Duration;

use anyhow::{Context, Result};
use dyno_bus::{Phase, clock};

use super::{Options, Told, program};
use crate::lag::{Block, at_permille, lags};
use crate::run::{Ran, Run};
use crate::statistics::all;
use crate::table::{Table, millis};
use crate::task::How;

/// The probe's period in a run of one worker.
pub const PERIOD: Duration = Duration::from_millis(31);
/// The number of places in the probe's period where the first block may begin; theory gives an
/// interval over all of them.
const PHASES: u64 = 100;
/// The share of the time that the loop is blocked.
const BLOCKED: f64 = 0.2;
/// The number of periods at either end that may or may not be counted: a value belongs to the
/// window if the cycle before it does.
const ENDS: u64 = 2;
/// The time from the last lease to the window's end: the longest and the shortest.
const LAST_LEASE: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(750)];
/// The longest that a timer may be late by itself, on a machine that other programs use.
const LATE_MAX_NS: u64 = 2_000_000;

/// Returns a run whose cycles come at random and each block the loop for `block`.
#[must_use]
pub fn blocking(block: Duration, window: Duration) -> Run {
    let run = Run::new(How::Constant, block, BLOCKED / block.as_secs_f64());
    Run { poisson: true, window, ..run }
}

/// The loop lag that was measured, and the lag that theory expects from the blocks that the task
/// saw.
#[derive(Debug)]
pub struct Lags {
    /// Numbers of periods: the least and the most that are expected, not counting the ends, and
    /// those that dyno counted.
    pub count: (u64, u64, u64),
    /// p50, p90, p99 and the maximum, in nanoseconds: for each the least and the most over all
    /// phases, and the measured value.
    pub figures: [(u64, u64, u64); 4],
}

impl Lags {
    /// Compares a run with theory.
    ///
    /// # Errors
    /// If the run has no loop lag, or its cycles differ from the plan.
    pub fn of(ran: &Ran) -> Result<Self> {
        let (workers, begin) = ran.told()?;
        let told = &workers[0];
        let is_measured = |phase| phase == Phase::Measured;
        let first = told.iter().find(|told| is_measured(told.due.phase)).context("no cycle")?;
        let last = told.last().context("no cycle")?.note.end;
        // A worker's loop ends with its last cycle, but only once it knows that no other follows:
        // from the last lease on.
        let end = begin + clock::nanos(ran.run.warmup + ran.run.window);
        let [least, most] = LAST_LEASE.map(|ahead| last.max(end - clock::nanos(ahead)));
        let from = first.note.start;
        let blocks: Vec<_> =
            told.iter().map(|told| Block { from: told.note.start, until: told.note.end }).collect();
        let period = clock::nanos(PERIOD);
        let expected: Vec<_> = (0..PHASES)
            .map(|phase| figures(&lags(&blocks, from, least, period, period * phase / PHASES)))
            .collect();
        let worker = ran.summary.worker(0).context("it has a worker")?;
        let metric = worker.metrics.get("loop_lag").context("no loop_lag")?;
        let percentiles = [metric.p50, metric.p90, metric.p99];
        let [p50, p90, p99] = all(percentiles).context("too few values of loop_lag")?;
        let measured = [p50, p90, p99, metric.max];
        let figures = std::array::from_fn(|i| {
            let of_each = expected.iter().map(|figures| figures[i]);
            (of_each.clone().min().unwrap_or(0), of_each.max().unwrap_or(0), measured[i])
        });
        let periods = |until: u64| (until - from) / period;
        Ok(Self { count: (periods(least), periods(most), metric.count), figures })
    }

    /// Returns `true` if each period was counted once.
    #[must_use]
    pub const fn counts(&self) -> bool {
        let (least, most, counted) = self.count;
        least <= counted + ENDS && counted <= most + ENDS
    }

    /// Returns `true` if the figure is within theory, with a tolerance of three digits and of a
    /// timer's own lateness.
    #[must_use]
    pub const fn holds(&self, figure: usize) -> bool {
        let (low, high, measured) = self.figures[figure];
        measured + measured / 1_000 >= low && measured <= high + high / 1_000 + LATE_MAX_NS
    }
}

fn figures(sorted: &[u64]) -> [u64; 4] {
    [500, 900, 990, 1_000].map(|permille| at_permille(sorted, permille))
}

pub(super) fn measure(options: &Options) -> Result<Told> {
    let window = Duration::from_secs(if options.quick { 2 } else { 10 });
    let warmup = Duration::from_millis(if options.quick { 200 } else { 1_000 });
    let mut table = Table::new(&[
        "blocks of",
        "periods, expected",
        "counted",
        "ms",
        "theory, least – most",
        "measured",
        "",
    ]);
    let mut is_true = true;
    for block in [15, 50, 200].map(Duration::from_millis) {
        let lags = Lags::of(&Run { warmup, ..blocking(block, window) }.run(&program()?)?)?;
        let (least, most, counted) = lags.count;
        is_true &= lags.counts();
        for (i, name) in ["p50", "p90", "p99", "max"].into_iter().enumerate() {
            let (low, high, measured) = lags.figures[i];
            is_true &= lags.holds(i);
            table.row([
                format!("{block:?}"),
                format!("{least} – {most}, ± {ENDS}"),
                counted.to_string(),
                name.to_owned(),
                format!("{} – {}", millis(low as f64), millis(high as f64)),
                millis(measured as f64),
                if lags.holds(i) { "within".into() } else { "WRONG".to_owned() },
            ]);
        }
    }
    Ok(Told { text: table.to_string(), is_true })
}
