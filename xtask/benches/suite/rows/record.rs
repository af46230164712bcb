//! S6: the cost of recording a value, as the difference between a loop that records its values and
//! the same loop without recording.

use anyhow::Result;

use crate::child::{Ran, Run};
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::tasks::{TaskName, VALUES};

/// The rate, which makes a million values a second. It is fixed, so that the recording thread and
/// the bus don't wait for each other.
const CYCLES_PER_SECOND: f64 = 1_000.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut thread = Figure::new("in the recording thread", "ns", Goal::AtMost(6.0));
    let mut whole = Figure::new("all processes, processor time", "ns", Goal::AtMost(25.0));
    let mut stalled = Figure::reported("recording threads waited for the bus", "µs");
    let run = |task| {
        let mut run = Run::of(task, Some(CYCLES_PER_SECOND), options.window());
        run.workers = 1;
        run.run()
    };
    options.rounds(|| {
        let with = run(TaskName::Values)?;
        let without = run(TaskName::Loop)?;
        let service = |ran: &Ran| ran.p50_p99("service").map(|[p50, _]| p50);
        thread.push((service(&with)? - service(&without)?) / VALUES as f64);
        // The runs are equally long, so that the costs of starting and ending cancel out.
        let spent = with.cpu.as_secs_f64() - without.cpu.as_secs_f64();
        whole.push(spent * 1e9 / (with.cycles() * VALUES) as f64);
        stalled.push(with.summary.harness.bus_stall_ns as f64 / 1e3);
        for ran in [with, without] {
            ran.reservation().into_iter().for_each(|note| thread.note(note));
        }
        anyhow::Ok(())
    })?;
    Ok(vec![thread, whole, stalled])
}
