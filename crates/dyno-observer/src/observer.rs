//! All processes of a run, each by itself and all workers merged.
//!
//! The observer records the messages of the processes, and turns an interval into a snapshot when
//! its caller ends the interval. It returns the statistics of one process, those of all workers
//! merged, and the list of everything. Only this file merges processes. Of the primary it takes the
//! metrics of the run's surroundings alone: the machine's and the target's.

pub(crate) mod stored;
mod taps;

use std::collections::BTreeMap;
use std::sync::Arc;

use dyno_bus::builtin::SURROUNDINGS;
use dyno_bus::message::{Batch, Declare, Drained, Emitted};
use dyno_bus::segment::PerPhase;
use dyno_bus::timeline::CycleTimeline;
use dyno_bus::timeline::stages::STAGES_OF_RUN_MAX;
use dyno_bus::value::Unit;
use dyno_bus::{Pace, Time};

use self::taps::Taps;
use crate::error::{AbsorbError, DeclareError, HelloError};
use crate::id::ProcessId;
use crate::intervals::IntervalTable;
use crate::metric::{MetricRecord, OF_COMPLETED, RESPONSE};
use crate::process::{OfCycles, ProcessRecord, ProcessStatus};
use crate::query::{List, Row};
use crate::series::Series;
use crate::snapshot::{KeptSnapshots, ProcessSnapshot, Snapshot};
use crate::stats::{Censored, Label, MetricStats};
use crate::tally::{Account, ReceivedCounts, TallyError};

/// The aggregated measurements of all processes of one run.
///
/// ```
/// use dyno_bus::message::{Batch, CycleTimes};
/// use dyno_bus::segment::{Arrivals, PerPhase};
/// use dyno_bus::{Pace, Time};
/// use dyno_observer::{Observer, ProcessId, Stat};
///
/// let mut observer = Observer::new(Pace::Open { rate: 50.0, arrivals: Arrivals::Uniform });
/// observer.hello(ProcessId::Worker(0), 4711)?;
/// observer.begin(Time::from_nanos(0));
/// let measured = CycleTimes { wait: vec![1_000, 3_000], service: vec![20_000, 40_000] };
/// observer.absorb(
///     ProcessId::Worker(0),
///     &Batch { cycles: PerPhase { measured, ..PerPhase::default() }, ..Batch::default() },
/// )?;
///
/// let means = observer.list().workers().pick(Stat::Mean);
/// assert_eq!(means.to_string(), "\
/// process     wait  service  response
/// 0        2.00 µs  30.0 µs   32.0 µs
/// ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Observer {
    of_cycles: OfCycles,
    processes: BTreeMap<ProcessId, ProcessRecord>,
    /// Every declared name, with the one unit that it has in all processes.
    names: BTreeMap<Arc<str>, Unit>,
    begun: Time,
    /// The start of the current interval.
    rotated: Time,
    kept: KeptSnapshots,
    intervals: IntervalTable,
    taps: Taps,
    /// The responses of one batch, kept so that not each batch allocates memory.
    responses: Vec<u64>,
}

/// One metric's values of the interval that a rotation ends.
#[derive(Debug, Clone, Copy)]
pub struct Interval<'a> {
    /// The process that recorded them.
    pub process: ProcessId,
    /// The metric's name and unit.
    pub label: &'a Label,
    /// The start of the interval.
    pub from: Time,
    /// The end of the interval.
    pub until: Time,
    /// The values, at least one.
    pub series: &'a Series,
}

impl Observer {
    /// Creates the observer of a run of this pace. A closed loop has no `wait`, and its
    /// `response` equals its `service`.
    #[must_use]
    pub const fn new(pace: Pace) -> Self {
        let of_cycles = match pace {
            Pace::Open { .. } | Pace::Ramp { .. } => OfCycles::All,
            Pace::Closed { .. } => OfCycles::ServiceAndResponse,
        };
        Self {
            of_cycles,
            processes: BTreeMap::new(),
            names: BTreeMap::new(),
            begun: Time::ZERO,
            rotated: Time::ZERO,
            kept: KeptSnapshots::new(),
            intervals: IntervalTable::new(),
            taps: Taps::new(),
            responses: Vec::new(),
        }
    }

