//! The bytes of a series in a row: an `HdrHistogram` of the format's second version.
//!
//! The format requires a zlib stream, but not one that compresses. For each row a compressor clears
//! a third of a megabyte. Yet most rows of a slow run, and all rows of gauges, are some dozens of
//! bytes. So a series with few values is stored without compression. This takes a small part of the
//! time, for up to twice the bytes if there are hundreds of values.

use dyno_observer::Series;
use dyno_observer::series::RAW_MAX;
use miniz_oxide::deflate::compress_to_vec_zlib;

/// The number that begins a histogram of the format's second version: one that is compressed, and a
/// plain one.
const COMPRESSED: u32 = 0x1c84_9314;
const PLAIN: u32 = 0x1c84_9313;
/// The number of bytes before the counts of a plain histogram.
const PLAIN_HEAD: usize = 40;
/// The most bytes of a plain histogram that is stored. Each value takes at most the number of empty
/// buckets before its own, in three bytes, and its count, in two.
const PLAIN_MAX: usize = PLAIN_HEAD + 5 * RAW_MAX;
// The length of a stored block has 16 bits, and [`adler32`] must not overflow.
const _: () = assert!(PLAIN_MAX <= u16::MAX as usize);
const _: () = assert!((PLAIN_MAX + 1).pow(2) / 2 * 0xff <= u32::MAX as usize);
/// The bytes before a stored block: the head of a zlib stream, of the level that takes the least
/// time, and the head of the stream's only block.
const STORED: [u8; 3] = [0x78, 0x01, 0x01];
/// The number of bytes that a stored stream has in addition to those that it stores: [`STORED`],
/// their number twice, their checksum.
const BESIDE: usize = STORED.len() + 2 * size_of::<u16>() + size_of::<u32>();
/// The modulus of Adler-32's sums.
const ADLER: u32 = 65_521;

/// The effort of the compressor: zlib's own default.
const LEVEL: u8 = 6;

/// The encoder of one series after the other; it keeps its buffers.
#[derive(Default)]
pub(crate) struct Encoder {
    /// The plain bytes of the last series.
    plain: Vec<u8>,
    /// The encoded bytes of the last series, stored or compressed.
    encoded: Vec<u8>,
}

impl Encoder {
    /// Returns the bytes of a series in the log, before they are made text.
    pub(crate) fn encode(&mut self, series: &Series) -> &[u8] {
        self.encoded.clear();
        write_plain(&series.buckets(), series.max(), &mut self.plain);
        if series.count() <= RAW_MAX as u64 {
            store(&self.plain, &mut self.encoded);
        } else {
            compress(&self.plain, &mut self.encoded);
        }
        &self.encoded
    }
}

/// Writes a plain histogram of three digits, from the buckets that hold values.
fn write_plain(buckets: &[(usize, u64)], max: u64, out: &mut Vec<u8>) {
    out.clear();
    out.extend(PLAIN.to_be_bytes());
    // The length of the counts, which is not known yet, and the offset of the places, which is 0.
    out.extend([0; 8]);
    out.extend(3_u32.to_be_bytes());
    // The smallest value that differs from 0, the largest value (at least 2), and a factor.
    out.extend(1_u64.to_be_bytes());
    out.extend(max.max(2).to_be_bytes());
    out.extend(1_f64.to_be_bytes());
    // Every histogram has at least one bucket.
    if buckets.is_empty() {
        write_number(0, out);
    }
    let mut next = 0;
    // Each bucket with values is one count, after the number of empty buckets before it.
    for &(index, count) in buckets {
        match index - next {
            0 => {}
            // A single empty bucket is written as a count of 0, several as their negative number.
            1 => write_number(0, out),
            empty => write_number(-(empty as i64), out),
        }
        write_number(count as i64, out);
        next = index + 1;
    }
    let counts = (out.len() - PLAIN_HEAD) as u32;
    out[4..8].copy_from_slice(&counts.to_be_bytes());
}

