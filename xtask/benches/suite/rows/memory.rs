//! S9: what the primary holds, and whether that grows.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::tasks::TaskName;

const CYCLES_PER_SECOND: f64 = 100_000.0;
const LONG: Duration = Duration::from_secs(600);
const MB: f64 = 1e6;
/// What grows has an end: by the minute it may be as much as in a soak.
const GROWTH_MAX_KB: f64 = 262.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let run = |window| {
        let mut run = Run::of(TaskName::Noop, Some(CYCLES_PER_SECOND), window);
        run.workers = 4;
        run.run()
    };
    let name = format!("after {} s, at its highest", options.window().as_secs());
    let mut highest = Figure::new(name, "MB", Goal::AtMost(24.0));
    options.rounds(|| {
        let ran = run(options.window())?;
        highest.push(ran.rss_bytes_max.context("no VmHWM")? as f64 / MB);
        ran.reservation().into_iter().for_each(|note| highest.note(note));
        anyhow::Ok(())
    })?;
    let mut long = Figure::new("after 10 minutes, at its highest", "MB", Goal::AtMost(24.0));
    let mut growth = Figure::new(
        "from the fifth minute to the ninth, by the minute",
        "kB",
        Goal::AtMost(GROWTH_MAX_KB),
    );
    if options.long {
        let ran = run(LONG)?;
        let &[half, late] = ran.rss_bytes.as_slice() else { bail!("no VmRSS") };
        long.push(ran.rss_bytes_max.context("no VmHWM")? as f64 / MB);
        long.note("one round");
        growth.push((late as f64 - half as f64) / 1e3 / 4.0);
    } else {
        long.note("not measured: ask for it by --long");
    }
    Ok(vec![highest, long, growth])
}
