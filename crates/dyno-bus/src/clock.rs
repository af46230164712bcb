//! The one clock of all processes: `CLOCK_MONOTONIC`, in nanoseconds.
//!
//! Every process of a host reads the same monotonic clock, so a [`Time`] that one process sends is
//! a time in every other, without conversion. Wall time is read in one place, to stamp a run.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// An instant of the monotonic clock, in nanoseconds since an arbitrary start (the boot, on Linux).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(u64);

impl Time {
    /// The earliest instant.
    pub const ZERO: Self = Self(0);
    /// Later than every instant that a clock will show.
    pub const NEVER: Self = Self(u64::MAX);

    /// Returns the instant this many nanoseconds after the clock's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the clock's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the nanoseconds from `earlier` to `self`; zero if `earlier` is the later one.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub for Time {
    type Output = Duration;

    /// Returns the span between two instants; zero if `earlier` is the later one.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }
}

/// Returns a duration in whole nanoseconds, at most `u64::MAX` (584 years).
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the current time, on the clock that all processes of this host share.
///
/// # Panics
/// Never on a Unix system: `CLOCK_MONOTONIC` is required by POSIX.
#[must_use]
#[inline]
pub fn now() -> Time {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("POSIX requires a monotonic clock");
    // The monotonic clock is never negative.
    Time(time.tv_sec().cast_unsigned() * 1_000_000_000 + time.tv_nsec().cast_unsigned())
}

/// Returns the wall time since the Unix epoch: to stamp a run, never to measure.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place where wall time is read")]
pub fn wall() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let mut last = now();
        for _ in 0..1_000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }

    #[test]
    fn a_span_into_the_past_is_zero() {
        assert_eq!(Time::from_nanos(1) - Time::from_nanos(5), Duration::ZERO);
        assert_eq!(Time::from_nanos(5) - Time::from_nanos(1), Duration::from_nanos(4));
    }

    #[test]
    fn time_saturates_at_never() {
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
    }
}
