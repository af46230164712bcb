//! The difference between two monotonic clocks, from questions and answers.
//!
//! An answer was given between the question and its arrival, by our clock. So with the least round
//! trip of several, the clocks are known to differ by the answer less the middle of that trip, with an
//! error of at most half the trip.

use std::time::Duration;

use dyno_bus::Time;
use serde::{Deserialize, Serialize};

/// The number of questions of one measurement.
pub(crate) const QUESTIONS: u32 = 8;

/// The clock of a host, against that of the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockOffset {
    /// The host's clock less the coordinator's, in nanoseconds, before the run.
    pub(crate) offset_ns: i64,
    /// The largest error of the offset, in nanoseconds.
    pub(crate) bound_ns: u64,
    /// The change of the offset from before the run to after it, in nanoseconds.
    pub(crate) drift_ns: i64,
}

/// A measurement on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ClockMeasure {
    asked: Option<(u32, Time)>,
    answers: u32,
    best: Option<Trip>,
}

/// The shortest round trip so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trip {
    round_ns: u64,
    offset_ns: i64,
}

impl ClockMeasure {
    /// Returns the number of the next question, which is asked now; `None` once there are enough
    /// answers.
    pub(crate) fn ask(&mut self, now: Time) -> Option<u32> {
        if self.answers >= QUESTIONS {
            return None;
        }
        self.asked = Some((self.answers, now));
        Some(self.answers)
    }

    /// Takes the answer to a question, which arrived at `arrived`. An answer to another question
    /// changes nothing.
    pub(crate) fn answer(&mut self, number: u32, theirs: Time, arrived: Time) {
        let Some((asked, sent)) = self.asked.filter(|(asked, _)| *asked == number) else { return };
        debug_assert_eq!(asked, number);
        self.asked = None;
        self.answers += 1;
        let round_ns = arrived.nanos_since(sent);
        let middle = sent.as_nanos() + round_ns / 2;
        // Any two instants of a clock that counts from a boot are less than 292 years apart.
        let offset_ns = theirs.as_nanos().wrapping_sub(middle).cast_signed();
        let trip = Trip { round_ns, offset_ns };
        self.best = Some(self.best.filter(|best| best.round_ns <= round_ns).unwrap_or(trip));
    }

    /// Returns the offset with its bound, once all questions are answered.
    pub(crate) fn offset(&self) -> Option<ClockOffset> {
        let Trip { round_ns, offset_ns } = self.best.filter(|_| self.answers >= QUESTIONS)?;
        Some(ClockOffset { offset_ns, bound_ns: round_ns.div_ceil(2), drift_ns: 0 })
    }

    /// Returns the shortest round trip; zero before the first answer.
    pub(crate) fn round_trip(&self) -> Duration {
        Duration::from_nanos(self.best.map_or(0, |trip| trip.round_ns))
    }
}

impl ClockOffset {
    /// Returns an instant of the coordinator's clock in the host's.
    pub(crate) fn there(&self, here: Time) -> Time {
        Time::from_nanos(here.as_nanos().saturating_add_signed(self.offset_ns))
    }

    /// Returns this offset with the drift that a second measurement shows.
    pub(crate) fn with_later(self, later: Self) -> Self {
        let drift_ns = later.offset_ns.saturating_sub(self.offset_ns);
        Self { drift_ns, bound_ns: self.bound_ns.max(later.bound_ns), ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_true_offset_is_within_the_bound(
            ahead in -1_000_000_000_000_i64..1_000_000_000_000,
            trips in prop::collection::vec((0_u64..5_000_000, 0_u64..5_000_000), 8),
        ) {
            let mut measure = ClockMeasure::default();
            let mut now = 2_000_000_000_000_u64;
            for (there, back) in &trips {
                let number = measure.ask(Time::from_nanos(now)).expect("more questions");
                let theirs = (now + there).checked_add_signed(ahead).expect("in range");
                now += there + back;
                measure.answer(number, Time::from_nanos(theirs), Time::from_nanos(now));
            }
            prop_assert_eq!(measure.ask(Time::from_nanos(now)), None);
            let offset = measure.offset().expect("all answers are there");
            let least = trips.iter().map(|(there, back)| there + back).min().expect("eight");
            prop_assert!(offset.offset_ns.abs_diff(ahead) <= offset.bound_ns);
            prop_assert_eq!(offset.bound_ns, least.div_ceil(2));
            let here = Time::from_nanos(now);
            prop_assert_eq!(
                offset.there(here).as_nanos(),
                now.checked_add_signed(offset.offset_ns).expect("in range")
            );
        }
    }

    #[test]
    fn an_answer_that_was_not_asked_changes_nothing() {
        let mut measure = ClockMeasure::default();
        measure.answer(0, Time::from_nanos(5), Time::from_nanos(5));
        assert_eq!(measure, ClockMeasure::default());
        assert_eq!(measure.ask(Time::from_nanos(1)), Some(0));
        measure.answer(7, Time::from_nanos(5), Time::from_nanos(5));
        assert_eq!((measure.offset(), measure.round_trip()), (None, Duration::ZERO));
    }

    #[test]
    fn the_drift_is_the_difference_of_two_offsets() {
        let of = |offset_ns, bound_ns| ClockOffset { offset_ns, bound_ns, drift_ns: 0 };
        let drifted = of(100, 7).with_later(of(130, 9));
        assert_eq!(drifted, ClockOffset { offset_ns: 100, bound_ns: 9, drift_ns: 30 });
    }
}
