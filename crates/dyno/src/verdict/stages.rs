//! The verdict on each stage of a load profile, and its part in the verdict of the run.
//!
//! A constant stage is judged as a separate window, by the rule of [`super::trend`]; the stages
//! share the error rate of the run. A ramp is judged by the limit of the backlog only, and shows
//! the rate at which the backlog left its level for good. A backlog that one stage left is not the
//! fault of the next: a stage is judged from where the backlog is back at its level.

mod dues;
mod judged;
mod level;
mod run;
mod sentence;

use std::time::Duration;

use dyno_bus::timeline::SLOTS;
use dyno_summary::Verdict;

use self::dues::DueCount;
use self::judged::{Judged, SLOTS_PER_PART, StageAnswer};
use self::level::Level;
pub(super) use self::run::{findings, success};
use super::Evidence;
use super::bounds::Confidence;
use super::course::{CohortAges, Course};
use super::trend::Trend;
use crate::plan::BacklogLimit;
use crate::plan::profile::Stage;

/// The fewest cycles of a stage that is judged by itself: as many as the default run has.
const CYCLES_MIN: f64 = 250.0;
/// The facts about one stage that its verdict rests on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StageEvidence {
    /// The stage as it was planned.
    pub stage: Stage,
    /// The time for which it was run: less than planned if the run was cut, zero if it was never
    /// reached.
    pub run: Duration,
    /// The cycles that were due in it and that ended in it. Only the first stage's course has the
    /// cycles that were due before it.
    pub course: Course,
    /// `true` if every worker reported its cycles. Otherwise the course has too few that ended.
    pub is_complete: bool,
    /// `true` if it ended because the rate was changed by hand: then it was run to its end.
    pub is_ended_by_hand: bool,
    /// The limit of the backlog in it; `None` if any number of cycles is allowed.
    pub limit: Option<BacklogLimit>,
}

impl StageEvidence {
    /// Returns the stage with the length that it had: a change by hand ends it.
    fn as_run(&self) -> Stage {
        if !self.is_ended_by_hand {
            return self.stage;
        }
        let share = self.run.as_secs_f64() / self.stage.duration.as_secs_f64();
        Stage { to: self.stage.rate_at(share), duration: self.run, ..self.stage }
    }
}

/// The verdict on one stage, with its reason.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StageJudgement {
    /// The stage as it was planned.
    pub stage: Stage,
    /// The cycles that were due in it.
    pub due: u64,
    /// Those of them that ended at any time.
    pub ended: u64,
    /// The cycles that ended during it, per second.
    pub delivered: f64,
    /// The mean response of the cycles that were due in it, in seconds; `None` if none ended.
    pub response: Option<f64>,
    /// The verdict; `None` if the stage is not judged by itself.
    pub verdict: Option<Verdict>,
    /// The reason, in one sentence that names the stage.
    pub reason: String,
    /// The backlog at its beginning.
    pub backlog_start: f64,
    /// The largest backlog of its slots.
    pub backlog_max: f64,
    /// The backlog at its end.
    pub backlog_end: f64,
    /// The return of the backlog to its level, after a stage that was not sustained.
    pub recovery: Option<Recovery>,
    /// The rate at which the backlog of a ramp left its level for good; `None` if it did not.
    pub breaking_point: Option<f64>,
    /// The length of a stage that is expected to show whether the rate is held, if this one does
    /// not.
    enough: Option<Duration>,
}

/// The return of the backlog to its level after a stage that was not sustained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// It was back this long after the stage's end.
    After(Duration),
    /// It was not back when the last stage ended.
    Never,
}

/// The level of the backlog before a stage, as far as it is known.
#[derive(Debug, Clone)]
struct EarlierStages {
    /// The level in the last stage that was sustained.
    level: Option<Level>,
    /// The ages of that stage's cohort, and the length of the stage.
    ages: Option<(CohortAges, Duration)>,
    /// `true` if the stage before was sustained, and for the first one: then no backlog is left over.
    is_clean: bool,
}

