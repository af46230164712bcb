//! One metric of one process: a series of the current interval, and one of all intervals before it.
//!
//! The statistics of both together are computed once, and again only after more values.

use std::sync::Arc;

use dyno_bus::Time;
use dyno_bus::value::Unit;

use crate::series::Series;
use crate::snapshot::MetricSnapshot;
use crate::stats::Stats;

/// The metric of start − due of each cycle. Open loop only.
pub const WAIT: &str = "wait";
/// The metric of end − start of each cycle.
pub const SERVICE: &str = "service";
/// The metric of end − due of each cycle: [`WAIT`] + [`SERVICE`], derived here from each pair.
pub const RESPONSE: &str = "response";
/// The names of the metrics that the observer derives from cycles: no process may declare them.
///
/// They include all cycles that ended, failed ones too: a client has waited for those as well.
pub const OF_CYCLES: [&str; 3] = [WAIT, SERVICE, RESPONSE];
/// Those of [`OF_CYCLES`] that are also kept for completed cycles alone, once a cycle has failed.
pub const OF_COMPLETED: [&str; 2] = [SERVICE, RESPONSE];

/// A metric's name and unit, shared by all processes that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The metric's name, at most [`METRIC_NAME_MAX`](dyno_bus::message::METRIC_NAME_MAX) bytes.
    pub name: Arc<str>,
    /// The unit of the values, the same in all processes.
    pub unit: Unit,
}

/// A metric with its statistics over the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricStats {
    /// The metric's name and unit.
    pub label: Label,
    /// The statistics of its values.
    pub stats: Stats,
    /// The cycles that never ended and are missing from the statistics; zero for all metrics but
    /// [`RESPONSE`].
    pub censored: Censored,
}

/// Cycles that never ended: without them, the statistics of the others are too good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Censored {
    /// The number of these cycles, all due in the measured window.
    pub count: u64,
    /// The age of the youngest, in nanoseconds: the response of each is at least that. `None` if
    /// unknown.
    pub age_min_ns: Option<u64>,
}

impl Censored {
    /// Returns the sum of both counts and the lower of both ages.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let ages = [self.age_min_ns, other.age_min_ns];
        Self { count: self.count + other.count, age_min_ns: ages.into_iter().flatten().min() }
    }
}

/// One metric of one process.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) label: Label,
    interval: Series,
    /// The values of all intervals before the current one.
    whole: Series,
    /// The statistics of all values so far; `None` once more are recorded.
    so_far: Option<Stats>,
}

impl Metric {
    pub(crate) fn new(label: Label) -> Self {
        Self { label, interval: Series::default(), whole: Series::default(), so_far: None }
    }

    /// Records a column in the current interval.
    pub(crate) fn record(&mut self, values: &[u64], as_of: Time) {
        self.so_far = None;
        self.interval.record(values, as_of);
    }

    pub(crate) const fn interval(&self) -> &Series {
        &self.interval
    }

    /// Merges all values so far into `series`, those of the current interval too.
    pub(crate) fn merge_into(&self, series: &mut Series) {
        series.merge(&self.whole);
        series.merge(&self.interval);
    }

    /// Returns the statistics of all values so far. They are kept, because a list is made five
    /// times a second.
    pub(crate) fn stats(&mut self) -> Stats {
        if let Some(stats) = self.so_far {
            return stats;
        }
        let stats = if self.interval.is_empty() {
            self.whole.stats()
        } else if self.whole.is_empty() {
            self.interval.stats()
        } else {
            let mut all = self.whole.clone();
            all.merge(&self.interval);
            all.stats()
        };
        self.so_far = Some(stats);
        stats
    }

    /// Merges the interval into the whole and begins a new one; returns `None` if it was empty.
    pub(crate) fn rotate(&mut self) -> Option<MetricSnapshot> {
        if self.interval.is_empty() {
            return None;
        }
        let interval = self.interval.stats();
        self.whole.merge(&self.interval);
        // Until the next rotation, statistics are computed up to five times a second.
        self.whole.settle();
        self.interval.clear();
        let so_far = self.stats();
        Some(MetricSnapshot { label: self.label.clone(), interval, so_far })
    }
}
