//! One number per process and metric, which prints as a table.

use std::cmp::Ordering;
use std::fmt;

use crate::format;
use crate::id::ProcessId;
use crate::query::List;
use crate::query::table::{self, EMPTY};
use crate::stats::Label;
use crate::stats::Stat;

/// The order of sorted rows. An empty cell comes last in both.
///
/// ```
/// # use dyno_bus::{Pace, Time, message::{Batch, CycleTimes}, segment::PerPhase};
/// # use dyno_observer::{Observer, ProcessId, Order, Stat};
/// # let mut observer = Observer::new(Pace::Closed { in_flight: 1 });
/// # observer.hello(ProcessId::Worker(0), 1)?;
/// # for (sequence, service) in [(0, 20_000_000), (1, 30_000_000)] {
/// #     let measured = CycleTimes { wait: vec![0], service: vec![service] };
/// #     let cycles = PerPhase { measured, ..PerPhase::default() };
/// #     observer.absorb(ProcessId::Worker(0), &Batch { sequence, cycles, ..Batch::default() })?;
/// #     observer.rotate(Time::from_nanos((sequence + 1) * 100_000_000), |_| {});
/// # }
/// # let list = observer.list();
/// let slowest_first = list.pick(Stat::P99).sort_by("response", Order::Descending);
/// # let _table = slowest_first.to_string();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest number first.
    Ascending,
    /// The largest number first.
    Descending,
}

/// One number of each metric of each process. It prints as a table with a row per process.
///
/// ```
/// # use dyno_bus::{Pace, Time, message::{Batch, CycleTimes}, segment::PerPhase};
/// # use dyno_observer::{Observer, ProcessId, Stat};
/// # let mut observer = Observer::new(Pace::Closed { in_flight: 1 });
/// # observer.hello(ProcessId::Worker(0), 1)?;
/// # for (sequence, service) in [(0, 20_000_000), (1, 30_000_000)] {
/// #     let measured = CycleTimes { wait: vec![0], service: vec![service] };
/// #     let cycles = PerPhase { measured, ..PerPhase::default() };
/// #     observer.absorb(ProcessId::Worker(0), &Batch { sequence, cycles, ..Batch::default() })?;
/// #     observer.rotate(Time::from_nanos((sequence + 1) * 100_000_000), |_| {});
/// # }
/// # let list = observer.list();
/// let table = list.workers().metrics(["service"]).pick(Stat::Max);
/// assert_eq!(table.cell(ProcessId::Worker(0), "service"), Some(30_000_000.0));
/// println!("{table}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

    /// Returns the statistic that was picked.
    #[must_use]
    pub const fn stat(&self) -> Stat {
        self.stat
    }

    /// Returns the metrics, which are the columns.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Returns the processes, each with a number for each metric. The number is `None` if the
    /// process lacks the metric, or the metric has too few values for it.
    pub fn rows(&self) -> impl Iterator<Item = (ProcessId, &[Option<f64>])> {
        self.rows.iter().map(|(process, cells)| (*process, &cells[..]))
    }

    /// Returns the number of one metric of one process; `None` if the cell is empty or missing.
    #[must_use]
    pub fn cell(&self, process: ProcessId, metric: &str) -> Option<f64> {
        let column = self.column(metric)?;
        let (_, cells) = self.rows.iter().find(|(known, _)| *known == process)?;
        cells[column]
    }

    /// Sorts the rows by one metric. Rows with equal numbers keep their order; so do all rows if
    /// the metric is not a column.
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
