//! The values on the wire: unsigned numbers in their metric's unit.
//!
//! A value that has no such number (NaN, infinite, negative) is sent as one of two sentinels, so
//! that the observer can clamp it *and count it* rather than lose it.

/// It is on the wire by its place, and in a summary by its name.
pub use dyno_summary::Unit;

/// The largest value that is recorded unchanged: 2^53, up to which readers of JSON are exact.
pub const VALUE_MAX: u64 = 1 << 53;
/// The sentinel for a value above every range: infinite or not a number. Clamped to [`VALUE_MAX`].
pub const ABOVE: u64 = u64::MAX;
/// The sentinel for a value below zero. Clamped to zero.
pub const BELOW: u64 = u64::MAX - 1;
