//! A column of values as bytes: their width, then each value in that many bytes.
//!
//! The width is that of the largest value: 1, 2, 4 or 8 bytes. So a column is encoded and decoded
//! by a loop without branches, whereas integers of variable length cost several nanoseconds a value
//! at either end. The column's length is a multiple of the width, which is checked. This file owns
//! these bytes and nothing else of a message; a field that is a column names it in
//! `#[serde(with = "crate::packed")]`.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

thread_local! {
    /// The bytes of the column that is being encoded, kept because serde takes them in one piece.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Encodes a column; an empty one takes zero bytes, without a width.
pub(crate) fn serialize<S: Serializer>(values: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        if !values.is_empty() {
            match values.iter().fold(0, |all, value| all | value) {
                0..=0xff => pack::<1>(values, bytes),
                0x100..=0xffff => pack::<2>(values, bytes),
                0x1_0000..=0xffff_ffff => pack::<4>(values, bytes),
                0x1_0000_0000.. => pack::<8>(values, bytes),
            }
        }
        serializer.serialize_bytes(bytes)
    })
}

/// Decodes a column, and refuses an unknown width or an incomplete value.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<u64>, D::Error> {
    deserializer.deserialize_bytes(ColumnVisitor)
}

struct ColumnVisitor;

impl Visitor<'_> for ColumnVisitor {
    type Value = Vec<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a width of 1, 2, 4 or 8, then values of so many bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u64>, E> {
        let values = match bytes {
            [] => Some(Vec::new()),
            [1, values @ ..] => unpack::<1>(values),
            [2, values @ ..] => unpack::<2>(values),
            [4, values @ ..] => unpack::<4>(values),
            [8, values @ ..] => unpack::<8>(values),
            _ => None,
        };
        values.ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }
}

fn pack<const WIDTH: usize>(values: &[u64], bytes: &mut Vec<u8>) {
    bytes.resize(1 + values.len() * WIDTH, 0);
    // WIDTH is at most 8.
    bytes[0] = WIDTH as u8;
    let (slots, _) = bytes[1..].as_chunks_mut::<WIDTH>();
    for (slot, value) in slots.iter_mut().zip(values) {
        slot.copy_from_slice(&value.to_le_bytes()[..WIDTH]);
    }
}

/// Returns the values; `None` if the last one is incomplete.
fn unpack<const WIDTH: usize>(bytes: &[u8]) -> Option<Vec<u64>> {
    let (slots, rest) = bytes.as_chunks::<WIDTH>();
    let value = |slot: &[u8; WIDTH]| {
        let mut value = [0; size_of::<u64>()];
        value[..WIDTH].copy_from_slice(slot);
        u64::from_le_bytes(value)
    };
    rest.is_empty().then(|| slots.iter().map(value).collect())
}
