//! The values of a series as bytes: exact sums, and the distribution in as few bytes as it needs.
//!
//! A series in memory has room for all buckets up to its largest value. Stored, it has only the
//! buckets that hold values. What is stored merges into a [`Series`] without a loss: sums, counts
//! and buckets are integers. Bytes from elsewhere are checked with [`is_valid`](StoredSeries::is_valid)
//! before they are merged.

use dyno_bus::Time;
use dyno_bus::value::VALUE_MAX;
use serde::{Deserialize, Serialize};

use super::{Exact, RAW_MAX, Series, Values, counted};
use crate::buckets;

/// The most values of a stored series: a million a second for thirty years. The sum over any number
/// of hosts fits 64 bits.
pub const COUNT_MAX: u64 = 1 << 50;
/// The bits of a number that one byte holds; its highest bit is set if another byte follows.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

/// The values of one metric over a stretch of time, in a form to store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSeries {
    exact: Exact,
    form: Form,
    /// Raw values: each less the one before it, in ascending order. Buckets: the index of each less
    /// the one before it, followed by its count.
    #[serde(with = "bytes")]
    numbers: Vec<u8>,
}

/// The form of the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Form {
    Raw,
    Counted,
}

impl StoredSeries {
    /// Stores a series. The instant of its last value is stored as the time since `start`.
    #[must_use]
    pub fn of(series: &Series, start: Time) -> Self {
        let exact = Exact {
            last_at: Time::from_nanos(series.exact.last_at.nanos_since(start)),
            ..series.exact
        };
        let mut numbers = Vec::new();
        let form = match &series.values {
            Values::Raw(raw) => {
                let mut sorted = raw.clone();
                sorted.sort_unstable();
                let mut before = 0;
                for value in sorted {
                    put(&mut numbers, value - before);
                    before = value;
                }
                Form::Raw
            }
            Values::Counted(buckets) => {
                let mut before = 0;
                for (index, count) in buckets.used() {
                    put(&mut numbers, (index - before) as u64);
                    put(&mut numbers, count);
                    before = index;
                }
                Form::Counted
            }
        };
        Self { exact, form, numbers }
    }

    /// Returns the number of values.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.exact.count
    }

    /// Returns `true` if the parts agree with each other: only then may it be merged.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let Exact { count, min, max, sum, last, last_at, out_of_range, .. } = self.exact;
        if count == 0 {
            return self.numbers.is_empty() && self.exact == Exact::default();
        }
        let is_possible = count <= COUNT_MAX
            && min <= max
            && max <= VALUE_MAX
            && last <= VALUE_MAX
            && out_of_range <= count
            && last_at.as_nanos() < u64::MAX / 2
            && sum <= u128::from(count) * u128::from(VALUE_MAX);
        let found = match self.form {
            Form::Raw => self.raw_ends(),
            Form::Counted => self.counted_ends(),
        };
        let ends = match self.form {
            Form::Raw => (min, max, count),
            Form::Counted => (buckets::index(min) as u64, buckets::index(max) as u64, count),
        };
        is_possible && found == Some(ends)
    }

    /// Returns the first and the last raw value, and their number; `None` if the bytes are wrong.
    fn raw_ends(&self) -> Option<(u64, u64, u64)> {
        let mut rest = &self.numbers[..];
        let first = take(&mut rest)?;
        let (mut last, mut count) = (first, 1);
        while !rest.is_empty() {
            last = last.checked_add(take(&mut rest)?)?;
            count += 1;
        }
        (count <= RAW_MAX as u64).then_some((first, last, count))
    }

    /// Returns the index of the first and of the last bucket, and the number of all values; `None`
    /// if the bytes are wrong.
    fn counted_ends(&self) -> Option<(u64, u64, u64)> {
        let mut rest = &self.numbers[..];
        let (mut ends, mut all) = (None, 0_u64);
        while !rest.is_empty() {
            let (step, count) = (take(&mut rest)?, take(&mut rest)?);
            ends = match ends {
                None => Some((step, step)),
                Some((first, last)) if step > 0 => Some((first, u64::checked_add(last, step)?)),
                Some(_) => return None,
            };
            all = all.checked_add(count).filter(|_| count > 0)?;
        }
        let (first, last) = ends?;
        Some((first, last, all))
    }
}

