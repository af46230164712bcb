//! The record of a run: measurements, the backlog, errors, troubles. No I/O, no clock.
//!
//! The driver adds what arrives; [`RunRecord::finish`] turns it into the run's result.

pub(super) mod backlog;
mod beats;
mod evidence;
mod exact;
pub(super) mod fault;
pub(super) mod host;
pub(super) mod merge;
mod stages;
pub(super) mod thresholds;

use std::collections::HashMap;
use std::time::Duration;

use dyno_bus::message::{Batch, Counts, Drained, ERRORS_MAX, HarnessCosts};
use dyno_bus::segment::PerPhase;
#[cfg(test)]
use dyno_bus::timeline::CycleTimeline;
use dyno_bus::{Phase, Time};
use dyno_observer::{
    AbsorbError, Account, Interval, Observer, ProcessId, StoredMetric, TallyError,
};
use dyno_summary::CycleErrors;

use self::backlog::{BacklogTracker, Samples};
use self::beats::{BeatGrid, Beats};
use self::host::HostRecord;
use self::stages::CourseSum;
use self::thresholds::{ThresholdEnd, ThresholdWatch};
use super::run::{
    BacklogSummary, HarnessSummary, Interim, MeasuredThreshold, Run, RunSample, Totals, WorkerEnd,
};
use super::state::event::RunPhase;
use super::state::schedule::{Dues, Stretch};
use crate::plan::{BacklogLimit, Plan};
use crate::verdict::{BacklogSample, HostEvidence, LimitPassed, judge_hosts};

/// All that is known of a run so far.
#[derive(Debug)]
pub(crate) struct RunRecord {
    pub(crate) observer: Observer,
    backlog: BacklogTracker,
    /// The backlog at each beat of the measured window.
    samples: Samples,
    /// The backlog beyond which the plan's policy acts; known when the window begins.
    limit: Option<BacklogLimit>,
    /// The backlog when the window began: the cycles that waited, and those that ran.
    level: Option<(u64, u64)>,
    passed: Option<LimitPassed>,
    /// The course of each stage: the sum over the workers that have given their account.
    courses: Vec<CourseSum>,
    errors: HashMap<String, CycleErrors>,
    series: Vec<RunSample>,
    /// The totals up to the last point of the series.
    in_series: Totals,
    delivered: u64,
    /// The most cycles that one worker ran at once.
    running_max: u64,
    late: u64,
    warnings: Vec<String>,
    thresholds: ThresholdWatch,
    /// More of a share of a run, which is merged with the others.
    share: Option<ShareRecord>,
}

/// The facts that only the record of a share keeps: those that the sums of a whole run need.
#[derive(Debug, Default)]
struct ShareRecord {
    /// `None` before the window.
    beats: Option<Beats>,
    /// The values of each point of the series.
    points: Vec<Vec<StoredMetric>>,
}

/// The facts that the driver adds to the record when a run is over.
pub(crate) struct RunEnd {
    pub(crate) plan: Plan,
    pub(crate) started_at: Duration,
    pub(crate) elapsed: Duration,
    /// From the window's first instant to the plan's end or the early stop.
    pub(crate) window: Option<(Time, Time)>,
    /// The number of cycles due in each slot of each stage; empty if the plan never began.
    pub(crate) dues: Vec<Dues>,
    /// The stretches of the window, if the rate was changed by hand; otherwise empty.
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) faults: Vec<String>,
    pub(crate) signal: Option<i32>,
    pub(crate) pauses: Vec<Duration>,
    /// The time for which the primary itself stood still while cycles were measured.
    pub(crate) stood_still: Duration,
    pub(crate) cpu_share: f64,
    pub(crate) workers: Vec<WorkerEnd>,
}

