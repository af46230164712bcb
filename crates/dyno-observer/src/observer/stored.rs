//! The observations of one host, in a form to store; and the observer of several hosts, made of them.
//!
//! The values of a metric are stored merged over the workers of the host, and the figures of each
//! worker next to them: so the bytes of a host depend little on the number of its workers. The
//! observer that is made of them answers like one that has observed all workers itself.
//!
//! Instants are stored as times since the window's start, because hosts have different clocks.

use std::sync::Arc;

use dyno_bus::builtin::SURROUNDINGS;
use dyno_bus::message::{Counts, HarnessCosts};
use dyno_bus::segment::PerPhase;
use dyno_bus::value::Unit;
use dyno_bus::{Pace, Time};
use serde::{Deserialize, Serialize};

use super::Observer;
use crate::error::DeclareError;
use crate::id::ProcessId;
use crate::intervals::IntervalTable;
use crate::intervals::stored::StoredIntervals;
use crate::metric::{MetricRecord, OF_COMPLETED};
use crate::process::{OfCycles, ProcessRecord, ProcessStatus};
use crate::series::Series;
use crate::series::stored::{COUNT_MAX, StoredSeries};
use crate::stats::{Censored, Label, MetricStats, Stats};
use crate::tally::Account;

/// All that the observer of one host knows of a run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredObserver {
    /// The processes in ascending order, the primary first.
    processes: Vec<StoredProcess>,
    /// The values of the workers' metrics, merged over the workers.
    merged: Vec<StoredMetric>,
    /// The values of the primary's metrics.
    own: Vec<StoredMetric>,
    /// The values of [`OF_COMPLETED`] of completed cycles alone; `None` if no cycle has failed.
    completed: Option<(StoredSeries, StoredSeries)>,
    intervals: StoredIntervals,
}

/// A metric with its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMetric {
    name: String,
    unit: Unit,
    values: StoredSeries,
}

/// One process with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredProcess {
    /// The worker's number in the run; `None` for the primary.
    worker: Option<u32>,
    pid: u32,
    counts: PerPhase<Counts>,
    harness: HarnessCosts,
    censored: Censored,
    account: Option<Account>,
    /// The figures of a worker's metrics, which are not computed from the stored values.
    figures: Vec<(String, Unit, Stats)>,
}

impl StoredMetric {
    fn of(label: &Label, series: &Series, start: Time) -> Self {
        let values = StoredSeries::of(series, start);
        Self { name: label.name.to_string(), unit: label.unit, values }
    }

    fn label(&self) -> Label {
        Label { name: Arc::from(&*self.name), unit: self.unit }
    }

    /// Returns `true` if the parts agree with each other.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.values.is_valid()
    }

    /// Returns the statistics of each metric over several hosts, the first one first.
    pub fn statistics<'a>(hosts: impl Iterator<Item = &'a [Self]>) -> Vec<MetricStats> {
        let mut all: Vec<(Label, Series)> = Vec::new();
        for metric in hosts.flatten() {
            let place = all.iter().position(|(label, _)| *label.name == *metric.name);
            let place = place.unwrap_or_else(|| {
                all.push((metric.label(), Series::default()));
                all.len() - 1
            });
            all[place].1.merge_stored(&metric.values);
        }
        let censored = Censored::default();
        let stats = |(label, series): (Label, Series)| MetricStats {
            label,
            stats: series.stats(),
            censored,
        };
        all.into_iter().map(stats).collect()
    }
}

impl Observer {
    /// Stores all that has been observed.
    pub fn stored(&mut self) -> StoredObserver {
        let start = self.begun;
        let of_series = |series: &Series| StoredSeries::of(series, start);
        let completed = self
            .completed_values()
            .map(|[service, response]| (of_series(&service), of_series(&response)));
        let stored = |label: &Label, series: Series, _| StoredMetric::of(label, &series, start);
        let mut merged = self.merge_workers(MetricRecord::merge_into, stored);
        merged.retain(|metric| !SURROUNDINGS.contains(&&*metric.name));
        let own = self.processes.get(&ProcessId::Primary).into_iter().flat_map(|state| {
            state.metrics.iter().map(|metric| {
                let mut all = Series::default();
                metric.merge_into(&mut all);
                StoredMetric::of(&metric.label, &all, start)
            })
        });
        let own = own.collect();
        let intervals = StoredIntervals::of(&self.intervals);
        let process = |(id, state): (&ProcessId, &mut ProcessRecord)| {
            let worker = match id {
                ProcessId::Primary => None,
                ProcessId::Worker(worker) => Some(*worker),
            };
            let figures = |metric: &mut MetricRecord| {
                (metric.label.name.to_string(), metric.label.unit, metric.stats())
            };
            StoredProcess {
                worker,
                pid: state.pid,
                counts: state.progress.counts,
                harness: state.progress.harness,
                censored: state.censored,
                account: state.account,
                figures: match worker {
                    Some(_) => state.metrics.iter_mut().map(figures).collect(),
                    None => Vec::new(),
                },
            }
        };
        let processes = self.processes.iter_mut().map(process).collect();
        StoredObserver { processes, merged, own, completed, intervals }
    }

