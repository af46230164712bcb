//! The bus thread's orders to the loop while it runs, in a few atomics.
//!
//! The lease is one word. The loop reads it before each start, and sleeps until the next cycle is
//! due, leased or not. So a lease that comes in time wakes nobody. A late lease does, and so does
//! every rarer event (a new segment, a cut), which raises a flag in the same cache line.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use dyno_bus::message::Lease;
use dyno_bus::{Segment, Time};

/// The time left of a lease below which the loop may already wait for the next one. What two
/// threads read of the clock and write for each other is seen in order after this time, on any
/// machine.
const IN_TIME: Duration = Duration::from_millis(1);

/// The state of this worker's supply of due cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ending {
    /// More leases follow.
    Open,
    /// The lease is the last: its end is the cut, and cycles due before it still start.
    Planned,
    /// The cut is made: nothing starts.
    Cut,
}

/// The state that a worker's two threads share: the bus writes, the loop reads.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Nanoseconds of the lease's end: cycles due before it may start; 0 after a cut.
    until: AtomicU64,
    ending: AtomicU8,
    cut: AtomicU64,
    /// Set while segments wait to be taken.
    changed: AtomicBool,
    segments: Mutex<Vec<Segment>>,
    /// The waker of the loop.
    waker: Mutex<Option<Waker>>,
}

impl Control {
    /// Returns the lease's end: cycles due before this instant may start.
    #[inline]
    pub(crate) fn until(&self) -> Time {
        Time::from_nanos(self.until.load(Ordering::SeqCst))
    }

    /// Returns the instant before which due cycles are this worker's, as far as is known: the end
    /// of the lease, or the cut that took it back.
    #[inline]
    pub(crate) fn due_before(&self) -> Time {
        let until = self.until();
        if until == Time::ZERO && self.ending() == Ending::Cut { self.cut() } else { until }
    }

    /// Returns how far the end has come.
    #[inline]
    pub(crate) fn ending(&self) -> Ending {
        match self.ending.load(Ordering::SeqCst) {
            0 => Ending::Open,
            1 => Ending::Planned,
            _ => Ending::Cut,
        }
    }

    /// Returns the cut: cycles due before it were this worker's. Valid once the end has come.
    pub(crate) fn cut(&self) -> Time {
        Time::from_nanos(self.cut.load(Ordering::SeqCst))
    }

    /// Takes the segments that were appended to the plan, in order.
    #[inline]
    pub(crate) fn take_segments(&self, follow: impl FnMut(Segment)) {
        // This look costs less than taking them, and few turns of the loop find any.
        if self.has_segments() {
            self.take_now(follow);
        }
    }

    #[cold]
    fn take_now(&self, follow: impl FnMut(Segment)) {
        self.changed.store(false, Ordering::SeqCst);
        self.lock_segments().drain(..).for_each(follow);
    }

    /// Returns `true` if a segment was appended that the loop has not taken.
    #[inline]
    pub(crate) fn has_segments(&self) -> bool {
        self.changed.load(Ordering::SeqCst)
    }

    /// Sets the waker that [`wake`](Self::wake) wakes from now on.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    /// Appends a segment to the plan.
    pub(crate) fn follow(&self, segment: Segment) {
        self.lock_segments().push(segment);
        self.changed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Extends the lease: cycles due before its end may start. It has no effect after a planned end
    /// or a cut.
    ///
    /// The loop waits for a lease only once the one before has ended: it first reads the clock,
    /// then the lease. Here the lease is stored first and the clock read after, so that a loop that
    /// did not see the lease is woken.
    pub(crate) fn extend(&self, lease: Lease, clock: impl FnOnce() -> Time) {
        if self.ending() != Ending::Open {
            return;
        }
        let before = self.until.swap(lease.until.as_nanos(), Ordering::SeqCst);
        if lease.last {
            self.cut.store(lease.until.as_nanos(), Ordering::SeqCst);
            self.ending.store(Ending::Planned as u8, Ordering::SeqCst);
        }
        if lease.last || Time::from_nanos(before) <= clock() + IN_TIME {
            self.wake();
        }
    }

    /// Makes the cut: nothing starts from now on. If an earlier end was planned, it stays the cut.
    ///
    /// The lease is taken back first and the clock read after: so any cycle that the loop did start
    /// was due, and started, before the cut.
    pub(crate) fn cut_now(&self, clock: impl FnOnce() -> Time) {
        let ending = self.ending();
        self.until.store(0, Ordering::SeqCst);
        let now = clock();
        let cut = match ending {
            Ending::Open => Time::from_nanos(now.as_nanos() + 1),
            Ending::Planned => self.cut().min(Time::from_nanos(now.as_nanos() + 1)),
            Ending::Cut => self.cut(),
        };
        self.cut.store(cut.as_nanos(), Ordering::SeqCst);
        self.ending.store(Ending::Cut as u8, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock_segments(&self) -> std::sync::MutexGuard<'_, Vec<Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use dyno_bus::clock;

    use super::*;

    fn lease(until: u64, last: bool) -> Lease {
        Lease { until: Time::from_nanos(until), last }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_lease_wakes_the_loop_only_if_it_is_late_or_the_last() {
        let second = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let (control, woken) = (Control::default(), Arc::new(Woken::default()));
        control.set_waker(&Waker::from(Arc::clone(&woken)));
        let extend = |until: Time, last, now| {
            control.extend(Lease { until, last }, || now);
            woken.0.swap(false, Ordering::SeqCst)
        };
        assert!(extend(second(2), false, second(1)), "the first: cycles waited for it");
        assert!(!extend(second(3), false, second(1)));
        assert!(extend(second(4), false, second(3)), "what is due at 3 s waits");
        assert!(extend(second(5), false, Time::from_nanos(second(4).as_nanos() - 1)));
        assert!(extend(second(5), true, second(4)), "what ends with it waits for no more");
        assert!(!extend(second(6), true, second(6)), "there is none after the last");
    }

    #[test]
    fn nothing_may_start_without_a_lease() {
        let control = Control::default();
        assert_eq!(control.until(), Time::ZERO);
        control.extend(lease(5, false), clock::now);
        assert_eq!((control.until(), control.ending()), (Time::from_nanos(5), Ending::Open));
    }

    #[test]
    fn the_last_lease_is_the_cut() {
        let control = Control::default();
        control.extend(lease(7, true), clock::now);
        assert_eq!((control.cut(), control.ending()), (Time::from_nanos(7), Ending::Planned));
    }

    #[test]
    fn a_cut_takes_the_lease_back_for_good() {
        let control = Control::default();
        control.extend(lease(u64::MAX, false), clock::now);
        let before = clock::now();
        control.cut_now(clock::now);
        assert_eq!((control.until(), control.ending()), (Time::ZERO, Ending::Cut));
        assert!(control.cut() > before);
        let cut = control.cut();
        control.extend(lease(u64::MAX, false), clock::now);
        control.cut_now(clock::now);
        assert_eq!((control.until(), control.cut()), (Time::ZERO, cut));
    }

    #[test]
    fn a_cut_after_the_planned_end_keeps_that_end() {
        let control = Control::default();
        control.extend(lease(3, true), clock::now);
        control.cut_now(clock::now);
        assert_eq!(control.cut(), Time::from_nanos(3));
    }
}
