//! The sentences about stages: their reasons, with numbers, and the next step to try.

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

use super::judged::{CYCLE_TIMES_MIN, Judged, StageAnswer};
use super::{CYCLES_MIN, Recovery, StageJudgement};
use crate::plan::Rate;
use crate::plan::profile::{Profile, Stage};
use crate::verdict::Evidence;
use crate::verdict::reason::{self, JudgedSpan, cycles, decimal, seconds};
use crate::verdict::trend::Trend;

pub(super) const LOWER: &str = "lower the rates, or try more --workers, or a faster task";
pub(super) const MORE_CYCLES: &str = "give the stages more time, or higher rates";
pub(super) const DRAIN_LONGER: &str =
    "lower the last rate; or give the backlog longer to drain: --drain-deadline 1m";

/// The highest rate of the ramp that is suggested after a sustained run, as a multiple of the
/// highest rate that was held.
const RAMP_FACTOR: f64 = 4.0;

/// Returns the name of a stage: `stage 3 of 4 (10s:20k)`.
pub(super) fn name(number: usize, count: usize, stage: &Stage) -> String {
    format!("stage {number} of {count} ({stage})")
}

/// Returns the reason of a stage's verdict.
pub(super) fn of(
    name: &str,
    stage: &Judged<'_>,
    evidence: &Evidence,
    answer: &StageAnswer,
    breaking_point: Option<f64>,
) -> String {
    let start = stage.course.backlog_before().max(0.0);
    let end = stage.path.last().copied().unwrap_or(start);
    match answer {
        StageAnswer::NotReached => format!("{name} was not reached"),
        StageAnswer::Incomplete => {
            format!("{name} is not judged: a worker did not report its cycles")
        }
        StageAnswer::Cut => {
            format!("{name} was cut after {}, and is not judged", seconds(stage.of.run))
        }
        StageAnswer::Short => format!("{name} is not judged by itself: {}", too_short(stage)),
        StageAnswer::NeverBack => format!(
            "{name} was not sustained: it began with a backlog of {} that earlier stages left, and \
             at its end the backlog was still {}, above its level",
            decimal(start),
            decimal(end),
        ),
        StageAnswer::Ramp { passed } => {
            let left = breaking_point.map(|rate| {
                format!("the backlog left its level for good at {}", Rate::PerSecond(rate.round()))
            });
            match (passed, left) {
                (Some(passed), left) => {
                    let left = left.map_or(String::new(), |left| format!("; {left}"));
                    let passed = reason::limit_passed(evidence, *passed);
                    format!("{name} was not sustained: {passed}{left}")
                }
                (None, Some(left)) => format!("{name}: {left}"),
                (None, None) => format!("{name}: the backlog did not leave its level for good"),
            }
        }
        StageAnswer::Constant { assessment, back } => {
            let span =
                JudgedSpan { due: stage.due(), length: stage.of.stage.duration, name: "stage" };
            match assessment.trend {
                Trend::Overloaded => {
                    let grew = reason::overloaded(assessment, &span);
                    format!("{name} was not sustained: {grew}")
                }
                Trend::Unclear(doubt) => {
                    format!("{name}: {}", reason::unclear(&span, assessment, doubt))
                }
                Trend::Held if *back > 0 => format!(
                    "{name} was sustained: it began with a backlog of {} that earlier stages left, \
                     which was gone after {}",
                    decimal(start),
                    seconds(stage.until(*back)),
                ),
                Trend::Held => format!(
                    "{name} was sustained: the backlog stayed bounded, {} at first, {} at last on \
                     average",
                    decimal(assessment.first),
                    decimal(assessment.last),
                ),
            }
        }
    }
}

