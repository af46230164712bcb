//! The interval table as a file: `intervals.json`, by the contract of [`Intervals`].
//!
//! It is JSON, so that any tool reads it. A column has values in few rows, so that the file of a run
//! has some tens of kilobytes. It is written once, at the end.

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::clock::nanos;
use dyno_observer::rows::row_starts;
use dyno_observer::{IntervalRows, IntervalTable};
use dyno_summary::{INTERVALS_SCHEMA, IntervalColumn, Intervals, MetricIntervals};

use crate::primary::run::Run;

/// Returns the interval table of a run as text.
pub(crate) fn render(intervals: &Intervals) -> String {
    let mut text =
        serde_json::to_string(intervals).expect("intervals hold numbers, and maps of texts");
    text.push('\n');
    text
}

/// Returns the interval table of a run that is over.
pub(crate) fn intervals_of(run: &Run) -> Intervals {
    contract_of(run.observer.intervals(), run.plan.warmup)
}

/// Returns an interval table in the form of the contract. The table begins with the measured
/// window, after this warm-up.
pub(crate) fn contract_of(table: &IntervalTable, warmup: Duration) -> Intervals {
    let mut intervals = Intervals::default();
    intervals.schema = INTERVALS_SCHEMA;
    intervals.start_ns = nanos(warmup);
    let since_first_due =
        |end: &Time| intervals.start_ns.saturating_add(end.nanos_since(table.begun()));
    intervals.ends_ns = table.ends().iter().map(since_first_due).collect();
    intervals.rows = row_starts().into();
    let metrics = table.metrics().map(|(label, columns)| {
        let mut metric = MetricIntervals::default();
        metric.unit = label.unit;
        metric.columns = columns.iter().map(column).collect();
        (label.name.to_string(), metric)
    });
    intervals.metrics = metrics.collect();
    intervals
}

fn column(rows: &IntervalRows) -> IntervalColumn {
    let (row, counts) = rows.filled();
    let mut column = IntervalColumn::default();
    column.count = rows.count();
    column.sum = rows.sum.try_into().unwrap_or(u64::MAX);
    column.row = row;
    column.counts = counts.to_vec();
    column
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::fixture;

    #[test]
    fn the_file_is_read_back_and_has_every_value_of_the_summary() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = fixture::run();
        run.observer.end(Time::from_nanos(9_000_000_000));
        let path = folder.path().join(dyno_summary::INTERVALS_FILE);
        std::fs::write(path, render(&intervals_of(&run))).unwrap();
        let read = Intervals::read(folder.path()).unwrap();
        assert_eq!(read, intervals_of(&run));
        for metric in run.observer.merged() {
            let Some(columns) = read.metrics.get(&*metric.label.name) else {
                assert_ne!(metric.label.unit, dyno_summary::Unit::Nanoseconds, "{metric:?}");
                continue;
            };
            let columns = &columns.columns;
            assert_eq!(columns.len(), read.ends_ns.len());
            assert_eq!(columns.iter().map(|column| column.count).sum::<u64>(), metric.stats.count);
            let sum = columns.iter().map(|column| column.sum).sum::<u64>() as f64;
            assert!((sum / metric.stats.count as f64 - metric.stats.mean).abs() < 1e-6);
        }
        assert!(read.metrics.contains_key("response"));
    }
}
