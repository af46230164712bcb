//! The rows of an interval table that have values. The table may be a file that is damaged.

use std::ops::Range;

use dyno_summary::{Intervals, MetricIntervals};

/// The most columns and rows that are drawn: far more than any version of dyno stores.
const COLUMNS_MAX: usize = 10_000;
const ROWS_MAX: usize = 1_000;

/// Returns the rows from the first to the last that has values; `None` if the metric has no values
/// or the table is damaged.
pub(crate) fn filled(intervals: &Intervals, metric: &MetricIntervals) -> Option<Range<usize>> {
    let (ends, rows) = (&intervals.ends_ns, intervals.rows.len());
    let is_within = ends.len() <= COLUMNS_MAX && rows <= ROWS_MAX;
    let is_in_order = ends.is_sorted() && ends.first().is_some_and(|end| *end > intervals.start_ns);
    if !is_within || !is_in_order || metric.columns.len() != ends.len() {
        return None;
    }
    let filled = || metric.columns.iter().filter(|column| !column.counts.is_empty());
    let first = filled().map(|column| column.row).min()?;
    let last = filled().map(|column| column.row.saturating_add(column.counts.len())).max()?;
    (last <= rows).then_some(first..last)
}

#[cfg(test)]
mod tests {
    use dyno_summary::IntervalColumn;

    use super::*;

    #[test]
    fn a_damaged_table_has_no_rows() {
        let mut intervals = Intervals::default();
        intervals.rows = vec![0, 100, 200, 300];
        intervals.ends_ns = vec![1_000];
        let mut metric = MetricIntervals::default();
        assert_eq!(filled(&intervals, &metric), None, "fewer columns than ends");
        let mut column = IntervalColumn::default();
        (column.row, column.counts) = (1, vec![1, 0, 4]);
        metric.columns = vec![column];
        assert_eq!(filled(&intervals, &metric), Some(1..4));
        metric.columns[0].row = usize::MAX;
        assert_eq!(filled(&intervals, &metric), None, "a row that does not exist");
        metric.columns[0].row = 0;
        intervals.start_ns = 2_000;
        assert_eq!(filled(&intervals, &metric), None, "the end is before the start");
    }
}
