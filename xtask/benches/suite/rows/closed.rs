//! S4 and S5: no-ops per second, each one measured. The iterations of rlt are always async.

use anyhow::Result;

use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::rlt;
use crate::tasks::TaskName;

pub(crate) fn measure_sync(options: &Options) -> Result<Vec<Figure>> {
    measure(options, TaskName::Noop, 2.0)
}

pub(crate) fn measure_async(options: &Options) -> Result<Vec<Figure>> {
    measure(options, TaskName::NoopAsync, 1.0)
}

fn measure(options: &Options, task: TaskName, least: f64) -> Result<Vec<Figure>> {
    let mut ratio = Figure::new("dyno ÷ rlt's better", "×", Goal::AtLeast(least));
    let mut dyno = Figure::reported("dyno", "/s");
    let mut peers = [1, 2]
        .map(|concurrency| (concurrency, Figure::reported(format!("rlt -c {concurrency}"), "/s")));
    options.rounds(|| {
        let ran = Run::of(task, None, options.window()).run()?;
        let rate = ran.summary.rate.delivered;
        dyno.push(rate);
        ran.reservation().into_iter().for_each(|note| dyno.note(note));
        let mut best: f64 = 0.0;
        for (concurrency, figure) in &mut peers {
            match rlt::rate(*concurrency, options.window()) {
                Ok(rate) => {
                    figure.push(rate);
                    best = best.max(rate);
                }
                Err(error) => figure.note(format!("missing: {error:#}")),
            }
        }
        if best > 0.0 {
            ratio.push(rate / best);
        }
        anyhow::Ok(())
    })?;
    let [(_, one), (_, two)] = peers;
    Ok(vec![ratio, dyno, one, two])
}
