//! The lateness of a periodic event: a worker's probe, or the primary's beat.
//!
//! Each missed period is late by itself, so that a block of 200 ms at a period of 10 ms is recorded
//! as 200, 190, 180 and so on. Those are the delays of events that keep to their times, without
//! coordinated omission.

use std::time::Duration;

use dyno_bus::Time;

/// The most missed periods that are reported at once. Of a longer block, such as that of a stopped
/// process, the longest lags are kept: the others would add no information.
const MISSED_MAX: u64 = 10_000;

// The primary records lags in the thread that collects them, so a record must never have to wait.
const _: () = assert!(MISSED_MAX + 1_000 < dyno_emitter::harness::RECORDER_SLOTS as u64);

/// The next due time of a periodic event, and its period.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Periods {
    next: Time,
    period_ns: u64,
}

impl Periods {
    /// Creates periods whose first due time is `first`.
    pub(crate) fn new(first: Time, period_ns: u64) -> Self {
        Self { next: first, period_ns: period_ns.max(1) }
    }

    /// Returns the due time of the next period.
    pub(crate) fn next(&self) -> Time {
        self.next
    }

    /// Returns the time between two due times.
    pub(crate) fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns)
    }

    /// Passes all periods that are due by `now`, and returns the lag of each in nanoseconds, the
    /// longest first; at most [`MISSED_MAX`].
    pub(crate) fn late(&mut self, now: Time) -> impl Iterator<Item = u64> + use<> {
        let Self { next: first, period_ns } = *self;
        let passed = if now >= first { now.nanos_since(first) / period_ns + 1 } else { 0 };
        self.next = Time::from_nanos(first.as_nanos() + passed * period_ns);
        (0..passed.min(MISSED_MAX)).map(move |period| now.nanos_since(first) - period * period_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missed_period_is_late_by_itself() {
        let mut periods = Periods::new(Time::from_nanos(1_000), 10);
        assert_eq!(periods.late(Time::from_nanos(999)).count(), 0);
        assert_eq!(periods.late(Time::from_nanos(1_035)).collect::<Vec<_>>(), [35, 25, 15, 5]);
        assert_eq!(periods.next(), Time::from_nanos(1_040));
        assert_eq!(periods.late(Time::from_nanos(1_040)).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_long_block_keeps_its_longest_lags_and_the_next_period_is_due_after_it() {
        let mut periods = Periods::new(Time::from_nanos(0), 10);
        let late: Vec<_> = periods.late(Time::from_nanos(1_000_005)).collect();
        assert_eq!(late.len() as u64, MISSED_MAX);
        assert_eq!((late[0], late[1]), (1_000_005, 999_995));
        assert_eq!(periods.next(), Time::from_nanos(1_000_010));
    }
}
