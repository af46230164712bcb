//! The interval table in a form to store, and the sum of the tables of several hosts.
//!
//! The ends of columns are stored as times since the window's start, which all hosts have in common
//! although their clocks differ. Columns are added by their number: each host cuts its columns on
//! the same grid.

use std::sync::Arc;

use dyno_bus::Time;
use dyno_bus::value::Unit;
use serde::{Deserialize, Serialize};

use super::{COLUMNS_MAX, IntervalTable, PackedRows};
use crate::rows::ROWS;
use crate::series::stored::COUNT_MAX;
use crate::stats::Label;

/// The interval table of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredIntervals {
    /// The end of each column, in nanoseconds since the window's start.
    ends: Vec<u64>,
    cuts_per_column: u32,
    metrics: Vec<StoredColumns>,
}

/// The columns of one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredColumns {
    name: String,
    unit: Unit,
    columns: Vec<PackedRows>,
}

impl StoredIntervals {
    pub(crate) fn of(table: &IntervalTable) -> Self {
        let metrics = table.metrics.iter().map(|metric| StoredColumns {
            name: metric.label.name.to_string(),
            unit: metric.label.unit,
            columns: metric.closed.clone(),
        });
        Self {
            ends: table.ends.iter().map(|end| end.nanos_since(table.begun)).collect(),
            cuts_per_column: table.cuts_per_column,
            metrics: metrics.collect(),
        }
    }

    /// Returns `true` if the parts agree with each other.
    pub(crate) fn is_valid(&self) -> bool {
        let columns = self.ends.len();
        let is_whole = |metric: &StoredColumns| {
            metric.columns.len() == columns && metric.columns.iter().all(PackedRows::is_valid)
        };
        columns <= COLUMNS_MAX
            && self.ends.is_sorted()
            && self.ends.last().is_none_or(|last| *last < u64::MAX / 2)
            && self.cuts_per_column.is_power_of_two()
            && self.metrics.iter().all(is_whole)
    }
}

impl PackedRows {
    fn is_valid(&self) -> bool {
        let end = self.first.checked_add(self.counts.len());
        end.is_some_and(|end| end <= ROWS)
            && self.counts.iter().all(|count| *count <= COUNT_MAX)
            && self.sum <= u128::MAX >> 16
    }
}

impl IntervalTable {
    /// Returns the sum of the tables of several hosts. It begins at [`Time::ZERO`].
    pub(crate) fn of_stored(tables: &[&StoredIntervals]) -> Self {
        let mut sum = Self::new();
        let longest = tables.iter().map(|table| table.cuts_per_column).max().unwrap_or(1);
        sum.cuts_per_column = longest;
        for table in tables {
            let mut one = Self::restored(table);
            // A host that was cut early may have columns of fewer cuts.
            while one.cuts_per_column < longest {
                one.pair();
            }
            sum.add_columns(&one);
        }
        sum
    }

    fn restored(stored: &StoredIntervals) -> Self {
        let mut table = Self::new();
        table.ends = stored.ends.iter().map(|end| Time::from_nanos(*end)).collect();
        table.cuts_per_column = stored.cuts_per_column;
        for metric in &stored.metrics {
            let label = Label { name: Arc::from(&*metric.name), unit: metric.unit };
            let place = table.add(&label);
            table.metrics[place].closed.clone_from(&metric.columns);
        }
        table
    }

    /// Adds the columns of another table. A column ends with the later of both.
    fn add_columns(&mut self, other: &Self) {
        let columns = self.ends.len().max(other.ends.len());
        for (place, end) in other.ends.iter().enumerate() {
            match self.ends.get_mut(place) {
                Some(known) => *known = (*end).max(*known),
                None => self.ends.push(*end),
            }
        }
        for metric in &mut self.metrics {
            metric.closed.resize(columns, PackedRows::default());
        }
        for metric in &other.metrics {
            let place = match self.places.get(&metric.label.name) {
                Some(place) => *place,
                None => self.add(&metric.label),
            };
            let closed = &mut self.metrics[place].closed;
            for (column, more) in closed.iter_mut().zip(&metric.closed) {
                *column = PackedRows::sum(&[column.clone(), more.clone()]);
            }
        }
    }
}
