//! One stage, judged: from its evidence to its answer, and from the answer to the facts that the
//! result has.

use std::time::Duration;

use dyno_bus::timeline::{PARTS, SLOTS};
use dyno_summary::Verdict;

use super::level::{Level, is_falling};
use super::{CYCLES_MIN, EarlierStages, StageEvidence, StageJudgement};
use crate::verdict::bounds::{Confidence, Z999, block_means, walk_slope};
use crate::verdict::course::{Course, Extent};
use crate::verdict::trend::{Assessment, Doubt, Trend, WindowPart};
use crate::verdict::{BacklogSample, Evidence, LimitPassed, reason};

/// The least length of a stage that is judged by itself, as a multiple of the time that a cycle
/// takes.
pub(super) const CYCLE_TIMES_MIN: f64 = 10.0;
/// The slots of a part of the window.
pub(super) const SLOTS_PER_PART: usize = SLOTS / PARTS;
/// The shortest fall of a backlog that shows, by itself, that the rate is below capacity; in slots.
/// Each of its blocks has two.
const FALL_MIN: usize = 40;

/// A stage while all stages are judged: its evidence, with the cycles that were due before it.
pub(super) struct Judged<'a> {
    pub(super) of: &'a StageEvidence,
    pub(super) course: Course,
    extent: Option<Extent>,
    /// The backlog at the end of each slot that was run.
    pub(super) path: Vec<f64>,
    /// The time from the window's start to this stage.
    pub(super) offset: Duration,
}

/// The answer on one stage, before it is put in words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum StageAnswer {
    /// It was not reached.
    NotReached,
    /// A worker did not report its cycles.
    Incomplete,
    /// It was cut by the end of the run.
    Cut,
    /// It is too short to be judged by itself.
    Short,
    /// A constant stage. The backlog was at its level from this slot on.
    Constant { assessment: Assessment, back: usize },
    /// A constant stage whose backlog did not come back to its level.
    NeverBack,
    /// A ramp, with the first sample beyond the limit.
    Ramp { passed: Option<LimitPassed> },
}

impl<'a> Judged<'a> {
    /// Creates the stage that begins `offset` after the window's start.
    pub(super) fn new(of: &'a StageEvidence, course: Course, offset: Duration) -> Self {
        let extent = Extent::of(of.run, of.stage.duration);
        let share = of.run.as_secs_f64() / of.stage.duration.as_secs_f64();
        let path = course.backlog(((share * SLOTS as f64) as usize).min(SLOTS));
        Self { of, course, extent, path, offset }
    }

    /// Returns the lower quartile of response, in seconds, in the sixth of the stage that has the
    /// shortest one.
    pub(super) fn quickest_cycle(&self) -> f64 {
        if self.path.is_empty() {
            return f64::INFINITY;
        }
        let quartiles = self.course.response_quartile::<6>(PARTS).into_iter();
        quartiles.fold(f64::INFINITY, f64::min) * self.of.stage.duration.as_secs_f64()
    }

    /// Returns the level by the sixth of the stage that has the shortest mean response, for want of a
    /// stage that was held.
    pub(super) fn quickest_level(&self) -> Level {
        let responses = self.course.response::<6>(PARTS).into_iter();
        let response = responses.filter(|response| *response > 0.0).reduce(f64::min);
        let response = response.unwrap_or(0.0) * self.of.stage.duration.as_secs_f64();
        Level { response, rate: 0.0 }
    }

    /// Returns the level of a stage that was held, by its cycles from a part on; `None` if none of
    /// these ended.
    pub(super) fn level_from(&self, part: usize) -> Option<Level> {
        let timeline = &self.course.timeline;
        let cycles: u64 = timeline.part_cycles[part..].iter().sum();
        let response: f64 = timeline.part_response[part..].iter().sum();
        let response = response * self.of.stage.duration.as_secs_f64() / cycles as f64;
        (cycles > 0).then_some(Level { response, rate: self.of.stage.from })
    }

    /// Returns the number of cycles that were due in it.
    pub(super) fn due(&self) -> u64 {
        self.course.due[SLOTS..].iter().sum()
    }

