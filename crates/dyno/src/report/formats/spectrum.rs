//! The percentile spectrum of a metric: its values by 1/(1 − p), from the smallest to the largest.

use dyno_summary::{Intervals, Metric};

use super::rows;

/// Returns the known percentiles of a metric by 1/(1 − p), ascending in both: those of the summary,
/// and those at the begin of each row of the interval table. The largest of n values is at n.
pub(crate) fn points(
    metric: &Metric,
    name: &str,
    intervals: Option<&Intervals>,
) -> Vec<(f64, f64)> {
    if metric.count == 0 || metric.out_of_range == metric.count {
        return Vec::new();
    }
    let count = metric.count as f64;
    let (least, most) = (metric.min as f64, metric.max as f64);
    let known =
        [(2.0, metric.p50), (10.0, metric.p90), (100.0, metric.p99), (1_000.0, metric.p999)];
    let known = known.into_iter().filter_map(|(x, value)| Some((x, value? as f64)));
    // The exact ones come first: they stay if several have the same place.
    let mut points = vec![(1.0, least), (count, most)];
    points.extend(known.filter(|(x, _)| *x < count));
    points.extend(intervals.map(|table| of_rows(table, name, metric.count)).unwrap_or_default());
    points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    points.dedup_by_key(|(x, _)| *x);
    let mut highest = least;
    for (_, value) in &mut points {
        highest = value.clamp(highest, most);
        *value = highest;
    }
    points
}

/// Returns a point for the begin of each row that has values: the share of values below it.
fn of_rows(intervals: &Intervals, name: &str, count: u64) -> Vec<(f64, f64)> {
    let metric = intervals.metrics.get(name);
    let Some(metric) = metric.filter(|metric| rows::filled(intervals, metric).is_some()) else {
        return Vec::new();
    };
    let mut rows = vec![0_u64; intervals.rows.len()];
    for column in &metric.columns {
        for (place, number) in column.counts.iter().enumerate() {
            let row = &mut rows[column.row + place];
            *row = row.saturating_add(*number);
        }
    }
    let mut below = 0_u64;
    let mut points = Vec::new();
    for (number, next) in rows.iter().zip(intervals.rows.iter().skip(1)) {
        below = below.saturating_add(*number);
        // A row without values says nothing new.
        if *number > 0 && below < count {
            points.push((count as f64 / (count - below) as f64, *next as f64));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use dyno_summary::{IntervalColumn, MetricIntervals};

    use super::*;
    use crate::result::fixture;

    #[test]
    fn the_rows_of_the_table_lie_between_the_percentiles_of_the_summary() {
        let mut metric = fixture::summary().metrics["response"].clone();
        (metric.count, metric.min, metric.max) = (1_000, 50, 1_000);
        (metric.p50, metric.p90, metric.p99, metric.p999) = (Some(150), Some(350), None, None);
        let without = points(&metric, "response", None);
        assert_eq!(without, [(1.0, 50.0), (2.0, 150.0), (10.0, 350.0), (1_000.0, 1_000.0)]);
        let mut intervals = Intervals::default();
        intervals.rows = vec![0, 100, 200, 400, 800];
        intervals.ends_ns = vec![1_000];
        let mut column = IntervalColumn::default();
        column.counts = vec![200, 550, 200, 49, 1];
        let mut of = MetricIntervals::default();
        of.columns = vec![column];
        intervals.metrics.insert("response".to_owned(), of);
        let with = points(&metric, "response", Some(&intervals));
        let expected = [
            (1.0, 50.0),
            (1.25, 100.0),
            (2.0, 150.0),
            (4.0, 200.0),
            (10.0, 350.0),
            (20.0, 400.0),
            (1_000.0, 1_000.0),
        ];
        assert_eq!(with, expected);
    }
}