impl RunRecord {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut observer = Observer::new(plan.pace());
        Self {
            thresholds: ThresholdWatch::new(plan, &mut observer),
            observer,
            backlog: BacklogTracker::new(plan.worker_numbers()),
            samples: Samples::default(),
            limit: None,
            level: None,
            passed: None,
            courses: Vec::new(),
            errors: HashMap::new(),
            series: Vec::new(),
            in_series: Totals::default(),
            delivered: 0,
            running_max: 0,
            late: 0,
            warnings: Vec::new(),
            share: plan.keeps_record.then(ShareRecord::default),
        }
    }

    /// Adds a worker's batch. `due` is the number of cycles that were due to it by then; `None` in
    /// a closed loop.
    pub(crate) fn absorb(
        &mut self,
        worker: u32,
        batch: Batch,
        due: Option<PerPhase<u64>>,
    ) -> Result<(), AbsorbError> {
        self.observer.absorb(ProcessId::Worker(worker), &batch)?;
        self.backlog.update(worker, due, batch.counts);
        for error in batch.errors {
            if error.phase == Phase::Measured {
                self.error(error.message, error.count, error.first_cycle);
            }
        }
        Ok(())
    }

    fn error(&mut self, message: String, count: u64, first_cycle: u64) {
        // Each worker keeps this many messages apart; so does their sum.
        let full = self.errors.len() >= ERRORS_MAX && !self.errors.contains_key(&message);
        let message = if full { "(other errors)".into() } else { message };
        let new = CycleErrors::new(&*message, 0, first_cycle);
        let group = self.errors.entry(message).or_insert(new);
        group.count = group.count.saturating_add(count);
        group.first_cycle = group.first_cycle.min(first_cycle);
    }

    /// Verifies a worker's account against the cycles issued to it and the records received from
    /// it. In a closed loop, the cycles that it reports as begun count as issued.
    pub(crate) fn verify(
        &mut self,
        worker: u32,
        issued: Option<PerPhase<u64>>,
        drained: &Drained,
    ) -> Result<(), TallyError> {
        let owed = issued.unwrap_or_else(|| begun(&drained.counts));
        if let Err(error) = self.observer.drained(worker, owed, drained) {
            // Only what came before this account is believed; cycles without a known outcome are
            // lost.
            return self.write_off(worker, issued).and(Err(error));
        }
        self.delivered += drained.delivered;
        let timelines = self.observer.take_timelines(worker);
        stages::add(&mut self.courses, worker, &timelines, drained.running_max);
        self.running_max = self.running_max.max(drained.running_max);
        self.late += drained.late;
        self.backlog.update(worker, Some(owed), drained.counts);
        Ok(())
    }

    /// Closes the account of a worker whose account is missing or wrong. In a closed loop it owed
    /// the cycles that it had begun. In an open loop it owed at least the cycles that it reported:
    /// it may have received an early stop later than the stop was sent.
    pub(crate) fn write_off(
        &mut self,
        worker: u32,
        issued: Option<PerPhase<u64>>,
    ) -> Result<(), TallyError> {
        let Some(progress) = self.observer.progress(ProcessId::Worker(worker)) else {
            return Ok(());
        };
        let known = begun(&progress.counts);
        let issued = issued.unwrap_or_default();
        let owed = PerPhase {
            warmup: issued.warmup.max(known.warmup),
            measured: issued.measured.max(known.measured),
        };
        self.delivered += progress.counts.measured.completed;
        self.observer.died(worker, owed).map(|_| ())
    }

    /// Begins the measured window, and sets the limit above the backlog at this instant.
    pub(crate) fn begin_window(&mut self, at: Time, plan: &Plan) {
        self.observer.begin(at);
        self.thresholds.begin(at);
        let level = self.backlog.sample(at);
        self.level = Some((level.waiting, level.running));
        self.limit = plan.backlog_rule().and_then(|rule| rule.limit(self.level));
        if let Some(share) = &mut self.share {
            share.beats = Some(Beats::new(BeatGrid::new(plan, at)));
        }
    }

    /// Returns the timelines of the stages, as far as the workers have reported them.
    #[cfg(test)]
    pub(crate) fn timelines(&self) -> impl Iterator<Item = &CycleTimeline> + Clone {
        self.courses.iter().map(CourseSum::counts)
    }

    /// Notes a beat, whether the run still measures or not.
    pub(crate) fn beat(&mut self, at: Time, is_measuring: bool) {
        let Some(beats) = self.share.as_mut().and_then(|share| share.beats.as_mut()) else {
            return;
        };
        let (sample, totals) = (self.backlog.sample(at), self.backlog.totals());
        beats.push(sample, totals, self.backlog.progress(), is_measuring);
    }

    /// Takes a sample of the backlog. Returns `true` if it passed its limit for the first time.
    pub(crate) fn sample(&mut self, at: Time) -> bool {
        self.beat(at, true);
        self.take(self.backlog.sample(at))
    }

    /// Takes this sample of the backlog. Returns `true` if it is the first beyond its limit.
    fn take(&mut self, sample: BacklogSample) -> bool {
        self.samples.push(sample);
        let (Some(limit), None) = (self.limit, self.passed) else { return false };
        let passed = limit.is_passed_by(sample.waiting, sample.running);
        if passed {
            self.passed = Some(LimitPassed { sample, limit });
        }
        passed
    }

    /// Judges the thresholds that need no end. A beat may come early by `slack`.
    /// Returns `true` if the run has to end, because a breach is certain.
    pub(crate) fn judge_thresholds(&mut self, now: Time, slack: Duration) -> bool {
        self.thresholds.beat(now, slack, &mut self.observer, self.backlog.progress())
    }

    /// Returns the thresholds with their values so far; empty before the measured window.
    pub(crate) fn thresholds_so_far(&self) -> Vec<MeasuredThreshold> {
        // Cycles without an outcome count for no share yet.
        let counts = self.backlog.counts();
        let mut account = Account { counts, ..Account::default() };
        account.issued.measured = counts.measured.ended();
        let fates = account.fates(Phase::Measured);
        let (now, backlog_max) = (Time::ZERO, self.samples.max());
        let so_far = ThresholdEnd { now, fates, backlog_max };
        self.thresholds.so_far(&so_far, &self.observer)
    }

    /// Leaves the limits of the whole run to the one who sees all of its hosts.
    pub(crate) fn judge_as_a_part(&mut self, plan: &Plan) {
        self.thresholds.judge_as_a_part(plan);
    }

    /// Returns a number for each threshold, for the one who judges the sums over all hosts.
    pub(crate) fn beyond(&self) -> Vec<u64> {
        self.thresholds.beyond()
    }

    /// Returns the backlog, from the workers' latest counts.
    pub(crate) fn backlog(&self, at: Time) -> BacklogSample {
        self.backlog.sample(at)
    }

    /// Returns the cycles issued and ended so far.
    pub(crate) fn totals(&self) -> Totals {
        self.backlog.totals()
    }

    /// Returns the result so far.
    pub(crate) fn interim(&mut self, phase: RunPhase, elapsed: Duration) -> Interim {
        let start = self.samples.kept().first().map_or(0, BacklogSample::total);
        let (issued, counts) = (self.backlog.totals().issued, self.backlog.counts());
        let processes: Vec<_> = self.observer.processes().collect();
        let with_metrics = |(process, pid)| (process, pid, self.observer.metrics(process));
        let processes = processes.into_iter().map(with_metrics).collect();
        Interim {
            phase,
            elapsed,
            account: Account { issued, counts, lost: PerPhase::default() },
            backlog: BacklogSummary {
                start,
                max: self.samples.max(),
                end: self.backlog.sample(Time::ZERO),
            },
            errors: most_frequent_first(self.errors.values().cloned()),
            warnings: self.warnings.clone(),
            series: self.series.clone(),
            merged: self.observer.merged_values(),
            intervals: self.observer.intervals().clone(),
            processes,
        }
    }

    /// Ends the current interval, passes its values to `visit`, and adds its point to the series.
    pub(crate) fn rotate(&mut self, t: Duration, until: Time, visit: impl FnMut(Interval<'_>)) {
        if let Some(share) = &mut self.share {
            share.points.push(self.observer.stored_interval());
        }
        let merged = self.observer.rotate(until, visit).merged.clone();
        let totals = self.totals();
        self.series.push(RunSample {
            t,
            issued: totals.issued.total().saturating_sub(self.in_series.issued.total()),
            completed: totals.completed.total() - self.in_series.completed.total(),
            backlog: self.backlog.sample(until).total(),
            merged,
        });
        self.in_series = totals;
    }

    /// Adds a warning for the user. Returns `true` if it is new.
    pub(crate) fn warn(&mut self, warning: &str) -> bool {
        let new = !self.warnings.iter().any(|known| known == warning);
        if new {
            self.warnings.push(warning.to_owned());
        }
        new
    }

    /// Judges the run, and returns its result. The record of a share of a run is kept with it.
    pub(crate) fn finish(mut self, ending: RunEnd) -> Run {
        self.thresholds.close(self.backlog.progress(), &mut self.observer);
        let mut record = None;
        if ending.plan.keeps_record {
            match HostRecord::of(&mut self, &ending).to_bytes() {
                Ok(bytes) => record = Some(bytes),
                Err(error) => self.warnings.push(format!("no record of this share: {error}")),
            }
        }
        Run { record, ..self.conclude(ending, &[]) }
    }

    /// Judges a run whose thresholds are closed. `hosts` are those of a run over several.
    fn conclude(mut self, ending: RunEnd, hosts: &[HostEvidence]) -> Run {
        let account = self.observer.accounts();
        let (evidence, backlog) = self.evidence(&ending, &account);
        let judgement = judge_hosts(&evidence, hosts);
        let HarnessCosts { unleased, stall_ns, stall_between_ns, .. } = self.troubles().sum;
        let mut warnings = self.warnings;
        warnings.extend(judgement.warnings.iter().cloned());
        let errors = most_frequent_first(self.errors.into_values());
        Run {
            plan: ending.plan,
            started_at: ending.started_at,
            elapsed: ending.elapsed,
            window: evidence.window,
            judgement,
            warnings,
            account,
            delivered: self.delivered,
            late: self.late,
            backlog,
            errors,
            thresholds: evidence.thresholds,
            workers: ending.workers,
            series: self.series,
            harness: HarnessSummary {
                unleased,
                bus_stall: Duration::from_nanos(stall_ns.saturating_add(stall_between_ns)),
                cpu_share: ending.cpu_share,
                pauses: ending.pauses,
            },
            observer: self.observer,
            hosts: Vec::new(),
            record: None,
        }
    }
}

