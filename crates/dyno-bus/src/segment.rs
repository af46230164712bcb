//! The arithmetic of due times, on which both ends must agree to the bit.
//!
//! A [`Segment`] defines the due times from an instant on. The primary sends it once. Each worker
//! walks its share of it with a [`Cursor`], and the primary walks the same cursors: it knows
//! without a message how many cycles each worker owes. That makes this arithmetic a part of the
//! protocol, which is why it belongs to the bus.
//!
//! Nothing here reads a clock or remembers the outcome of a cycle.

mod cursor;
mod curve;
mod random;

use std::fmt;
use std::ops::{Add, AddAssign, Index, IndexMut};

use serde::{Deserialize, Serialize};

pub use self::cursor::{Cursor, Due, Share};
use self::curve::Curve;
use crate::SegmentError;
use crate::clock::Time;

/// The highest rate, in cycles per second: up to it, a clock of nanoseconds tells due times apart
/// much more finely than by a period.
pub const RATE_MAX: f64 = 1_000_000.0;
/// The highest index of a segment's first cycle: up to it a float is exact, and the highest rate
/// takes 285 years to reach it.
pub const INDEX_MAX: u64 = 1 << 53;

/// The longest ramp, in nanoseconds: 104 days. Up to it a float is exact, and no due time is later
/// than that of the next cycle.
pub const RAMP_NS_MAX: u64 = 1 << 53;

/// The phase of a cycle, by its due time: only measured cycles count in the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Due before the warm-up's end; counts in no result and no verdict.
    Warmup,
    /// Due inside the measured window.
    Measured,
}

/// One value for each [`Phase`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerPhase<T> {
    /// The value of the warm-up.
    pub warmup: T,
    /// The value of the measured window.
    pub measured: T,
}

impl<T> Index<Phase> for PerPhase<T> {
    type Output = T;

    fn index(&self, phase: Phase) -> &T {
        match phase {
            Phase::Warmup => &self.warmup,
            Phase::Measured => &self.measured,
        }
    }
}

impl<T> IndexMut<Phase> for PerPhase<T> {
    fn index_mut(&mut self, phase: Phase) -> &mut T {
        match phase {
            Phase::Warmup => &mut self.warmup,
            Phase::Measured => &mut self.measured,
        }
    }
}

impl<T: Add<Output = T>> Add for PerPhase<T> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { warmup: self.warmup + other.warmup, measured: self.measured + other.measured }
    }
}

impl<T: AddAssign> AddAssign for PerPhase<T> {
    fn add_assign(&mut self, other: Self) {
        self.warmup += other.warmup;
        self.measured += other.measured;
    }
}

impl PerPhase<u64> {
    /// Returns the sum of both phases.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.warmup + self.measured
    }
}

/// The distribution of due times.
///
/// ```
/// use dyno_bus::segment::Arrivals;
///
/// assert_eq!(Arrivals::default(), Arrivals::Uniform);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrivals {
    /// Even gaps, on one grid over all workers.
    #[default]
    Uniform,
    /// Exponential gaps, independent in each worker: all workers together are a Poisson process.
    Poisson,
}

impl Arrivals {
    /// All distributions, the default first.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Poisson];

    /// Returns the name in flags and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Poisson => "poisson",
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The event that makes the next cycle due.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// The clock: arrivals never wait for completions.
    Open {
        /// Cycles per second over all workers.
        rate: f64,
        /// The distribution of their due times.
        arrivals: Arrivals,
    },
    /// The clock, at a rate that changes evenly over the segment's length; the last rate goes on
    /// after it.
    Ramp {
        /// Cycles per second over all workers, at the segment's start.
        from: f64,
        /// Cycles per second over all workers, at the end of the segment's length.
        to: f64,
        /// The distribution of their due times.
        arrivals: Arrivals,
    },
    /// The end of an earlier cycle: each worker keeps a fixed number in flight.
    Closed {
        /// The cycles in flight in each worker, at least one.
        in_flight: u32,
    },
}

impl Pace {
    /// Returns the distribution of the due times; `None` in a closed loop, which has none.
    #[must_use]
    pub const fn arrivals(self) -> Option<Arrivals> {
        match self {
            Self::Open { arrivals, .. } | Self::Ramp { arrivals, .. } => Some(arrivals),
            Self::Closed { .. } => None,
        }
    }
}

/// A stretch of the plan: from `t0` until the next segment's `t0`.
///
/// A segment that comes over the bus has been [checked](Segment::check).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Segment {
    /// The index of its first cycle, at most [`INDEX_MAX`].
    pub first: u64,
    /// The start of the segment.
    pub t0: Time,
    /// The planned length in nanoseconds, over which the rate of a ramp changes. A later segment
    /// may begin before its end.
    pub length_ns: u64,
    /// The event that makes its cycles due.
    pub pace: Pace,
    /// The part of a cycle between `t0` and the first cycle of a uniform segment, from 0 to less
    /// than 1. If 0, that cycle is due at `t0`. Otherwise the grid of an earlier segment goes on.
    pub lead: f64,
    /// The seed of its random stream; unused by uniform arrivals.
    pub seed: u64,
    /// The phase of all its cycles.
    pub phase: Phase,
    /// The number of its stage, from 0; the warm-up belongs to the first stage.
    pub stage: u8,
}