    /// Stores the values of the current interval of each metric, merged over the workers.
    #[must_use]
    pub fn stored_interval(&self) -> Vec<StoredMetric> {
        let of_interval = |metric: &MetricRecord, series: &mut Series| {
            series.merge_beside(metric.interval());
        };
        let stored =
            |label: &Label, series: Series, _| StoredMetric::of(label, &series, self.begun);
        let mut all = self.merge_workers(of_interval, stored);
        all.retain(|metric| metric.values.count() > 0);
        all
    }

    /// Stores values that a tap has taken.
    #[must_use]
    pub fn stored_values(&self, values: &Series) -> StoredSeries {
        StoredSeries::of(values, self.begun)
    }

    /// Returns the observer of all workers of several hosts. Its clock begins with the window.
    ///
    /// # Errors
    /// If two hosts have a metric with different units.
    pub fn of_stored(pace: Pace, hosts: &[&StoredObserver]) -> Result<Self, DeclareError> {
        let mut all = Self::new(pace);
        for process in hosts.iter().flat_map(|host| &host.processes) {
            all.restore(process)?;
        }
        for host in hosts {
            let of_workers = host.merged.iter().map(|metric| (metric, false));
            let of_primary = host.own.iter().map(|metric| (metric, true));
            for (metric, is_of_primary) in of_workers.chain(of_primary) {
                all.restore_values(metric, is_of_primary)?;
            }
        }
        all.restore_completed(hosts);
        let tables: Vec<_> = hosts.iter().map(|host| &host.intervals).collect();
        all.intervals = IntervalTable::of_stored(&tables);
        Ok(all)
    }

    /// Adds a process with its figures. The primaries of all hosts are one process.
    fn restore(&mut self, stored: &StoredProcess) -> Result<(), DeclareError> {
        let process = stored.worker.map_or(ProcessId::Primary, ProcessId::Worker);
        let labels = stored
            .figures
            .iter()
            .map(|(name, unit, stats)| Ok((self.unified(process, name, *unit)?, *stats)));
        let labels = labels.collect::<Result<Vec<_>, DeclareError>>()?;
        let new = || ProcessRecord::new(process, stored.pid, OfCycles::Nothing);
        let state = self.processes.entry(process).or_insert_with(new);
        let HarnessCosts { unleased, stall_ns, stood_still_ns, stall_between_ns } = stored.harness;
        let costs = &mut state.progress.harness;
        // Only the primary comes more than once.
        costs.unleased = costs.unleased.saturating_add(unleased);
        costs.stall_ns = costs.stall_ns.saturating_add(stall_ns);
        costs.stood_still_ns = costs.stood_still_ns.saturating_add(stood_still_ns);
        costs.stall_between_ns = costs.stall_between_ns.saturating_add(stall_between_ns);
        state.progress = ProcessStatus { counts: stored.counts, ..state.progress };
        (state.censored, state.account) = (stored.censored, stored.account);
        let metrics =
            labels.into_iter().map(|(label, stats)| MetricRecord::of_figures(label, stats));
        state.metrics.extend(metrics);
        Ok(())
    }

    /// Adds a metric's values: to the primary, or to the first worker that has the metric.
    fn restore_values(
        &mut self,
        of: &StoredMetric,
        is_of_primary: bool,
    ) -> Result<(), DeclareError> {
        let label = self.unified(ProcessId::Primary, &of.name, of.unit)?;
        let is_of = |metric: &MetricRecord| metric.label.name == label.name;
        if is_of_primary {
            let Some(state) = self.processes.get_mut(&ProcessId::Primary) else { return Ok(()) };
            let place = state.metrics.iter().position(is_of).unwrap_or_else(|| {
                state.metrics.push(MetricRecord::new(label.clone()));
                state.metrics.len() - 1
            });
            state.metrics[place].restore(&of.values);
            return Ok(());
        }
        let workers = self.processes.iter_mut().filter(|(id, _)| **id != ProcessId::Primary);
        let mut metrics = workers.flat_map(|(_, state)| &mut state.metrics);
        if let Some(first) = metrics.find(|metric| is_of(metric)) {
            first.keep_figures_and_restore(&of.values);
        }
        Ok(())
    }

