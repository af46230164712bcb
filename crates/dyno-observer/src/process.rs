//! The measurements of one process, checked before any of them is recorded.
//!
//! A batch is refused as a whole or recorded as a whole. Its metrics are found by index, and each
//! column is recorded at once, so that no value needs a look-up.

use std::sync::Arc;

use dyno_bus::message::{
    Batch, Column, Counts, CycleTimes, HarnessCosts, METRIC_NAME_MAX, METRICS_MAX,
};
use dyno_bus::segment::PerPhase;
use dyno_bus::timeline::CycleTimeline;
use dyno_bus::value::Unit;
use dyno_bus::{Phase, Time};

use crate::counts;
use crate::error::{AbsorbError, DeclareError};
use crate::id::ProcessId;
use crate::metric::{MetricRecord, OF_COMPLETED, OF_CYCLES, RESPONSE, SERVICE};
use crate::series::{Series, within};
use crate::stats::{Censored, Label};
use crate::tally::{Account, ReceivedCounts};

/// The state of a process, from its last batch or from its account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessStatus {
    /// The time of the last batch.
    pub as_of: Time,
    /// The outcomes of its cycles so far.
    pub counts: PerPhase<Counts>,
    /// The delays that the harness has caused in it so far.
    pub harness: HarnessCosts,
}

/// The metrics that are derived from a process's cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfCycles {
    /// No metrics, for the primary, which runs no cycles.
    Nothing,
    /// For a closed loop: it has no due times, so no `wait`, and a cycle's response is its service.
    ServiceAndResponse,
    /// All of [`OF_CYCLES`], for an open loop.
    All,
}

impl OfCycles {
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::ServiceAndResponse => &[SERVICE, RESPONSE],
            Self::All => &OF_CYCLES,
        }
    }
}

/// The metrics and counts of one process.
#[derive(Debug)]
pub(crate) struct ProcessRecord {
    id: ProcessId,
    pub(crate) pid: u32,
    of_cycles: OfCycles,
    /// First those derived from cycles, in the order of [`OF_CYCLES`], then the declared ones.
    pub(crate) metrics: Vec<MetricRecord>,
    /// The metrics of [`OF_COMPLETED`], of completed cycles only; `None` until a cycle has failed,
    /// since `metrics` holds the same until then.
    pub(crate) completed: Option<Box<[Series; 2]>>,
    /// The index in `metrics` of each declared number.
    declared: Vec<Option<usize>>,
    pub(crate) progress: ProcessStatus,
    pub(crate) received: ReceivedCounts,
    pub(crate) censored: Censored,
    /// The timelines that it has sent, by stage.
    pub(crate) timelines: Vec<CycleTimeline>,
    pub(crate) account: Option<Account>,
}

impl ProcessRecord {
    pub(crate) fn new(id: ProcessId, pid: u32, of_cycles: OfCycles) -> Self {
        let label = |name: &&str| Label { name: Arc::from(*name), unit: Unit::Nanoseconds };
        Self {
            id,
            pid,
            of_cycles,
            metrics: of_cycles.names().iter().map(label).map(MetricRecord::new).collect(),
            completed: None,
            declared: Vec::new(),
            progress: ProcessStatus::default(),
            received: ReceivedCounts::default(),
            censored: Censored::default(),
            timelines: Vec::new(),
            account: None,
        }
    }

    /// Checks that the process may declare a metric with this number and name.
    pub(crate) fn check_declare(&self, metric: u32, name: &str) -> Result<(), DeclareError> {
        let process = self.id;
        let owned = || name.to_owned();
        if metric as usize >= METRICS_MAX {
            return Err(DeclareError::TooMany { process, metric });
        }
        if self.position(metric).is_some() {
            return Err(DeclareError::NumberTaken { process, metric });
        }
        if name.is_empty() || name.len() > METRIC_NAME_MAX {
            return Err(DeclareError::NameLength { process, metric, length: name.len() });
        }
        if name.chars().any(char::is_control) {
            return Err(DeclareError::NameControl { process, name: owned() });
        }
        if OF_CYCLES.contains(&name) {
            return Err(DeclareError::Reserved { process, name: owned() });
        }
        if self.metrics.iter().any(|metric| &*metric.label.name == name) {
            return Err(DeclareError::NameTaken { process, name: owned() });
        }
        Ok(())
    }

    /// Adds a metric that [`check_declare`](Self::check_declare) allowed.
    pub(crate) fn declare(&mut self, metric: u32, label: Label) {
        let number = metric as usize;
        if self.declared.len() <= number {
            self.declared.resize(number + 1, None);
            self.received.values.resize(number + 1, 0);
        }
        self.declared[number] = Some(self.metrics.len());
        self.metrics.push(MetricRecord::new(label));
    }

    fn position(&self, metric: u32) -> Option<usize> {
        self.declared.get(metric as usize).copied().flatten()
    }

