//! Times what it is given, in nanoseconds of [`dyno_bus::clock`].
//!
//! What panics, or is dropped before its end, was not measured: it records nothing. Outside a run
//! neither the clock nor the name is looked at.

use dyno_bus::clock;

use crate::histogram::Histogram;
use crate::install;

/// Runs `work` and records how long it took as a value of the metric `name`.
///
/// If `work` panics, nothing is recorded.
///
/// # Panics
/// During a run, if no metric can have this name: see [`NameError`](crate::NameError).
#[track_caller]
pub fn measure<T>(name: &str, work: impl FnOnce() -> T) -> T {
    if !install::active() {
        return work();
    }
    let histogram = named(name);
    let start = clock::now();
    let value = work();
    histogram.record_nanos(clock::now().nanos_since(start));
    value
}

/// Awaits `work` and records how long it took, from its first poll to its end, as a value of the
/// metric `name`.
///
/// If `work` panics, or is dropped before its end, nothing is recorded.
///
/// # Panics
/// During a run, if no metric can have this name: see [`NameError`](crate::NameError).
pub async fn measure_async<T>(name: &str, work: impl Future<Output = T>) -> T {
    if !install::active() {
        return work.await;
    }
    let histogram = named(name);
    let start = clock::now();
    let value = work.await;
    histogram.record_nanos(clock::now().nanos_since(start));
    value
}

#[track_caller]
fn named(name: &str) -> Histogram {
    Histogram::again(name).unwrap_or_else(|error| panic!("{error}"))
}