/// A [`Segment`] that has not been checked; its fields and its bytes are the same.
#[derive(Deserialize)]
struct Unchecked {
    first: u64,
    t0: Time,
    length_ns: u64,
    pace: Pace,
    lead: f64,
    seed: u64,
    phase: Phase,
    stage: u8,
}

impl TryFrom<Unchecked> for Segment {
    type Error = SegmentError;

    fn try_from(unchecked: Unchecked) -> Result<Self, SegmentError> {
        let Unchecked { first, t0, length_ns, pace, lead, seed, phase, stage } = unchecked;
        let segment = Self { first, t0, length_ns, pace, lead, seed, phase, stage };
        segment.check()?;
        Ok(segment)
    }
}

impl Segment {
    /// Checks that no step of a walk over the segment overflows, and that each walk gets on.
    ///
    /// # Errors
    /// If a rate is not a positive number up to [`RATE_MAX`], a ramp has no length or one over
    /// [`RAMP_NS_MAX`], a closed loop keeps zero cycles in flight, the lead is not a part of a
    /// cycle, or the first index is over [`INDEX_MAX`].
    pub fn check(&self) -> Result<(), SegmentError> {
        let check = |rate: f64| {
            let is_valid = rate > 0.0 && rate <= RATE_MAX;
            if is_valid { Ok(()) } else { Err(SegmentError::Rate { rate }) }
        };
        match self.pace {
            Pace::Open { rate, .. } => check(rate)?,
            Pace::Ramp { from, to, .. } => {
                check(from)?;
                check(to)?;
                if !(1..=RAMP_NS_MAX).contains(&self.length_ns) {
                    return Err(SegmentError::RampLength { length_ns: self.length_ns });
                }
            }
            Pace::Closed { in_flight: 0 } => return Err(SegmentError::NothingInFlight),
            Pace::Closed { .. } => {}
        }
        if !(0.0..1.0).contains(&self.lead) {
            return Err(SegmentError::Lead { lead: self.lead });
        }
        if self.first > INDEX_MAX {
            return Err(SegmentError::Index { first: self.first });
        }
        Ok(())
    }

    /// Returns the number of its cycles that come due before `time`; for Poisson arrivals, on
    /// average. In a closed loop the clock makes no cycle due.
    #[must_use]
    pub fn cycles_before(&self, time: Time) -> f64 {
        match (self.pace, Curve::of(self)) {
            (Pace::Open { rate, .. }, _) => rate * (time - self.t0).as_secs_f64(),
            (_, Some(curve)) => curve.cycles(time.nanos_since(self.t0)),
            (_, None) => 0.0,
        }
    }

    /// Returns the `first` and the `lead` with which another segment continues the grid of this
    /// uniform one from `t0` on, without a gap or a burst where the two meet.
    ///
    /// The first is the first cycle that is not due before `t0`. It is due when as much of a cycle
    /// as was missing at `t0` has passed, at the rate of the segment that continues.
    #[must_use]
    pub fn continued_at(&self, t0: Time) -> (u64, f64) {
        let Some(curve) = Curve::of(self) else { return (self.first, 0.0) };
        let first = self.first_not_before(t0, &curve);
        let passed = curve.exact(t0.nanos_since(self.t0));
        let lead = passed.until(first - self.first, self.lead);
        // A due time is rounded to a nanosecond, and so may be at `t0` without being reached.
        (first, lead.clamp(0.0, 1.0 - f64::EPSILON))
    }

    /// Returns the due time of the cycle `index` in a uniform open segment: the instant at which
    /// its curve has counted `index − first + lead` cycles.
    #[inline]
    fn due(&self, index: u64, curve: &Curve) -> Time {
        // Always from `t0`, or from the end of a ramp: no error accumulates.
        let offset = curve.offset_ns(index - self.first, self.lead).round();
        // Beyond the clock's end the due time is `Time::NEVER`, which no walk reaches.
        Time::from_nanos(self.t0.as_nanos().saturating_add(offset as u64))
    }

    /// Returns the lowest index of a uniform open segment that is not due before `time`.
    fn first_not_before(&self, time: Time, curve: &Curve) -> u64 {
        let estimate = (curve.cycles(time.nanos_since(self.t0)) - self.lead).ceil() as u64;
        let mut index = self.first + estimate;
        // Rounding makes the estimate wrong by a few at most: `due` decides.
        while index > self.first && self.due(index - 1, curve) >= time {
            index -= 1;
        }
        while self.due(index, curve) < time {
            index += 1;
        }
        index
    }
}

#[cfg(test)]
mod tests;
