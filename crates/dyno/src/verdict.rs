//! The verdict: what a run's evidence proves, with reasons and a hint.
//!
//! Pure: [`judge_hosts`] reads its arguments only, so that every verdict can be tested without a
//! process. The decision on the rate is made in [`trend`]; `docs/verdicts.md` explains it to users.

mod bottleneck;
pub(crate) mod bounds;
pub(crate) mod course;
mod hosts;
mod reason;
mod sample;
pub(crate) mod stages;
pub(crate) mod threshold;
pub(crate) mod trend;

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::timeline::SLOTS;
use dyno_summary::{Fates, Verdict};
use serde::{Deserialize, Serialize};

pub(crate) use self::bottleneck::{TargetUse, TargetUseSpan};
use self::course::Course;
pub(crate) use self::hosts::HostEvidence;
use self::reason::JudgedSpan;
pub(crate) use self::sample::BacklogSample;
use self::stages::{StageEvidence, StageJudgement};
use self::threshold::MeasuredThreshold;
use self::trend::{Assessment, Bounds, Trend};
use crate::plan::{BacklogLimit, MaxFailed, OnBacklog, Rate};

/// The largest share of cycles that may come due without a lease. Above it the harness itself was
/// measured: one in a thousand moves no percentile below p99.9.
pub(crate) const UNLEASED_SHARE_MAX: f64 = 0.001;
/// The largest share of the window for which the bus may hold up recording threads: above it, the
/// task's own times are wrong by this much.
pub(crate) const STALL_SHARE_MAX: f64 = 0.01;
/// The largest share of the window for which the run may have been stopped by a signal.
pub(crate) const PAUSE_SHARE_MAX: f64 = 0.01;

/// The facts that a verdict rests on. Counts and samples are of the measured window only.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evidence {
    /// The requested rate; [`Rate::Max`] is the closed loop, which has no backlog to judge.
    pub rate: Rate,
    /// The part of the run's load that this host has, from 0 to 1: all counts and rates are of its
    /// cycles alone.
    pub part: f64,
    /// The time for which cycles had been issued when the window began.
    pub warmup: Duration,
    /// The instant at which the window began.
    pub start: Time,
    /// The window's length as it was run: shorter than planned if the run was cut.
    pub window: Duration,
    /// The window's length as it was planned.
    pub planned: Duration,
    /// The outcomes of the cycles due in the window.
    pub cycles: Fates,
    /// Cycles of either phase that completed inside the window.
    pub delivered: u64,
    /// The failed or abandoned cycles that are allowed.
    pub max_failed: MaxFailed,
    /// The cycles that the rate requests in the planned window.
    pub asked: f64,
    /// The cycles that were due and that had ended, slot by slot.
    pub course: Course,
    /// The backlog over the window, as it was sampled during the run.
    pub backlog: Vec<BacklogSample>,
    /// The reaction to a backlog at its limit.
    pub on_backlog: OnBacklog,
    /// The limit of the backlog that was requested; `None` for the automatic one.
    pub max_backlog: Option<u64>,
    /// The first time that the backlog passed its limit, warm-up excluded.
    pub passed: Option<LimitPassed>,
    /// Cycles that came due while no lease covered them.
    pub unleased: u64,
    /// Nanoseconds that recording threads waited for the bus, in the worker where they waited most.
    pub bus_stall_ns: u64,
    /// The part of that time which the loop waited between two cycles, and which no cycle's service
    /// includes.
    pub bus_stall_between_ns: u64,
    /// The most cycles that one worker ran at once.
    pub running_max: u64,
    /// The processes that got no processor time for a while, the longest first.
    pub stood_still: Vec<StoodStill>,
    /// The stops of the run by a signal from which it resumed.
    pub pauses: Pauses,
    /// Dead workers, failed hooks and accounts that don't add up, one sentence each.
    pub errors: Vec<String>,
    /// The signal that ended the run, if any.
    pub signal: Option<i32>,
    /// The target's use of the machine; `None` if no process was watched, or for too short a time.
    pub target: Option<TargetUse>,
    /// The thresholds with their values.
    pub thresholds: Vec<MeasuredThreshold>,
    /// The stages of the load profile; empty for a run at one rate, which `course` is the evidence
    /// of.
    pub stages: Vec<StageEvidence>,
}

