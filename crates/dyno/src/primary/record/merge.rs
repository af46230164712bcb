//! The result of a run over several hosts, made of their records.
//!
//! Everything in a record is a sum, a count or a sample, so that the records of all hosts make the
//! record that one host with all workers would have. That is judged by the same code. The hosts are
//! taken by their places: the order of the records changes nothing.

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::builtin::{BACKLOG, COMPLETED, ISSUED};
use dyno_observer::{DeclareError, Observer, Series, StoredMetric, StoredObserver};

use super::backlog::CycleProgress;
use super::beats::{self, BeatGrid, BeatRecord};
use super::host::{HostRecord, StoredPoint};
use super::thresholds::stored::StoredThreshold;
use super::{RunEnd, RunRecord, stages};
use crate::plan::hosts::OtherHosts;
use crate::plan::{Arrivals, Plan};
use crate::primary::run::{HostEnd, Run, RunSample};
use crate::primary::state::schedule::Dues;
use crate::verdict::{Evidence, HostEvidence, LimitPassed};

/// Records that are not those of one run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MergeError {
    /// The list of records is empty.
    #[error("nothing to merge: name the folder of each host")]
    Nothing,
    /// Two records differ in what is the same on all hosts of a run.
    #[error("{one} and {other} are not of one run: {difference}")]
    Different {
        /// The place of the first record.
        one: String,
        /// The place of the other.
        other: String,
        /// The difference, with both values.
        difference: String,
    },
    /// Two records are of the same host.
    #[error("{one} and {other} are both of host {place}: name one folder for each host")]
    Twice {
        /// The place of the first record.
        one: String,
        /// The place of the other.
        other: String,
        /// The host's place, from 0.
        place: usize,
    },
    /// The record of a host is missing.
    #[error("the record of host {place} of {hosts} is missing: name its folder too")]
    Missing {
        /// The host's place, from 0.
        place: usize,
        /// The number of hosts.
        hosts: usize,
    },
    /// Two hosts have a metric in different units.
    #[error("the hosts do not have the same metrics: {source}")]
    Metrics {
        /// The metric with both units.
        source: DeclareError,
    },
}

/// Returns the result of a run over several hosts, from the records of all of them, in any order.
///
/// # Errors
/// If they are not the records of one run, or if one is missing or there twice.
pub(crate) fn merge(mut records: Vec<HostRecord>) -> Result<Run, MergeError> {
    records.sort_by_key(HostRecord::place);
    check(&records)?;
    let first = records.first().ok_or(MergeError::Nothing)?;
    let workers = records.iter().map(|record| record.plan.workers).sum();
    let others = OtherHosts::default();
    let plan = Plan { workers, others, keeps_record: false, ..first.plan.clone() };
    let mut hosts = Vec::new();
    let mut ends = Vec::new();
    for record in &records {
        let alone = Plan { thresholds: Vec::new(), ..record.plan.clone() };
        let (mut own, ending) = together(alone, std::slice::from_ref(record))?;
        own.passed = record.passed.map(|mut passed| {
            passed.sample.at = ending.window.unwrap_or_default().0 + since_start(&passed);
            passed
        });
        let account = own.observer.accounts();
        let (evidence, _) = own.evidence(&ending, &account);
        ends.push(HostEnd::of(record, &account, &evidence));
        hosts.push(HostEvidence { name: record.title(), evidence });
    }
    let (whole, ending) = together(plan, &records)?;
    Ok(Run { hosts: ends, ..whole.conclude(ending, &hosts) })
}

/// Returns the time of a stored sample since the window's start.
fn since_start(passed: &LimitPassed) -> Duration {
    passed.sample.at - Time::ZERO
}

/// Checks that these are the records of one run, in the order of hosts.
fn check(records: &[HostRecord]) -> Result<(), MergeError> {
    let Some((first, rest)) = records.split_first() else { return Err(MergeError::Nothing) };
    for other in rest {
        if let Some(difference) = difference(first, other) {
            let (one, other) = (first.source.clone(), other.source.clone());
            return Err(MergeError::Different { one, other, difference });
        }
    }
    for pair in records.windows(2) {
        if let [one, other] = pair
            && one.place() == other.place()
        {
            let place = one.place();
            let (one, other) = (one.source.clone(), other.source.clone());
            return Err(MergeError::Twice { one, other, place });
        }
    }
    let hosts = first.plan.others.all(first.plan.workers).len();
    let place = (0..hosts).find(|place| records.get(*place).map(HostRecord::place) != Some(*place));
    match place {
        Some(place) => Err(MergeError::Missing { place, hosts }),
        None => Ok(()),
    }
}

