//! S2: how late cycles start, compared with the least that a sleeping thread reaches on this
//! machine.

use anyhow::Result;

use super::at_each;
use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::sleepers::{self, Load};
use crate::tasks::TaskName;

const RATES: [(f64, &str); 2] = [(1_000.0, "1k/s"), (10_000.0, "10k/s")];
/// Nanoseconds in a microsecond.
const MICRO: f64 = 1e3;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    at_each(&RATES, |rate, name| at(options, rate, name))
}

fn at(options: &Options, rate: f64, name: &str) -> Result<Vec<Figure>> {
    let mut p50 = Figure::new(format!("{name} p50 ÷ threads"), "×", Goal::AtMost(1.5));
    let mut p99 = Figure::new(format!("{name} p99 ÷ threads"), "×", Goal::AtMost(2.0));
    let mut spin = Figure::new(format!("{name} p50, spin"), "µs", Goal::AtMost(1.0));
    let mut dyno = ["p50", "p99"].map(|q| Figure::reported(format!("{name} {q}"), "µs"));
    let mut bare = ["p50", "p99"].map(|q| Figure::reported(format!("{name} {q}, threads"), "µs"));
    let run = Run::of(TaskName::Noop, Some(rate), options.window());
    let load = Load { rate, threads: run.workers, window: run.window, warmup: run.warmup };
    options.rounds(|| {
        let ran = run.run()?;
        let waits = sleepers::waits(load.clone())?;
        let wait = ran.p50_p99("wait")?;
        for (figure, value) in dyno.iter_mut().zip(wait) {
            figure.push(value / MICRO);
        }
        for (figure, value) in bare.iter_mut().zip([waits.p50, waits.p99]) {
            figure.push(value / MICRO);
        }
        p50.push(wait[0] / waits.p50);
        p99.push(wait[1] / waits.p99);
        ran.reservation().into_iter().for_each(|note| p50.note(note));
        let ran = Run { spin: true, ..run.clone() }.run()?;
        spin.push(ran.p50_p99("wait")?[0] / MICRO);
        ran.reservation().into_iter().for_each(|note| spin.note(note));
        anyhow::Ok(())
    })?;
    let mut figures = vec![p50, p99, spin];
    figures.extend(dyno);
    figures.extend(bare);
    Ok(figures)
}
