//! The list that users read: filter it, pick a statistic, then print, sort or plot the picked
//! numbers.
//!
//! ```text
//! List ── primary · workers · metrics ──> List
//!  ├─ pick(Stat::Mean) ───────> Picked     one number per process and metric: a table
//!  └─ pick(Stat::Snapshots) ──> History
//!                                └─ of(Stat::Mean) ──> Timeline ── group() ──> [Group]: a plot each
//! ```
//!
//! A list owns its content, so that it can be sent to a thread that draws. Nothing here panics if a
//! metric, a process or a value is missing: its cell is empty.

use std::sync::Arc;

use dyno_bus::Time;
use dyno_bus::value::Unit;

use crate::id::ProcessId;
use crate::snapshot::Snapshot;
use crate::stats::Label;
use crate::stats::{Snapshots, Stat, Stats};

mod picked;
mod table;
mod timeline;

pub use picked::{Order, Picked};
pub use timeline::{Group, History, Line, Point, Timeline};

/// One process of a list, with the statistics of its metrics.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) process: ProcessId,
    pub(crate) cells: Vec<(Label, Stats)>,
}

/// All or some of the processes, with all or some of their metrics.
///
/// ```
/// # use dyno_bus::{Pace, Time, message::{Batch, CycleTimes}, segment::PerPhase};
/// # use dyno_observer::{Observer, Order, ProcessId, Stat};
/// # let mut observer = Observer::new(Pace::Closed { in_flight: 1 });
/// # for (worker, service) in [(0, 20_000_000), (1, 30_000_000)] {
/// #     let measured = CycleTimes { wait: vec![0], service: vec![service] };
/// #     observer.hello(ProcessId::Worker(worker), 1)?;
/// #     let cycles = PerPhase { measured, ..PerPhase::default() };
/// #     observer.absorb(ProcessId::Worker(worker), &Batch { cycles, ..Batch::default() })?;
/// # }
/// let slowest_first = observer
///     .list()
///     .workers()
///     .metrics(["service", "loop_lag"])
///     .pick(Stat::Mean)
///     .sort_by("service", Order::Descending);
/// assert_eq!(slowest_first.to_string(), "\
/// process  service  loop_lag
/// 1        30.0 ms         –
/// 0        20.0 ms         –
/// ");
///
/// observer.rotate(Time::from_nanos(100_000_000), |_| {});
/// let plots = observer.list().workers().metrics(["service"]).pick(Stat::Snapshots).of(Stat::Mean);
/// for group in plots.group() {
///     assert_eq!(&*group.label.name, "service");
///     assert_eq!(group.lines.len(), 2);
///     assert_eq!(group.lines[0].points[0].value, 20_000_000.0);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct List {
    /// One row per process, in ascending order.
    rows: Vec<Arc<Row>>,
    /// The names passed to [`metrics`](Self::metrics), in that order; `None` for all metrics.
    chosen: Option<Arc<[Arc<str>]>>,
    snapshots: Arc<[Arc<Snapshot>]>,
    begun: Time,
}

/// An argument of [`List::pick`]: a [`Stat`] picks numbers, [`Stat::Snapshots`] a [`History`].
///
/// ```
/// use dyno_observer::{History, List, Pick, Picked, Stat};
///
/// fn means(list: &List) -> (Picked, History) {
///     (Stat::Mean.pick(list), Stat::Snapshots.pick(list))
/// }
/// ```
pub trait Pick {
    /// The type of the result: [`Picked`] or [`History`].
    type Output;

    /// Picks the result from a list.
    fn pick(self, list: &List) -> Self::Output;
}

impl Pick for Stat {
    type Output = Picked;

    fn pick(self, list: &List) -> Picked {
        Picked::new(self, list)
    }
}

impl Pick for Snapshots {
    type Output = History;

    fn pick(self, list: &List) -> History {
        History::new(list.clone())
    }
}

impl List {
    pub(crate) fn new(rows: Vec<Row>, snapshots: Arc<[Arc<Snapshot>]>, begun: Time) -> Self {
        Self { rows: rows.into_iter().map(Arc::new).collect(), chosen: None, snapshots, begun }
    }

    /// Returns a list of the primary only; empty if this list does not have it.
    #[must_use]
    pub fn primary(&self) -> Self {
        self.only(|process| process == ProcessId::Primary)
    }

    /// Returns a list of the workers among these processes.
    #[must_use]
    pub fn workers(&self) -> Self {
        self.only(|process| process != ProcessId::Primary)
    }

    /// Returns a list of these metrics only, in this order. A name that no process has becomes an
    /// empty column.
    #[must_use]
    pub fn metrics<N: AsRef<str>>(&self, names: impl IntoIterator<Item = N>) -> Self {
        let mut chosen: Vec<Arc<str>> = Vec::new();
        for name in names {
            if !chosen.iter().any(|known| **known == *name.as_ref()) {
                chosen.push(Arc::from(name.as_ref()));
            }
        }
        Self { chosen: Some(chosen.into()), ..self.clone() }
    }

    fn only(&self, keep: impl Fn(ProcessId) -> bool) -> Self {
        let rows = self.rows.iter().filter(|row| keep(row.process)).cloned().collect();
        Self { rows, ..self.clone() }
    }

    /// Returns one number of each metric, or with [`Stat::Snapshots`] its snapshots.
    pub fn pick<P: Pick>(&self, what: P) -> P::Output {
        what.pick(self)
    }

    /// Returns the processes, in ascending order.
    pub fn processes(&self) -> impl Iterator<Item = ProcessId> {
        self.rows.iter().map(|row| row.process)
    }

    /// Returns all statistics of one metric of one process; `None` if it is not in the list.
    #[must_use]
    pub fn stats(&self, process: ProcessId, metric: &str) -> Option<Stats> {
        if self.chosen.as_ref().is_some_and(|chosen| chosen.iter().all(|name| **name != *metric)) {
            return None;
        }
        let row = self.rows.iter().find(|row| row.process == process)?;
        row.cells.iter().find(|(label, _)| &*label.name == metric).map(|(_, stats)| *stats)
    }

    /// Returns the metrics of all processes of the list: in the order passed to
    /// [`metrics`](Self::metrics), or else in the processes' order.
    #[must_use]
    pub fn labels(&self) -> Vec<Label> {
        let mut labels: Vec<Label> = Vec::new();
        for (label, _) in self.rows.iter().flat_map(|row| &row.cells) {
            if !labels.iter().any(|known| known.name == label.name) {
                labels.push(label.clone());
            }
        }
        let Some(chosen) = &self.chosen else { return labels };
        let label = |name: &Arc<str>| {
            let found = labels.iter().find(|label| label.name == *name).cloned();
            found.unwrap_or_else(|| Label { name: Arc::clone(name), unit: Unit::None })
        };
        chosen.iter().map(label).collect()
    }
}

#[cfg(test)]
mod tests;