/// Returns the reason why a constant stage is not judged.
fn too_short(stage: &Judged<'_>) -> String {
    let planned = stage.of.as_run().cycles();
    if planned < CYCLES_MIN {
        return format!("it has {}, and {CYCLES_MIN} are needed", cycles(planned.round() as u64));
    }
    if stage.of.is_ended_by_hand && !stage.is_a_third() {
        return "it is shorter than a third of the window that was left when it began".to_owned();
    }
    format!("it is shorter than {CYCLE_TIMES_MIN} times the time that a cycle takes")
}

/// Returns the end of a reason: when the backlog was back at its level.
pub(super) fn recovery(recovery: Option<Recovery>) -> String {
    match recovery {
        None => String::new(),
        Some(Recovery::After(time)) => {
            format!("; {} after the stage, the backlog was back at its level", seconds(time))
        }
        Some(Recovery::Never) => {
            "; the backlog was not back at its level when the last stage ended".to_owned()
        }
    }
}

/// Returns the reason of a run whose stages show no trouble.
pub(super) fn sustained(evidence: &Evidence, stages: &[StageJudgement]) -> String {
    let judged = stages.iter().filter(|stage| stage.verdict.is_some()).count();
    let stages_shown = match (judged, stages.len()) {
        (0, _) => {
            "no stage is judged by itself, and the backlog was within its limit, and at its level \
             at the end"
                .to_owned()
        }
        (judged, all) if judged == all => "each stage was sustained".to_owned(),
        (1, all) => format!("the one stage (of {all}) that is judged by itself was sustained"),
        (judged, all) => format!(
            "each of the {judged} stages (of {all}) that are judged by themselves was sustained"
        ),
    };
    format!(
        "{} came due in {} over {}, {}; {stages_shown}",
        cycles(evidence.cycles.issued),
        stage_count(stages.len()),
        seconds(evidence.window),
        reason::fate(evidence),
    )
}

pub(super) fn too_few(evidence: &Evidence) -> String {
    format!(
        "{} in {} are too few to tell whether the backlog grows",
        cycles(evidence.cycles.issued),
        stage_count(evidence.stages.len()),
    )
}

/// Returns the reason of a profile without a judged stage, whose backlog was high at the end.
pub(super) fn above_at_end(evidence: &Evidence, last: &StageJudgement) -> String {
    let left = last.breaking_point.map_or(String::new(), |rate| {
        format!(": it left its level for good at {}", Rate::PerSecond(rate.round()))
    });
    format!(
        "the backlog was {} when the last of {} ended, above its level{left}",
        decimal(last.backlog_end),
        stage_count(evidence.stages.len()),
    )
}

/// Returns the hint after a stage that was not sustained.
pub(super) fn lower(number: usize) -> String {
    format!("lower the rate of stage {number}, or try more --workers, or a faster task")
}

/// Returns the hint after a stage that shows too little.
pub(super) fn longer(number: usize, enough: Option<Duration>) -> String {
    match enough.filter(|enough| *enough <= reason::LONGEST_TRY) {
        Some(enough) => {
            format!("make stage {number} longer: {}", reason::round_duration(enough.as_secs_f64()))
        }
        None => format!(
            "the rate of stage {number} is at capacity, where even an hour would hardly tell: try \
             another one"
        ),
    }
}

/// Returns the hint after a run without any trouble: a ramp beyond its highest rate.
pub(super) fn find_limit(evidence: &Evidence) -> String {
    let rates = evidence.stages.iter().map(|of| of.stage.highest_rate());
    let highest = rates.fold(0.0, f64::max);
    if highest >= RATE_MAX {
        return "this is the highest rate that dyno issues".to_owned();
    }
    let to = (highest * RAMP_FACTOR).min(RATE_MAX);
    let ramp = Stage { from: highest, to, duration: Duration::from_secs(60) };
    let ramp = Profile::new(vec![ramp]).map_or(String::new(), |ramp| ramp.to_string());
    format!("a ramp shows the rate at which the backlog leaves its level: --stages '{ramp}'")
}

fn stage_count(count: usize) -> String {
    if count == 1 { "1 stage".to_owned() } else { format!("{count} stages") }
}
