//! Values of one metric over a stretch of time: exact sums and a distribution.
//!
//! The distribution is the values themselves until there are more than [`RAW_MAX`], and counts in
//! buckets from then on. With a thousand workers most series are short, and the buckets take about
//! 150 KB to hold a tenth of a second in nanoseconds. This does not limit the memory for a thousand
//! workers that are all busy: measured, their three cycle metrics take 60 MB at 500 values each,
//! and 480 MB at 2,000, when each series has buckets.
//!
//! Count, least, largest, sum and sum of squares are kept next to the distribution, because buckets
//! have only three digits of them. They are integers, so that the order of values can't change
//! them.

pub mod stored;

use dyno_bus::Time;
use dyno_bus::value::{BELOW, VALUE_MAX};
use serde::{Deserialize, Serialize};

use crate::buckets::{self, Buckets};
use crate::rows::IntervalRows;
use crate::stats::{Stat, Stats};

/// The most values that a series keeps raw: 8 KiB, much less than the buckets take, and sorted in
/// 12 µs. A gauge that is read once a second fills it in 17 minutes.
pub const RAW_MAX: usize = 1_024;
/// The largest value for which the sum of a column, and the square of each value, fit into 64 bits.
const SMALL_MAX: u64 = u32::MAX as u64;
/// The percentiles in [`Stats`], with their ranks in thousandths, ascending.
const PERCENTILES: [(Stat, u64); 4] =
    [(Stat::P50, 500), (Stat::P90, 900), (Stat::P99, 990), (Stat::P999, 999)];

/// The values of one metric over a stretch of time.
#[derive(Debug, Clone, Default)]
pub struct Series {
    exact: Exact,
    values: Values,
}

/// The numbers that are exact, since they do not come from buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Exact {
    count: u64,
    /// The smallest value; `u64::MAX` until the first one.
    min: u64,
    max: u64,
    /// The sum of all values: at most 2^53 values of at most 2^53 each, so that it can't overflow.
    sum: u128,
    /// The sum of squares. It saturates after 2^22 values of 2^53 (104 days, in nanoseconds), which
    /// no real series reaches.
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
    Counted(Buckets),
}

impl Default for Values {
    fn default() -> Self {
        Self::Raw(Vec::new())
    }
}

impl Series {
    /// Records a column from one frame, which is at most 2^20 values. Values out of range are
    /// clamped and counted.
    ///
    /// Several loops go over the column, and each does one thing: together they take two thirds of
    /// the time of one loop that does everything.
    pub(crate) fn record(&mut self, values: &[u64], as_of: Time) {
        self.record_by(Exact::merge, values, as_of);
    }

    /// Records a column of one of several processes.
    pub(crate) fn record_beside(&mut self, values: &[u64], as_of: Time) {
        self.record_by(Exact::merge_beside, values, as_of);
    }

    fn record_by(&mut self, merge: fn(&mut Exact, &Exact), values: &[u64], as_of: Time) {
        if values.is_empty() {
            return;
        }
        let column = Exact::of(values, as_of);
        merge(&mut self.exact, &column);
        let within = values.iter().copied().map(within);
        match self.values.with_room_for(within.len()) {
            Values::Raw(raw) => raw.extend(within),
            // Usually no value has to be clamped; counting without it takes a twelfth less time.
            Values::Counted(buckets) if column.out_of_range == 0 => {
                buckets.count(values.iter().copied(), column.max);
            }
            Values::Counted(buckets) => buckets.count(within, column.max),
        }
    }

    /// Adds the values of another series, which is from the same time or a later one.
    pub fn merge(&mut self, other: &Self) {
        self.exact.merge(&other.exact);
        self.merge_values(other);
    }

    /// Adds the values that another process has recorded at any time.
    pub(crate) fn merge_beside(&mut self, other: &Self) {
        self.exact.merge_beside(&other.exact);
        self.merge_values(other);
    }

    fn merge_values(&mut self, other: &Self) {
        match (&mut self.values, &other.values) {
            (_, Values::Raw(more)) => match self.values.with_room_for(more.len()) {
                Values::Raw(raw) => raw.extend(more),
                Values::Counted(buckets) => count_in(buckets, more),
            },
            (Values::Raw(raw), Values::Counted(more)) => {
                let mut buckets = more.clone();
                count_in(&mut buckets, raw);
                self.values = Values::Counted(buckets);
            }
            (Values::Counted(buckets), Values::Counted(more)) => buckets.add(more),
        }
    }

    /// Sorts raw values, so that the statistics of these, and of some more values, take less time
    /// from then on.
    pub(crate) fn settle(&mut self) {
        if let Values::Raw(raw) = &mut self.values {
            sort(raw);
        }
    }

    /// Removes all values. It keeps the buckets only if there were too many values to be kept raw.
    pub fn clear(&mut self) {
        let few = self.exact.count <= RAW_MAX as u64;
        match &mut self.values {
            Values::Raw(raw) => raw.clear(),
            Values::Counted(_) if few => self.values = Values::default(),
            Values::Counted(buckets) => buckets.clear(),
        }
        self.exact = Exact::default();
    }

