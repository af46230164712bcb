//! A histogram as a row's bytes: compressed where that saves anything.
//!
//! The format wants a zlib stream, but not one that compresses. Most rows of a slow run, and all
//! of gauges, hold few values in some dozens of bytes, and setting up a compressor for each clears a
//! third of a megabyte: they are stored. The library compresses the others.

use std::io::Write;

use hdrhistogram::serialization::{
    Serializer, V2DeflateSerializeError, V2DeflateSerializer, V2Serializer,
};
use hdrhistogram::{Counter, Histogram};

/// The most values whose row is stored. Compressed, such rows would take some 30 % less.
const VALUES_MAX: u64 = 100;
/// The most bytes that they take: a head of 40, and each value at most the number of empty buckets
/// before its own, in three bytes, and its count, in one.
const STORED_MAX: usize = 40 + 4 * VALUES_MAX as usize;
// A stored block tells its length in so many bits.
const _: () = assert!(STORED_MAX <= u16::MAX as usize);
/// What a compressed encoding of the second version begins with.
const COOKIE: u32 = 0x1c84_9314;
/// A zlib stream of no particular level, and the only block of its stream, stored.
const STORED: [u8; 3] = [0x78, 0x01, 0x01];
/// What a stored stream has beside the bytes that it stores: [`STORED`], their number twice, their
/// checksum.
const BESIDE: usize = STORED.len() + 2 * size_of::<u16>() + size_of::<u32>();
/// What stands before a stream: [`COOKIE`], and the stream's length.
const HEAD: usize = 2 * size_of::<u32>();
/// What Adler-32's sums are taken by.
const ADLER: u32 = 65_521;

/// Encodes one histogram after the other.
pub(super) struct Encoder {
    plain: Vec<u8>,
    storing: V2Serializer,
    deflating: V2DeflateSerializer,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self {
            plain: Vec::new(),
            storing: V2Serializer::new(),
            deflating: V2DeflateSerializer::new(),
        }
    }
}

impl Serializer for Encoder {
    type SerializeError = V2DeflateSerializeError;

    fn serialize<T: Counter, W: Write>(
        &mut self,
        histogram: &Histogram<T>,
        out: &mut W,
    ) -> Result<usize, Self::SerializeError> {
        if histogram.len() > VALUES_MAX {
            return self.deflating.serialize(histogram, out);
        }
        self.plain.clear();
        self.storing
            .serialize(histogram, &mut self.plain)
            .map_err(V2DeflateSerializeError::InternalSerializationError)?;
        let length = self.plain.len() as u16;
        let stream = self.plain.len() + BESIDE;
        let mut row = Vec::with_capacity(HEAD + stream);
        row.extend(COOKIE.to_be_bytes());
        row.extend((stream as u32).to_be_bytes());
        row.extend(STORED);
        row.extend(length.to_le_bytes());
        row.extend((!length).to_le_bytes());
        row.extend(&self.plain);
        row.extend(adler32(&self.plain).to_be_bytes());
        out.write_all(&row)?;
        Ok(row.len())
    }
}

/// The sum of the bytes, from 1, and the sum of those sums. No more than [`STORED_MAX`] of them
/// overflow neither.
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
    use hdrhistogram::serialization::Deserializer;

    use super::*;

    #[test]
    fn few_values_are_stored_and_many_compressed_and_both_are_read_back() {
        let mut encoder = Encoder::new();
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        let mut rows = Vec::new();
        for values in [0, 1, VALUES_MAX - 1, 1, 10_000] {
            (0..values).for_each(|value| histogram.record(value * value * 1_000).unwrap());
            let mut bytes = Vec::new();
            let written = encoder.serialize(&histogram, &mut bytes).unwrap();
            let plain = V2Serializer::new().serialize(&histogram, &mut Vec::new()).unwrap();
            assert_eq!(written, bytes.len());
            let stored = written == HEAD + plain + BESIDE;
            assert_eq!(stored, histogram.len() <= VALUES_MAX, "{values}: {plain}, {written}");
            let read: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            assert_eq!(read, histogram);
            rows.push(stored);
        }
        assert_eq!(rows, [true, true, true, false, false]);
    }

    #[test]
    fn no_row_that_is_stored_is_longer_than_is_thought() {
        let mut encoder = Encoder::new();
        // Far apart, side by side, and all in one bucket.
        for apart in [VALUE_MAX / VALUES_MAX, 1 << 20, 1, 0] {
            let mut histogram = Histogram::<u64>::new(3).unwrap();
            (1..=VALUES_MAX).for_each(|value| histogram.record(value * apart).unwrap());
            let mut bytes = Vec::new();
            encoder.serialize(&histogram, &mut bytes).unwrap();
            assert!(encoder.plain.len() <= STORED_MAX, "{apart}: {}", encoder.plain.len());
            let read: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            assert_eq!(read, histogram);
        }
    }

    #[test]
    fn sums_are_adlers() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; 512]), 0x1ef1_fe10);
    }
}