impl Series {
    /// Adds the values of a stored series, which [is valid](StoredSeries::is_valid).
    ///
    /// # Panics
    /// If it is not.
    pub fn merge_stored(&mut self, stored: &StoredSeries) {
        let mut rest = &stored.numbers[..];
        let mut next = || take(&mut rest).expect("a valid series is whole");
        let count = stored.exact.count;
        self.exact.merge_beside(&stored.exact);
        match stored.form {
            Form::Raw => {
                let mut before = 0;
                let values = (0..count).map(|_| {
                    before += next();
                    before
                });
                match self.values.with_room_for(count as usize) {
                    Values::Raw(raw) => raw.extend(values),
                    Values::Counted(buckets) => buckets.count(values, stored.exact.max),
                }
            }
            Form::Counted => {
                if let Values::Raw(raw) = &self.values {
                    self.values = Values::Counted(counted(raw));
                }
                let Values::Counted(buckets) = &mut self.values else { return };
                buckets.count(std::iter::empty(), stored.exact.max);
                let (mut index, mut seen) = (0, 0);
                while seen < count {
                    index += next() as usize;
                    let here = next();
                    buckets.add_at(index, here);
                    seen += here;
                }
            }
        }
    }
}

/// Appends a number, seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        bytes.push(number as u8 | MORE);
        number >>= BITS;
    }
    bytes.push(number as u8);
}

/// Takes a number from the front; `None` if it is not whole, or is too large.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & !MORE);
        if part > u64::MAX.checked_shr(shift)? {
            return None;
        }
        number |= part << shift;
        if first & MORE == 0 {
            return Some(number);
        }
        shift += BITS;
    }
}

/// Bytes in one piece, and not number by number.
mod bytes {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_bytes(BytesVisitor)
    }

    struct BytesVisitor;

    impl Visitor<'_> for BytesVisitor {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(values: &[u64]) -> Series {
        let mut series = Series::default();
        for (index, chunk) in values.chunks(700).enumerate() {
            series.record(chunk, Time::from_nanos(1_000 + index as u64));
        }
        series
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(
            (0..=VALUE_MAX, 0..53_u32).prop_map(|(one, bits)| one >> bits),
            0..2_500,
        )
    }

    proptest! {
        #[test]
        fn stored_parts_merge_to_what_the_series_themselves_merge_to(
            parts in prop::collection::vec(values(), 1..4),
        ) {
            let (mut whole, mut stored) = (Series::default(), Series::default());
            for part in &parts {
                let part = series(part);
                whole.merge_beside(&part);
                let one = StoredSeries::of(&part, Time::ZERO);
                prop_assert!(one.is_valid(), "{one:?}");
                stored.merge_stored(&one);
            }
            prop_assert_eq!(whole.stats(), stored.stats());
            prop_assert_eq!(whole.buckets(), stored.buckets());
            prop_assert_eq!((whole.sum(), whole.exact), (stored.sum(), stored.exact));
        }

        #[test]
        fn parts_in_any_order_have_the_same_statistics(
            mut parts in prop::collection::vec(values(), 2..4),
        ) {
            let merged = |parts: &[Vec<u64>]| {
                let mut all = Series::default();
                let stored = parts.iter().map(|part| StoredSeries::of(&series(part), Time::ZERO));
                stored.for_each(|part| all.merge_stored(&part));
                all.stats()
            };
            let before = merged(&parts);
            parts.reverse();
            prop_assert_eq!(before, merged(&parts));
        }

        #[test]
        fn bytes_of_another_kind_are_refused_and_never_a_panic(
            numbers in prop::collection::vec(any::<u8>(), 0..40),
            count in 0..60_u64,
            (min, max) in (0..5_000_u64, 0..5_000_u64),
            is_raw in any::<bool>(),
        ) {
            let form = if is_raw { Form::Raw } else { Form::Counted };
            let exact = Exact { count, min, max, ..Exact::default() };
            let stored = StoredSeries { exact, form, numbers };
            if stored.is_valid() {
                let mut series = Series::default();
                series.merge_stored(&stored);
                prop_assert_eq!(series.stats().count, count);
            }
        }
    }

    #[test]
    fn a_number_of_any_size_is_read_back_and_one_that_is_cut_is_not() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX]
        {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(take(&mut &bytes[..]), Some(number));
            bytes.pop();
            assert_eq!(take(&mut &bytes[..]), None);
        }
        assert_eq!(take(&mut &[0xff; 11][..]), None);
    }
}