    /// Returns the number of values.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.exact.count
    }

    /// Returns the sum of all values.
    #[must_use]
    pub const fn sum(&self) -> u128 {
        self.exact.sum
    }

    /// Returns, for each of these ascending bounds, the number of values that are at most as large.
    /// Once the values are in buckets, each counts as the smallest value of its bucket.
    #[must_use]
    pub fn counts_up_to(&self, bounds: &[u64]) -> Vec<u64> {
        let buckets = self.buckets();
        let mut used = buckets.iter().peekable();
        let mut seen = 0;
        let up_to = |bound: &u64| {
            while let Some((_, count)) =
                used.next_if(|(index, _)| buckets::lowest(*index) <= *bound)
            {
                seen += count;
            }
            seen
        };
        bounds.iter().map(up_to).collect()
    }

    /// Returns the largest value, as it was recorded; 0 if the series is empty.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.exact.max
    }

    /// Returns `true` if the series has no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.exact.count == 0
    }

    /// Returns the memory of the values, in bytes. That of buckets does not depend on their counts.
    #[must_use]
    pub const fn size(&self) -> usize {
        match &self.values {
            Values::Raw(raw) => raw.len() * size_of::<u64>(),
            Values::Counted(buckets) => buckets.size(),
        }
    }

    /// Returns the buckets that hold values, in ascending order: the index of each among the
    /// buckets of an `HdrHistogram` of three digits, and the number of its values.
    #[must_use]
    pub fn buckets(&self) -> Vec<(usize, u64)> {
        match &self.values {
            // Counting a few values in buckets would clear and search thousands of empty ones.
            Values::Raw(raw) => {
                let mut indices = Vec::from_iter(raw.iter().copied().map(buckets::index));
                indices.sort_unstable();
                let same = indices.chunk_by(|one, other| one == other);
                same.map(|indices| (indices[0], indices.len() as u64)).collect()
            }
            Values::Counted(buckets) => buckets.used().collect(),
        }
    }

    /// Returns the buckets that hold values, in ascending order: the largest value of each, and the
    /// number of its values. No value is beyond the smallest or the largest that was recorded.
    #[must_use]
    pub fn largest_by_bucket(&self) -> Vec<(u64, u64)> {
        let Exact { min, max, .. } = self.exact;
        let largest = |index| buckets::highest(index).clamp(min, max);
        self.buckets().into_iter().map(|(index, count)| (largest(index), count)).collect()
    }

    /// Adds the values to the rows of a column.
    pub(crate) fn add_rows(&self, rows: &mut IntervalRows) {
        rows.sum += self.exact.sum;
        match &self.values {
            Values::Raw(raw) => {
                raw.iter().for_each(|value| rows.count_in(buckets::index(*value)));
            }
            Values::Counted(buckets) => rows.add_buckets(buckets.counts()),
        }
    }

    /// Adds a value this many times, as of an instant.
    pub fn add(&mut self, value: u64, count: u64, as_of: Time) {
        if count == 0 {
            return;
        }
        let value = within(value);
        let (wide, times) = (u128::from(value), u128::from(count));
        self.exact.merge(&Exact {
            count,
            min: value,
            max: value,
            sum: wide * times,
            squares: (wide * wide).saturating_mul(times),
            last: value,
            last_at: as_of,
            out_of_range: 0,
        });
        let times = usize::try_from(count).unwrap_or(usize::MAX);
        match self.values.with_room_for(times) {
            Values::Raw(raw) => raw.extend(std::iter::repeat_n(value, times)),
            Values::Counted(buckets) => buckets.count_again(value, count),
        }
    }

    /// Returns the value at a percentile, which is a part of `whole`; `None` if the series is empty.
    #[must_use]
    pub fn at(&self, part: u32, whole: u32) -> Option<u64> {
        let Exact { count, min, max, .. } = self.exact;
        let rank = (u128::from(count) * u128::from(part)).div_ceil(u128::from(whole));
        let rank = (rank as u64).clamp(1, count.max(1));
        let value = match &self.values {
            _ if count == 0 => return None,
            Values::Raw(raw) => {
                let mut sorted = raw.clone();
                sort(&mut sorted);
                sorted[rank as usize - 1]
            }
            Values::Counted(buckets) => buckets.at_ranks([rank])[0],
        };
        Some(value.clamp(min, max))
    }

    /// Returns the number of values for which this is true. Once the values are in buckets, each
    /// counts as the smallest value of its bucket.
    #[must_use]
    pub fn count_of(&self, is_counted: impl Fn(u64) -> bool) -> u64 {
        match &self.values {
            Values::Raw(raw) => raw.iter().filter(|value| is_counted(**value)).count() as u64,
            Values::Counted(buckets) => {
                let counts = buckets.counts().iter().enumerate();
                let counts = counts.filter(|(index, _)| is_counted(buckets::lowest(*index)));
                counts.map(|(_, count)| count).sum()
            }
        }
    }

    /// Returns the statistics; all percentiles come from one walk.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Exact { count, min, max, last, out_of_range, .. } = self.exact;
        if count == 0 {
            return Stats::default();
        }
        let values = self.values.percentiles(count).map(|value| value.clamp(min, max));
        let carried = |at: usize| (count >= PERCENTILES[at].0.values_min()).then_some(values[at]);
        let [p50, p90, p99, p999] = [0, 1, 2, 3].map(carried);
        let (mean, stddev) = self.exact.mean_and_stddev();
        Stats { count, min, max, mean, stddev, last, p50, p90, p99, p999, out_of_range }
    }
}

