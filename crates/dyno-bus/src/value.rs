//! The values on the wire: unsigned numbers in their metric's unit.
//!
//! A value that has no such number (NaN, infinite, negative) is sent as one of two sentinels, so
//! that the observer can clamp it *and count it* rather than lose it.

use serde::{Deserialize, Serialize};

/// The largest value that is recorded unchanged: 2^53, up to which readers of JSON are exact.
pub const VALUE_MAX: u64 = 1 << 53;
/// The sentinel for a value above every range: infinite or not a number. Clamped to [`VALUE_MAX`].
pub const ABOVE: u64 = u64::MAX;
/// The sentinel for a value below zero. Clamped to zero.
pub const BELOW: u64 = u64::MAX - 1;

/// The unit of a metric's values.
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
    /// Returns the unit's name in files: `""`, `"ns"`, `"bytes"`, `"permille"`.
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