/// Returns the first difference of two records in what all hosts of a run have in common.
fn difference(one: &HostRecord, other: &HostRecord) -> Option<String> {
    let shares = |record: &HostRecord| {
        let all = record.plan.others.all(record.plan.workers);
        all.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
    };
    let named = |name: &str, one: String, other: String| {
        (one != other).then(|| format!("{name} is `{one}` in one and `{other}` in the other"))
    };
    let seed = |record: &HostRecord| common(&record.plan).seed.to_string();
    let words = |record: &HostRecord| common(&record.plan).words();
    let differing_word = || {
        let (one, other) = (words(one), words(other));
        let longest = one.len().max(other.len());
        let word = |all: &[String], place: usize| all.get(place).cloned().unwrap_or_default();
        let mut pairs = (0..longest).map(|place| (word(&one, place), word(&other, place)));
        let (one, other) = pairs.find(|(one, other)| one != other)?;
        named("the plan", one, other)
    };
    named("the benchmark", one.plan.benchmark.clone(), other.plan.benchmark.clone())
        .or_else(|| named("the list of workers", shares(one), shares(other)))
        .or_else(|| named("the seed", seed(one), seed(other)))
        .or_else(|| (common(&one.plan) != common(&other.plan)).then(differing_word)?)
        .or_else(|| {
            let differs = common(&one.plan) != common(&other.plan);
            differs.then(|| "their plans differ".to_owned())
        })
        .or_else(|| {
            let (one, other) = (&one.environment.dyno, &other.environment.dyno);
            named("the version of dyno", one.clone(), other.clone())
        })
        .or_else(|| {
            let differs = one.program != other.program;
            differs.then(|| "they ran programs that were built differently".to_owned())
        })
}

/// Returns the part of a plan that all hosts have in common. Uniform arrivals need no seed.
fn common(plan: &Plan) -> Plan {
    let seed = if plan.arrivals == Arrivals::Uniform { 0 } else { plan.seed };
    Plan { workers: 0, others: OtherHosts::default(), seed, ..plan.clone() }
}

/// Returns the record of all workers of these hosts, as one host with this plan would have it. Its
/// thresholds are closed.
fn together(plan: Plan, hosts: &[HostRecord]) -> Result<(RunRecord, RunEnd), MergeError> {
    let mut record = RunRecord::new(&Plan { keeps_record: false, ..plan.clone() });
    let observers: Vec<&StoredObserver> = hosts.iter().map(|host| &host.observer).collect();
    record.observer = Observer::of_stored(plan.pace(), &observers)
        .map_err(|source| MergeError::Metrics { source })?;
    let start = Time::ZERO + plan.warmup;
    let grid = BeatGrid::new(&plan, start);
    let of_hosts: Vec<_> = hosts.iter().map(|host| &host.beats[..]).collect();
    let beats = beats::sum(&of_hosts);
    let window = hosts.iter().filter_map(|host| host.window).max();
    record.begin_together(&plan, start, hosts);
    record.pass(&beats, grid);
    let taps: Vec<&[StoredThreshold]> = hosts.iter().map(|host| &host.thresholds[..]).collect();
    record.replay(&beats, grid, &taps, sum_of_progress(hosts));
    for host in hosts {
        stages::merge(&mut record.courses, &host.courses);
        for error in &host.errors {
            record.error(error.message.clone(), error.count, error.first_cycle);
        }
        record.delivered += host.delivered;
        record.late += host.late;
        record.running_max = record.running_max.max(host.running_max);
    }
    let warnings = hosts.iter().map(|host| &host.warnings[..]).collect::<Vec<_>>();
    record.warnings = of_each(hosts, &warnings, Common::Once);
    record.series = series(hosts);
    let faults = hosts.iter().map(|host| &host.faults[..]).collect::<Vec<_>>();
    let mut workers: Vec<_> = hosts.iter().flat_map(|host| host.workers.clone()).collect();
    workers.sort_by_key(|worker| worker.index);
    let ending = RunEnd {
        dues: dues(&plan, hosts),
        plan,
        started_at: hosts.iter().map(|host| host.started_at).min().unwrap_or_default(),
        elapsed: hosts.iter().map(|host| host.elapsed).max().unwrap_or_default(),
        window: window.map(|window| (start, start + window)),
        stretches: Vec::new(),
        faults: of_each(hosts, &faults, Common::Each),
        signal: hosts.iter().find_map(|host| host.signal),
        pauses: hosts.iter().flat_map(|host| host.pauses.clone()).collect(),
        stood_still: hosts.iter().map(|host| host.stood_still).max().unwrap_or_default(),
        cpu_share: hosts.iter().map(|host| host.cpu_share).fold(0.0, f64::max),
        workers,
    };
    Ok((record, ending))
}

impl RunRecord {
    /// Begins the window of all hosts.
    fn begin_together(&mut self, plan: &Plan, start: Time, hosts: &[HostRecord]) {
        self.thresholds.begin(start);
        let levels: Vec<_> = hosts.iter().filter_map(|host| host.level).collect();
        let sum = |sum: (u64, u64), one: &(u64, u64)| (sum.0 + one.0, sum.1 + one.1);
        self.level = (!levels.is_empty()).then(|| levels.iter().fold((0, 0), sum));
        self.limit = plan.backlog_rule().and_then(|rule| rule.limit(self.level));
    }