impl Exact {
    /// Computes the numbers of a column that is not empty. At most 2^20 squares of 2^106 can't
    /// overflow.
    fn of(values: &[u64], as_of: Time) -> Self {
        let last = values.last().copied().map_or(0, within);
        let max = values.iter().copied().fold(0, u64::max);
        let column =
            Self { count: values.len() as u64, max, last, last_at: as_of, ..Self::default() };
        if max <= SMALL_MAX {
            let min = values.iter().copied().fold(u64::MAX, u64::min);
            let sum = values.iter().sum::<u64>().into();
            let squares = values.iter().map(|value| u128::from(value * value)).sum();
            return Self { min, sum, squares, ..column };
        }
        values.iter().fold(Self { max: 0, ..column }, |column, &value| {
            let (out_of_range, value) = (value > VALUE_MAX, within(value));
            Self {
                min: column.min.min(value),
                max: column.max.max(value),
                sum: column.sum + u128::from(value),
                squares: column.squares + u128::from(value) * u128::from(value),
                out_of_range: column.out_of_range + u64::from(out_of_range),
                ..column
            }
        })
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

    /// Adds the numbers of another process. Of two values of the same instant the larger one is the
    /// last, so that the order of processes changes nothing.
    fn merge_beside(&mut self, other: &Self) {
        let last = (self.last_at, self.last).max((other.last_at, other.last));
        self.merge(other);
        if other.count > 0 {
            (self.last_at, self.last) = last;
        }
    }

    /// Returns the mean and the standard deviation. Σ(v − m)² is computed in integers, around the
    /// integer part m of the mean: the difference of two large floating-point numbers would have no
    /// digits left for a small deviation.
    fn mean_and_stddev(&self) -> (f64, f64) {
        let count = u128::from(self.count);
        let (whole, rest) = (self.sum / count, self.sum % count);
        let fraction = rest as f64 / count as f64;
        // Wrapping, because terms may exceed 2^128; their sum does not, and it is never negative.
        let around = self
            .squares
            .wrapping_sub(whole.wrapping_mul(self.sum).wrapping_mul(2))
            .wrapping_add(whole.wrapping_mul(whole).wrapping_mul(count));
        let variance = around as f64 / count as f64 - fraction * fraction;
        (whole as f64 + fraction, variance.max(0.0).sqrt())
    }
}

impl Values {
    /// Returns the values, turned into buckets first if `count` more are too many to be kept raw.
    fn with_room_for(&mut self, count: usize) -> &mut Self {
        if let Self::Raw(raw) = self
            && raw.len() + count > RAW_MAX
        {
            *self = Self::Counted(counted(raw));
        }
        self
    }

    /// Returns the values at [`PERCENTILES`], each of rank ⌈count × permille / 1000⌉.
    fn percentiles(&self, count: u64) -> [u64; 4] {
        let ranks = PERCENTILES
            .map(|(_, permille)| (u128::from(count) * u128::from(permille)).div_ceil(1_000) as u64);
        match self {
            Self::Raw(raw) => {
                let mut sorted = raw.clone();
                sort(&mut sorted);
                ranks.map(|rank| sorted[rank as usize - 1])
            }
            Self::Counted(buckets) => buckets.at_ranks(ranks),
        }
    }
}

/// Returns a value clamped to the range that is recorded.
#[inline]
pub(crate) fn within(value: u64) -> u64 {
    if value == BELOW { 0 } else { value.min(VALUE_MAX) }
}

/// Sorts values. After [`Series::settle`] all but the newest are in order: the stable sort uses
/// runs that are sorted already, where the unstable one starts from nothing.
#[expect(clippy::stable_sort_primitive, reason = "the stable sort is the one that knows of runs")]
fn sort(values: &mut [u64]) {
    values.sort();
}

fn counted(raw: &[u64]) -> Buckets {
    let mut buckets = Buckets::default();
    count_in(&mut buckets, raw);
    buckets
}

fn count_in(buckets: &mut Buckets, raw: &[u64]) {
    buckets.count(raw.iter().copied(), raw.iter().copied().max().unwrap_or(0));
}

#[cfg(test)]
mod tests;
