//! The form of numbers in JSON.

use serde::Serializer;

/// The largest whole number up to which every reader of JSON is exact.
const EXACT_MAX: f64 = (1_u64 << 53) as f64;

/// Writes a number that is whole as an integer, as readers expect of nanoseconds and rates.
pub(crate) fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && (0.0..=EXACT_MAX).contains(value) {
        serializer.serialize_u64(*value as u64)
    } else {
        serializer.serialize_f64(*value)
    }
}

/// Writes a number in the same form, and `None` as null.
pub(crate) fn optional_number<S: Serializer>(
    value: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, serializer),
        None => serializer.serialize_none(),
    }
}
