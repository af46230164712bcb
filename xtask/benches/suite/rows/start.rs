//! S8: the time from just before the primary is executed to its first cycle.

use std::time::Duration;

use anyhow::Result;

use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::tasks::{FIRST, TaskName};

const WORKERS: [(u32, f64); 2] = [(2, 15.0), (100, 300.0)];
/// The measured window: long enough for every worker to run a cycle.
const WINDOW: Duration = Duration::from_millis(300);
const CYCLES_PER_SECOND: f64 = 1_000.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = WORKERS
        .map(|(workers, most)| Figure::new(format!("{workers} workers"), "ms", Goal::AtMost(most)));
    options.rounds(|| {
        for (figure, (workers, _)) in figures.iter_mut().zip(WORKERS) {
            let mut run = Run::of(TaskName::First, Some(CYCLES_PER_SECOND), WINDOW);
            run.workers = workers;
            run.warmup = Duration::ZERO;
            let ran = run.run()?;
            // The minimum is exact, and is the time of the first cycle of all workers.
            let first = ran.metric(FIRST)?.min;
            figure.push(first.saturating_sub(ran.spawned.as_nanos()) as f64 / 1e6);
        }
        anyhow::Ok(())
    })?;
    Ok(figures.into())
}
