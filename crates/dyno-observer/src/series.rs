//! Values of one metric over some stretch of time: exact sums, beside a distribution.
//!
//! The distribution is the values themselves until there are more than [`RAW_MAX`], and an
//! `HdrHistogram` of three digits from then on: with a thousand workers most series are short, and
//! a histogram takes some 150 KB to hold a tenth of a second in nanoseconds. What this does not
//! bound is a thousand workers that are all busy: measured, their three cycle metrics take 60 MB
//! at 500 values each, and 480 MB at 2,000, when each has earned its histogram.
//!
//! Count, least, largest, sum and sum of squares are integers kept beside it, because a histogram
//! knows them by buckets only; and because they are integers, the order of values can't change
//! them.

use std::borrow::Cow;

use dyno_bus::Time;
use dyno_bus::value::{BELOW, VALUE_MAX};
use hdrhistogram::Histogram;

use crate::stats::Stats;

/// The most values that a series keeps as they are: 8 KiB, a small part of a histogram, and
/// sorted (12 µs) in half the time of a histogram's walk (26 µs). A gauge that is read once a
/// second fills it in 17 minutes.
pub const RAW_MAX: usize = 1_024;
/// Significant decimal digits of a histogram: 0.1 %, finer than any benchmark repeats.
const DIGITS: u8 = 3;
/// The ranks of the percentiles in [`Stats`], in thousandths, ascending.
const PERMILLES: [u64; 4] = [500, 900, 990, 999];

/// Values of one metric.
#[derive(Debug, Clone, Default)]
pub struct Series {
    exact: Exact,
    values: Values,
}

/// What is known without a bucket's width.
#[derive(Debug, Clone, Copy)]
struct Exact {
    count: u64,
    /// `u64::MAX` while there is no value.
    min: u64,
    max: u64,
    /// At most 2^53 values of 2^53 each: no overflow.
    sum: u128,
    /// Saturates after 2^22 values of 2^53 (104 days, in nanoseconds): no real series does.
    squares: u128,
    last: u64,
    last_at: Time,
    out_of_range: u64,
}

impl Default for Exact {
    fn default() -> Self {
        Self {
            count: 0,
            min: u64::MAX,
            max: 0,
            sum: 0,
            squares: 0,
            last: 0,
            last_at: Time::ZERO,
            out_of_range: 0,
        }
    }
}

#[derive(Debug, Clone)]
enum Values {
    Raw(Vec<u64>),
    Counted(Box<Histogram<u64>>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Raw(Vec::new())
    }
}

impl Series {
    /// Records a column, which is no longer than a frame: at most 2^20 values. Those that are out
    /// of range are clamped and counted.
    pub(crate) fn record(&mut self, values: impl ExactSizeIterator<Item = u64>, as_of: Time) {
        let count = values.len();
        if count == 0 {
            return;
        }
        let mut column = Exact { count: count as u64, last_at: as_of, ..Exact::default() };
        match self.values.with_room_for(count) {
            Values::Raw(raw) => raw.extend(values.map(|value| column.note(value))),
            Values::Counted(histogram) => {
                for value in values {
                    count_in(histogram, column.note(value));
                }
            }
        }
        self.exact.merge(&column);
    }

    /// Takes in another series, which is from the same time or a later one.
    pub fn merge(&mut self, other: &Self) {
        self.exact.merge(&other.exact);
        match (&mut self.values, &other.values) {
            (_, Values::Raw(more)) => match self.values.with_room_for(more.len()) {
                Values::Raw(raw) => raw.extend(more),
                Values::Counted(histogram) => {
                    more.iter().for_each(|value| count_in(histogram, *value));
                }
            },
            (Values::Raw(raw), Values::Counted(more)) => {
                let mut histogram = more.clone();
                raw.iter().for_each(|value| count_in(&mut histogram, *value));
                self.values = Values::Counted(histogram);
            }
            (Values::Counted(histogram), Values::Counted(more)) => {
                histogram.add(&**more).expect("a histogram that grows by itself takes any other");
            }
        }
    }

    /// Forgets all values, and the histogram too if they would not have earned one.
    pub fn clear(&mut self) {
        let few = self.exact.count <= RAW_MAX as u64;
        match &mut self.values {
            Values::Raw(raw) => raw.clear(),
            Values::Counted(_) if few => self.values = Values::default(),
            Values::Counted(histogram) => histogram.reset(),
        }
        self.exact = Exact::default();
    }

