//! One number of each metric over time, from the snapshots to the points of a plot.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::format;
use crate::id::ProcessId;
use crate::query::List;
use crate::query::table::{self, EMPTY};
use crate::snapshot::MetricSnapshot;
use crate::stats::Label;
use crate::stats::{Stat, Stats};

/// The snapshots of the metrics of a list.
#[derive(Debug, Clone)]
pub struct History {
    list: List,
}

/// One number of each metric of each process over time. It prints as a table with a row per
/// snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    stat: Stat,
    lines: Vec<Line>,
}

/// One metric of one process over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The process that recorded the metric.
    pub process: ProcessId,
    /// The metric's name, and the unit of the points' values.
    pub label: Label,
    /// The points in order of time. A snapshot that lacks the number has no point.
    pub points: Vec<Point>,
}

/// One number at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The end of its interval, in nanoseconds since the measured window began.
    pub at_ns: u64,
    /// The number, in the unit of its line's label.
    pub value: f64,
}

/// One metric over time, with a line for each process that has it. It is drawn as one plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The metric's name, and the unit of the points' values.
    pub label: Label,
    /// One line per process, in ascending order.
    pub lines: Vec<Line>,
}

impl History {
    pub(super) const fn new(list: List) -> Self {
        Self { list }
    }

    /// Returns one number of each interval: the course of the metric.
    #[must_use]
    pub fn of(&self, stat: Stat) -> Timeline {
        self.timeline(stat, |snapshot| snapshot.interval)
    }

    /// Returns one number of the whole run up to the end of each interval: the course of the
    /// result.
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
    /// Returns the statistic that was picked.
    #[must_use]
    pub const fn stat(&self) -> Stat {
        self.stat
    }

    /// Returns a line for each metric of each process, by metric, then by process.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Groups the lines by metric: one plot each, with a line for each process. A metric that no
    /// process has makes no plot.
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
