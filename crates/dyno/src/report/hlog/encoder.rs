//! A histogram as a row's bytes: compressed where that saves anything.
//!
//! The format wants a zlib stream, but not one that compresses. Most rows of a slow run, and all
//! of gauges, are some dozens of bytes, and setting up a compressor for each clears a third of a
//! megabyte: they are stored. The library compresses the others.

use std::io::Write;

use hdrhistogram::serialization::{
    Serializer, V2DeflateSerializeError, V2DeflateSerializer, V2Serializer,
};
use hdrhistogram::{Counter, Histogram};

/// The longest encoding that is stored. Compressed, such rows would take some 30 % less.
const STORED_MAX: usize = 512;
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
        self.plain.clear();
        self.storing
            .serialize(histogram, &mut self.plain)
            .map_err(V2DeflateSerializeError::InternalSerializationError)?;
        if self.plain.len() > STORED_MAX {
            return self.deflating.serialize(histogram, out);
        }
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
    use hdrhistogram::serialization::Deserializer;

    use super::*;

    #[test]
    fn few_values_are_stored_and_many_compressed_and_both_are_read_back() {
        let mut encoder = Encoder::new();
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        let mut lengths = Vec::new();
        for values in [0, 1, 100, 10_000_u64] {
            (0..values).for_each(|value| histogram.record(value * value * 1_000).unwrap());
            let mut bytes = Vec::new();
            let written = encoder.serialize(&histogram, &mut bytes).unwrap();
            let plain = encoder.plain.len();
            assert_eq!(written, bytes.len());
            let stored = written == HEAD + plain + BESIDE;
            assert_eq!(stored, plain <= STORED_MAX, "{values}: {plain}, {written}");
            let read: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            assert_eq!(read, histogram);
            lengths.push(plain);
        }
        assert!(lengths[2] <= STORED_MAX && lengths[3] > STORED_MAX, "{lengths:?}");
    }

    #[test]
    fn sums_are_adlers() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; STORED_MAX]), 0x1ef1_fe10);
    }
}
