//! The rows, in order: the promises of dyno about its speed.

mod arrivals;
mod clients;
mod closed;
mod crowd;
mod delivered;
mod footprint;
mod http;
mod idle;
mod memory;
mod pipe;
mod postgres;
mod record;
mod redis;
mod start;
mod wait;

use anyhow::Result;

use crate::figure::Figure;
use crate::options::Options;

/// A row: a group of figures that are measured together.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measure: fn(&Options) -> Result<Vec<Figure>>,
}

/// Measures a row at each rate, which has a name. Returns the figures of all.
fn at_each(
    rates: &[(f64, &str)],
    at: impl Fn(f64, &str) -> Result<Vec<Figure>>,
) -> Result<Vec<Figure>> {
    let mut all = Vec::new();
    for &(rate, name) in rates {
        all.extend(at(rate, name)?);
    }
    Ok(all)
}

/// All rows, in the order of their measurement.
pub(crate) const ALL: [Row; 16] = [
    Row {
        id: "S1",
        title: "cycles ended inside the window ÷ asked, no-op, 2 workers",
        measure: delivered::measure,
    },
    Row {
        id: "S2",
        title: "wait, 2 workers, beside two bare threads that sleep until due",
        measure: wait::measure,
    },
    Row {
        id: "S3",
        title: "arrivals at a server off an even grid, beside two bare threads that write",
        measure: arrivals::measure,
    },
    Row {
        id: "S4",
        title: "closed loop, sync no-op, 2 workers, beside rlt",
        measure: closed::measure_sync,
    },
    Row {
        id: "S5",
        title: "closed loop, async no-op, 2 workers, beside rlt",
        measure: closed::measure_async,
    },
    Row { id: "S6", title: "cost of a recorded value", measure: record::measure },
    Row {
        id: "S7",
        title: "Redis, closed loop, 2 workers with a command in flight each, beside a bare loop",
        measure: redis::measure,
    },
    Row { id: "S8", title: "from exec to the first cycle", measure: start::measure },
    Row {
        id: "S9",
        title: "the primary's memory, 4 workers, 100k a second",
        measure: memory::measure,
    },
    Row {
        id: "S10",
        title: "1,000 workers, 8 metrics each, 10 cycles a second in all",
        measure: crowd::measure,
    },
    Row {
        id: "S11",
        title: "processor time of all processes, idle task, 50 a second, live view on",
        measure: idle::measure,
    },
    Row { id: "S12", title: "what a user's benchmark carries", measure: footprint::measure },
    Row {
        id: "S13",
        title: "`cargo dyno pipe` with `cat`, 2 workers, beside a bare loop",
        measure: pipe::measure,
    },
    Row {
        id: "S14",
        title: "`cargo dyno http`, 4 connections, beside oha, h2load and wrk",
        measure: http::measure,
    },
    Row {
        id: "S15",
        title: "Postgres, a prepared query, 2 workers, beside pgbench",
        measure: postgres::measure,
    },
    Row {
        id: "S16",
        title: "no-op with ten clients of its dashboard, beside a run without one",
        measure: clients::measure,
    },
];
