//! One metric of one process: its current interval, and the whole before it.

use std::sync::Arc;

use dyno_bus::Time;
use dyno_bus::value::Unit;

use crate::series::Series;
use crate::snapshot::MetricSnapshot;
use crate::stats::Stats;

/// start − due of each cycle. Open loop only.
pub const WAIT: &str = "wait";
/// end − start of each cycle.
pub const SERVICE: &str = "service";
/// end − due of each cycle: [`WAIT`] + [`SERVICE`], derived here from each pair.
pub const RESPONSE: &str = "response";
/// The names of the metrics that the observer makes of cycles: no process may declare them.
///
/// All cycles that ended are in them, failed ones too: a client has waited for those as well.
pub const OF_CYCLES: [&str; 3] = [WAIT, SERVICE, RESPONSE];
/// Of those, the ones that are known of completed cycles alone too, once some cycle has failed.
pub const OF_COMPLETED: [&str; 2] = [SERVICE, RESPONSE];

/// A metric's name and unit, shared by all processes that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: Arc<str>,
    /// What its values count.
    pub unit: Unit,
}

/// A metric with its statistics over the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricStats {
    /// Which metric.
    pub label: Label,
    /// Its statistics.
    pub stats: Stats,
    /// What is missing from them: cycles that never ended, of [`RESPONSE`] only.
    pub censored: Censored,
}

/// Cycles that never ended: statistics of those that did are too good without them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Censored {
    /// How many.
    pub count: u64,
    /// The age of the youngest, in nanoseconds: the response of each is at least that.
    pub age_min_ns: Option<u64>,
}

impl Censored {
    /// Both together.
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
    /// All intervals before the current one.
    whole: Series,
    /// Statistics of everything so far, until more comes.
    so_far: Option<Stats>,
}

impl Metric {
    pub(crate) fn new(label: Label) -> Self {
        Self { label, interval: Series::default(), whole: Series::default(), so_far: None }
    }

    /// Records a column into the current interval.
    pub(crate) fn record(&mut self, values: &[u64], as_of: Time) {
        self.so_far = None;
        self.interval.record(values, as_of);
    }

    pub(crate) const fn interval(&self) -> &Series {
        &self.interval
    }

    /// Everything so far, the current interval included.
    pub(crate) fn merge_into(&self, series: &mut Series) {
        series.merge(&self.whole);
        series.merge(&self.interval);
    }

    /// Statistics of everything so far. Remembered: a list is asked for five times a second.
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

    /// Merges the interval into the whole and begins a new one; `None` if it held nothing.
    pub(crate) fn rotate(&mut self) -> Option<MetricSnapshot> {
        if self.interval.is_empty() {
            return None;
        }
        let interval = self.interval.stats();
        self.whole.merge(&self.interval);
        // Statistics are asked for five times a second, until the next rotation.
        self.whole.settle();
        self.interval.clear();
        let so_far = self.stats();
        Some(MetricSnapshot { label: self.label.clone(), interval, so_far })
    }
}
