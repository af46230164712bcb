//! The course of each stage: the dues by the primary's own arithmetic, the outcomes by the workers'
//! timelines. Pure.
//!
//! A plain run has one stage. The course of a later stage has only the cycles that were due in the
//! stage itself.

use dyno_bus::timeline::{CycleTimeline, SLOTS};

use crate::primary::state::schedule::Dues;
use crate::verdict::course::Course;

/// Adds one worker's timelines, by stage, with the most cycles that it ran at once.
pub(super) fn add(courses: &mut Vec<Course>, timelines: &[CycleTimeline], running_max: u64) {
    if courses.len() < timelines.len() {
        courses.resize(timelines.len(), Course::default());
    }
    for (course, timeline) in courses.iter_mut().zip(timelines) {
        course.add(timeline, running_max);
    }
}

/// Returns the courses of all stages that were planned, with their dues.
pub(super) fn finish(mut courses: Vec<Course>, dues: Vec<Dues>) -> Vec<Course> {
    courses.resize(dues.len(), Course::default());
    let with_dues = |(course, dues): (Course, Dues)| Course {
        due_earlier: dues.earlier,
        due: dues.slots,
        cohort_slots: dues.cohort_slots,
        ..course
    };
    courses.into_iter().zip(dues).map(with_dues).collect()
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

    fn dues(cycles: u64) -> Dues {
        let mut slots = vec![0; 2 * SLOTS];
        slots[SLOTS] = cycles;
        Dues { earlier: 0, slots, cohort_slots: SLOTS / 6, asked: cycles as f64 }
    }

    fn timeline(ended_before: u64, slot: usize, ended: u64) -> CycleTimeline {
        let mut timeline = CycleTimeline { ended_before, ..CycleTimeline::default() };
        timeline.ended[slot] = ended;
        timeline
    }

    #[test]
    fn the_workers_timelines_are_added_stage_by_stage() {
        let mut courses = Vec::new();
        add(&mut courses, &[timeline(0, 3, 5)], 1);
        add(&mut courses, &[timeline(0, 3, 2), timeline(2, 4, 6)], 2);
        let courses = finish(courses, vec![dues(9), dues(8)]);
        assert_eq!((courses[0].timeline.ended[3], courses[1].timeline.ended[4]), (7, 6));
        assert_eq!((courses[0].workers.len(), courses[1].workers.len()), (2, 1));
        assert_eq!((courses[0].due[SLOTS], courses[1].due[SLOTS]), (9, 8));
    }

    #[test]
    fn the_largest_backlog_counts_what_an_earlier_stage_left() {
        let mut courses = Vec::new();
        add(&mut courses, &[timeline(0, 3, 20), timeline(20, 10, 90)], 1);
        let courses = finish(courses, vec![dues(100), dues(10)]);
        // A hundred less the twenty that ended, and the ten of the second stage.
        assert_eq!(peak(&courses), 100.max(80 + 10));
        let courses = finish(Vec::new(), vec![dues(100), dues(10)]);
        assert_eq!(peak(&courses), 110, "none has ended");
    }
}
