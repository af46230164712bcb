//! One number per process and metric, and the table that it prints as.

use std::cmp::Ordering;
use std::fmt;

use crate::format;
use crate::metric::Label;
use crate::process::ProcessId;
use crate::query::List;
use crate::query::table::{self, EMPTY};
use crate::stats::Stat;

/// Which end comes first. An empty cell comes last either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

/// One number of each metric of each process. Prints as a table, a row per process.
#[derive(Debug, Clone, PartialEq)]
pub struct Picked {
    stat: Stat,
    labels: Vec<Label>,
    rows: Vec<(ProcessId, Vec<Option<f64>>)>,
}

impl Picked {
    pub(super) fn new(stat: Stat, list: &List) -> Self {
        let labels = list.labels();
        let number = |row: &super::Row, label: &Label| {
            let cell = row.cells.iter().find(|(known, _)| known.name == label.name);
            cell.and_then(|(_, stats)| stats.of(stat))
        };
        let rows = list.rows.iter().map(|row| {
            (row.process, labels.iter().map(|label| number(row, label)).collect::<Vec<_>>())
        });
        Self { stat, rows: rows.collect(), labels }
    }

    /// Which number it is.
    #[must_use]
    pub const fn stat(&self) -> Stat {
        self.stat
    }

    /// The metrics: the columns.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The processes, each with a number for each metric, or none where it has no such metric or
    /// the metric has no value.
    pub fn rows(&self) -> impl Iterator<Item = (ProcessId, &[Option<f64>])> {
        self.rows.iter().map(|(process, cells)| (*process, &cells[..]))
    }

    /// One cell.
    #[must_use]
    pub fn cell(&self, process: ProcessId, metric: &str) -> Option<f64> {
        let column = self.column(metric)?;
        let (_, cells) = self.rows.iter().find(|(known, _)| *known == process)?;
        cells[column]
    }

    /// The rows in the order of one metric. Rows that are equal in it stay as they were, and all
    /// do where it is no column.
    #[must_use]
    pub fn sort_by(mut self, metric: &str, order: Order) -> Self {
        if let Some(column) = self.column(metric) {
            self.rows.sort_by(|(_, left), (_, right)| match (left[column], right[column]) {
                (Some(left), Some(right)) if order == Order::Ascending => left.total_cmp(&right),
                (Some(left), Some(right)) => right.total_cmp(&left),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            });
        }
        self
    }

    fn column(&self, metric: &str) -> Option<usize> {
        self.labels.iter().position(|label| &*label.name == metric)
    }
}

impl fmt::Display for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = std::iter::once("process".to_owned())
            .chain(self.labels.iter().map(|label| label.name.to_string()));
        let mut lines = vec![header.collect::<Vec<_>>()];
        for (process, cells) in self.rows() {
            let texts = cells.iter().zip(&self.labels).map(|(cell, label)| {
                let text = |number| format::value(number, self.stat.unit(label.unit));
                cell.map_or_else(|| EMPTY.to_owned(), text)
            });
            lines.push(std::iter::once(table::row_label(process)).chain(texts).collect());
        }
        table::write(f, &lines)
    }
}
