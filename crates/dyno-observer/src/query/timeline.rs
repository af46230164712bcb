//! One number of each metric over time: from the snapshots, to what a plot draws.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::format;
use crate::metric::Label;
use crate::process::ProcessId;
use crate::query::List;
use crate::query::table::{self, EMPTY};
use crate::snapshot::MetricSnapshot;
use crate::stats::{Stat, Stats};

/// The snapshots of the metrics of a list.
#[derive(Debug, Clone)]
pub struct History {
    list: List,
}

/// One number of each metric of each process over time. Prints as a table, a row per snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    stat: Stat,
    lines: Vec<Line>,
}

/// One metric of one process over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Whose.
    pub process: ProcessId,
    /// Which metric, and what the points' values count.
    pub label: Label,
    /// In order of time. A snapshot without a value of the metric gives none.
    pub points: Vec<Point>,
}

/// One number at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The end of its interval, in nanoseconds since the measured window began.
    pub at_ns: u64,
    /// The number.
    pub value: f64,
}

/// One metric over time, a line for each process that has it: a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Which metric, and what the points' values count.
    pub label: Label,
    /// In ascending order of process.
    pub lines: Vec<Line>,
}

impl History {
    pub(super) const fn new(list: List) -> Self {
        Self { list }
    }

    /// One number of each interval: how the metric went.
    #[must_use]
    pub fn of(&self, stat: Stat) -> Timeline {
        self.timeline(stat, |snapshot| snapshot.interval)
    }

    /// One number of the whole up to the end of each interval: how the result came about.
    #[must_use]
    pub fn so_far(&self, stat: Stat) -> Timeline {
        self.timeline(stat, |snapshot| snapshot.so_far)
    }

    fn timeline(&self, stat: Stat, part: impl Fn(&MetricSnapshot) -> Stats) -> Timeline {
        let List { rows, snapshots, begun, .. } = &self.list;
        let mut lines = Vec::new();
        for label in self.list.labels() {
            let label = Label { unit: stat.unit(label.unit), ..label };
            let having = rows
                .iter()
                .filter(|row| row.cells.iter().any(|(known, _)| known.name == label.name));
            for process in having.map(|row| row.process) {
                let point = |snapshot: &Arc<crate::Snapshot>| {
                    let value = part(snapshot.metric(process, &label.name)?).of(stat)?;
                    Some(Point { at_ns: snapshot.until.nanos_since(*begun), value })
                };
                let points = snapshots.iter().filter_map(point).collect();
                lines.push(Line { process, label: label.clone(), points });
            }
        }
        Timeline { stat, lines }
    }
}

impl Timeline {
    /// Which number it is.
    #[must_use]
    pub const fn stat(&self) -> Stat {
        self.stat
    }

    /// A line for each metric of each process, by metric, then by process.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// By metric: one plot each, with a line for each process. A metric that no process has
    /// makes none.
    #[must_use]
    pub fn group(self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for line in self.lines {
            match groups.last_mut() {
                Some(group) if group.label.name == line.label.name => group.lines.push(line),
                _ => groups.push(Group { label: line.label.clone(), lines: vec![line] }),
            }
        }
        groups
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = std::iter::once("time".to_owned()).chain(
            self.lines
                .iter()
                .map(|line| format!("{} {}", line.label.name, table::row_label(line.process))),
        );
        let mut rows: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (column, line) in self.lines.iter().enumerate() {
            for point in &line.points {
                let cells = rows
                    .entry(point.at_ns)
                    .or_insert_with(|| vec![EMPTY.to_owned(); self.lines.len()]);
                cells[column] = format::value(point.value, line.label.unit);
            }
        }
        let mut table = vec![header.collect::<Vec<_>>()];
        for (at_ns, cells) in rows {
            let time = format::value(at_ns as f64, dyno_bus::value::Unit::Nanoseconds);
            table.push(std::iter::once(time).chain(cells).collect());
        }
        table::write(f, &table)
    }
}
