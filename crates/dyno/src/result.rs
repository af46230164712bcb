//! The result of a run as data, made from what the primary kept of it.
//!
//! It needs no feature: a benchmark that runs inside another program gets a [`Summary`] too. How
//! a result is printed and stored is the business of `report`.

mod environment;
#[cfg(all(test, feature = "cli"))]
pub(crate) mod fixture;
pub(crate) mod redact;
pub mod summary;

pub use self::environment::Environment;
pub(crate) use self::redact::text as redacted;
pub use self::summary::Summary;
