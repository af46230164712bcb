//! The part that the stages have in the verdict of their run.

use dyno_summary::Verdict;

use super::{CYCLES_MIN, StageJudgement, prepared, sentence};
use crate::plan::OnBacklog;
use crate::verdict::trend::allowed_growth;
use crate::verdict::{Evidence, Finding, bottleneck, broke_off, reason};

/// Adds the findings about the rates of a profile: those of its stages, or, if no stage is judged by
/// itself, that on its end.
pub(in crate::verdict) fn findings(
    evidence: &Evidence,
    stages: &[StageJudgement],
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<String>,
) {
    let mut add = |verdict, reason: String, hint: String| {
        findings.push(Finding { verdict, reason, hint });
    };
    let lower = |hint| bottleneck::before(evidence, hint);
    let is_stopped = match (evidence.passed, evidence.on_backlog) {
        (Some(passed), OnBacklog::Stop) => {
            let reason = reason::limit_passed(evidence, passed);
            add(Verdict::Unsustained, reason, lower(sentence::LOWER.to_owned()));
            true
        }
        // An automatic limit says no more than the stages do.
        (Some(passed), OnBacklog::Skip | OnBacklog::Queue) if evidence.max_backlog.is_some() => {
            warnings.push(reason::limit_passed(evidence, passed));
            false
        }
        _ => false,
    };
    if evidence.cycles.skipped > 0 {
        add(Verdict::Unsustained, reason::skipped(evidence), lower(sentence::LOWER.to_owned()));
    }
    for (index, stage) in stages.iter().enumerate() {
        let hint = match stage.verdict {
            Some(Verdict::Unsustained) => lower(sentence::lower(index + 1)),
            Some(Verdict::Inconclusive) => sentence::longer(index + 1, stage.enough),
            _ => continue,
        };
        let verdict = stage.verdict.clone().expect("one of the two above");
        add(verdict, stage.reason.clone(), hint);
    }
    let is_broken_off = is_stopped || broke_off(evidence);
    let none_judged = stages.iter().all(|stage| stage.verdict.is_none());
    if none_judged && !is_broken_off {
        findings.extend(at_end(evidence, stages));
    }
    if evidence.cycles.unstarted > 0 && evidence.window >= evidence.planned {
        let last = stages.last().and_then(|stage| stage.verdict.as_ref());
        let is_overloaded = last == Some(&Verdict::Unsustained);
        findings.push(Finding {
            verdict: if is_overloaded { Verdict::Unsustained } else { Verdict::Inconclusive },
            reason: reason::unstarted(evidence),
            hint: sentence::DRAIN_LONGER.to_owned(),
        });
    }
}

/// Judges a profile without a stage that is judged by itself, by its end; `None` if the backlog was
/// at its level then.
fn at_end(evidence: &Evidence, stages: &[StageJudgement]) -> Option<Finding> {
    if evidence.asked < CYCLES_MIN {
        return Some(Finding {
            verdict: Verdict::Inconclusive,
            reason: sentence::too_few(evidence),
            hint: sentence::MORE_CYCLES.to_owned(),
        });
    }
    let prepared = prepared(&evidence.stages);
    let (last, judgement) = prepared.last().zip(stages.last())?;
    let level = last.quickest_level();
    let allowed = allowed_growth(last.of.stage.cycles());
    if judgement.backlog_end <= level.bound(last.of.stage.to) + allowed {
        return None;
    }
    Some(Finding {
        verdict: Verdict::Unsustained,
        reason: sentence::above_at_end(evidence, judgement),
        hint: sentence::LOWER.to_owned(),
    })
}

/// Returns the finding of a profile without any trouble.
pub(in crate::verdict) fn success(evidence: &Evidence, stages: &[StageJudgement]) -> Finding {
    Finding {
        verdict: Verdict::Sustained,
        reason: sentence::sustained(evidence, stages),
        hint: match evidence.part < 1.0 {
            true => reason::OTHER_HOSTS.to_owned(),
            false => sentence::find_limit(evidence),
        },
    }
}