    /// Returns the time from its beginning to the end of a slot.
    pub(super) fn until(&self, slot: usize) -> Duration {
        self.of.stage.duration.mul_f64((slot + 1) as f64 / SLOTS as f64)
    }

    /// Returns `true` if the stage was run to its end.
    fn is_whole(&self) -> bool {
        self.of.run >= self.of.as_run().duration
    }

    /// Returns `true` if the run part of the stage is long enough for its timeline to show a trend:
    /// about a third of it.
    pub(super) fn is_a_third(&self) -> bool {
        self.extent.is_some()
    }

    /// Returns `true` if the stage is constant, and long enough to be judged as a window, where a
    /// cycle takes this many seconds.
    pub(super) fn is_judged_by_itself(&self, cycle: f64) -> bool {
        let stage = self.of.as_run();
        let is_long = cycle * CYCLE_TIMES_MIN <= stage.duration.as_secs_f64();
        // A stretch may be a small part of its planned length, which its timeline has.
        let is_known = self.is_whole() && self.of.is_complete && self.is_a_third();
        stage.is_constant() && stage.cycles() >= CYCLES_MIN && is_long && is_known
    }

    /// Returns the answer on a stage that is not judged by itself.
    pub(super) fn without_judgement(&self, evidence: &Evidence) -> StageAnswer {
        if self.of.run.is_zero() || self.path.is_empty() {
            StageAnswer::NotReached
        } else if !self.of.is_complete {
            StageAnswer::Incomplete
        } else if !self.of.stage.is_constant() {
            StageAnswer::Ramp { passed: self.passed(evidence) }
        } else if self.is_whole() {
            StageAnswer::Short
        } else {
            StageAnswer::Cut
        }
    }

    /// Judges a constant stage.
    pub(super) fn judge(
        &self,
        evidence: &Evidence,
        before: &EarlierStages,
        confidence: Confidence,
    ) -> StageAnswer {
        if !before.is_clean {
            return self.after_trouble(evidence, before, confidence);
        }
        let assessment = self.assess(evidence, 0, before, confidence);
        StageAnswer::Constant { assessment, back: 0 }
    }

    /// Judges a constant stage that may begin with a backlog that others left.
    fn after_trouble(
        &self,
        evidence: &Evidence,
        before: &EarlierStages,
        confidence: Confidence,
    ) -> StageAnswer {
        let level = before.level.unwrap_or_else(|| self.quickest_level());
        // A level that this stage itself shows is only known once the backlog falls no more.
        let is_known = before.level.is_some() || !is_falling(&self.path);
        let back = level.first_at(&self.path, &self.of.stage).filter(|_| is_known);
        let Some(back) = back else { return StageAnswer::NeverBack };
        // Parts and slots begin together.
        let from = back.next_multiple_of(SLOTS_PER_PART).min(SLOTS);
        let mut assessment = self.assess(evidence, from, before, confidence);
        if matches!(assessment.trend, Trend::Unclear(_)) && self.surely_fell(back, confidence) {
            assessment.trend = Trend::Held;
        }
        StageAnswer::Constant { assessment, back }
    }

    /// Returns `true` if the backlog surely fell until the slot `back`: it falls only if the rate is
    /// below capacity.
    fn surely_fell(&self, back: usize, confidence: Confidence) -> bool {
        let Some(fall) = self.path.get(..back).filter(|fall| fall.len() >= FALL_MIN) else {
            return false;
        };
        walk_slope(&block_means::<20>(fall), confidence.deviate(Z999), 0.0).high() < 0.0
    }

    /// Assesses the stage from a slot on, the first of a part.
    fn assess(
        &self,
        evidence: &Evidence,
        from: usize,
        before: &EarlierStages,
        confidence: Confidence,
    ) -> Assessment {
        let duration = self.of.stage.duration;
        let issued_for =
            evidence.warmup + self.offset + duration.mul_f64(from as f64 / SLOTS as f64);
        let slots = SLOTS - from;
        let extent = if from == 0 { self.extent } else { Extent::of_slots(slots) };
        // The cohort of a stage that begins with a backlog has waited for the backlog of others.
        let ages = before
            .ages
            .as_ref()
            .filter(|_| !before.is_clean)
            .map(|(ages, of)| ages.scaled(of.as_secs_f64() / duration.as_secs_f64(), slots));
        let rest;
        let course = if from == 0 {
            &self.course
        } else {
            rest = self.course.rest(from);
            &rest
        };
        Assessment::of_part(&WindowPart {
            course,
            extent,
            ages: ages.as_ref(),
            warmup: issued_for.as_secs_f64() / duration.as_secs_f64(),
            asked: self.of.stage.cycles(),
            confidence,
        })
    }

