//! All processes of a run, and what they are together.
//!
//! The observer takes in what the processes send, turns intervals into snapshots when it is told
//! to, and answers for one process, for all workers merged, and with the list of everything. It
//! alone knows that one of the processes is the primary.

use std::collections::BTreeMap;
use std::sync::Arc;

use dyno_bus::message::{Batch, Declare, Drained, Emitted};
use dyno_bus::segment::PerPhase;
use dyno_bus::value::Unit;
use dyno_bus::{Pace, Time};

use crate::error::{AbsorbError, DeclareError, HelloError};
use crate::metric::{Censored, Label, Metric, MetricStats, OF_COMPLETED, RESPONSE};
use crate::process::{OfCycles, Process, ProcessId, Progress};
use crate::query::{List, Row};
use crate::series::Series;
use crate::snapshot::{Kept, ProcessSnapshot, Snapshot};
use crate::tally::{Account, Received, TallyError};

/// Aggregates the measurements of all processes of one run.
///
/// ```
/// use dyno_bus::message::{Batch, Cycles};
/// use dyno_bus::segment::{Arrivals, PerPhase};
/// use dyno_bus::{Pace, Time};
/// use dyno_observer::{Observer, ProcessId, Stat};
///
/// let mut observer = Observer::new(Pace::Open { rate: 50.0, arrivals: Arrivals::Uniform });
/// observer.hello(ProcessId::Worker(0), 4711)?;
/// observer.begin(Time::from_nanos(0));
/// let measured = Cycles { wait: vec![1_000, 3_000], service: vec![20_000, 40_000] };
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
    processes: BTreeMap<ProcessId, Process>,
    /// Every declared name, with the one unit that it has in all processes.
    names: BTreeMap<Arc<str>, Unit>,
    begun: Time,
    /// When the current interval began.
    rotated: Time,
    kept: Kept,
    /// Room for those of a batch: kept, so that none is asked for each time.
    responses: Vec<u64>,
}

/// One metric's values of the interval that a rotation ends.
#[derive(Debug, Clone, Copy)]
pub struct Interval<'a> {
    /// Whose.
    pub process: ProcessId,
    /// Which metric's.
    pub label: &'a Label,
    /// When the interval began.
    pub from: Time,
    /// When it ended.
    pub until: Time,
    /// The values: at least one.
    pub series: &'a Series,
}

impl Observer {
    /// An observer of a run of this pace: in a closed loop there is no `wait`, and `response` is
    /// `service`.
    #[must_use]
    pub const fn new(pace: Pace) -> Self {
        let of_cycles = match pace {
            Pace::Open { .. } => OfCycles::All,
            Pace::Closed { .. } => OfCycles::ServiceAndResponse,
        };
        Self {
            of_cycles,
            processes: BTreeMap::new(),
            names: BTreeMap::new(),
            begun: Time::ZERO,
            rotated: Time::ZERO,
            kept: Kept::new(),
            responses: Vec::new(),
        }
    }

    /// Takes in a process.
    ///
    /// # Errors
    /// If it is known already.
    pub fn hello(&mut self, process: ProcessId, pid: u32) -> Result<(), HelloError> {
        if let Some(known) = self.processes.get(&process) {
            return Err(HelloError::Twice { process, before: known.pid, now: pid });
        }
        let of_cycles = match process {
            ProcessId::Primary => OfCycles::Nothing,
            ProcessId::Worker(_) => self.of_cycles,
        };
        self.processes.insert(process, Process::new(process, pid, of_cycles));
        Ok(())
    }

