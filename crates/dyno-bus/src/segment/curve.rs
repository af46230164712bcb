//! The number of cycles that have come due, as a curve over time, and its inverse: due times.
//!
//! Both are closed forms. At a constant rate the curve is a line, and in a ramp it is a parabola.
//! A due time in a ramp is a root of that parabola, counted from the ramp's slower end: from the
//! other end the root is a difference of two large numbers, which is microseconds off after hours.
//! A rate and a time are whole numbers of small units, so the cycles of a whole segment are counted
//! in integers, and rounded only below a cycle.

use super::{Pace, Segment};

/// The cycles of a segment by their time since its start, over all workers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Curve {
    /// A constant rate, in cycles per second.
    Constant { rate: f64 },
    /// A rate that changes evenly.
    Ramp(Ramp),
}

impl Default for Curve {
    fn default() -> Self {
        Self::Constant { rate: 1.0 }
    }
}

impl Curve {
    /// Returns the curve of an open segment; `None` for a closed one.
    pub(super) fn of(segment: &Segment) -> Option<Self> {
        match segment.pace {
            Pace::Open { rate, .. } => Some(Self::Constant { rate }),
            Pace::Ramp { from, to, .. } => Some(Self::Ramp(Ramp::new(from, to, segment.length_ns))),
            Pace::Closed { .. } => None,
        }
    }

    /// Returns the time until `whole` + `part` cycles have come due, in nanoseconds.
    #[inline]
    pub(super) fn offset_ns(&self, whole: u64, part: f64) -> f64 {
        match self {
            // Multiplied before it is divided: no error accumulates.
            Self::Constant { rate } => (whole as f64 + part) * 1e9 / rate,
            Self::Ramp(ramp) => ramp.offset_ns(whole, part),
        }
    }

    /// Returns the number of cycles that come due within `ns` nanoseconds, rounded.
    pub(super) fn cycles(&self, ns: u64) -> f64 {
        match self {
            Self::Constant { rate } => ns as f64 * rate / 1e9,
            Self::Ramp(ramp) => ramp.cycles(ns),
        }
    }

    /// Returns the exact number of cycles that come due within `ns` nanoseconds.
    pub(super) fn exact(&self, ns: u64) -> CycleCount {
        match self {
            Self::Constant { rate } => CycleCount::at_rate(*rate, ns, 1),
            Self::Ramp(ramp) => ramp.exact(ns),
        }
    }
}

/// A rate that changes evenly over a time; after that, the last rate goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ramp {
    /// The first and the last rate, in cycles per second.
    from: f64,
    to: f64,
    length_ns: u64,
    /// The change of the rate, in cycles per second for each second; never negative.
    steepness: f64,
    /// The cycles of the whole ramp.
    total: CycleCount,
}

impl Ramp {
    pub(super) fn new(from: f64, to: f64, length_ns: u64) -> Self {
        let steepness = (to - from).abs() * 1e9 / length_ns as f64;
        Self { from, to, length_ns, steepness, total: trapezoid(from, to, length_ns) }
    }

    /// Returns the time until `whole` + `part` cycles have come due, in nanoseconds.
    #[inline]
    pub(super) fn offset_ns(&self, whole: u64, part: f64) -> f64 {
        let length_ns = self.length_ns as f64;
        let left = -self.total.until(whole, part);
        if left < 0.0 {
            length_ns - left * 1e9 / self.to
        } else if self.from <= self.to {
            self.slow_end_ns(whole as f64 + part)
        } else {
            length_ns - self.slow_end_ns(left)
        }
    }

    /// Returns the time that `cycles` cycles take next to the end with the lower rate.
    #[inline]
    fn slow_end_ns(&self, cycles: f64) -> f64 {
        let slow = self.from.min(self.to);
        // All terms are positive, so that each rounding stays a rounding of the result.
        2e9 * cycles / (slow + (slow * slow + 2.0 * self.steepness * cycles).sqrt())
    }

    fn cycles(&self, ns: u64) -> f64 {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let of_slow_end =
            |seconds: f64| seconds * (self.from.min(self.to) + self.steepness * seconds / 2.0);
        match self.length_ns.checked_sub(ns) {
            None => self.total.rounded() + seconds(ns - self.length_ns) * self.to,
            Some(_) if self.from <= self.to => of_slow_end(seconds(ns)),
            Some(left) => self.total.rounded() - of_slow_end(seconds(left)),
        }
    }

    fn exact(&self, ns: u64) -> CycleCount {
        match self.length_ns.checked_sub(ns) {
            None => self.total.plus(CycleCount::at_rate(self.to, ns - self.length_ns, 1)),
            Some(0) => self.total,
            // A ramp that is cut off is a shorter ramp, up to the rate that it has reached.
            Some(_) => {
                let share = ns as f64 / self.length_ns as f64;
                trapezoid(self.from, self.from + (self.to - self.from) * share, ns)
            }
        }
    }
}

/// Returns the cycles of a ramp: the mean of its rates, times its length.
fn trapezoid(from: f64, to: f64, length_ns: u64) -> CycleCount {
    CycleCount::at_rate(from, length_ns, 2).plus(CycleCount::at_rate(to, length_ns, 2))
}

/// A number of cycles, with the whole ones apart: a float that held both would lose the part of a
/// cycle after many of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CycleCount {
    /// Whole cycles. A float, which is exact up to [`INDEX_MAX`](super::INDEX_MAX).
    whole: f64,
    /// The part of a cycle, from 0 to less than 1.
    part: f64,
}

impl CycleCount {
    /// Returns the cycles of `ns` nanoseconds at a rate, divided by `divisor`.
    fn at_rate(rate: f64, ns: u64, divisor: u128) -> Self {
        // A float is a whole number of units of a power of two. It was checked to be positive and
        // far below the lowest float that has no part.
        let fraction_bits = f64::MANTISSA_DIGITS - 1;
        let bits = rate.to_bits();
        let exponent = (bits >> fraction_bits) as u32;
        let units = bits & ((1 << fraction_bits) - 1) | 1 << fraction_bits;
        let units_per_cycle_bits = 1_023 + fraction_bits - exponent;
        if units_per_cycle_bits > UNIT_BITS_MAX {
            // At such a rate no cycle comes due before the clock's end.
            return Self { whole: 0.0, part: rate * ns as f64 / 1e9 / divisor as f64 };
        }
        let units_per_cycle = (1_000_000_000 * divisor) << units_per_cycle_bits;
        let units = u128::from(units) * u128::from(ns);
        let (whole, rest) = (units / units_per_cycle, units % units_per_cycle);
        Self { whole: whole as f64, part: rest as f64 / units_per_cycle as f64 }
    }

    fn plus(self, other: Self) -> Self {
        let part = self.part + other.part;
        let carry = part.floor();
        Self { whole: self.whole + other.whole + carry, part: part - carry }
    }

    fn rounded(self) -> f64 {
        self.whole + self.part
    }

    /// Returns the number of cycles from this one until `whole` + `part`; negative if that is less.
    #[inline]
    pub(super) fn until(self, whole: u64, part: f64) -> f64 {
        (whole as f64 - self.whole) + (part - self.part)
    }
}

/// The most bits of a cycle's share that a unit is, for which a count of units fits an integer:
/// those of a rate of a cycle in 8,000 years.
const UNIT_BITS_MAX: u32 = 90;
const _: () = assert!((2_000_000_000_u128 << UNIT_BITS_MAX) >> UNIT_BITS_MAX == 2_000_000_000);

#[cfg(test)]
mod tests;
