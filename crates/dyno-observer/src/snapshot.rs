//! The statistics of each interval; at most [`SNAPSHOTS_MAX`] snapshots are kept.
//!
//! The primary plans that many rotations over the whole run. A run that lasts longer than its plan
//! has more of them; then the snapshot whose neighbours are closest to each other is dropped. So
//! the first and the newest are always kept, and the rest stays spread over the run. The values
//! that a dropped snapshot counted are in `so_far` of every later one.

use std::collections::VecDeque;
use std::sync::Arc;

use dyno_bus::Time;

use crate::id::ProcessId;
use crate::stats::{Label, MetricStats, Stats};

/// The most snapshots that are kept: one point for every second column of a terminal's plot.
pub const SNAPSHOTS_MAX: usize = 50;

/// The statistics of one interval, and of the whole up to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The start of the interval.
    pub from: Time,
    /// The end of the interval.
    pub until: Time,
    /// The processes in ascending order; those without a value in the interval are left out.
    pub processes: Box<[ProcessSnapshot]>,
    /// Each metric's statistics of the interval, over all workers.
    pub merged: Box<[MetricStats]>,
}

/// One process's part of a [`Snapshot`].
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSnapshot {
    /// The process that recorded the metrics.
    pub process: ProcessId,
    /// The process's metrics; those without a value in the interval are left out.
    pub metrics: Box<[MetricSnapshot]>,
}

/// One metric's part of a [`Snapshot`].
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSnapshot {
    /// The metric's name and unit.
    pub label: Label,
    /// The statistics of the interval alone.
    pub interval: Stats,
    /// The statistics of the whole run up to the interval's end.
    pub so_far: Stats,
}

impl Snapshot {
    /// Returns the part of one metric of one process; `None` if it had no value in the interval.
    #[must_use]
    pub fn metric(&self, process: ProcessId, name: &str) -> Option<&MetricSnapshot> {
        let found = self.processes.binary_search_by_key(&process, |row| row.process).ok()?;
        self.processes[found].metrics.iter().find(|metric| &*metric.label.name == name)
    }
}

/// The snapshots that are kept, in order of time.
#[derive(Debug)]
pub(crate) struct KeptSnapshots {
    snapshots: VecDeque<Arc<Snapshot>>,
}

impl KeptSnapshots {
    pub(crate) const fn new() -> Self {
        Self { snapshots: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshots.push_back(snapshot);
        if self.snapshots.len() > SNAPSHOTS_MAX {
            let gap = |index: &usize| {
                self.snapshots[index + 1].until.nanos_since(self.snapshots[index - 1].until)
            };
            // The first and the newest snapshot have one neighbour each, and are always kept.
            let inner = 1..self.snapshots.len() - 1;
            let closest = inner.min_by_key(gap).expect("more than two are kept");
            self.snapshots.remove(closest);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Snapshot>> {
        self.snapshots.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rotations: u64) -> Vec<u64> {
        let mut kept = KeptSnapshots::new();
        for end in 1..=rotations {
            kept.push(Arc::new(Snapshot {
                from: Time::from_nanos(end - 1),
                until: Time::from_nanos(end),
                processes: Box::default(),
                merged: Box::default(),
            }));
        }
        kept.iter().map(|snapshot| snapshot.until.as_nanos()).collect()
    }

    #[test]
    fn a_run_as_long_as_planned_keeps_all_snapshots() {
        assert_eq!(kept(50), (1..=50).collect::<Vec<_>>());
    }

    #[test]
    fn a_run_beyond_its_plan_keeps_fifty_spread_over_all_of_it() {
        for rotations in [51, 60, 99, 100, 101, 1_000, 12_345] {
            let ends = kept(rotations);
            assert_eq!(ends.len(), SNAPSHOTS_MAX);
            assert_eq!((ends[0], ends[49]), (1, rotations), "the first and the newest stay");
            let widest = ends.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            let even = rotations.div_ceil(49);
            assert!(widest <= 2 * even, "{rotations}: {widest} apart, {even} would be even");
        }
    }
}
