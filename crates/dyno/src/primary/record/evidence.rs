//! The evidence of a run that is over: what its verdict rests on.

use std::time::Duration;

use dyno_bus::Phase;
use dyno_bus::builtin::{MACHINE_IDLE, TARGET_CPU, TARGET_CPU_THREAD_MAX};
use dyno_bus::message::HarnessCosts;
use dyno_observer::{Account, ProcessId, Stats};

use super::{RunEnd, RunRecord, ThresholdEnd, stages};
use crate::primary::run::BacklogSummary;
use crate::verdict::course::Course;
use crate::verdict::{BacklogSample, Evidence, Pauses, StoodStill, TargetUse, TargetUseSpan};

impl RunRecord {
    /// Returns the evidence, and the backlog over the window.
    pub(super) fn evidence(
        &mut self,
        ending: &RunEnd,
        account: &Account,
    ) -> (Evidence, BacklogSummary) {
        let troubles = self.troubles();
        // The waits of the worker that waited longest, those between cycles included.
        let stall_ns_max = troubles.longest(|of| of.stall_ns.saturating_add(of.stall_between_ns));
        // The difference of these two is the longest error of measured times, in any worker.
        let stall_between_ns_max = stall_ns_max - troubles.longest(|of| of.stall_ns);
        let (start, end) = ending.window.unwrap_or_default();
        let window = end - start;
        let asked = ending.dues.iter().fold(0.0, |sum, dues| sum + dues.asked);
        let courses = stages::finish(std::mem::take(&mut self.courses), ending.dues.clone());
        let backlog = self.backlog_summary(account, &courses);
        let fates = account.fates(Phase::Measured);
        let of_end = ThresholdEnd { now: end, fates, backlog_max: backlog.max };
        let thresholds = self.thresholds.finish(&of_end, &self.observer);
        // A run without a window has its reason already.
        let thresholds = if ending.window.is_some() { thresholds } else { Vec::new() };
        let stages =
            stages::evidence(&ending.plan, &ending.stretches, &courses, window, self.level);
        let evidence = Evidence {
            rate: ending.plan.own_rate(),
            part: ending.plan.own_part(),
            warmup: ending.plan.warmup,
            start,
            window,
            planned: ending.plan.duration,
            asked,
            course: courses.into_iter().next().unwrap_or_default(),
            cycles: fates,
            delivered: self.delivered,
            max_failed: ending.plan.max_failed,
            backlog: self.samples.kept().to_vec(),
            on_backlog: ending.plan.on_backlog,
            max_backlog: ending.plan.max_backlog,
            passed: self.passed,
            unleased: troubles.sum.unleased,
            bus_stall_ns: stall_ns_max,
            bus_stall_between_ns: stall_between_ns_max,
            running_max: self.running_max,
            stood_still: self.stood_still(ending.stood_still),
            pauses: Pauses { count: ending.pauses.len() as u64, total: ending.pauses.iter().sum() },
            errors: ending.faults.clone(),
            signal: ending.signal,
            target: self.target_use(match stages.is_empty() {
                true => TargetUseSpan::Window,
                false => TargetUseSpan::Peak,
            }),
            thresholds,
            stages,
        };
        (evidence, backlog)
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
    pub(super) fn troubles(&self) -> Troubles {
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
pub(super) struct Troubles {
    each: Vec<HarnessCosts>,
    pub(super) sum: HarnessCosts,
}

impl Troubles {
    /// Returns the largest value among all processes.
    fn longest(&self, ns: impl Fn(&HarnessCosts) -> u64) -> u64 {
        self.each.iter().map(ns).max().unwrap_or(0)
    }
}