/// Judges all stages of a run.
#[must_use]
pub(crate) fn judge(evidence: &Evidence) -> Vec<StageJudgement> {
    let stages = prepared(&evidence.stages);
    // In an overload, and behind a backlog, cycles take longer.
    let cycle = stages.iter().map(Judged::quickest_cycle).fold(f64::INFINITY, f64::min);
    let judged = stages.iter().filter(|stage| stage.is_judged_by_itself(cycle)).count();
    let confidence = Confidence::of_each(judged);
    let mut before = EarlierStages { level: None, ages: None, is_clean: true };
    let mut levels = Vec::new();
    let mut answers = Vec::new();
    for stage in &stages {
        levels.push(before.level);
        let answer = match stage.is_judged_by_itself(cycle) {
            true => stage.judge(evidence, &before, confidence),
            false => stage.without_judgement(evidence),
        };
        before = before.after(stage, &answer);
        answers.push(answer);
    }
    let mut judgements = Vec::new();
    for (index, (stage, answer)) in stages.iter().zip(&answers).enumerate() {
        let mut judgement = stage.judgement(answer, levels[index]);
        let name = sentence::name(index + 1, stages.len(), &stage.of.as_run());
        let breaking_point = judgement.breaking_point;
        judgement.reason = sentence::of(&name, stage, evidence, answer, breaking_point);
        if judgement.verdict == Some(Verdict::Unsustained) || breaking_point.is_some() {
            let level = levels[index].unwrap_or_else(|| quickest_level(&stages));
            judgement.recovery = recovery(&stages, index, level);
            judgement.reason += &sentence::recovery(judgement.recovery);
        }
        judgements.push(judgement);
    }
    judgements
}

/// Returns all stages, each with the cycles that were due before it: those that came due within its
/// own length, slot by slot.
fn prepared(all: &[StageEvidence]) -> Vec<Judged<'_>> {
    let mut dues = DueCount::default();
    let mut offset = Duration::ZERO;
    let mut stages = Vec::new();
    for (index, of) in all.iter().enumerate() {
        let mut course = of.course.clone();
        if index > 0 {
            dues.before(offset, &of.stage, &mut course);
        }
        dues.add(offset, of);
        stages.push(Judged::new(of, course, offset));
        offset += of.as_run().duration;
    }
    stages
}

/// Returns the level before a stage, for want of an earlier one that was held: that of the quickest
/// stage.
fn quickest_level(stages: &[Judged<'_>]) -> Level {
    let reached = stages.iter().filter(|stage| !stage.path.is_empty());
    let levels = reached.map(Judged::quickest_level);
    levels.min_by(|a, b| a.response.total_cmp(&b.response)).unwrap_or_default()
}

/// Returns when the backlog was back at the level after the stage `index`; `None` if no stage
/// follows it.
fn recovery(stages: &[Judged<'_>], index: usize, level: Level) -> Option<Recovery> {
    let ended = stages[index].offset + stages[index].of.as_run().duration;
    let mut later = stages[index + 1..].iter().filter(|stage| !stage.path.is_empty()).peekable();
    later.peek()?;
    let back = later.find_map(|stage| {
        let slot = level.first_at(&stage.path, &stage.of.stage)?;
        Some(stage.offset + stage.until(slot) - ended)
    });
    Some(back.map_or(Recovery::Never, Recovery::After))
}

impl EarlierStages {
    /// Returns the level before the stage that follows `stage`.
    fn after(self, stage: &Judged<'_>, answer: &StageAnswer) -> Self {
        match answer {
            StageAnswer::Constant { assessment, back } if assessment.trend == Trend::Held => {
                let from = back.next_multiple_of(SLOTS_PER_PART);
                let level = stage.level_from(from / SLOTS_PER_PART).or(self.level);
                let ages = match *back {
                    0 => Some((stage.course.ages(SLOTS), stage.of.stage.duration)),
                    _ => self.ages,
                };
                Self { level, ages, is_clean: true }
            }
            _ => Self { is_clean: false, ..self },
        }
    }
}

#[cfg(test)]
mod tests;