/// Writes a number of either sign, usually near 0, in seven bits to a byte (zigzag, LEB128).
fn write_number(number: i64, out: &mut Vec<u8>) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while left > 0x7f {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// Writes a plain histogram in the form of a compressed one, but without compressing it.
fn store(plain: &[u8], out: &mut Vec<u8>) {
    debug_assert!(plain.len() <= PLAIN_MAX, "{} bytes", plain.len());
    let length = plain.len() as u16;
    out.extend(COMPRESSED.to_be_bytes());
    out.extend(((plain.len() + BESIDE) as u32).to_be_bytes());
    out.extend(STORED);
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(plain);
    out.extend(adler32(plain).to_be_bytes());
}

/// Writes a plain histogram in the form of a compressed one, and compresses it.
fn compress(plain: &[u8], out: &mut Vec<u8>) {
    let stream = compress_to_vec_zlib(plain, LEVEL);
    out.extend(COMPRESSED.to_be_bytes());
    out.extend((stream.len() as u32).to_be_bytes());
    out.extend(stream);
}

/// Returns Adler-32's checksum: the sum of the bytes, from 1, and the sum of those sums. The sums
/// are reduced only once, since there are at most [`PLAIN_MAX`] bytes.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut sum, mut sums) = (1, 0);
    for byte in bytes {
        sum += u32::from(*byte);
        sums += sum;
    }
    ((sums % ADLER) << 16) | (sum % ADLER)
}

#[cfg(test)]
mod tests {
    use dyno_bus::value::VALUE_MAX;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
    use proptest::prelude::*;

    use super::*;
    use crate::result::fixture;

    proptest! {
        #[test]
        fn plain_bytes_are_those_of_the_library_for_few_values_and_for_many(
            values in prop::collection::vec((0..=VALUE_MAX, 0..54_u32), 0..=3 * RAW_MAX),
            same in 1..RAW_MAX,
        ) {
            let mut values = Vec::from_iter(values.iter().map(|(value, bits)| value >> bits));
            for run in values.chunks_mut(same) {
                run.fill(run[0]);
            }
            let mut encoder = Encoder::default();
            encoder.encode(&series(&values));
            let mut plain = Vec::new();
            V2Serializer::new().serialize(&histogram(&values), &mut plain).unwrap();
            prop_assert_eq!(&encoder.plain, &plain);
        }
    }

    #[test]
    fn few_values_are_stored_and_many_compressed_and_both_are_read_back() {
        let mut encoder = Encoder::default();
        for (values, stored) in [(0, true), (1, true), (RAW_MAX, true), (RAW_MAX + 1, false)] {
            let values = Vec::from_iter((0..values as u64).map(|value| value.pow(3)));
            let series = series(&values);
            let encoded = encoder.encode(&series);
            let read: Histogram<u64> = Deserializer::new().deserialize(&mut &*encoded).unwrap();
            assert_eq!(read, histogram(&values));
            // The first 8 bytes are the number of the format, and the length of the stream.
            assert_eq!(encoded[8..].starts_with(&STORED), stored, "{}", values.len());
        }
    }

    #[test]
    fn no_stored_row_is_longer_than_its_limit() {
        let mut encoder = Encoder::default();
        // The values are far apart, side by side, and all in one bucket.
        for apart in [VALUE_MAX / RAW_MAX as u64, 1 << 20, 1, 0] {
            let series = series(&Vec::from_iter((1..=RAW_MAX as u64).map(|value| value * apart)));
            encoder.encode(&series);
            assert!(encoder.plain.len() <= PLAIN_MAX, "{apart}: {}", encoder.plain.len());
        }
    }

    #[test]
    fn checksums_are_those_of_adler_32() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; 512]), 0x1ef1_fe10);
    }

    /// Returns the library's own histogram of the values.
    fn histogram(values: &[u64]) -> Histogram<u64> {
        let max = values.iter().copied().fold(2, u64::max);
        let mut histogram = Histogram::new_with_max(max, 3).unwrap();
        values.iter().for_each(|value| histogram.record(*value).unwrap());
        histogram
    }

    /// Returns a series of `values` as an interval has it.
    fn series(values: &[u64]) -> Series {
        let mut series = Series::default();
        fixture::interval(values, |interval| series.merge(interval.series));
        series
    }
}
