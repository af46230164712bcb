//! The verdict: what a run's evidence proves, why, and what to try next.
//!
//! Pure: [`judge`] reads an [`Evidence`] and nothing else, so that every verdict can be tested
//! without a process. Whether the rate was held is decided in [`trend`]; `docs/verdicts.md` says
//! the same for users.

mod bounds;
pub mod course;
mod reason;
pub mod trend;

use std::fmt;
use std::time::Duration;

use dyno_bus::Time;

use self::course::Course;
use self::trend::{Assessment, Trend};
use super::backlog::BacklogSample;
use super::plan::{BacklogLimit, MaxFailed, OnBacklog, Rate};

/// The share of cycles that may come due without a lease before the harness itself was what was
/// measured: one in a thousand moves no percentile below p99.9.
pub const UNLEASED_SHARE_MAX: f64 = 0.001;
/// The share of the window for which the bus may hold up recording threads: above it, the task's
/// own times are wrong by as much.
pub const STALL_SHARE_MAX: f64 = 0.01;
/// The share of the window for which the run may have been stopped by a signal.
pub const PAUSE_SHARE_MAX: f64 = 0.01;
/// What an exit code of a run ended by a signal is counted from, as shells do.
const SIGNAL_EXIT: i32 = 128;

/// What a run proves. Ordered by precedence: of several that hold, the greatest is the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A closed loop, which asks for no rate: every cycle completed.
    Completed,
    /// The backlog stayed bounded and every cycle completed.
    Sustained,
    /// The window does not tell whether the rate is held.
    Inconclusive,
    /// More cycles failed or were abandoned than allowed.
    Failed,
    /// The backlog passed its limit or grew, or cycles were skipped.
    Unsustained,
    /// The harness was the bottleneck, or nothing was measured.
    Invalid,
    /// A signal ended the run.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// A worker, a hook or the accounting failed.
    Error,
}

impl Verdict {
    /// The code that the primary exits with. Code 2 is left to what was refused before the start.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Completed | Self::Sustained => 0,
            Self::Unsustained => 1,
            Self::Failed => 3,
            Self::Invalid => 4,
            Self::Error => 5,
            Self::Inconclusive => 6,
            Self::Interrupted { signal } => SIGNAL_EXIT + signal,
        }
    }

    /// The verdict's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Sustained => "sustained",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
            Self::Unsustained => "unsustained",
            Self::Invalid => "invalid",
            Self::Interrupted { .. } => "interrupted",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All that a verdict rests on. Counts and samples are of the measured window only.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The rate asked for; [`Rate::Max`] is the closed loop, which has no backlog to judge.
    pub rate: Rate,
    /// For how long cycles had been issued when the window began.
    pub warmup: Duration,
    /// When the window began.
    pub start: Time,
    /// The window's length as it was run: shorter than planned if the run was cut.
    pub window: Duration,
    /// The window's length as it was planned.
    pub planned: Duration,
    /// What became of the cycles due in the window.
    pub cycles: WindowCounts,
    /// Cycles of either phase that ended well inside the window.
    pub delivered: u64,
    /// How many failed or abandoned ones are allowed.
    pub max_failed: MaxFailed,
    /// The cycles that the rate asks for in the planned window.
    pub asked: f64,
    /// What was due and what had ended, slot by slot.
    pub course: Course,
    /// The backlog over the window, as it was sampled while the run went on.
    pub backlog: Vec<BacklogSample>,
    /// What happens at the backlog's limit.
    pub on_backlog: OnBacklog,
    /// The first time that the backlog passed its limit, warm-up excluded.
    pub passed: Option<LimitPassed>,
    /// Cycles that came due while no lease covered them.
    pub unleased: u64,
    /// For how long recording threads waited for the bus, in the worker where that was longest.
    pub bus_stall_ns: u64,
    /// How much of that the loop waited between two cycles, which is in no cycle's service.
    pub bus_stall_between_ns: u64,
    /// The most cycles that one worker ran at once.
    pub running_max: u64,
    /// The processes that got no processor time for a while, the longest first.
    pub stood_still: Vec<StoodStill>,
    /// For how long, and how often, the run was stopped by a signal and resumed.
    pub pauses: Pauses,
    /// Workers that died, hooks that failed, accounts that don't add up: a sentence each.
    pub errors: Vec<String>,
    /// The signal that ended the run, if one did.
    pub signal: Option<i32>,
}

/// What became of the cycles due in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowCounts {
    /// Due before the cut: the sum of all the others.
    pub issued: u64,
    /// Ended well.
    pub completed: u64,
    /// Ended with an error or a panic.
    pub failed: u64,
    /// Never begun, by the policy `skip`.
    pub skipped: u64,
    /// Due before the cut and never begun.
    pub unstarted: u64,
    /// Begun and dropped at the drain deadline.
    pub abandoned: u64,
    /// Of a worker that died.
    pub lost: u64,
}

