//! The cycles that were due before a stage, from the stages before it.

use std::time::Duration;

use dyno_bus::timeline::SLOTS;

use super::StageEvidence;
use crate::plan::profile::Stage;
use crate::verdict::course::Course;

/// The number of cycles that were due by each instant of a run.
#[derive(Debug, Default)]
pub(super) struct DueCount {
    /// Instants in seconds from the window's start, each with the cycles due before it. Between two
    /// of them, cycles come due evenly.
    points: Vec<(f64, f64)>,
}

impl DueCount {
    /// Adds the cycles of a stage that begins `offset` after the window's start. Those of the first
    /// one include the cycles that were due before it.
    pub(super) fn add(&mut self, offset: Duration, of: &StageEvidence) {
        let length = of.stage.duration.as_secs_f64();
        let offset = offset.as_secs_f64();
        let (slots, first) = match self.points.last() {
            None => {
                self.points.push((offset - length, of.course.due_earlier as f64));
                (&of.course.due[..], offset - length)
            }
            Some(_) => (&of.course.due[SLOTS..], offset),
        };
        // A stretch has slots up to the planned end, and cycles up to the next stretch.
        let end = offset + of.as_run().duration.as_secs_f64();
        let mut count = self.points.last().map_or(0.0, |(_, count)| *count);
        for (slot, due) in slots.iter().enumerate() {
            count += *due as f64;
            let at = first + length * (slot + 1) as f64 / SLOTS as f64;
            self.points.push((at.min(end), count));
        }
    }

    /// Adds to the course of a later stage the cycles that were due before it: within its own
    /// length by slots, and all others.
    pub(super) fn before(&self, offset: Duration, stage: &Stage, course: &mut Course) {
        let (end, length) = (offset.as_secs_f64(), stage.duration.as_secs_f64());
        let at =
            |slot: usize| self.by(end - length * (1.0 - slot as f64 / SLOTS as f64)).round() as u64;
        course.due_earlier = at(0);
        for slot in 0..SLOTS {
            course.due[slot] = at(slot + 1) - at(slot);
        }
        // The cohort of a later stage is its own first sixth.
        course.cohort_from = SLOTS;
    }

    /// Returns the number of cycles that were due before an instant.
    fn by(&self, at: f64) -> f64 {
        let after = self.points.partition_point(|(time, _)| *time <= at);
        match (self.points.get(after.wrapping_sub(1)), self.points.get(after)) {
            (Some((from, low)), Some((to, high))) => low + (high - low) * (at - from) / (to - from),
            (Some((_, last)), None) => *last,
            // When the cycles before the first instant were due is not known.
            (None, first) => first.map_or(0.0, |(_, first)| *first),
        }
    }
}