    /// How many values there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.exact.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.exact.count == 0
    }

    /// The values as a histogram of three digits, made where there is none yet.
    #[must_use]
    pub fn histogram(&self) -> Cow<'_, Histogram<u64>> {
        match &self.values {
            Values::Raw(raw) => Cow::Owned(counted(raw)),
            Values::Counted(histogram) => Cow::Borrowed(histogram),
        }
    }

    /// The statistics, with all percentiles from one walk.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Exact { count, min, max, last, out_of_range, .. } = self.exact;
        if count == 0 {
            return Stats::default();
        }
        let [p50, p90, p99, p999] =
            self.values.percentiles(count).map(|value| value.clamp(min, max));
        let (mean, stddev) = self.exact.mean_and_stddev();
        Stats { count, min, max, mean, stddev, last, p50, p90, p99, p999, out_of_range }
    }
}

impl Exact {
    /// Takes in one value of a column, and gives it back within range. The column's count is
    /// known beforehand; at most 2^20 squares of 2^106 can't overflow.
    #[inline]
    fn note(&mut self, value: u64) -> u64 {
        let value = if value <= VALUE_MAX { value } else { self.clamp(value) };
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += u128::from(value);
        self.squares += u128::from(value) * u128::from(value);
        self.last = value;
        value
    }

    #[cold]
    fn clamp(&mut self, value: u64) -> u64 {
        self.out_of_range += 1;
        if value == BELOW { 0 } else { VALUE_MAX }
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if other.last_at >= self.last_at {
            (self.last, self.last_at) = (other.last, other.last_at);
        }
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.squares = self.squares.saturating_add(other.squares);
        self.out_of_range += other.out_of_range;
    }

    /// Σ(v − m)² is taken around the integer part m of the mean, in integers: the difference of
    /// two large floating-point numbers would have no digits left for a small deviation.
    fn mean_and_stddev(&self) -> (f64, f64) {
        let count = u128::from(self.count);
        let (whole, rest) = (self.sum / count, self.sum % count);
        let fraction = rest as f64 / count as f64;
        // Wrapping: terms may pass 2^128 where their sum does not, and it is never negative.
        let around = self
            .squares
            .wrapping_sub(whole.wrapping_mul(self.sum).wrapping_mul(2))
            .wrapping_add(whole.wrapping_mul(whole).wrapping_mul(count));
        let variance = around as f64 / count as f64 - fraction * fraction;
        (whole as f64 + fraction, variance.max(0.0).sqrt())
    }
}

impl Values {
    /// Itself, turned into a histogram if that many values more are too many to be kept.
    fn with_room_for(&mut self, count: usize) -> &mut Self {
        if let Self::Raw(raw) = self
            && raw.len() + count > RAW_MAX
        {
            *self = Self::Counted(Box::new(counted(raw)));
        }
        self
    }

    /// The values at [`PERMILLES`]: of `count` values the one of rank ⌈count × permille / 1000⌉.
    fn percentiles(&self, count: u64) -> [u64; 4] {
        let ranks = PERMILLES
            .map(|permille| (u128::from(count) * u128::from(permille)).div_ceil(1_000) as u64);
        match self {
            Self::Raw(raw) => {
                let mut sorted = raw.clone();
                sorted.sort_unstable();
                ranks.map(|rank| sorted[rank as usize - 1])
            }
            Self::Counted(histogram) => {
                // The middle of a rank's own share, so that rounding can't reach the next rank.
                let quantiles = ranks.map(|rank| (rank as f64 - 0.5) / count as f64);
                let mut values = histogram.value_at_quantiles(quantiles);
                ranks.map(|_| values.next().expect("one value for each ascending quantile"))
            }
        }
    }
}

fn counted(raw: &[u64]) -> Histogram<u64> {
    let mut histogram = Histogram::new(DIGITS).expect("three digits are allowed");
    raw.iter().for_each(|value| count_in(&mut histogram, *value));
    histogram
}

#[inline]
fn count_in(histogram: &mut Histogram<u64>, value: u64) {
    // Grows by itself, and VALUE_MAX is far below the largest that it can grow to.
    histogram.record(value).expect("a clamped value has a bucket");
}

#[cfg(test)]
mod tests;