    /// Adds a process.
    ///
    /// # Errors
    /// If it has been added already.
    pub fn hello(&mut self, process: ProcessId, pid: u32) -> Result<(), HelloError> {
        if let Some(known) = self.processes.get(&process) {
            return Err(HelloError::Twice { process, before: known.pid, now: pid });
        }
        let of_cycles = match process {
            ProcessId::Primary => OfCycles::Nothing,
            ProcessId::Worker(_) => self.of_cycles,
        };
        let mut record = ProcessRecord::new(process, pid, of_cycles);
        self.taps.connect(process, &mut record);
        self.processes.insert(process, record);
        Ok(())
    }

    /// Adds a metric to a process.
    ///
    /// # Errors
    /// If the process is unknown, if the number or the name is taken, reserved or over a limit, if
    /// the name has control characters, or if another process has the metric with another unit.
    pub fn declare(&mut self, process: ProcessId, declare: &Declare) -> Result<(), DeclareError> {
        let Declare { metric, name, unit } = declare;
        let declaring =
            self.processes.get_mut(&process).ok_or(DeclareError::Unknown { process })?;
        declaring.check_declare(*metric, name)?;
        let name = match self.names.get_key_value(name.as_str()) {
            Some((_, before)) if before != unit => {
                let (name, before, now) = (name.clone(), *before, *unit);
                return Err(DeclareError::UnitDiffers { process, name, before, now });
            }
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(name.as_str()),
        };
        self.names.insert(Arc::clone(&name), *unit);
        declaring.declare(*metric, Label { name, unit: *unit });
        self.taps.connect(process, declaring);
        Ok(())
    }

    /// Begins the measured window, and with it the first interval.
    pub const fn begin(&mut self, at: Time) {
        self.begun = at;
        self.rotated = at;
        self.intervals.begin(at);
    }

    /// Records a batch: its measured values go into the current interval, its counts replace
    /// those before.
    ///
    /// # Errors
    /// If the process is unknown, or the batch can't be true. A refused batch changes nothing.
    pub fn absorb(&mut self, process: ProcessId, batch: &Batch) -> Result<(), AbsorbError> {
        let known = self.processes.get_mut(&process).ok_or(AbsorbError::Unknown { process })?;
        known.absorb(batch, &mut self.responses, &mut self.taps.values)
    }

    /// Ends the current interval: passes its values to `visit`, by process in ascending order,
    /// makes a snapshot of it, which it returns, and merges it into the whole.
    ///
    /// The primary calls this fifty times over the duration, and once after the drain.
    pub fn rotate(&mut self, at: Time, mut visit: impl FnMut(Interval<'_>)) -> Arc<Snapshot> {
        let (from, until) = (self.rotated, at.max(self.rotated));
        self.rotated = until;
        self.count_rows();
        self.intervals.rotate();
        // The visit and the merge come first, because the rotation of a metric clears its interval.
        for (process, state) in &self.processes {
            for metric in state.metrics.iter().filter(|metric| !metric.interval().is_empty()) {
                let (label, series) = (&metric.label, metric.interval());
                visit(Interval { process: *process, label, from, until, series });
            }
        }
        // Percentiles of several workers do not follow from those of each, so values are merged.
        let of_interval = |metric: &MetricRecord, series: &mut Series| {
            series.merge_beside(metric.interval());
        };
        let merged = self.merge_workers(of_interval, stats_of);
        let mut processes = Vec::new();
        for (process, state) in &mut self.processes {
            let metrics: Box<[_]> =
                state.metrics.iter_mut().filter_map(MetricRecord::rotate).collect();
            if !metrics.is_empty() {
                processes.push(ProcessSnapshot { process: *process, metrics });
            }
        }
        let (processes, merged) = (processes.into(), merged.into());
        let snapshot = Arc::new(Snapshot { from, until, processes, merged });
        self.kept.push(Arc::clone(&snapshot));
        snapshot
    }

    /// Ends a column of the [`intervals`](Self::intervals) at `at`.
    pub fn cut(&mut self, at: Time) {
        self.count_rows();
        self.intervals.cut(at);
    }

    /// Ends the last column of the [`intervals`](Self::intervals), once no value follows.
    pub fn end(&mut self, at: Time) {
        self.count_rows();
        self.intervals.end(at);
    }

    /// Returns the table of intervals: the workers' metrics with a unit of time, merged.
    #[must_use]
    pub const fn intervals(&self) -> &IntervalTable {
        &self.intervals
    }

    /// Returns the snapshots that are kept, in order of time.
    pub fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.kept.iter().map(|snapshot| &**snapshot)
    }