    /// Takes in a metric of a process.
    ///
    /// # Errors
    /// If the number or the name is taken, reserved or beyond a limit, or the metric is known in
    /// another unit from another process.
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
        Ok(())
    }

    /// Begins the measured window, and with it the first interval.
    pub const fn begin(&mut self, at: Time) {
        self.begun = at;
        self.rotated = at;
    }

    /// Takes in a batch: its measured values go into the current interval, its counts replace
    /// those before.
    ///
    /// # Errors
    /// If the batch can't be true. Nothing of it is taken then.
    pub fn absorb(&mut self, process: ProcessId, batch: &Batch) -> Result<(), AbsorbError> {
        let known = self.processes.get_mut(&process).ok_or(AbsorbError::Unknown { process })?;
        known.absorb(batch, &mut self.responses)
    }

    /// Ends the current interval: shows its values to `visit`, by process in ascending order,
    /// makes a snapshot of it, and merges it into the whole.
    ///
    /// Called by the primary each fiftieth of the duration, and once after the drain.
    pub fn rotate(&mut self, at: Time, mut visit: impl FnMut(Interval<'_>)) {
        let (from, until) = (self.rotated, at.max(self.rotated));
        self.rotated = until;
        for (process, state) in &self.processes {
            for metric in state.metrics.iter().filter(|metric| !metric.interval().is_empty()) {
                let (label, series) = (&metric.label, metric.interval());
                visit(Interval { process: *process, label, from, until, series });
            }
        }
        let merged = self.merge_workers(|metric, series| series.merge(metric.interval()));
        let mut processes = Vec::new();
        for (process, state) in &mut self.processes {
            let metrics: Box<[_]> = state.metrics.iter_mut().filter_map(Metric::rotate).collect();
            if !metrics.is_empty() {
                processes.push(ProcessSnapshot { process: *process, metrics });
            }
        }
        self.kept.push(Snapshot {
            from,
            until,
            processes: processes.into(),
            merged: merged.into(),
        });
    }

    /// The snapshots that are kept, in order of time.
    pub fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.kept.iter().map(|snapshot| &**snapshot)
    }

    /// Each metric over the whole run, merged over all workers that have it.
    #[must_use]
    pub fn merged(&self) -> Vec<MetricStats> {
        self.merge_workers(|metric, series| metric.merge_into(series))
    }

    /// What [`merged`](Self::merged) has of [`OF_COMPLETED`], of the cycles alone that
    /// completed. Empty unless some failed: then it would be the same.
    #[must_use]
    pub fn completed(&self) -> Vec<MetricStats> {
        if self.processes.values().all(|state| state.completed.is_none()) {
            return Vec::new();
        }
        let censored =
            self.processes.values().fold(Censored::default(), |sum, one| sum.merge(one.censored));
        let of = |(index, name): (usize, &str)| {
            let mut series = Series::default();
            self.processes.values().for_each(|one| one.merge_completed(index, name, &mut series));
            let label = Label { name: Arc::from(name), unit: Unit::Nanoseconds };
            let censored = censored_of(&label, censored);
            MetricStats { label, stats: series.stats(), censored }
        };
        OF_COMPLETED.into_iter().enumerate().map(of).collect()
    }

    /// Each metric of one process over the whole run; none of an unknown process.
    pub fn metrics(&mut self, process: ProcessId) -> Vec<MetricStats> {
        let Some(state) = self.processes.get_mut(&process) else { return Vec::new() };
        let censored = state.censored;
        let of_metric = |metric: &mut Metric| MetricStats {
            label: metric.label.clone(),
            stats: metric.stats(),
            censored: censored_of(&metric.label, censored),
        };
        state.metrics.iter_mut().map(of_metric).collect()
    }

    /// All processes as they stand, to be read on any thread.
    pub fn list(&mut self) -> List {
        let row = |(process, state): (&ProcessId, &mut Process)| {
            let cell = |metric: &mut Metric| (metric.label.clone(), metric.stats());
            Row { process: *process, cells: state.metrics.iter_mut().map(cell).collect() }
        };
        let rows = self.processes.iter_mut().map(row).collect();
        List::new(rows, self.kept.iter().cloned().collect(), self.begun)
    }

    /// The processes that said hello, with their pids, in ascending order.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, u32)> {
        self.processes.iter().map(|(process, state)| (*process, state.pid))
    }

    /// What a process said of itself in its last batch.
    #[must_use]
    pub fn progress(&self, process: ProcessId) -> Option<Progress> {
        self.processes.get(&process).map(|state| state.progress)
    }

    /// What has come from a process.
    #[must_use]
    pub fn received(&self, process: ProcessId) -> Option<&Received> {
        self.processes.get(&process).map(|state| &state.received)
    }

    /// Verifies and closes the account of a worker that has drained.
    ///
    /// `issued` is what was due before its cut, by the primary's own arithmetic.
    ///
    /// # Errors
    /// If its outcomes are not what was issued, or what it sent is not what came. The account
    /// stays open then; [`died`](Self::died) closes it with what did come.
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
        if let Some(timeline) = &drained.timeline {
            let (emitted, cycles) = (drained.emitted.cycles, timeline.cycles);
            let timeline = if timeline.is_whole() { cycles } else { 0 };
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

    /// Closes the account of a worker that died: of what it was issued, that which has no outcome
    /// is lost, and its measured part is censored.
    ///
    /// # Errors
    /// If it has more outcomes than it was issued.
    pub fn died(&mut self, worker: u32, issued: PerPhase<u64>) -> Result<Account, TallyError> {
        let process = ProcessId::Worker(worker);
        let state = self.processes.get_mut(&process).ok_or(TallyError::Unknown { process })?;
        let account = Account::died(worker, issued, state.progress.counts)?;
        state.account = Some(account);
        state.censored = Censored { count: account.lost.measured, age_min_ns: None };
        Ok(account)
    }

    /// Verifies that all that a process emitted has come: at a worker's `Bye`, and at the end of
    /// the primary's own emitter.
    ///
    /// # Errors
    /// If it has not.
    pub fn verify(&self, process: ProcessId, emitted: &Emitted) -> Result<(), TallyError> {
        let state = self.processes.get(&process).ok_or(TallyError::Unknown { process })?;
        state.received.verify(process, emitted)
    }

    /// The closed account of a worker.
    #[must_use]
    pub fn account(&self, worker: u32) -> Option<Account> {
        self.processes.get(&ProcessId::Worker(worker)).and_then(|state| state.account)
    }

    /// All closed accounts together.
    #[must_use]
    pub fn accounts(&self) -> Account {
        let mut total = Account::default();
        self.processes.values().filter_map(|state| state.account).for_each(|one| total += one);
        total
    }

    /// Merges a part of each metric over all workers, in the order in which they have them.
    fn merge_workers(&self, part: impl Fn(&Metric, &mut Series)) -> Vec<MetricStats> {
        let mut named: Vec<(&Label, Vec<&Metric>)> = Vec::new();
        let mut positions = BTreeMap::new();
        let mut censored = Censored::default();
        for (process, state) in &self.processes {
            if *process == ProcessId::Primary {
                continue;
            }
            censored = censored.merge(state.censored);
            for metric in &state.metrics {
                let position = *positions.entry(&*metric.label.name).or_insert_with(|| {
                    named.push((&metric.label, Vec::new()));
                    named.len() - 1
                });
                named[position].1.push(metric);
            }
        }
        // One name after the other: all at once, they would take as much as a worker does.
        let of_name = |(label, metrics): (&Label, Vec<&Metric>)| {
            let mut series = Series::default();
            metrics.into_iter().for_each(|metric| part(metric, &mut series));
            MetricStats {
                label: label.clone(),
                stats: series.stats(),
                censored: censored_of(label, censored),
            }
        };
        named.into_iter().map(of_name).collect()
    }
}

/// A cycle that never ended is missing from its response: that is what a client waits for.
fn censored_of(label: &Label, censored: Censored) -> Censored {
    if &*label.name == RESPONSE { censored } else { Censored::default() }
}

#[cfg(test)]
mod tests;
