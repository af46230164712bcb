//! S10: the primary's memory with many workers that do little.

use anyhow::{Context, Result};

use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::tasks::TaskName;

const WORKERS: u32 = 1_000;
const CYCLES_PER_SECOND: f64 = 10.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut memory = Figure::new("the primary's memory", "MB", Goal::AtMost(256.0));
    let mut delivered = Figure::reported("delivered ÷ asked", "×");
    options.rounds(|| {
        let mut run = Run::of(TaskName::Eight, Some(CYCLES_PER_SECOND), options.window());
        run.workers = WORKERS;
        let ran = run.run()?;
        memory.push(ran.rss_bytes_max.context("no VmHWM")? as f64 / 1e6);
        delivered.push(ran.summary.rate.delivered / CYCLES_PER_SECOND);
        ran.reservation().into_iter().for_each(|note| delivered.note(note));
        anyhow::Ok(())
    })?;
    Ok(vec![memory, delivered])
}