    /// Returns each metric over the whole run, merged over all workers that have it, and those of
    /// the run's surroundings, which the primary has.
    #[must_use]
    pub fn merged(&self) -> Vec<MetricStats> {
        self.merge_workers(MetricRecord::merge_into, stats_of)
    }

    /// Returns the values of the metrics of [`merged`](Self::merged).
    #[must_use]
    pub fn merged_values(&self) -> Vec<(Label, Series)> {
        self.merge_workers(MetricRecord::merge_into, |label, series, _| (label.clone(), series))
    }

    /// Returns the metrics of [`OF_COMPLETED`] like [`merged`](Self::merged), but of completed
    /// cycles only. Empty while no cycle has failed, since both would be the same.
    #[must_use]
    pub fn completed(&self) -> Vec<MetricStats> {
        let Some(values) = self.completed_values() else { return Vec::new() };
        let censored =
            self.processes.values().fold(Censored::default(), |sum, one| sum.merge(one.censored));
        let of = |(name, series): (&str, Series)| {
            let label = Label { name: Arc::from(name), unit: Unit::Nanoseconds };
            let censored = censored_of(&label, censored);
            MetricStats { label, stats: series.stats(), censored }
        };
        OF_COMPLETED.into_iter().zip(values).map(of).collect()
    }

    /// Returns the values of the metrics of [`OF_COMPLETED`], of completed cycles only; `None` while
    /// no cycle has failed.
    fn completed_values(&self) -> Option<[Series; 2]> {
        self.processes.values().find(|state| state.completed.is_some())?;
        let mut both = [Series::default(), Series::default()];
        for (index, (name, series)) in OF_COMPLETED.into_iter().zip(&mut both).enumerate() {
            self.processes.values().for_each(|one| one.merge_completed(index, name, series));
        }
        Some(both)
    }

    /// Returns each metric of one process over the whole run; empty for an unknown process.
    pub fn metrics(&mut self, process: ProcessId) -> Vec<MetricStats> {
        let Some(state) = self.processes.get_mut(&process) else { return Vec::new() };
        let censored = state.censored;
        let of_metric = |metric: &mut MetricRecord| MetricStats {
            label: metric.label.clone(),
            stats: metric.stats(),
            censored: censored_of(&metric.label, censored),
        };
        state.metrics.iter_mut().map(of_metric).collect()
    }

    /// Returns all processes as they are now, in a list that any thread can read.
    pub fn list(&mut self) -> List {
        let row = |(process, state): (&ProcessId, &mut ProcessRecord)| {
            let cell = |metric: &mut MetricRecord| (metric.label.clone(), metric.stats());
            Row { process: *process, cells: state.metrics.iter_mut().map(cell).collect() }
        };
        let rows = self.processes.iter_mut().map(row).collect();
        List::new(rows, self.kept.iter().cloned().collect(), self.begun)
    }

