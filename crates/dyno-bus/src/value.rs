//! What a value on the wire may be: an unsigned number in its metric's unit.
//!
//! A value that is none (NaN, infinite, negative) travels as one of two sentinels, so that the
//! observer can clamp it *and count it* rather than lose it.

use serde::{Deserialize, Serialize};

/// The largest value that is recorded as it is: 2^53, to which a JSON reader is exact.
pub const VALUE_MAX: u64 = 1 << 53;
/// Stands for a value above every range: infinite or not a number. Clamped to [`VALUE_MAX`].
pub const ABOVE: u64 = u64::MAX;
/// Stands for a value below zero. Clamped to zero.
pub const BELOW: u64 = u64::MAX - 1;

/// What a metric's values count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A plain number.
    #[default]
    None,
    /// A span of time, in nanoseconds.
    Nanoseconds,
    /// A size, in bytes.
    Bytes,
    /// A share in thousandths: 1000 is the whole (of one core, for `cpu`).
    Permille,
}

impl Unit {
    /// The unit's name in files: `""`, `"ns"`, `"bytes"`, `"permille"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::Permille => "permille",
        }
    }
}