/// A backlog beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitPassed {
    /// The first sample beyond it.
    pub sample: BacklogSample,
    /// The limit at that time.
    pub limit: BacklogLimit,
}

/// A process that got no processor time for a while: it was stopped, or the machine was busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoodStill {
    /// The worker's index; `None` for the primary.
    pub worker: Option<u32>,
    /// The sum of all times that it stood still.
    pub total: Duration,
}

/// The stops of a run by a signal, each followed by a resumption.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pauses {
    /// The number of stops.
    pub count: u64,
    /// The length of all stops together.
    pub total: Duration,
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    /// The result that the run proves.
    pub verdict: Verdict,
    /// The exit code of the primary: that of the verdict, and of the signal that ended the run.
    pub exit_code: i32,
    /// The reasons, one sentence each: first those of the verdict, then those of the verdicts that
    /// it takes precedence over.
    pub reasons: Vec<String>,
    /// Facts that do not change the verdict and matter to its readers, one sentence each.
    pub warnings: Vec<String>,
    /// The next step to try.
    pub hint: String,
    /// Bounds of the load of workers that run one cycle at a time, as a share of capacity; `None`
    /// if cycles overlap, or in a closed loop.
    pub load: Option<Bounds>,
    /// The window that is expected to show whether the rate is held, if this one does not.
    pub enough: Option<Duration>,
    /// The verdict on each stage of a load profile; empty for a run at one rate.
    pub stages: Vec<StageJudgement>,
}

/// Returns the verdict on the evidence of a run on one host.
#[cfg(test)]
pub(crate) fn judge(evidence: &Evidence) -> Judgement {
    judge_hosts(evidence, &[])
}

/// Returns the verdict on the evidence of all hosts together, with its reasons. What only one of them
/// can have, such as a late primary, is in its own evidence.
#[must_use]
pub(crate) fn judge_hosts(evidence: &Evidence, hosts: &[HostEvidence]) -> Judgement {
    let mut findings = Vec::new();
    let mut warnings = Vec::new();
    // Each check adds its findings; the greatest verdict among them wins.
    errors(evidence, &mut findings);
    let rates = RateJudgement::of(evidence);
    if hosts.is_empty() {
        interruption(evidence, &mut findings);
        harness(evidence, &mut findings, &mut warnings);
    } else {
        hosts::interruption(evidence, hosts, &mut findings);
        hosts::harness(hosts, &mut findings, &mut warnings);
        hosts::limits(evidence, hosts, &mut findings, &mut warnings);
        if let RateJudgement::One(assessment) = &rates {
            hosts::growth(assessment, hosts, &mut warnings);
        }
    }
    match &rates {
        RateJudgement::One(assessment) => {
            backlog(evidence, assessment, &mut findings, &mut warnings);
        }
        RateJudgement::Stages(stages) => {
            stages::findings(evidence, stages, &mut findings, &mut warnings);
        }
    }
    failures(evidence, &mut findings);
    thresholds(evidence, &mut findings, &mut warnings);
    if findings.is_empty() {
        findings.push(match &rates {
            RateJudgement::One(assessment) => success(evidence, assessment),
            RateJudgement::Stages(stages) => stages::success(evidence, stages),
        });
    }
    // The sort is stable: findings of the same verdict stay in the order of the checks above.
    findings.sort_by(|a, b| b.verdict.cmp(&a.verdict));
    let hint = findings[0].hint.clone();
    let verdict = findings[0].verdict.clone();
    let exit_code = verdict.exit_code(evidence.signal);
    let reasons = findings.into_iter().map(|finding| finding.reason).collect();
    let is_open = evidence.rate != Rate::Max;
    let (mut load, mut enough, mut stages) = (None, None, Vec::new());
    match rates {
        RateJudgement::One(assessment) => {
            load = assessment.load.filter(|_| is_open);
            enough = match assessment.trend {
                Trend::Unclear(doubt) if is_open => Some(reason::enough(evidence, doubt)),
                _ => None,
            };
        }
        RateJudgement::Stages(all) => stages = all,
    }
    Judgement { verdict, exit_code, reasons, warnings, hint, load, enough, stages }
}

