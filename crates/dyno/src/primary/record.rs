//! The record of a run: measurements, the backlog, errors, troubles. No I/O, no clock.
//!
//! The driver adds what arrives; [`RunRecord::finish`] turns it into the run's result.

pub(super) mod backlog;
pub(super) mod fault;
mod stages;
mod thresholds;

use std::collections::HashMap;
use std::time::Duration;

use dyno_bus::builtin::{MACHINE_IDLE, TARGET_CPU, TARGET_CPU_THREAD_MAX};
use dyno_bus::message::{Batch, Counts, Drained, ERRORS_MAX, HarnessCosts};
use dyno_bus::segment::PerPhase;
use dyno_bus::{Phase, Time};
use dyno_observer::{AbsorbError, Account, Interval, Observer, ProcessId, Stats, TallyError};
use dyno_summary::CycleErrors;

use self::backlog::{BacklogTracker, Samples};
use self::thresholds::{ThresholdEnd, ThresholdWatch};
use super::run::{
    BacklogSummary, HarnessSummary, Interim, MeasuredThreshold, Run, RunSample, Totals, WorkerEnd,
};
use super::state::event::RunPhase;
use super::state::schedule::{Dues, Stretch};
use crate::plan::{BacklogLimit, Plan};
use crate::verdict::course::Course;
use crate::verdict::{
    BacklogSample, Evidence, LimitPassed, Pauses, StoodStill, TargetUse, TargetUseSpan, judge,
};

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
    courses: Vec<Course>,
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
        stages::add(&mut self.courses, &timelines, drained.running_max);
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
    }

    /// Returns the courses of the stages, as far as the workers have reported them.
    #[cfg(test)]
    pub(crate) fn courses(&self) -> &[Course] {
        &self.courses
    }

    /// Takes a sample of the backlog. Returns `true` if it passed its limit for the first time.
    pub(crate) fn sample(&mut self, at: Time) -> bool {
        let sample = self.backlog.sample(at);
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
        self.thresholds.beat(now, slack, &mut self.observer, &self.backlog)
    }

    /// Returns the thresholds with their values so far; empty before the measured window.
    pub(crate) fn thresholds_so_far(&self) -> Vec<MeasuredThreshold> {
        // Cycles without an outcome count for no share yet.
        let counts = self.backlog.counts();
        let mut account = Account { counts, ..Account::default() };
        account.issued.measured = counts.measured.ended();
        let fates = account.fates(Phase::Measured);
        let (now, backlog_max) = (Time::ZERO, self.samples.max());
        let so_far = ThresholdEnd { now, fates, backlog_max, tracker: &self.backlog };
        self.thresholds.so_far(&so_far, &self.observer)
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

    /// Judges the run, and returns its result.
    pub(crate) fn finish(mut self, ending: RunEnd) -> Run {
        let account = self.observer.accounts();
        let troubles = self.troubles();
        // The waits of the worker that waited longest, those between cycles included.
        let stall_ns_max = troubles.longest(|of| of.stall_ns.saturating_add(of.stall_between_ns));
        // The difference of these two is the longest error of measured times, in any worker.
        let stall_between_ns_max = stall_ns_max - troubles.longest(|of| of.stall_ns);
        let HarnessCosts { unleased, stall_ns, stall_between_ns, .. } = troubles.sum;
        let (start, end) = ending.window.unwrap_or_default();
        let window = end - start;
        let asked = ending.dues.iter().fold(0.0, |sum, dues| sum + dues.asked);
        let courses = stages::finish(std::mem::take(&mut self.courses), ending.dues);
        let backlog = self.backlog_summary(&account, &courses);
        let thresholds = self.thresholds.finish(
            &ThresholdEnd {
                now: end,
                fates: account.fates(Phase::Measured),
                backlog_max: backlog.max,
                tracker: &self.backlog,
            },
            &mut self.observer,
        );
        // A run without a window has its reason already.
        let thresholds = if ending.window.is_some() { thresholds } else { Vec::new() };
        let stages =
            stages::evidence(&ending.plan, &ending.stretches, &courses, window, self.level);
        let judgement = judge(&Evidence {
            rate: ending.plan.own_rate(),
            part: ending.plan.own_part(),
            warmup: ending.plan.warmup,
            start,
            window,
            planned: ending.plan.duration,
            asked,
            course: courses.into_iter().next().unwrap_or_default(),
            cycles: account.fates(Phase::Measured),
            delivered: self.delivered,
            max_failed: ending.plan.max_failed,
            backlog: self.samples.kept().to_vec(),
            on_backlog: ending.plan.on_backlog,
            max_backlog: ending.plan.max_backlog,
            passed: self.passed,
            unleased,
            bus_stall_ns: stall_ns_max,
            bus_stall_between_ns: stall_between_ns_max,
            running_max: self.running_max,
            stood_still: self.stood_still(ending.stood_still),
            pauses: Pauses { count: ending.pauses.len() as u64, total: ending.pauses.iter().sum() },
            errors: ending.faults,
            signal: ending.signal,
            target: self.target_use(match stages.is_empty() {
                true => TargetUseSpan::Window,
                false => TargetUseSpan::Peak,
            }),
            thresholds: thresholds.clone(),
            stages,
        });
        let mut warnings = self.warnings;
        warnings.extend(judgement.warnings.iter().cloned());
        let errors = most_frequent_first(self.errors.into_values());
        Run {
            plan: ending.plan,
            started_at: ending.started_at,
            elapsed: ending.elapsed,
            window,
            judgement,
            warnings,
            account,
            delivered: self.delivered,
            late: self.late,
            backlog,
            errors,
            thresholds,
            workers: ending.workers,
            series: self.series,
            harness: HarnessSummary {
                unleased,
                bus_stall: Duration::from_nanos(stall_ns.saturating_add(stall_between_ns)),
                cpu_share: ending.cpu_share,
                pauses: ending.pauses,
            },
            observer: self.observer,
        }
    }

    /// Returns the backlog over the measured window.
    fn backlog_summary(&self, account: &Account, courses: &[Course]) -> BacklogSummary {
        let phases = [Phase::Warmup, Phase::Measured].map(|phase| account.fates(phase));
        let all_ended = phases.iter().all(|fates| fates.skipped + fates.lost == 0);
        // The ends of cycles show a peak between two samples of the backlog.
        let peak = if all_ended { stages::peak(courses) } else { 0 };
        BacklogSummary {
            start: self.samples.kept().first().map_or(0, BacklogSample::total),
            max: self.samples.max().max(peak),
            end: self.samples.last(),
        }
    }

    /// Returns the processes that got no processor time for a while, the longest first.
    fn stood_still(&self, primary: Duration) -> Vec<StoodStill> {
        let of = |process| {
            let harness = self.observer.progress(process).unwrap_or_default().harness;
            Duration::from_nanos(harness.stood_still_ns)
        };
        let workers = self.observer.processes().filter_map(|(process, _)| match process {
            ProcessId::Worker(worker) => {
                Some(StoodStill { worker: Some(worker), total: of(process) })
            }
            _ => None,
        });
        let primary = StoodStill { worker: None, total: primary };
        let mut all: Vec<_> =
            workers.chain([primary]).filter(|still| !still.total.is_zero()).collect();
        all.sort_by_key(|still| std::cmp::Reverse(still.total));
        all
    }

    /// Returns the target's use of the machine, if a process was watched for long enough.
    fn target_use(&self, of: TargetUseSpan) -> Option<TargetUse> {
        let figure = |name, at_peak: fn(&Stats) -> u64| {
            let (_, series) = self.observer.whole(name)?;
            let stats = (!series.is_empty()).then(|| series.stats())?;
            Some(match of {
                TargetUseSpan::Window => stats.mean / 1e3,
                TargetUseSpan::Peak => at_peak(&stats) as f64 / 1e3,
            })
        };
        Some(TargetUse {
            of,
            cpu: figure(TARGET_CPU, |stats| stats.max)?,
            busiest: figure(TARGET_CPU_THREAD_MAX, |stats| stats.max),
            machine_idle: figure(MACHINE_IDLE, |stats| stats.min),
        })
    }

    /// Returns the harness's own troubles, from each process's latest report.
    fn troubles(&self) -> Troubles {
        let of = |(process, _)| self.observer.progress(process).unwrap_or_default().harness;
        let each: Vec<HarnessCosts> = self.observer.processes().map(of).collect();
        let sum = each.iter().fold(HarnessCosts::default(), |sum, one| HarnessCosts {
            unleased: sum.unleased.saturating_add(one.unleased),
            stall_ns: sum.stall_ns.saturating_add(one.stall_ns),
            stall_between_ns: sum.stall_between_ns.saturating_add(one.stall_between_ns),
            ..HarnessCosts::default()
        });
        Troubles { each, sum }
    }
}

/// The harness's own troubles over all processes.
struct Troubles {
    each: Vec<HarnessCosts>,
    sum: HarnessCosts,
}

impl Troubles {
    /// Returns the largest value among all processes.
    fn longest(&self, ns: impl Fn(&HarnessCosts) -> u64) -> u64 {
        self.each.iter().map(ns).max().unwrap_or(0)
    }
}

fn most_frequent_first(errors: impl Iterator<Item = CycleErrors>) -> Vec<CycleErrors> {
    let mut errors: Vec<_> = errors.collect();
    errors.sort_by(|a, b| b.count.cmp(&a.count).then(a.first_cycle.cmp(&b.first_cycle)));
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
        RunRecord::new(&plan).finish(RunEnd {
            plan,
            started_at: dyno_bus::clock::wall(),
            elapsed: Duration::ZERO,
            window: None,
            dues: Vec::new(),
            stretches: Vec::new(),
            faults: vec![fault],
            signal: None,
            pauses: Vec::new(),
            stood_still: Duration::ZERO,
            cpu_share: 0.0,
            workers: Vec::new(),
        })
    }
}
