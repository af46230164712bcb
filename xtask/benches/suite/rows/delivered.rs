//! S1: the share of the requested cycles that is delivered, from a slow rate to the fastest that is
//! allowed.

use anyhow::Result;

use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::tasks::TaskName;

/// Rates in cycles per second, and the share that has to be delivered.
const RATES: [(f64, &str, f64); 5] = [
    (50.0, "50/s", 0.9999),
    (1_234.5, "1,234.5/s", 0.9999),
    (10_000.0, "10k/s", 0.9999),
    (100_000.0, "100k/s", 0.9999),
    (1_000_000.0, "1M/s", 0.999),
];

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut figures = RATES.map(|(_, name, least)| Figure::new(name, "×", Goal::AtLeast(least)));
    options.rounds(|| {
        for (figure, (rate, ..)) in figures.iter_mut().zip(RATES) {
            let ran = Run::of(TaskName::Noop, Some(rate), options.window()).run()?;
            figure.push(ran.summary.rate.delivered / rate);
            ran.reservation().into_iter().for_each(|note| figure.note(note));
        }
        anyhow::Ok(())
    })?;
    Ok(figures.into())
}
