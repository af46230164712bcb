//! One metric of one process: a series of the current interval, and one of all intervals before it.
//!
//! The statistics of both together are computed once, and again only after more values.

use dyno_bus::Time;
pub use dyno_bus::builtin::{RESPONSE, SERVICE, WAIT};

use crate::series::Series;
use crate::series::stored::StoredSeries;
use crate::snapshot::MetricSnapshot;
use crate::stats::{Label, Stats};

/// The names of the metrics that the observer derives from cycles: no process may declare them.
///
/// They include all cycles that ended, failed ones too: a client has waited for those as well.
pub const OF_CYCLES: [&str; 3] = [WAIT, SERVICE, RESPONSE];
/// Those of [`OF_CYCLES`] that are also kept for completed cycles alone, once a cycle has failed.
pub const OF_COMPLETED: [&str; 2] = [SERVICE, RESPONSE];

/// One metric of one process.
#[derive(Debug)]
pub(crate) struct MetricRecord {
    pub(crate) label: Label,
    interval: Series,
    /// The values of all intervals before the current one.
    whole: Series,
    /// The statistics of all values so far; `None` once more are recorded.
    so_far: Option<Stats>,
    /// The taps that have its values too.
    pub(crate) taps: Box<[usize]>,
}

impl MetricRecord {
    pub(crate) fn new(label: Label) -> Self {
        let (interval, whole) = (Series::default(), Series::default());
        Self { label, interval, whole, so_far: None, taps: Box::default() }
    }

    /// Creates a metric without values, whose figures are known.
    pub(crate) fn of_figures(label: Label, figures: Stats) -> Self {
        Self { so_far: Some(figures), ..Self::new(label) }
    }

    /// Adds stored values.
    pub(crate) fn restore(&mut self, values: &StoredSeries) {
        self.so_far = None;
        self.whole.merge_stored(values);
    }

    /// Adds stored values, of this process and of others. The figures stay those of this process.
    pub(crate) fn keep_figures_and_restore(&mut self, values: &StoredSeries) {
        self.whole.merge_stored(values);
    }

    /// Replaces all values.
    pub(crate) fn replace(&mut self, values: Series) {
        *self = Self { whole: values, ..Self::new(self.label.clone()) };
    }

    /// Records a column in the current interval, and in the metric's taps.
    pub(crate) fn record(&mut self, values: &[u64], as_of: Time, taps: &mut [Series]) {
        self.so_far = None;
        self.interval.record(values, as_of);
        self.taps.iter().for_each(|tap| taps[*tap].record_beside(values, as_of));
    }

    pub(crate) const fn interval(&self) -> &Series {
        &self.interval
    }

    /// Merges all values so far into `series`, those of the current interval too.
    pub(crate) fn merge_into(&self, series: &mut Series) {
        series.merge_beside(&self.whole);
        series.merge_beside(&self.interval);
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
