//! The number of cycles that are due under a plan whose rate was changed by hand, by another
//! arithmetic than that of the bus: the area under the curve of the rate, stage by stage.

use std::time::Duration;

use crate::plan::Plan;
use crate::plan::profile::Stage;
use crate::primary::state::hand::HandRate;

/// The error of a count of cycles that rounding explains: a due time is a whole nanosecond.
const ROUNDING: f64 = 1e-6;

/// The rate of a measured window, with its changes by hand.
#[derive(Debug)]
pub(crate) struct CountedPlan {
    planned: Vec<Stage>,
    /// Each change, with its time in seconds from the window's start; the first one is the plan.
    changes: Vec<(f64, HandRate)>,
}

impl CountedPlan {
    /// Creates the curve of an open loop that no key has changed.
    pub(crate) fn new(plan: &Plan) -> Self {
        let rate = plan.rate.per_second().expect("an open loop");
        let whole = Stage { from: rate, to: rate, duration: plan.duration };
        let planned = plan.profile.as_ref().map_or(vec![whole], |profile| profile.stages().into());
        Self { planned, changes: vec![(0.0, HandRate::of(plan).expect("an open loop"))] }
    }

    /// Adds a change at this time after the window's start.
    pub(crate) fn change(&mut self, at: Duration, hand: HandRate) {
        self.changes.push((at.as_secs_f64(), hand));
    }

    /// Returns the last change; the plan without one.
    pub(crate) fn last(&self) -> HandRate {
        self.changes[self.changes.len() - 1].1
    }

    /// Returns the rate at this time after the window's start; 0 in a pause.
    pub(crate) fn rate_at(&self, seconds: f64, hand: HandRate) -> f64 {
        let mut begin = 0.0;
        for stage in &self.planned {
            let share = (seconds - begin) / stage.duration.as_secs_f64();
            // An instant where two stages meet belongs to the later one, in spite of rounding.
            if share < 1.0 - ROUNDING {
                return if hand.is_paused { 0.0 } else { hand.steered.rate(stage.rate_at(share)) };
            }
            begin += stage.duration.as_secs_f64();
        }
        0.0
    }

    /// Returns the number of cycles that come due in the first `seconds` of the window. The first
    /// cycle after a pause is due a whole cycle after its end.
    pub(crate) fn cycles(&self, seconds: f64) -> f64 {
        let ends = self.changes.iter().skip(1).map(|(begin, _)| *begin).chain([f64::INFINITY]);
        let mut counted: f64 = 0.0;
        let mut was_paused = false;
        for ((begin, hand), end) in self.changes.iter().zip(ends) {
            if *begin >= seconds && *begin > 0.0 {
                break;
            }
            if hand.is_paused {
                counted = (counted - ROUNDING).ceil();
            } else {
                counted += self.area(*begin, end.min(seconds), *hand) - f64::from(was_paused);
            }
            was_paused = hand.is_paused;
        }
        counted
    }

    /// Returns the area under the curve between two times.
    fn area(&self, from: f64, to: f64, hand: HandRate) -> f64 {
        let mut begin = 0.0;
        let mut area = 0.0;
        for stage in &self.planned {
            let length = stage.duration.as_secs_f64();
            let (first, end) = (from.max(begin), begin + length);
            let within = to.min(end) - first;
            if within > 0.0 {
                let cut = Stage {
                    from: hand.steered.rate(stage.rate_at((first - begin) / length)),
                    to: hand.steered.rate(stage.to),
                    duration: Duration::ZERO,
                };
                area += within * f64::midpoint(cut.from, cut.rate_at(within / (end - first)));
            }
            begin = end;
        }
        area
    }
}
