//! The unit of a metric's values: in a summary by its name, in a message by its place.

use serde::{Deserialize, Serialize};

/// The unit of a metric's values.
///
/// Messages between processes hold the place of a unit in this list, so that its order is part of
/// their bytes.
///
/// ```
/// use dyno_summary::Unit;
///
/// assert_eq!(Unit::Bytes.name(), "bytes");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Unit {
    /// A plain number.
    #[default]
    #[serde(rename = "")]
    None,
    /// A span of time, in nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// A size, in bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// A share in thousandths: 1000 is the whole (of one core, for `cpu`).
    #[serde(rename = "permille")]
    Permille,
}

impl Unit {
    /// All units, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::None, Self::Nanoseconds, Self::Bytes, Self::Permille];

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

    /// Returns the unit with this name in files; [`Unit::None`] for a name that this version does
    /// not know.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|unit| unit.name() == name).unwrap_or_default()
    }
}