/// The judgement on the rate of a run, or on the rates of its stages.
enum RateJudgement {
    One(Assessment),
    Stages(Vec<StageJudgement>),
}

impl RateJudgement {
    fn of(evidence: &Evidence) -> Self {
        match evidence.stages.is_empty() {
            true => Self::One(Assessment::of(evidence)),
            false => Self::Stages(stages::judge(evidence)),
        }
    }
}

/// Returns `true` if an error or a signal ended the run.
fn broke_off(evidence: &Evidence) -> bool {
    !evidence.errors.is_empty() || evidence.signal.is_some()
}

/// A fact in the evidence that leads to a verdict.
struct Finding {
    verdict: Verdict,
    reason: String,
    hint: String,
}

fn errors(evidence: &Evidence, findings: &mut Vec<Finding>) {
    findings.extend(evidence.errors.iter().map(|error| Finding {
        verdict: Verdict::Error,
        reason: error.clone(),
        hint: reason::AFTER_ERROR.to_owned(),
    }));
    // An unexplained loss must not pass for a result. A loss by a kill after a second signal
    // explains itself.
    let is_explained = !evidence.errors.is_empty() || evidence.signal.is_some();
    if evidence.cycles.lost > 0 && !is_explained {
        findings.push(Finding {
            verdict: Verdict::Error,
            reason: reason::lost(evidence),
            hint: reason::AFTER_ERROR.to_owned(),
        });
    }
}

fn interruption(evidence: &Evidence, findings: &mut Vec<Finding>) {
    findings.extend(evidence.signal.map(|signal| Finding {
        verdict: Verdict::Interrupted,
        reason: reason::interrupted(evidence, signal),
        hint: reason::AFTER_SIGNAL.to_owned(),
    }));
}

fn harness(evidence: &Evidence, findings: &mut Vec<Finding>, warnings: &mut Vec<String>) {
    let window = evidence.window.as_secs_f64();
    let mut invalid = |reason, hint: &str| {
        findings.push(Finding { verdict: Verdict::Invalid, reason, hint: hint.to_owned() });
    };
    if evidence.cycles.issued == 0 && !broke_off(evidence) {
        invalid(reason::nothing_issued(evidence), reason::AFTER_NOTHING);
    }
    if evidence.unleased as f64 > UNLEASED_SHARE_MAX * evidence.cycles.issued as f64 {
        invalid(reason::unleased(evidence), reason::AFTER_UNLEASED);
    }
    // Waits between two cycles of a closed loop cost throughput and make no time wrong, unless
    // other cycles run at that time. In an open loop they delay the next cycles.
    let is_harmless = evidence.rate == Rate::Max && evidence.running_max <= 1;
    let between_ns = if is_harmless { evidence.bus_stall_between_ns } else { 0 };
    let is_long = |stall_ns: u64| stall_ns as f64 > STALL_SHARE_MAX * window * 1e9;
    if is_long(evidence.bus_stall_ns.saturating_sub(between_ns)) {
        invalid(reason::stalled(evidence), reason::AFTER_STALL);
    } else if is_long(between_ns) {
        warnings.push(reason::stalled_between(evidence));
    }
    if evidence.pauses.total.as_secs_f64() > PAUSE_SHARE_MAX * window {
        invalid(reason::paused(evidence), reason::AFTER_PAUSE);
    } else if evidence.pauses.count > 0 {
        warnings.push(reason::paused(evidence));
    }
    // If the whole run was paused, that has been reported above.
    if evidence.pauses.count == 0 && !evidence.stood_still.is_empty() {
        warnings.push(reason::stood_still(evidence));
    }
}

