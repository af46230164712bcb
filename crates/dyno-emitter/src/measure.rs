//! Timers for blocks and futures, in nanoseconds of [`dyno_bus::clock`].
//!
//! Work that panics, is dropped before its end, or outlives its run records nothing. Outside a run
//! neither the clock nor the name is read.

use std::num::NonZero;

use dyno_bus::{Time, clock};

use crate::histogram::Histogram;
use crate::install;

/// Runs `work` and records how long it took as a value of the metric `name`.
///
/// If `work` panics, nothing is recorded.
///
/// ```
/// # use dyno_emitter as dyno;
/// let sum: u64 = dyno::measure("sum", || (1..=3).sum());
/// assert_eq!(sum, 6);
/// ```
///
/// # Panics
/// During a run, if no metric can have this name: see [`NameError`](crate::NameError).
#[track_caller]
pub fn measure<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let Some(run) = install::run() else { return work() };
    let open = Open::begin(named(name), run);
    let value = work();
    open.end();
    value
}

/// Awaits `work` and records how long it took, from its first poll to its end, as a value of the
/// metric `name`.
///
/// If `work` panics, or is dropped before its end, nothing is recorded.
///
/// ```
/// # use dyno_emitter as dyno;
/// async fn fetch() -> Vec<u8> {
///     dyno::measure_async("fetch", async { vec![1, 2, 3] }).await
/// }
/// # let _never_run = fetch();
/// ```
///
/// # Panics
/// When it is called during a run, if no metric can have this name: see
/// [`NameError`](crate::NameError).
#[track_caller]
pub fn measure_async<T>(name: &str, work: impl Future<Output = T>) -> impl Future<Output = T> {
    // Not at the first poll, which a runtime makes: here a panic names the user's line.
    #[expect(clippy::manual_map, reason = "in a closure the panic would name this file")]
    let metric = match install::run() {
        Some(run) => Some((named(name), run)),
        None => None,
    };
    async move {
        let Some((histogram, run)) = metric else { return work.await };
        let open = Open::begin(histogram, run);
        let value = work.await;
        open.end();
        value
    }
}

/// A measurement that has begun: of a block, a future or a span.
pub(crate) struct Open {
    histogram: Histogram,
    run: NonZero<u64>,
    since: Time,
}

impl Open {
    pub(crate) fn begin(histogram: Histogram, run: NonZero<u64>) -> Self {
        Self { histogram, run, since: clock::now() }
    }

    /// Records the time that the work took, unless its run is over: in the next run the value would
    /// include the time between the two.
    pub(crate) fn end(self) {
        let took = clock::now().nanos_since(self.since);
        if install::run() == Some(self.run) {
            self.histogram.record_nanos(took);
        }
    }
}

#[track_caller]
fn named(name: &str) -> Histogram {
    match Histogram::again(name) {
        Ok(histogram) => histogram,
        // Not in a closure: there the place of the panic would be this file.
        Err(error) => panic!("{error}"),
    }
}
