//! The periods at which a run is sampled: the primary's beat, the intervals of the statistics, and
//! the columns of the interval table.

use std::time::Duration;

use dyno_bus::clock;
use dyno_observer::SNAPSHOTS_MAX;
use dyno_observer::intervals::COLUMNS_MAX;

use super::threshold::PIECES;
use super::{Plan, Rate};

/// The samples of the backlog in a window that is long enough for them: five in each tenth, enough
/// to see a trend.
pub(crate) const SAMPLES: u32 = 50;
/// The shortest and the longest beat; the live view moves with the beats.
pub(crate) const BEAT_MIN: Duration = Duration::from_millis(5);
pub(crate) const BEAT_MAX: Duration = Duration::from_millis(250);
/// The shortest interval: a shorter one would hold too few values.
pub(crate) const ROTATION_MIN: Duration = Duration::from_millis(100);

/// Returns the time between two beats. In an open loop it is short enough for the plan's samples of
/// the backlog. A closed loop has no backlog, and its task need not share the machine with more
/// beats than intervals need.
pub(crate) fn period(plan: &Plan) -> Duration {
    let longest = match plan.rate {
        Rate::PerSecond(_) => (plan.duration / SAMPLES).clamp(BEAT_MIN, BEAT_MAX),
        Rate::Max => BEAT_MAX,
    };
    // A sliding window moves by the pieces that it is made of.
    let pieces = plan.thresholds.iter().filter_map(|threshold| threshold.over);
    let longest = pieces.map(|over| over / PIECES).fold(longest, Duration::min);
    // The fewest beats that fill an interval exactly, each no longer than `longest`.
    let interval = clock::nanos(interval(plan.duration));
    Duration::from_nanos(interval.div_ceil(interval.div_ceil(clock::nanos(longest))))
}

/// Returns the least length of an interval: a window has no more intervals than snapshots are kept.
pub(crate) fn interval(window: Duration) -> Duration {
    (window / SNAPSHOTS_MAX as u32).max(ROTATION_MIN)
}

/// Returns the length of an interval, rounded up to whole beats.
pub(crate) fn rotation(window: Duration, beat: Duration) -> Duration {
    beats(interval(window), beat)
}

/// Returns the length of a column of the interval table, rounded up to whole beats: a window has no
/// more columns than are kept, and the primary does not wake for them.
pub(crate) fn column(window: Duration, beat: Duration) -> Duration {
    beats((window / COLUMNS_MAX as u32).max(ROTATION_MIN), beat)
}

/// Returns the least whole number of beats that are at least this long.
fn beats(length: Duration, beat: Duration) -> Duration {
    // The quotient is small: beats are at least 5 ms, and an interval of a window of 24 hours is 7
    // thousand of the longest beats.
    beat * length.as_nanos().div_ceil(beat.as_nanos()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::plan;

    #[test]
    fn no_interval_is_too_short_and_no_window_has_more_than_are_kept() {
        for ms in [100, 999, 4_200, 5_000, 10_000, 12_000, 61_234, 600_000, 86_400_000] {
            let window = Duration::from_millis(ms);
            for rate in [Rate::PerSecond(1.0), Rate::Max] {
                let beat = period(&Plan { duration: window, rate, ..plan() });
                let rotation = rotation(window, beat);
                let beats = rotation.as_nanos() % beat.as_nanos();
                assert!(rotation >= ROTATION_MIN && beats == 0, "{ms} {beat:?}");
                assert!(rotation * SNAPSHOTS_MAX as u32 >= window, "{ms} {beat:?}");
                assert_eq!((rotation - interval(window)).as_micros(), 0, "{ms} {beat:?}");
                let column = column(window, beat);
                assert!(column >= ROTATION_MIN && column <= rotation, "{ms} {beat:?}");
                assert!(column * COLUMNS_MAX as u32 >= window, "{ms} {beat:?}");
            }
        }
    }

    #[test]
    fn a_closed_loop_has_no_more_beats_than_there_must_be() {
        for (window_ms, open_ms, closed_ms) in [
            (100, 5, 100),
            (1_000, 20, 100),
            (4_900, 50, 100),
            (5_000, 100, 100),
            (30_000, 200, 200),
        ] {
            for (rate, ms) in [(Rate::PerSecond(1.0), open_ms), (Rate::Max, closed_ms)] {
                let plan = Plan { duration: Duration::from_millis(window_ms), rate, ..plan() };
                assert_eq!(period(&plan), Duration::from_millis(ms), "{window_ms} ms, {rate:?}");
            }
        }
    }
}
