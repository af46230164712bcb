//! The loop-lag probe: a periodic timer on the loop that runs the task.
//!
//! Its delay is the time for which the loop was busy with something else.

use std::io;
use std::task::{Context, Poll};

use dyno_bus::{Time, clock};

use crate::lateness::Periods;
use crate::worker::cycle::timer::Timer;

/// A timer that fires every period as long as it is polled.
pub(crate) struct Probe {
    timer: Timer,
    periods: Periods,
}

impl Probe {
    pub(crate) fn new(period_ns: u64) -> io::Result<Self> {
        let first = Time::from_nanos(clock::now().as_nanos() + period_ns);
        Ok(Self { timer: Timer::new()?, periods: Periods::new(first, period_ns) })
    }

    /// Returns the time of the next poll. It also has to be polled with each new waker.
    pub(crate) fn next(&self) -> Time {
        self.periods.next()
    }

    /// Records the lag of each period that has passed, and registers a wake at the next.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut record: impl FnMut(u64),
    ) -> io::Result<()> {
        while self.timer.poll_at(context, self.periods.next())? == Poll::Ready(()) {
            self.periods.late(clock::now()).for_each(&mut record);
        }
        Ok(())
    }
}