    /// Records a batch, or refuses it and changes nothing. `responses` is scratch space: its former
    /// content is lost.
    pub(crate) fn absorb(
        &mut self,
        batch: &Batch,
        responses: &mut Vec<u64>,
        taps: &mut [Series],
    ) -> Result<(), AbsorbError> {
        self.check(batch)?;
        self.received.batches += 1;
        self.progress =
            ProcessStatus { as_of: batch.as_of, counts: batch.counts, harness: batch.harness };
        // Cycles of the warm-up are counted as received, but recorded in no metric.
        for phase in [Phase::Warmup, Phase::Measured] {
            let failed = batch.failed[phase].service.len() as u64;
            self.received.failed[phase] += failed;
            self.received.cycles[phase] += batch.cycles[phase].service.len() as u64 + failed;
        }
        let failed = &batch.failed[Phase::Measured];
        // All cycles before the first failed one completed: the second set of series begins with
        // their values.
        if self.completed.is_none() && !failed.service.is_empty() {
            self.completed = Some(Box::new(OF_COMPLETED.map(|name| self.series(name))));
        }
        self.record_cycles(&batch.cycles[Phase::Measured], true, batch.as_of, responses, taps);
        self.record_cycles(failed, false, batch.as_of, responses, taps);
        for column in &batch.columns {
            self.record_column(column, batch.as_of, taps);
        }
        Ok(())
    }

    fn check(&self, batch: &Batch) -> Result<(), AbsorbError> {
        let process = self.id;
        let expected = self.received.batches;
        // A lost batch would lose its values, and a repeated one would count them twice.
        if batch.sequence != expected {
            return Err(AbsorbError::Sequence { process, expected, found: batch.sequence });
        }
        // If time went back, the last value of a metric would not be the newest.
        if batch.as_of < self.progress.as_of {
            let (before, now) = (self.progress.as_of, batch.as_of);
            return Err(AbsorbError::Time { process, before, now });
        }
        counts::check(process, &self.progress.counts, &batch.counts)?;
        for phase in [Phase::Warmup, Phase::Measured] {
            for CycleTimes { wait, service } in [&batch.cycles[phase], &batch.failed[phase]] {
                let (wait, service) = (wait.len(), service.len());
                // A cycle is a pair of both columns: its response is their sum.
                if wait != service {
                    return Err(AbsorbError::Unpaired { process, phase, wait, service });
                }
                // The primary has no metrics for cycles to be recorded in.
                if process == ProcessId::Primary && service > 0 {
                    return Err(AbsorbError::CyclesOfPrimary { count: service });
                }
            }
        }
        // A column is recorded by the index of its metric, so each must have one.
        for column in &batch.columns {
            if self.position(column.metric).is_none() {
                return Err(AbsorbError::Undeclared { process, metric: column.metric });
            }
        }
        Ok(())
    }

    /// Returns all values so far of a metric that is derived from cycles.
    fn series(&self, name: &str) -> Series {
        let mut series = Series::default();
        let found = self.metrics.iter().find(|metric| &*metric.label.name == name);
        found.into_iter().for_each(|metric| metric.merge_into(&mut series));
        series
    }

    /// Merges the values of completed cycles into a series. Those are all values while no cycle has
    /// failed.
    pub(crate) fn merge_completed(&self, index: usize, name: &str, into: &mut Series) {
        match &self.completed {
            Some(completed) => into.merge_beside(&completed[index]),
            None => into.merge_beside(&self.series(name)),
        }
    }

    fn record_cycles(
        &mut self,
        cycles: &CycleTimes,
        completed: bool,
        as_of: Time,
        responses: &mut Vec<u64>,
        taps: &mut [Series],
    ) {
        let CycleTimes { wait: waits, service: services } = cycles;
        let alone = self.completed.as_deref_mut().filter(|_| completed);
        match (self.of_cycles, &mut self.metrics[..]) {
            (OfCycles::All, [wait, service, response, ..]) => {
                wait.record(waits, as_of, taps);
                service.record(services, as_of, taps);
                // Each part is clamped. The clamped values were counted as the part was recorded.
                let pairs = waits.iter().zip(services);
                responses.clear();
                responses.extend(pairs.map(|(wait, service)| within(*wait) + within(*service)));
                response.record(responses, as_of, taps);
                if let Some(alone) = alone {
                    alone[0].record(services, as_of);
                    alone[1].record(responses, as_of);
                }
            }
            (OfCycles::ServiceAndResponse, [service, response, ..]) => {
                service.record(services, as_of, taps);
                response.record(services, as_of, taps);
                if let Some(alone) = alone {
                    alone.iter_mut().for_each(|series| series.record(services, as_of));
                }
            }
            // The primary's batch was checked to have no cycles.
            _ => {}
        }
    }

    fn record_column(&mut self, column: &Column, as_of: Time, taps: &mut [Series]) {
        let number = column.metric as usize;
        self.received.values[number] += column.values.len() as u64;
        if column.phase == Phase::Measured {
            let position = self.position(column.metric).expect("the batch was checked");
            self.metrics[position].record(&column.values, as_of, taps);
        }
    }
}
