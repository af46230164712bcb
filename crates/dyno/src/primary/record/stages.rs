//! The course of each stage: the dues by the primary's own arithmetic, the outcomes by the workers'
//! timelines. Pure.
//!
//! A plain run has one stage. The course of a later stage has only the cycles that were due in the
//! stage itself.

use std::time::Duration;

use dyno_bus::timeline::{CycleTimeline, Moments, PARTS, SLOTS};
use serde::{Deserialize, Serialize};

use super::exact::ExactSum;
use crate::plan::Plan;
use crate::primary::state::schedule::{Dues, Stretch};
use crate::verdict::course::{Busy, Course};
use crate::verdict::stages::StageEvidence;

/// The course of a stage while it is added up: that of any number of workers, of any number of hosts.
///
/// Counts are integers. Sums of times are exact, so that the order of workers changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct CourseSum {
    /// The counts; its sums of times are empty until the end.
    counts: CycleTimeline,
    /// The sums of service, of its square and of its cube, for each part.
    service: Vec<[ExactSum; 3]>,
    response: Vec<ExactSum>,
    /// The service of each worker, by its number.
    workers: Vec<(u32, Busy)>,
}

impl CourseSum {
    fn add(&mut self, worker: u32, timeline: &CycleTimeline, running_max: u64) {
        let mut alone = Course::default();
        alone.add(timeline, running_max);
        self.workers.extend(alone.workers.into_iter().map(|busy| (worker, busy)));
        self.counts.merge_counts(timeline);
        self.service.resize_with(PARTS, Default::default);
        for (sums, part) in self.service.iter_mut().zip(&timeline.part_service) {
            let values = [part.sum, part.squares, part.cubes];
            sums.iter_mut().zip(values).for_each(|(sum, value)| sum.add(value));
        }
        self.response.resize_with(PARTS, Default::default);
        for (sum, value) in self.response.iter_mut().zip(&timeline.part_response) {
            sum.add(*value);
        }
    }

    /// Returns the counts.
    #[cfg(test)]
    pub(super) fn counts(&self) -> &CycleTimeline {
        &self.counts
    }

    /// Adds the course of another host.
    fn merge(&mut self, other: &Self) {
        self.counts.merge_counts(&other.counts);
        self.service.resize_with(PARTS, Default::default);
        self.response.resize_with(PARTS, Default::default);
        let sums = self.service.as_flattened_mut().iter_mut().chain(&mut self.response);
        let more = other.service.as_flattened().iter().chain(&other.response);
        // A host none of whose workers reported has no sums.
        if !other.service.is_empty() {
            sums.zip(more).for_each(|(sum, more)| sum.merge(more));
        }
        self.workers.extend(&other.workers);
    }

    fn finish(mut self, dues: Dues) -> Course {
        self.workers.sort_by_key(|(worker, _)| *worker);
        let mut timeline = self.counts;
        for (part, [sum, squares, cubes]) in timeline.part_service.iter_mut().zip(&self.service) {
            let (sum, squares, cubes) = (sum.value(), squares.value(), cubes.value());
            *part = Moments { sum, squares, cubes };
        }
        for (part, sum) in timeline.part_response.iter_mut().zip(&self.response) {
            *part = sum.value();
        }
        Course {
            due_earlier: dues.earlier,
            due: dues.slots,
            cohort_slots: dues.cohort_slots,
            timeline,
            workers: self.workers.into_iter().map(|(_, busy)| busy).collect(),
            ..Course::default()
        }
    }

    /// Returns `true` if all columns have their lengths, and no count is above this one.
    pub(super) fn is_valid(&self, count_max: u64) -> bool {
        let is_busy = |(_, busy): &(u32, Busy)| busy.cycles.max(busy.running_max) <= count_max;
        let lengths = (self.service.len(), self.response.len());
        self.counts.is_whole()
            && self.counts.counts_at_most(count_max)
            && (lengths == (PARTS, PARTS) || lengths == (0, 0))
            && self.workers.iter().all(is_busy)
    }
}

/// Adds one worker's timelines, by stage, with the most cycles that it ran at once.
pub(super) fn add(
    courses: &mut Vec<CourseSum>,
    worker: u32,
    timelines: &[CycleTimeline],
    running_max: u64,
) {
    if courses.len() < timelines.len() {
        courses.resize(timelines.len(), CourseSum::default());
    }
    for (course, timeline) in courses.iter_mut().zip(timelines) {
        course.add(worker, timeline, running_max);
    }
}

/// Adds the courses of another host, by stage.
pub(super) fn merge(courses: &mut Vec<CourseSum>, others: &[CourseSum]) {
    if courses.len() < others.len() {
        courses.resize(others.len(), CourseSum::default());
    }
    courses.iter_mut().zip(others).for_each(|(course, other)| course.merge(other));
}

/// Returns the courses of all stages that were planned, with their dues.
pub(super) fn finish(mut courses: Vec<CourseSum>, dues: Vec<Dues>) -> Vec<Course> {
    courses.resize(dues.len(), CourseSum::default());
    courses.into_iter().zip(dues).map(|(course, dues)| course.finish(dues)).collect()
}

