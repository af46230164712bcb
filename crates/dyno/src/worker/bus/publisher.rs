//! The data that the bus thread publishes: the emitter's collecting end, the batch that it fills,
//! and the time of the next one. It sends nothing itself.

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::message::{Batch, Declare, HarnessCosts};
use dyno_emitter::harness::Emitter;

use crate::worker::counts::Counters;

/// The shortest delay of a wake-up that shows that the thread had no processor for all of that
/// time. Busy processors are shared in slices of a few milliseconds.
const STOOD_STILL_MIN: Duration = Duration::from_millis(100);

/// The emitter's collecting end, and the batch that it fills.
pub(crate) struct Publisher {
    pub(crate) emitter: Emitter,
    pub(crate) batch: Batch,
    pub(crate) declares: Vec<Declare>,
    /// The longest time that a value waits.
    pub(crate) period: Duration,
    pub(crate) next: Time,
    /// Set if there may be something to collect for which the primary had no room yet.
    pub(crate) wanted: bool,
    /// The value of `wanted` when the last look ended; set also once the primary is behind.
    pub(crate) wanted_before: bool,
    /// The total delay between the requested and the actual wake-ups of this thread.
    stood_still_ns: u64,
    /// Set once the account is given: the results no longer depend on when this thread wakes.
    is_settled: bool,
    /// Set if something was collected since the cycles were over.
    has_collected: bool,
}

impl Publisher {
    /// Creates a publisher that has nothing to publish yet, with this period until the run's is
    /// known.
    pub(crate) fn new(emitter: Emitter, now: Time, period: Duration) -> Self {
        Self {
            emitter,
            batch: Batch::default(),
            declares: Vec::new(),
            period,
            next: now + period,
            wanted: false,
            wanted_before: false,
            stood_still_ns: 0,
            is_settled: false,
            has_collected: false,
        }
    }

    /// Fills the batch with recorded values, errors and counts.
    pub(crate) fn collect(&mut self, counters: &Counters, unleased: u64, clock: impl Fn() -> Time) {
        let collected = self.emitter.collect(&mut self.batch, &mut self.declares);
        // A cycle is recorded before it is counted, so the counts may be a few behind the batch.
        // Errors come before counts: a worker that is killed next has reported no more errors than
        // it counted.
        self.batch.errors.clear();
        counters.take_errors(&mut self.batch.errors);
        (self.batch.as_of, self.batch.counts) = counters.read(clock);
        // Where the primary was behind, this thread did not wait for the time.
        let late = self.batch.as_of - self.next;
        let is_due = !self.wanted_before && !self.is_settled;
        if late > STOOD_STILL_MIN && is_due && self.batch.counts.measured.started > 0 {
            self.stood_still_ns += dyno_bus::clock::nanos(late);
        }
        self.batch.harness = self.harness(unleased);
        self.next = self.batch.as_of + self.period;
        self.wanted = collected.more;
        self.has_collected = true;
    }

    /// Notes that no cycle runs and none will start.
    pub(crate) fn cycles_over(&mut self) {
        self.has_collected = false;
    }

    /// Notes that the account is given, and sets a longer period: from now on nothing is urgent.
    pub(crate) fn settle(&mut self, period: Duration) {
        self.period = period;
        self.is_settled = true;
    }

    /// Returns `true` once the account is given.
    #[cfg(test)]
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Returns `true` once every cycle was collected, with its error. No more cycles are recorded
    /// then.
    pub(crate) fn has_all_cycles(&self) -> bool {
        self.has_collected && self.emitter.pending_cycles() == 0
    }

    pub(crate) fn harness(&self, unleased: u64) -> HarnessCosts {
        HarnessCosts {
            unleased,
            stall_ns: self.emitter.stalled_ns(),
            stood_still_ns: self.stood_still_ns,
            stall_between_ns: self.emitter.stalled_between_ns(),
        }
    }
}