/// The backlog beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitPassed {
    /// The first sample beyond it.
    pub sample: BacklogSample,
    /// What it might have been.
    pub limit: BacklogLimit,
}

/// A process that got no processor time for a while: it was stopped, or the machine was busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoodStill {
    /// The worker; `None` is the primary.
    pub worker: Option<u32>,
    /// For how long, in all.
    pub total: Duration,
}

/// Stops by a signal that the run came back from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pauses {
    /// How often.
    pub count: u64,
    /// For how long in all.
    pub total: Duration,
}

/// A verdict with its grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What the run proves.
    pub verdict: Verdict,
    /// Why, a sentence each: first those of the verdict, then those that it takes precedence over.
    pub reasons: Vec<String>,
    /// What does not change the verdict and should be known when reading it.
    pub warnings: Vec<String>,
    /// What to try next.
    pub hint: String,
}

/// What the evidence proves.
#[must_use]
pub fn judge(evidence: &Evidence) -> Judgement {
    let mut findings = Vec::new();
    let mut warnings = Vec::new();
    errors(evidence, &mut findings);
    interruption(evidence, &mut findings);
    harness(evidence, &mut findings, &mut warnings);
    let assessment = Assessment::of(evidence);
    backlog(evidence, &assessment, &mut findings, &mut warnings);
    failures(evidence, &mut findings);
    if findings.is_empty() {
        findings.push(success(evidence, &assessment));
    }
    // Stable: findings of one verdict stay in the order in which they were made.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    let hint = findings[0].hint.clone();
    let verdict = findings[0].verdict;
    let reasons = findings.into_iter().map(|finding| finding.reason).collect();
    Judgement { verdict, reasons, warnings, hint }
}

/// Returns `true` if an error or a signal ended the run.
fn broke_off(evidence: &Evidence) -> bool {
    !evidence.errors.is_empty() || evidence.signal.is_some()
}

/// One thing that the evidence shows.
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
    // A loss that nobody explained must not pass for a result. What a second signal kills explains
    // itself.
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
        verdict: Verdict::Interrupted { signal },
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
    // What passes between two cycles of a closed loop costs throughput, and makes no time wrong, unless
    // other cycles run meanwhile. In an open loop it delays the next ones.
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
    // A pause of the whole run has been reported.
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
        let hint = reason::lower_rate(evidence);
        findings.push(Finding { verdict: Verdict::Unsustained, reason, hint });
    };
    match (evidence.passed, evidence.on_backlog) {
        (Some(passed), OnBacklog::Stop) => unsustained(reason::limit_passed(evidence, passed)),
        (Some(passed), OnBacklog::Skip | OnBacklog::Queue) => {
            warnings.push(reason::limit_passed(evidence, passed));
        }
        (None, _) => {}
    }
    if evidence.cycles.skipped > 0 {
        unsustained(reason::skipped(evidence));
    }
    // A window that was cut has no last tenth: its end is the cut's.
    if evidence.passed.is_some() && evidence.on_backlog == OnBacklog::Stop {
        return;
    }
    let is_overloaded = assessment.trend == Trend::Overloaded;
    match assessment.trend {
        Trend::Held => {}
        Trend::Overloaded => unsustained(reason::overloaded(assessment)),
        // A run that broke off early has said why.
        Trend::Unclear(_) if broke_off(evidence) => {}
        Trend::Unclear(doubt) => findings.push(Finding {
            verdict: Verdict::Inconclusive,
            reason: reason::unclear(evidence, assessment, doubt),
            hint: reason::longer(evidence, assessment, doubt),
        }),
    }
    // Where a run is cut, cycles are due that nobody lets begin; at its planned end, all of them
    // had the whole drain deadline to. A queue that long is no proof of overload by itself.
    if evidence.cycles.unstarted > 0 && evidence.window >= evidence.planned {
        findings.push(Finding {
            verdict: if is_overloaded { Verdict::Unsustained } else { Verdict::Inconclusive },
            reason: reason::unstarted(evidence),
            hint: reason::drain_longer(evidence),
        });
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

fn success(evidence: &Evidence, assessment: &Assessment) -> Finding {
    match evidence.rate {
        Rate::PerSecond(rate) => Finding {
            verdict: Verdict::Sustained,
            reason: reason::sustained(evidence, assessment),
            hint: reason::higher_rate(rate),
        },
        Rate::Max => Finding {
            verdict: Verdict::Completed,
            reason: reason::completed(evidence),
            hint: reason::some_rate(evidence),
        },
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
