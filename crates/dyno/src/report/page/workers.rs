//! The workers of a run: their spread, and of many workers the slowest and the fastest.

use dyno_bus::builtin::{RESPONSE, SERVICE};
use dyno_bus::value::Unit;
use dyno_summary::{Summary, WorkerProcess};

use super::axis::{Axis, AxisKind};
use super::chart::{Chart, Shape, table};
use super::html::Html;
use crate::plan::thousands;
use crate::report::formats::figures::{self, NONE};

/// The most workers in the table: the slowest half and the fastest half of this number.
const SHOWN: usize = 16;
/// The most bars of the chart: neighbours share one, whose height is that of the slower.
const BARS_MAX: usize = 200;

/// Returns the workers that the page shows: all of a few, else the slowest and the fastest. Workers
/// that did not end well count as the slowest.
pub(super) fn shown(summary: &Summary) -> Vec<&WorkerProcess> {
    let mut workers: Vec<_> = summary.workers.iter().collect();
    if workers.len() > SHOWN {
        workers.sort_by_key(|worker| {
            (figures::exit(worker).is_none(), std::cmp::Reverse(slowness(worker)))
        });
        workers.drain(SHOWN / 2..workers.len() - SHOWN / 2);
    }
    workers
}

/// Appends the section.
pub(super) fn write(html: &mut Html, summary: &Summary, chart: Option<&Chart>) {
    if let Some(chart) = chart {
        chart.write(html);
    }
    let shown = shown(summary);
    let (all, few) = (summary.workers.len(), shown.len());
    if all > few {
        let text = format!(
            "Of {} workers the {} slowest and the {} fastest are shown; run.json has all of them.",
            thousands(all as u64),
            SHOWN / 2,
            SHOWN / 2
        );
        html.element("p", &[], &text);
    }
    let exits = shown.iter().any(|worker| figures::exit(worker).is_some());
    let mut head: Vec<_> =
        ["worker", "cycles", "service", "response p99", "loop lag p99", "cpu", "rss"]
            .map(str::to_owned)
            .into();
    head.extend(exits.then(|| "end".to_owned()));
    let rows: Vec<Vec<String>> = shown.iter().map(|worker| row(worker, exits)).collect();
    table(html, &head, &rows);
}

fn row(worker: &WorkerProcess, exits: bool) -> Vec<String> {
    let metrics = &worker.metrics;
    let cycles = metrics.get(SERVICE).map_or(0, |service| service.count);
    let mut cells = vec![worker.index.to_string(), thousands(cycles)];
    cells.extend(figures::of_worker(metrics));
    if exits {
        cells.push(figures::exit(worker).unwrap_or_else(|| NONE.to_owned()));
    }
    cells
}

/// Returns the response of each worker, from the fastest to the slowest; `None` if fewer than two
/// workers have a response.
pub(super) fn chart(summary: &Summary) -> Option<Chart> {
    let mut responses: Vec<u64> = summary.workers.iter().filter_map(slowness).collect();
    if responses.len() < 2 {
        return None;
    }
    responses.sort_unstable();
    let all = responses.len();
    let bars: Vec<_> = responses
        .chunks(all.div_ceil(BARS_MAX))
        .scan(0, |position, group| {
            *position += group.len();
            let slowest = group.last().map(|response| *response as f64);
            Some((*position as f64, slowest))
        })
        .collect();
    let x = Axis::exact(AxisKind::In(Unit::None), 0.0, all as f64);
    let most = responses[all - 1] as f64;
    let y = Axis::linear(AxisKind::In(Unit::Nanoseconds), most);
    let how = "The 99th percentile of each worker's response, or its largest where that needs more \
               values, from the fastest worker to the slowest. Workers do the same: bars that \
               differ have a cause outside of the task.";
    let mut chart = Chart::new("workers", "Spread of the workers", how, (x, y));
    chart.x_name = "workers";
    chart.add("response", Shape::Bars, bars);
    Some(chart)
}

/// Returns the p99 of a worker's response; its largest if there are too few values for a p99.
fn slowness(worker: &WorkerProcess) -> Option<u64> {
    let response = worker.metrics.get(RESPONSE).filter(|response| response.count > 0)?;
    Some(response.p99.unwrap_or(response.max))
}
