//! The result of a run in each format, and the parts of the formats for people.

mod braille;
pub(super) mod comparison;
pub(super) mod csv;
pub(super) mod figures;
pub(super) mod human;
pub(crate) mod json;
pub(super) mod markdown;
pub(super) mod palette;
pub(super) mod plot;
pub(super) mod printable;
pub(super) mod rows;
pub(super) mod sparkline;
pub(super) mod spectrum;
pub(super) mod study;
pub(super) mod table;