/// Returns the evidence on each stage of a load profile, or on each of the `stretches` of a run whose
/// rate was changed by hand; empty for a run at one rate. The measured window was run for `window`;
/// `level` is the backlog at its beginning, the cycles that waited and those that ran.
pub(super) fn evidence(
    plan: &Plan,
    stretches: &[Stretch],
    courses: &[Course],
    window: Duration,
    level: Option<(u64, u64)>,
) -> Vec<StageEvidence> {
    let planned = plan.profile.iter().flat_map(|profile| profile.stages());
    let planned = planned.map(|stage| Stretch { stage: *stage, run: None });
    // Stages that were changed by hand take the place of those that were planned.
    let planned = planned.filter(|_| stretches.is_empty());
    let mut left = window;
    let of_stretch = |(stretch, course): (Stretch, &Course)| {
        let run = stretch.run.unwrap_or(stretch.stage.duration).min(left);
        left -= run;
        StageEvidence {
            stage: stretch.stage.part(plan.own_part()),
            run,
            course: course.clone(),
            is_complete: course.workers.len() == plan.workers as usize,
            is_ended_by_hand: stretch.run == Some(run),
            limit: plan.backlog_rule_of(&stretch.stage).and_then(|rule| rule.limit(level)),
        }
    };
    planned.chain(stretches.iter().copied()).zip(courses).map(of_stretch).collect()
}

/// Returns the number of cycles that the largest backlog of all stages had at least.
pub(super) fn peak(courses: &[Course]) -> u64 {
    let mut due = 0;
    let peak = |course: &Course| {
        let before = Course { due_earlier: course.due_earlier + due, ..course.clone() };
        due = before.due_earlier + course.due.iter().sum::<u64>();
        before.peak(SLOTS).0
    };
    courses.iter().map(peak).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::plan;
    use crate::plan::profile::{Profile, Stage};

    fn dues(cycles: u64) -> Dues {
        let mut slots = vec![0; 2 * SLOTS];
        slots[SLOTS] = cycles;
        Dues {
            earlier: 0,
            slots,
            cohort_slots: SLOTS / 6,
            asked: cycles as f64,
            asked_of_run: cycles as f64,
        }
    }

    fn timeline(ended_before: u64, slot: usize, ended: u64) -> CycleTimeline {
        let mut timeline = CycleTimeline { ended_before, ..CycleTimeline::default() };
        timeline.ended[slot] = ended;
        timeline
    }

    #[test]
    fn the_workers_timelines_are_added_stage_by_stage() {
        let mut courses = Vec::new();
        add(&mut courses, 0, &[timeline(0, 3, 5)], 1);
        add(&mut courses, 1, &[timeline(0, 3, 2), timeline(2, 4, 6)], 2);
        let courses = finish(courses, vec![dues(9), dues(8)]);
        assert_eq!((courses[0].timeline.ended[3], courses[1].timeline.ended[4]), (7, 6));
        assert_eq!((courses[0].workers.len(), courses[1].workers.len()), (2, 1));
        assert_eq!((courses[0].due[SLOTS], courses[1].due[SLOTS]), (9, 8));
    }

    #[test]
    fn a_stage_was_run_as_far_as_the_window_was() {
        let stage =
            |seconds| Stage { from: 50.0, to: 50.0, duration: Duration::from_secs(seconds) };
        let profile = Profile::new(vec![stage(2), stage(3), stage(4)]).expect("three stages");
        let plan = Plan { profile: Some(profile), ..plan() };
        let courses = finish(Vec::new(), vec![dues(1), dues(1), dues(1)]);
        let run = |window| -> Vec<u64> {
            let stages = evidence(&plan, &[], &courses, Duration::from_secs(window), Some((3, 2)));
            assert!(stages.iter().all(|stage| !stage.is_complete), "no worker reported");
            assert!(
                stages.iter().all(|stage| stage.limit.is_some_and(|limit| limit.waiting == 103))
            );
            stages.iter().map(|stage| stage.run.as_secs()).collect()
        };
        assert_eq!([run(9), run(4), run(0)], [[2, 3, 4], [2, 2, 0], [0, 0, 0]]);
        assert_eq!(evidence(&self::plan(), &[], &courses, Duration::from_secs(9), None), []);
    }

    #[test]
    fn a_stretch_was_run_until_the_next_one_began_and_the_last_as_far_as_the_window_was() {
        let stretch = |rate, planned, run: Option<u64>| Stretch {
            stage: Stage { from: rate, to: rate, duration: Duration::from_secs(planned) },
            run: run.map(Duration::from_secs),
        };
        let stretches =
            [stretch(50.0, 9, Some(2)), stretch(0.0, 7, Some(3)), stretch(55.0, 4, None)];
        let courses = finish(Vec::new(), vec![dues(1), dues(0), dues(1)]);
        let of = |window| {
            let window = Duration::from_secs(window);
            let stages = evidence(&plan(), &stretches, &courses, window, None);
            stages.iter().map(|of| (of.run.as_secs(), of.is_ended_by_hand)).collect::<Vec<_>>()
        };
        assert_eq!(of(9), [(2, true), (3, true), (4, false)]);
        assert_eq!(of(4), [(2, true), (2, false), (0, false)], "it ended in the pause");
    }

    #[test]
    fn the_largest_backlog_counts_what_an_earlier_stage_left() {
        let mut courses = Vec::new();
        add(&mut courses, 0, &[timeline(0, 3, 20), timeline(20, 10, 90)], 1);
        let courses = finish(courses, vec![dues(100), dues(10)]);
        // A hundred less the twenty that ended, and the ten of the second stage.
        assert_eq!(peak(&courses), 100);
        let courses = finish(Vec::new(), vec![dues(100), dues(10)]);
        assert_eq!(peak(&courses), 110, "none has ended");
    }
}