fn most_frequent_first(errors: impl Iterator<Item = CycleErrors>) -> Vec<CycleErrors> {
    let mut errors: Vec<_> = errors.collect();
    // Of two messages as frequent and as old as each other, the text decides: the same errors are
    // always in the same order.
    let key =
        |one: &CycleErrors| (std::cmp::Reverse(one.count), one.first_cycle, one.message.clone());
    errors.sort_by_cached_key(key);
    errors
}

/// Returns the cycles that a worker's counts show as its own, in each phase: started, skipped or
/// unstarted.
fn begun(counts: &PerPhase<Counts>) -> PerPhase<u64> {
    let of = |counts: &Counts| {
        counts.started.saturating_add(counts.skipped).saturating_add(counts.unstarted)
    };
    PerPhase { warmup: of(&counts.warmup), measured: of(&counts.measured) }
}

impl Run {
    /// Returns a run that could not start anything, because of `fault`.
    pub(crate) fn never_begun(plan: Plan, fault: String) -> Self {
        Self::without_cycles(plan, vec![fault], None)
    }

    /// Returns a run without a known cycle, because of these faults or of a signal.
    pub(crate) fn without_cycles(plan: Plan, faults: Vec<String>, signal: Option<i32>) -> Self {
        RunRecord::new(&plan).finish(RunEnd {
            plan,
            started_at: dyno_bus::clock::wall(),
            elapsed: Duration::ZERO,
            window: None,
            dues: Vec::new(),
            stretches: Vec::new(),
            faults,
            signal,
            pauses: Vec::new(),
            stood_still: Duration::ZERO,
            cpu_share: 0.0,
            workers: Vec::new(),
        })
    }
}