    /// Gives the values of completed cycles to the first worker, if any host has some apart.
    fn restore_completed(&mut self, hosts: &[&StoredObserver]) {
        if hosts.iter().all(|host| host.completed.is_none()) {
            return;
        }
        let mut both = Box::new([Series::default(), Series::default()]);
        for host in hosts {
            match &host.completed {
                Some((service, response)) => {
                    both[0].merge_stored(service);
                    both[1].merge_stored(response);
                }
                None => {
                    for (series, name) in both.iter_mut().zip(OF_COMPLETED) {
                        let metric = host.merged.iter().find(|metric| metric.name == name);
                        metric.into_iter().for_each(|metric| series.merge_stored(&metric.values));
                    }
                }
            }
        }
        let mut workers = self.processes.iter_mut().filter(|(id, _)| **id != ProcessId::Primary);
        // The values of all cycles are with the first worker that has any, and so are these.
        let first = workers.find(|(_, state)| !state.metrics.is_empty());
        if let Some((_, state)) = first {
            state.completed = Some(both);
        }
    }

    /// Returns a metric's label; each name has one unit.
    fn unified(
        &mut self,
        process: ProcessId,
        name: &str,
        now: Unit,
    ) -> Result<Label, DeclareError> {
        if let Some((known, before)) = self.names.get_key_value(name) {
            let (before, name) = (*before, Arc::clone(known));
            if before != now {
                let name = name.to_string();
                return Err(DeclareError::UnitDiffers { process, name, before, now });
            }
            return Ok(Label { name, unit: now });
        }
        let name: Arc<str> = Arc::from(name);
        self.names.insert(Arc::clone(&name), now);
        Ok(Label { name, unit: now })
    }

    /// Replaces the values of one of the primary's own metrics, if it has the metric.
    pub fn replace_own(&mut self, name: &str, values: Series) {
        let primary = self.processes.get_mut(&ProcessId::Primary);
        let metrics = primary.into_iter().flat_map(|state| &mut state.metrics);
        if let Some(metric) = metrics.into_iter().find(|metric| &*metric.label.name == name) {
            metric.replace(values);
        }
    }
}

impl StoredObserver {
    /// Returns `true` if the parts agree with each other: only then may they be merged.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let ids: Vec<_> = self.processes.iter().map(|process| process.worker).collect();
        let is_stored = |metric: &StoredMetric| metric.is_valid();
        let completed = self.completed.as_ref();
        ids.is_sorted_by(|one, next| one < next)
            && self.processes.iter().all(StoredProcess::is_valid)
            && self.merged.iter().chain(&self.own).all(is_stored)
            && completed.is_none_or(|(one, other)| one.is_valid() && other.is_valid())
            && self.intervals.is_valid()
    }

    /// Returns the numbers of the workers, in ascending order.
    pub fn workers(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().filter_map(|process| process.worker)
    }

    /// Returns the statistics of a metric of the primary; `None` if it has no values.
    #[must_use]
    pub fn own_stats(&self, name: &str) -> Option<Stats> {
        let metric = self.own.iter().find(|metric| metric.name == name)?;
        let mut series = Series::default();
        series.merge_stored(&metric.values);
        Some(series.stats()).filter(|stats| stats.count > 0)
    }
}

impl StoredProcess {
    fn is_valid(&self) -> bool {
        let Self { harness, censored, account, counts, .. } = self;
        let Account { issued, counts: accounted, lost } = account.unwrap_or_default();
        let HarnessCosts { unleased, stall_ns, stood_still_ns, stall_between_ns } = *harness;
        let numbers = [issued.warmup, issued.measured, lost.warmup, lost.measured, censored.count];
        let costs = [unleased, stall_ns, stood_still_ns, stall_between_ns];
        let of_counts = |all: &PerPhase<Counts>| {
            [all.warmup, all.measured].map(|one| {
                [one.started, one.completed, one.failed, one.skipped, one.unstarted, one.abandoned]
            })
        };
        let counts = [of_counts(counts), of_counts(&accounted)];
        let counts = counts.as_flattened().as_flattened();
        numbers.iter().chain(counts).all(|number| *number <= COUNT_MAX)
            // Nanoseconds of any run are fewer, too.
            && costs.iter().all(|cost| *cost < u64::MAX / 2)
            && self.figures.iter().all(|(_, _, stats)| stats.mean.is_finite())
    }
}
