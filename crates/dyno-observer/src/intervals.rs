//! The interval table: each metric with a unit of time over the run, in at most [`COLUMNS_MAX`]
//! columns of time and [`ROWS`](crate::rows::ROWS) rows of value, merged over the workers.
//!
//! Snapshots are statistics of at most fifty intervals. The table has finer intervals with coarser
//! values, so that a page can draw a heat map, and its memory does not depend on the number of
//! workers: at most 128 KB a metric.
//!
//! No value is counted for the table as it arrives. The caller [cuts](crate::Observer::cut) the run
//! into columns. Each cut counts all values of the current interval in rows, and those that were
//! there at the cut before are subtracted. Count and sum are exact.

pub(crate) mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use dyno_bus::Time;
use serde::{Deserialize, Serialize};

use crate::rows::IntervalRows;
use crate::series::Series;
use crate::stats::Label;

/// The most columns; when there would be more, neighbours are added in pairs.
pub const COLUMNS_MAX: usize = 200;
/// The columns of all metrics so far.
#[derive(Debug, Clone)]
pub struct IntervalTable {
    begun: Time,
    /// The end of each closed column, ascending.
    ends: Vec<Time>,
    /// The cuts that make a column: it doubles when columns are added in pairs.
    cuts_per_column: u32,
    /// The cuts since the open column began.
    cuts: u32,
    metrics: Vec<TableMetric>,
    /// The place of each name in `metrics`.
    places: BTreeMap<Arc<str>, usize>,
}

/// A metric of the table.
#[derive(Debug, Clone)]
struct TableMetric {
    label: Label,
    /// The values of the current interval as they are now.
    now: IntervalRows,
    /// The values of the current interval as they were at the last count.
    counted: IntervalRows,
    /// The values of the open column.
    open: IntervalRows,
    closed: Vec<PackedRows>,
}

/// The rows of a closed column, without the empty ones below the first value and above the last:
/// most columns have values in few rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PackedRows {
    sum: u128,
    first: usize,
    counts: Box<[u64]>,
}

impl IntervalTable {
    pub(crate) const fn new() -> Self {
        Self {
            begun: Time::ZERO,
            ends: Vec::new(),
            cuts_per_column: 1,
            cuts: 0,
            metrics: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    pub(crate) const fn begin(&mut self, at: Time) {
        self.begun = at;
    }

    /// Counts the current interval of every metric, over all processes that have it: a name may
    /// come any number of times.
    pub(crate) fn count<'a>(&mut self, intervals: impl Iterator<Item = (&'a Label, &'a Series)>) {
        for (label, series) in intervals {
            let place = match self.places.get(&label.name) {
                Some(place) => *place,
                None => self.add(label),
            };
            series.add_rows(&mut self.metrics[place].now);
        }
        self.metrics.iter_mut().for_each(TableMetric::take);
    }

    /// Notes that the interval which was just counted is over: the next one begins without values.
    pub(crate) fn rotate(&mut self) {
        self.metrics.iter_mut().for_each(|metric| metric.counted = IntervalRows::default());
    }

    /// Closes the open column at `at`, once there have been enough cuts since it began.
    pub(crate) fn cut(&mut self, at: Time) {
        self.cuts += 1;
        if self.cuts < self.cuts_per_column {
            return;
        }
        if self.ends.len() == COLUMNS_MAX {
            self.pair();
            // This cut has made the first half of a column.
            return;
        }
        self.close(at);
    }

    /// Closes the last column at `at`, if it has values. It is added to the column before if there
    /// are as many as there may be: a short drain must not halve the number of columns.
    pub(crate) fn end(&mut self, at: Time) {
        if self.metrics.iter().all(|metric| metric.open.is_empty()) {
            return;
        }
        self.close(at);
        if self.ends.len() > COLUMNS_MAX {
            self.ends.remove(COLUMNS_MAX - 1);
            self.metrics.iter_mut().for_each(|metric| metric.join(COLUMNS_MAX - 1));
        }
    }

    /// Returns the start of the first column: that of the measured window.
    #[must_use]
    pub const fn begun(&self) -> Time {
        self.begun
    }

    /// Returns the end of each column, in ascending order. A column begins where the one before it
    /// ends. Those of the drain follow those of the window.
    #[must_use]
    pub fn ends(&self) -> &[Time] {
        &self.ends
    }

    /// Returns each metric with its columns: as many as there are [`ends`](Self::ends).
    pub fn metrics(&self) -> impl Iterator<Item = (&Label, Vec<IntervalRows>)> {
        self.metrics
            .iter()
            .map(|metric| (&metric.label, metric.closed.iter().map(PackedRows::unpacked).collect()))
    }

    fn add(&mut self, label: &Label) -> usize {
        let place = self.metrics.len();
        self.metrics.push(TableMetric {
            label: label.clone(),
            now: IntervalRows::default(),
            counted: IntervalRows::default(),
            open: IntervalRows::default(),
            // It had no values before.
            closed: vec![PackedRows::default(); self.ends.len()],
        });
        self.places.insert(Arc::clone(&label.name), place);
        place
    }

    fn close(&mut self, at: Time) {
        self.cuts = 0;
        self.ends.push(at);
        self.metrics.iter_mut().for_each(TableMetric::close);
    }

    /// Adds each column to its neighbour.
    fn pair(&mut self) {
        self.cuts_per_column *= 2;
        self.ends = self.ends.chunks(2).filter_map(<[Time]>::last).copied().collect();
        self.metrics.iter_mut().for_each(TableMetric::pair);
    }
}

impl TableMetric {
    /// Adds the values that are new since the last count to the open column.
    fn take(&mut self) {
        self.open.add(&self.now);
        self.open.subtract(&self.counted);
        self.counted = std::mem::take(&mut self.now);
    }

    fn close(&mut self) {
        self.closed.push(PackedRows::of(&self.open));
        self.open = IntervalRows::default();
    }

    /// Adds the last column to the one before it, which is at `place`.
    fn join(&mut self, place: usize) {
        let last = self.closed.split_off(place);
        self.closed.push(PackedRows::sum(&last));
    }

    fn pair(&mut self) {
        self.closed = self.closed.chunks(2).map(PackedRows::sum).collect();
    }
}

impl PackedRows {
    fn of(rows: &IntervalRows) -> Self {
        let (first, counts) = rows.filled();
        Self { sum: rows.sum, first, counts: counts.into() }
    }

    /// Returns the sum of some columns.
    fn sum(columns: &[Self]) -> Self {
        let mut sum = IntervalRows::default();
        columns.iter().for_each(|column| sum.add(&column.unpacked()));
        Self::of(&sum)
    }

    fn unpacked(&self) -> IntervalRows {
        let mut rows = IntervalRows { sum: self.sum, ..IntervalRows::default() };
        rows.counts[self.first..][..self.counts.len()].copy_from_slice(&self.counts);
        rows
    }
}

#[cfg(test)]
mod tests;