    /// Returns the first sample beyond the limit, if the backlog was within it when the stage began.
    fn passed(&self, evidence: &Evidence) -> Option<LimitPassed> {
        let limit = self.of.limit?;
        let start = evidence.start + self.offset;
        let end = start + self.of.run;
        let is_beyond = |sample: &BacklogSample| limit.is_passed_by(sample.waiting, sample.running);
        let before = evidence.backlog.iter().rfind(|sample| sample.at < start);
        if before.is_some_and(is_beyond) {
            return None;
        }
        let mut within = evidence.backlog.iter().filter(|one| one.at >= start && one.at < end);
        let sample = within.find(|sample| is_beyond(sample))?;
        Some(LimitPassed { sample: *sample, limit })
    }

    /// Returns the facts about the stage that follow from its answer, without a reason.
    pub(super) fn judgement(&self, answer: &StageAnswer, level: Option<Level>) -> StageJudgement {
        let breaking_point = self.breaking_point(answer, level);
        let verdict = match answer {
            StageAnswer::NotReached
            | StageAnswer::Incomplete
            | StageAnswer::Cut
            | StageAnswer::Short => None,
            StageAnswer::NeverBack => Some(Verdict::Unsustained),
            StageAnswer::Ramp { passed } => passed.map(|_| Verdict::Unsustained),
            StageAnswer::Constant { assessment, .. } => Some(match assessment.trend {
                Trend::Held => Verdict::Sustained,
                Trend::Overloaded => Verdict::Unsustained,
                Trend::Unclear(_) => Verdict::Inconclusive,
            }),
        };
        let enough = match answer {
            StageAnswer::Constant { assessment, .. } => match assessment.trend {
                Trend::Unclear(doubt) => Some(self.enough(doubt)),
                Trend::Held | Trend::Overloaded => None,
            },
            _ => None,
        };
        let timeline = &self.course.timeline;
        let ended: u64 = timeline.part_cycles.iter().sum();
        let delivered = timeline.ended.iter().sum::<u64>() as f64 / self.of.run.as_secs_f64();
        let response = timeline.part_response.iter().sum::<f64>() / ended as f64;
        let first = self.course.backlog_before().max(0.0);
        StageJudgement {
            stage: self.of.as_run(),
            due: self.due(),
            ended,
            delivered: if self.of.run.is_zero() { 0.0 } else { delivered },
            response: (ended > 0).then_some(response * self.of.stage.duration.as_secs_f64()),
            verdict,
            reason: String::new(),
            backlog_start: first,
            backlog_max: self.path.iter().copied().fold(first, f64::max),
            backlog_end: self.path.last().copied().unwrap_or(first),
            recovery: None,
            breaking_point,
            enough,
        }
    }

    /// Returns the rate at which the backlog of a ramp left its level for good.
    fn breaking_point(&self, answer: &StageAnswer, level: Option<Level>) -> Option<f64> {
        if !matches!(answer, StageAnswer::Ramp { .. }) {
            return None;
        }
        let level = level.unwrap_or_else(|| self.quickest_level());
        let last = level.last_at(&self.path, &self.of.stage)?;
        // The last slot at the level ends where the next one begins to leave it.
        let is_left = last + 1 < self.path.len();
        is_left.then(|| self.of.stage.rate_at((last + 1) as f64 / SLOTS as f64))
    }

    /// Returns the length that is expected to give an answer.
    fn enough(&self, doubt: Doubt) -> Duration {
        let seconds = self.of.stage.duration.as_secs_f64() * doubt.factor;
        reason::up_to_the_longest(seconds)
    }
}
