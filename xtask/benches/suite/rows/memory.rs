//! S9: the primary's memory, and its growth.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::child::Run;
use crate::figure::{Figure, Goal, median};
use crate::options::Options;
use crate::tasks::TaskName;

const CYCLES_PER_SECOND: f64 = 100_000.0;
const LONG: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_secs(1);
const LOOKS_PER_MINUTE: usize = (60 / LOOK.as_secs()) as usize;
const MB: f64 = 1e6;
/// The growth per minute that is allowed, in kB: the same as the default of `cargo xtask soak`.
/// Memory may still grow after minutes, but that comes to an end.
const GROWTH_MAX_KB: f64 = 262.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let of_window = |window| {
        let run = Run::of(TaskName::Noop, Some(CYCLES_PER_SECOND), window);
        Run { workers: 4, ..run }
    };
    let name = format!("after {} s, at its highest", options.window().as_secs());
    let mut highest = Figure::new(name, "MB", Goal::AtMost(24.0));
    options.rounds(|| {
        let ran = of_window(options.window()).run()?;
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
        let ran = Run { memory_every: Some(LOOK), ..of_window(LONG) }.run()?;
        let of_minute = |minute: usize| {
            let looks =
                ran.rss_bytes.get((minute - 1) * LOOKS_PER_MINUTE..minute * LOOKS_PER_MINUTE);
            let looks: Vec<_> =
                looks.unwrap_or_default().iter().map(|bytes| *bytes as f64).collect();
            median(&looks).context("no VmRSS")
        };
        long.push(ran.rss_bytes_max.context("no VmHWM")? as f64 / MB);
        long.note("one round");
        growth.push((of_minute(9)? - of_minute(5)?) / 1e3 / 4.0);
    } else {
        long.note("not measured: ask for it by --long");
    }
    Ok(vec![highest, long, growth])
}
