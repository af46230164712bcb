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
/// let history = list.workers().metrics(["service"]).pick(Stat::Snapshots);
/// // The mean of each interval, and the mean of the run up to its end.
/// let (course, so_far) = (history.of(Stat::Mean), history.so_far(Stat::Mean));
/// assert_eq!(course.lines()[0].points[1].value, 30_000_000.0);
/// assert_eq!(so_far.lines()[0].points[1].value, 25_000_000.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct History {
    list: List,
}

/// One number of each metric of each process over time. It prints as a table with a row per
/// snapshot.
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
/// let timeline = list.workers().pick(Stat::Snapshots).of(Stat::Count);
/// for group in timeline.group() {
///     println!("{}: {} lines", group.label.name, group.lines.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    stat: Stat,
    lines: Vec<Line>,
}

/// One metric of one process over time.
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
/// let history = list.workers().metrics(["service"]).pick(Stat::Snapshots);
/// let timeline = history.of(Stat::Max);
/// let line = &timeline.lines()[0];
/// assert_eq!((line.process, &*line.label.name), (ProcessId::Worker(0), "service"));
/// assert_eq!(line.points.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
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
/// let history = list.workers().metrics(["service"]).pick(Stat::Snapshots);
/// let timeline = history.of(Stat::Max);
/// let point = timeline.lines()[0].points[0];
/// assert_eq!((point.at_ns, point.value), (100_000_000, 20_000_000.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The end of its interval, in nanoseconds since the measured window began.
    pub at_ns: u64,
    /// The number, in the unit of its line's label.
    pub value: f64,
}

/// One metric over time, with a line for each process that has it. It is drawn as one plot.
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
/// let history = list.workers().metrics(["service"]).pick(Stat::Snapshots);
/// let groups = history.of(Stat::Mean).group();
/// assert_eq!((groups.len(), groups[0].lines.len()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
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