fn backlog(
    evidence: &Evidence,
    assessment: &Assessment,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<String>,
) {
    if evidence.rate == Rate::Max {
        return;
    }
    let mut unsustained = |reason| {
        let hint = bottleneck::before(evidence, reason::lower_rate(evidence));
        findings.push(Finding { verdict: Verdict::Unsustained, reason, hint });
    };
    match (evidence.passed, evidence.on_backlog) {
        (Some(passed), OnBacklog::Stop) => unsustained(reason::limit_passed(evidence, passed)),
        (Some(passed), OnBacklog::Skip | OnBacklog::Queue) => {
            warnings.push(reason::limit_passed(evidence, passed));
        }
        (None, _) => between_samples(evidence, &mut unsustained, warnings),
    }
    if evidence.cycles.skipped > 0 {
        unsustained(reason::skipped(evidence));
    }
    // A window that was cut has no last tenth to compare: it ends where the run was stopped.
    if evidence.passed.is_some() && evidence.on_backlog == OnBacklog::Stop {
        return;
    }
    let is_overloaded = assessment.trend == Trend::Overloaded;
    match assessment.trend {
        Trend::Held => {}
        Trend::Overloaded => unsustained(reason::overloaded(assessment, &JudgedSpan::of(evidence))),
        // A run that broke off early, or without a cycle, has its reason already.
        Trend::Unclear(_) if broke_off(evidence) || evidence.cycles.issued == 0 => {}
        Trend::Unclear(doubt) => findings.push(Finding {
            verdict: Verdict::Inconclusive,
            reason: reason::unclear(&JudgedSpan::of(evidence), assessment, doubt),
            hint: reason::longer(evidence, assessment, doubt),
        }),
    }
    // If a run is cut, some due cycles are not allowed to begin. At its planned end all of them had
    // the whole drain deadline to begin in. A queue that long does not prove overload by itself.
    if evidence.cycles.unstarted > 0 && evidence.window >= evidence.planned {
        findings.push(Finding {
            verdict: if is_overloaded { Verdict::Unsustained } else { Verdict::Inconclusive },
            reason: reason::unstarted(evidence),
            hint: reason::drain_longer(evidence),
        });
    }
}

/// Compares a requested limit with the backlog between its samples. An automatic limit is far above
/// what a system needs that holds the rate, so that its samples are enough.
fn between_samples(
    evidence: &Evidence,
    unsustained: &mut impl FnMut(String),
    warnings: &mut Vec<String>,
) {
    let Some(limit) = evidence.max_backlog else { return };
    // Cycles that were skipped or lost were due and never ended: the course has them in flight.
    if evidence.cycles.skipped + evidence.cycles.lost > 0 {
        return;
    }
    let share = evidence.window.as_secs_f64() / evidence.planned.as_secs_f64();
    let slots = (share.min(1.0) * SLOTS as f64) as usize;
    let (least, most) = evidence.course.peak(slots);
    if least > limit && evidence.on_backlog != OnBacklog::Stop {
        warnings.push(reason::passed_between(limit, least));
    } else if least > limit {
        unsustained(reason::passed_between(limit, least));
    } else if most > limit {
        warnings.push(reason::perhaps_passed(evidence, limit));
    }
}

fn failures(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let cycles = &evidence.cycles;
    if evidence.max_failed.is_passed_by(cycles.failed + cycles.abandoned, cycles.issued) {
        findings.push(Finding {
            verdict: Verdict::Failed,
            reason: reason::failed(evidence),
            hint: reason::after_failure(evidence),
        });
    }
}

fn thresholds(evidence: &Evidence, findings: &mut Vec<Finding>, warnings: &mut Vec<String>) {
    let breached = evidence.thresholds.iter().filter(|threshold| !threshold.is_met());
    findings.extend(breached.map(|threshold| Finding {
        verdict: Verdict::Failed,
        reason: threshold.breach(),
        hint: threshold::after_breach(evidence, threshold),
    }));
    warnings.extend(evidence.thresholds.iter().filter_map(|one| one.too_few(evidence.window)));
}

fn success(evidence: &Evidence, assessment: &Assessment) -> Finding {
    match evidence.rate {
        Rate::PerSecond(rate) => Finding {
            verdict: Verdict::Sustained,
            reason: reason::sustained(evidence, assessment),
            hint: match evidence.part < 1.0 {
                true => reason::OTHER_HOSTS.to_owned(),
                false => reason::higher_rate(rate),
            },
        },
        Rate::Max => Finding {
            verdict: Verdict::Completed,
            reason: reason::completed(evidence),
            hint: reason::some_rate(evidence),
        },
    }
}

#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;
