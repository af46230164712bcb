//! The rows of the interval table: values counted in [`ROWS`] ranges of equal ratio, with an exact
//! sum.

use crate::buckets;

/// The rows of a column.
pub const ROWS: usize = 80;
/// The rows in a factor of ten.
const ROWS_PER_DECADE: usize = 8;
/// The least values of the second row to the ninth. Each further row begins at ten times the value
/// of the one eight rows below it, so that neighbours differ by a third; the last begins at 562 s.
const STEPS: [u64; ROWS_PER_DECADE] = [100, 133, 178, 237, 316, 422, 562, 750];
/// The first bucket of each row. A row begins where a bucket does, so that values are counted in
/// the same row before and after a series has put them into buckets.
static FIRST_BUCKETS: [usize; ROWS] = first_buckets();

/// The values of one metric in a stretch of time, counted in rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalRows {
    /// The sum of the values.
    pub sum: u128,
    /// The number of values in each row.
    pub counts: [u64; ROWS],
}

impl Default for IntervalRows {
    fn default() -> Self {
        Self { sum: 0, counts: [0; ROWS] }
    }
}

impl IntervalRows {
    /// Returns the number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the index of the first row that has values, and the counts from it up to the last
    /// row that has some.
    #[must_use]
    pub fn filled(&self) -> (usize, &[u64]) {
        let first = self.counts.iter().position(|count| *count > 0).unwrap_or(0);
        let end = self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        (first, &self.counts[first..end])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Counts a value in the bucket `bucket`, without its sum.
    #[inline]
    pub(crate) fn count_in(&mut self, bucket: usize) {
        // The first row begins with the first bucket.
        self.counts[FIRST_BUCKETS.partition_point(|first| *first <= bucket) - 1] += 1;
    }

    /// Adds the counts of all buckets, without the sum of their values.
    pub(crate) fn add_buckets(&mut self, counts: &[u64]) {
        for (row, first) in FIRST_BUCKETS.iter().enumerate() {
            let end = FIRST_BUCKETS.get(row + 1).map_or(counts.len(), |end| counts.len().min(*end));
            self.counts[row] += counts.get(*first..end).map_or(0, |counts| counts.iter().sum());
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.sum -= other.sum;
        self.counts.iter_mut().zip(other.counts).for_each(|(count, less)| *count -= less);
    }
}

/// Returns the least value of each row, in ascending order. It has three digits, as the buckets.
#[must_use]
pub fn row_starts() -> [u64; ROWS] {
    FIRST_BUCKETS.map(buckets::lowest)
}

const fn first_buckets() -> [usize; ROWS] {
    let mut firsts = [0; ROWS];
    let (mut row, mut decade) = (1, 1);
    while row < ROWS {
        firsts[row] = buckets::index(STEPS[(row - 1) % ROWS_PER_DECADE] * decade);
        if row % ROWS_PER_DECADE == 0 {
            decade *= 10;
        }
        row += 1;
    }
    firsts
}
