//! The loop-lag probe: a periodic timer on the loop that runs the task.
//!
//! How late it fires is how long the loop was busy with something else. Every period that was
//! missed is recorded by itself, so that a block of 200 ms at a period of 10 ms shows as 200, 190,
//! 180 and so on: what a periodic event would have met, without coordinated omission.

use std::io;
use std::task::{Context, Poll};

use dyno_bus::{Time, clock};

use super::timer::Timer;

/// The most missed periods that one firing records: of a longer block (a stopped process) the
/// longest lags are kept and the rest would say nothing new.
const MISSED_MAX: u64 = 10_000;

/// Fires every period for as long as it is polled.
pub(super) struct Probe {
    timer: Timer,
    period_ns: u64,
    next: Time,
}

impl Probe {
    pub(super) fn new(period_ns: u64) -> io::Result<Self> {
        let period_ns = period_ns.max(1);
        let next = Time::from_nanos(clock::now().as_nanos() + period_ns);
        Ok(Self { timer: Timer::new()?, period_ns, next })
    }

    /// Records the lag of each period that has passed, and asks to be woken at the next.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut record: impl FnMut(u64),
    ) -> io::Result<()> {
        while self.timer.poll_at(context, self.next)? == Poll::Ready(()) {
            for lag in self.lags(clock::now()) {
                record(lag);
            }
        }
        Ok(())
    }

    fn lags(&mut self, now: Time) -> impl Iterator<Item = u64> + use<> {
        let (first, period_ns) = (self.next, self.period_ns);
        let passed = if now >= first { now.nanos_since(first) / period_ns + 1 } else { 0 };
        self.next = Time::from_nanos(first.as_nanos() + passed * period_ns);
        (0..passed.min(MISSED_MAX)).map(move |period| now.nanos_since(first) - period * period_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missed_period_is_recorded() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let _entered = runtime.as_ref().expect("a runtime").enter();
        let mut probe = Probe::new(10).expect("a timer");
        probe.next = Time::from_nanos(1_000);
        assert_eq!(probe.lags(Time::from_nanos(999)).count(), 0);
        assert_eq!(probe.lags(Time::from_nanos(1_035)).collect::<Vec<_>>(), [35, 25, 15, 5]);
        assert_eq!(probe.next, Time::from_nanos(1_040));
        assert_eq!(probe.lags(Time::from_nanos(1_040)).collect::<Vec<_>>(), [0]);
    }
}