    /// Returns the processes that have been added, with their pids, in ascending order.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, u32)> {
        self.processes.iter().map(|(process, state)| (*process, state.pid))
    }

    /// Returns the last counts that a process sent; `None` for an unknown process.
    #[must_use]
    pub fn progress(&self, process: ProcessId) -> Option<ProcessStatus> {
        self.processes.get(&process).map(|state| state.progress)
    }

    /// Returns the numbers of everything received from a process; `None` for an unknown process.
    #[must_use]
    pub fn received(&self, process: ProcessId) -> Option<&ReceivedCounts> {
        self.processes.get(&process).map(|state| &state.received)
    }

    /// Records a worker's timeline of the next stage, which its account is compared with.
    ///
    /// # Errors
    /// If the worker is unknown or has given its account, or if a run has no more stages.
    pub fn timeline(&mut self, worker: u32, timeline: CycleTimeline) -> Result<(), TallyError> {
        let process = ProcessId::Worker(worker);
        let state = self.processes.get_mut(&process).ok_or(TallyError::Unknown { process })?;
        let count = state.timelines.len();
        if count == STAGES_OF_RUN_MAX || state.account.is_some() {
            return Err(TallyError::TimelineTooMany { worker, count });
        }
        state.timelines.push(timeline);
        Ok(())
    }

    /// Takes a worker's timelines, by stage. They are [whole](CycleTimeline::is_whole) once its
    /// account is verified; a closed loop has none.
    pub fn take_timelines(&mut self, worker: u32) -> Vec<CycleTimeline> {
        let state = self.processes.get_mut(&ProcessId::Worker(worker));
        state.map(|state| std::mem::take(&mut state.timelines)).unwrap_or_default()
    }

    /// Verifies and closes the account of a worker that has drained.
    ///
    /// `issued` is the number of cycles due before its cut, as the primary computes it.
    ///
    /// # Errors
    /// If its outcomes do not add up to the issued cycles, or it sent more or less than has been
    /// received. The account stays open then; [`died`](Self::died) closes it with the counts that
    /// did arrive.
    pub fn drained(
        &mut self,
        worker: u32,
        issued: PerPhase<u64>,
        drained: &Drained,
    ) -> Result<Account, TallyError> {
        let process = ProcessId::Worker(worker);
        let state = self.processes.get_mut(&process).ok_or(TallyError::Unknown { process })?;
        crate::counts::check(process, &state.progress.counts, &drained.counts)?;
        state.received.verify(process, &drained.emitted)?;
        state.received.verify_cycles(worker, &drained.counts)?;
        if !state.timelines.is_empty() {
            let emitted = drained.emitted.cycles;
            let all = state.timelines.iter();
            // A sum of counts that can't be true might overflow.
            let is_possible = |one: &CycleTimeline| one.is_whole() && one.counts_at_most(emitted);
            let timeline = if all.clone().all(is_possible) {
                all.fold(0_u64, |sum, one| sum.saturating_add(one.cycles))
            } else {
                0
            };
            if timeline != emitted {
                return Err(TallyError::Timeline { worker, emitted, timeline });
            }
        }
        let account = Account::drained(worker, issued, drained.counts)?;
        let completed = drained.counts.warmup.completed + drained.counts.measured.completed;
        let delivered = drained.delivered.saturating_add(drained.late);
        if delivered > completed {
            return Err(TallyError::Delivered { worker, delivered, completed });
        }
        state.progress.counts = drained.counts;
        state.progress.harness = drained.harness;
        state.account = Some(account);
        let counts = drained.counts.measured;
        state.censored = Censored {
            count: counts.abandoned + counts.unstarted,
            age_min_ns: drained.censored_age_min_ns,
        };
        Ok(account)
    }

    /// Closes the account of a worker that died. Cycles that were issued to it and have no known
    /// outcome become `lost`; those of the measured window count as censored.
    ///
    /// # Errors
    /// If it has more outcomes than issued cycles.
    pub fn died(&mut self, worker: u32, issued: PerPhase<u64>) -> Result<Account, TallyError> {
        let process = ProcessId::Worker(worker);
        let state = self.processes.get_mut(&process).ok_or(TallyError::Unknown { process })?;
        let account = Account::died(worker, issued, state.progress.counts)?;
        state.account = Some(account);
        state.censored = Censored { count: account.lost.measured, age_min_ns: None };
        Ok(account)
    }

    /// Verifies that everything that a process emitted has been received: at a worker's `Bye`, and
    /// at the end of the primary's own emitter.
    ///
    /// # Errors
    /// If the two ends have different counts.
    pub fn verify(&self, process: ProcessId, emitted: &Emitted) -> Result<(), TallyError> {
        let state = self.processes.get(&process).ok_or(TallyError::Unknown { process })?;
        state.received.verify(process, emitted)
    }

    /// Returns the account of a worker; `None` until it is closed.
    #[must_use]
    pub fn account(&self, worker: u32) -> Option<Account> {
        self.processes.get(&ProcessId::Worker(worker)).and_then(|state| state.account)
    }

    /// Returns the sum of all closed accounts.
    #[must_use]
    pub fn accounts(&self) -> Account {
        let mut total = Account::default();
        self.processes.values().filter_map(|state| state.account).for_each(|one| total += one);
        total
    }

    /// Counts the workers' current intervals in the rows of the table.
    fn count_rows(&mut self) {
        let workers = self.processes.iter().filter(|(process, _)| **process != ProcessId::Primary);
        let metrics = workers.flat_map(|(_, state)| &state.metrics);
        let timed = metrics.filter(|metric| {
            metric.label.unit == Unit::Nanoseconds && !metric.interval().is_empty()
        });
        self.intervals.count(timed.map(|metric| (&metric.label, metric.interval())));
    }

    /// Merges a part of each metric over all workers, and returns what `finish` makes of it. The
    /// metrics are in the workers' order, followed by those of the run's surroundings.
    fn merge_workers<T>(
        &self,
        part: impl Fn(&MetricRecord, &mut Series),
        finish: impl Fn(&Label, Series, Censored) -> T,
    ) -> Vec<T> {
        let mut named: Vec<(&Label, Vec<&MetricRecord>)> = Vec::new();
        let mut positions = BTreeMap::new();
        let mut censored = Censored::default();
        let is_primary = |process: ProcessId| process == ProcessId::Primary;
        let workers = self.processes.iter().filter(|(process, _)| !is_primary(**process));
        let primary = self.processes.iter().filter(|(process, _)| is_primary(**process));
        for (process, state) in workers.chain(primary) {
            if !is_primary(*process) {
                censored = censored.merge(state.censored);
            }
            // A worker that records under such a name changes nothing.
            let metrics = state.metrics.iter().filter(|metric| {
                SURROUNDINGS.contains(&&*metric.label.name) == is_primary(*process)
            });
            for metric in metrics {
                let position = *positions.entry(&*metric.label.name).or_insert_with(|| {
                    named.push((&metric.label, Vec::new()));
                    named.len() - 1
                });
                named[position].1.push(metric);
            }
        }
        // One name after the other: all series at once would take as much memory as a worker's.
        let of_name = |(label, metrics): (&Label, Vec<&MetricRecord>)| {
            let mut series = Series::default();
            metrics.into_iter().for_each(|metric| part(metric, &mut series));
            finish(label, series, censored)
        };
        named.into_iter().map(of_name).collect()
    }
}

fn stats_of(label: &Label, series: Series, censored: Censored) -> MetricStats {
    let (stats, censored) = (series.stats(), censored_of(label, censored));
    MetricStats { label: label.clone(), stats, censored }
}

/// Returns the censored cycles for the metric [`RESPONSE`], and none for all others: a client that
/// waits for a cycle that never ended is missing from the responses only.
fn censored_of(label: &Label, censored: Censored) -> Censored {
    if &*label.name == RESPONSE { censored } else { Censored::default() }
}

#[cfg(test)]
mod tests;
