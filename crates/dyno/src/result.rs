//! The result of a run as data, made from what the primary kept of it.
//!
//! It needs no feature: a benchmark that runs inside another program gets a
//! [`Summary`](dyno_summary::Summary) too, whose types are in the crate `dyno-summary`. How a
//! result is printed and stored is the business of `report`.

pub(crate) mod environment;
#[cfg(test)]
pub(crate) mod fixture;
mod gather;
pub(crate) mod host;
pub(crate) mod redact;

#[cfg(feature = "dashboard")]
pub(crate) use self::gather::{RunFacts, interim_summary};
pub(crate) use self::gather::{fail, summary_of};
pub(crate) use self::redact::text as redacted;

/// Returns the build profile of this program.
fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}
