//! Values counted in buckets, which have the same borders as those of an `HdrHistogram` of three
//! digits.
//!
//! Each value below 2,048 has a bucket; from there on 1,024 buckets lie between a power of two and
//! the next, so that a bucket is at most a thousandth as wide as its values. The buckets are
//! implemented here because counting is most of the primary's work on a value: when the largest
//! value is known beforehand, to count is an index and an addition. A writer of histograms gets the
//! buckets that hold values from [`used`](Buckets::used).

/// Buckets between a power of two and the next: the least power of two that gives three significant
/// digits, which is finer than any benchmark repeats.
const HALF: usize = 1 << HALF_BITS;
const HALF_BITS: u32 = 10;

/// The number of values in each bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buckets {
    /// As long as the largest value needs, rounded up to a multiple of [`HALF`].
    counts: Vec<u64>,
}

impl Buckets {
    /// Counts values; none may be larger than `max`.
    #[inline]
    pub(crate) fn count(&mut self, values: impl Iterator<Item = u64>, max: u64) {
        let length = index(max) / HALF * HALF + HALF;
        if self.counts.len() < length {
            self.counts.resize(length, 0);
        }
        values.for_each(|value| self.counts[index(value)] += 1);
    }

    /// Counts a value this many times.
    pub(crate) fn count_again(&mut self, value: u64, count: u64) {
        self.count(std::iter::empty(), value);
        self.counts[index(value)] += count;
    }

    /// Adds to the count of the bucket `index`, which there must be.
    pub(crate) fn add_at(&mut self, index: usize, count: u64) {
        self.counts[index] += count;
    }

    /// Adds the counts of another.
    pub(crate) fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Sets all counts to zero and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Returns the number of values in each bucket, up to that of the largest value or further.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns the memory of the counts, in bytes.
    pub(crate) const fn size(&self) -> usize {
        self.counts.len() * size_of::<u64>()
    }

    /// Returns, for each rank, the largest value of the bucket that holds the value of that rank,
    /// in one walk. The ranks ascend, from 1 to at most the number of values.
    pub(crate) fn at_ranks<const N: usize>(&self, ranks: [u64; N]) -> [u64; N] {
        let mut buckets = self.counts.iter().enumerate();
        let (mut seen, mut last) = (0, 0);
        ranks.map(|rank| {
            while seen < rank {
                let (index, count) = buckets.next().expect("a rank is that of a counted value");
                seen += count;
                last = highest(index);
            }
            last
        })
    }

    /// Returns the buckets that hold values, in ascending order: the index of each, and its count.
    pub(crate) fn used(&self) -> impl Iterator<Item = (usize, u64)> {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }
}

/// Returns the bucket of a value.
pub(crate) const fn index(value: u64) -> usize {
    let shift = shift(value);
    ((shift as usize) << HALF_BITS) + (value >> shift) as usize
}

/// Returns the number of a value's low bits that its bucket ignores.
const fn shift(value: u64) -> u32 {
    (u64::BITS - HALF_BITS - 1).saturating_sub(value.leading_zeros())
}

/// Returns the smallest value of a bucket.
pub(crate) const fn lowest(index: usize) -> u64 {
    if index == 0 { 0 } else { highest(index - 1) + 1 }
}

/// Returns the largest value of a bucket.
pub(crate) const fn highest(index: usize) -> u64 {
    let shift = (index >> HALF_BITS).saturating_sub(1);
    let place = (index - (shift << HALF_BITS)) as u64;
    ((place + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use dyno_bus::value::VALUE_MAX;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    /// Significant decimal digits.
    const DIGITS: u8 = 3;

    /// Returns an `HdrHistogram` of counts by the index of their bucket.
    fn of_buckets(used: impl Iterator<Item = (usize, u64)>) -> Histogram<u64> {
        let mut histogram = Histogram::new(DIGITS).unwrap();
        used.for_each(|(index, count)| histogram.record_n(highest(index), count).unwrap());
        histogram
    }

    /// Values of all sizes with equal chances, and the borders between sizes.
    fn value() -> impl Strategy<Value = u64> {
        prop_oneof![
            (0..=VALUE_MAX, 0..53u32).prop_map(|(value, bits)| value >> bits),
            (0..53u32, 0..3u64).prop_map(|(bits, beside)| ((1 << bits) + beside).saturating_sub(1)),
            Just(VALUE_MAX),
        ]
    }

    proptest! {
        #[test]
        fn borders_are_those_of_a_histogram(value in value()) {
            let histogram = Histogram::<u64>::new_with_max(VALUE_MAX, DIGITS).unwrap();
            prop_assert_eq!(highest(index(value)), histogram.highest_equivalent(value));
        }

        #[test]
        fn counts_and_ranks_are_those_of_a_histogram(
            values in prop::collection::vec(value(), 1..500),
        ) {
            let mut buckets = Buckets::default();
            let mut histogram = Histogram::<u64>::new(DIGITS).unwrap();
            for half in values.chunks(250) {
                let mut some = Buckets::default();
                some.count(half.iter().copied(), *half.iter().max().unwrap());
                buckets.add(&some);
            }
            values.iter().for_each(|value| histogram.record(*value).unwrap());
            prop_assert_eq!(&of_buckets(buckets.used()), &histogram);

            let count = values.len() as u64;
            let ranks = [1, count.div_ceil(2), count];
            let quantiles = ranks.map(|rank| (rank as f64 - 0.5) / count as f64);
            let expected = quantiles.map(|quantile| histogram.value_at_quantile(quantile));
            prop_assert_eq!(buckets.at_ranks(ranks), expected);

            buckets.clear();
            prop_assert!(of_buckets(buckets.used()).is_empty());
        }
    }
}