    /// Passes the beats of all hosts: the samples of the backlog, and the primary's gauges.
    fn pass(&mut self, beats: &[BeatRecord], grid: BeatGrid) {
        for beat in beats.iter().filter(|beat| beat.is_measuring) {
            self.take(beat.sample(grid));
        }
        let mut gauges = [ISSUED, COMPLETED, BACKLOG].map(|name| (name, Series::default()));
        for beat in beats {
            let values = [beat.issued, beat.completed, beat.waiting + beat.running];
            for ((_, series), value) in gauges.iter_mut().zip(values) {
                series.add(value, 1, grid.instant(beat));
            }
        }
        for (name, values) in gauges {
            self.observer.replace_own(name, values);
        }
    }

    /// Judges the sliding windows of the thresholds over all hosts.
    fn replay(
        &mut self,
        beats: &[BeatRecord],
        grid: BeatGrid,
        hosts: &[&[StoredThreshold]],
        progress: CycleProgress,
    ) {
        let mut rest = self.thresholds.replay(beats, grid, hosts, &self.observer);
        self.thresholds.close(progress, &mut rest);
    }
}

fn sum_of_progress(hosts: &[HostRecord]) -> CycleProgress {
    let mut sum = CycleProgress::default();
    for CycleProgress { due, begun, ended, failed } in hosts.iter().map(|host| host.progress) {
        sum.due += due;
        sum.begun += begun;
        sum.ended += ended;
        sum.failed += failed;
    }
    sum
}

/// The treatment of a sentence that all hosts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Common {
    /// It is reported once.
    Once,
    /// It is reported for each host.
    Each,
}

/// Returns the sentences of all hosts. Each names its host, if there are several.
fn of_each(hosts: &[HostRecord], sentences: &[&[String]], common: Common) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let is_of_all = |one: &String| sentences.iter().all(|own| own.contains(one));
    for (host, own) in hosts.iter().zip(sentences) {
        for one in *own {
            let sentence = match hosts.len() == 1 || common == Common::Once && is_of_all(one) {
                true => one.clone(),
                false => format!("{}: {one}", host.title()),
            };
            if common == Common::Each || !all.contains(&sentence) {
                all.push(sentence);
            }
        }
    }
    all
}

/// Returns the cycles that were due on all hosts, stage by stage.
fn dues(plan: &Plan, hosts: &[HostRecord]) -> Vec<Dues> {
    let mut sum: Vec<Dues> = Vec::new();
    for host in hosts {
        for (stage, dues) in host.dues.iter().enumerate() {
            let Some(known) = sum.get_mut(stage) else {
                sum.push(dues.clone());
                continue;
            };
            known.earlier += dues.earlier;
            known.slots.iter_mut().zip(&dues.slots).for_each(|(sum, more)| *sum += more);
        }
    }
    // A single share keeps what is asked of it.
    if plan.others.is_empty() {
        sum.iter_mut().for_each(|dues| dues.asked = dues.asked_of_run);
    }
    sum
}

/// Returns the points of the series over all hosts: the first of each, the second of each, and so
/// on. A point is as late as that of the last host.
fn series(hosts: &[HostRecord]) -> Vec<RunSample> {
    let longest = hosts.iter().map(|host| host.points.len()).max().unwrap_or(0);
    let point = |place: usize| {
        let points: Vec<&StoredPoint> =
            hosts.iter().filter_map(|host| host.points.get(place)).collect();
        let sum = |of: fn(&StoredPoint) -> u64| points.iter().map(|point| of(point)).sum();
        RunSample {
            t: points.iter().map(|point| point.t).max().unwrap_or_default(),
            issued: sum(|point| point.issued),
            completed: sum(|point| point.completed),
            backlog: sum(|point| point.backlog),
            merged: StoredMetric::statistics(points.iter().map(|point| &point.metrics[..])).into(),
        }
    };
    (0..longest).map(point).collect()
}

impl HostEnd {
    fn of(record: &HostRecord, account: &dyno_observer::Account, evidence: &Evidence) -> Self {
        Self {
            name: record.name.clone(),
            workers: record.plan.workers,
            cycles: account.fates(dyno_bus::Phase::Measured),
            delivered: record.delivered,
            window: evidence.window,
            unleased: evidence.unleased,
            bus_stall: Duration::from_nanos(evidence.bus_stall_ns),
            stood_still: evidence.stood_still.iter().map(|still| still.total).max(),
            cpu_share: record.cpu_share,
            loop_lag_p99: record
                .observer
                .own_stats(dyno_bus::builtin::LOOP_LAG)
                .and_then(|stats| stats.p99),
            clock: record.clock,
        }
    }
}

#[cfg(test)]
mod tests;
