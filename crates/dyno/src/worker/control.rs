//! What the bus thread tells the loop while it runs, in a few atomics.
//!
//! The lease is one word: the loop reads it before each start, and sleeps until the next cycle is
//! due whether it is leased or not. So a lease that comes in time wakes nobody; one that comes late
//! does, and so does everything rarer (a new segment, a cut), which raises a flag in the same
//! cache line.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use dyno_bus::message::Lease;
use dyno_bus::{Segment, Time, clock};

/// A lease that comes with less left of the one before may be waited for: what two threads read of
/// the clock and write for each other is seen in order after that long, on any machine.
const IN_TIME: Duration = Duration::from_millis(1);

/// Whether more cycles will become due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ending {
    /// Leases follow.
    Open,
    /// The lease is the last: its end is the cut, and what is due before it still starts.
    Planned,
    /// The cut is made: nothing starts.
    Cut,
}

/// Shared by a worker's two threads: the bus writes, the loop reads.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// Cycles due before it may start; 0 after a cut.
    until: AtomicU64,
    ending: AtomicU8,
    cut: AtomicU64,
    /// Segments wait to be taken.
    changed: AtomicBool,
    segments: Mutex<Vec<Segment>>,
    /// Wakes the loop.
    waker: Mutex<Option<Waker>>,
}

impl Control {
    /// Cycles due before this instant may start.
    #[inline]
    pub(super) fn until(&self) -> Time {
        Time::from_nanos(self.until.load(Ordering::SeqCst))
    }

    /// Cycles due before this instant are this worker's, as far as is known: the lease, or the cut
    /// that took it back.
    #[inline]
    pub(super) fn due_before(&self) -> Time {
        let until = self.until();
        if until == Time::ZERO && self.ending() == Ending::Cut { self.cut() } else { until }
    }

    /// Whether and how the end has come.
    #[inline]
    pub(super) fn ending(&self) -> Ending {
        match self.ending.load(Ordering::SeqCst) {
            0 => Ending::Open,
            1 => Ending::Planned,
            _ => Ending::Cut,
        }
    }

    /// Cycles due before this instant were this worker's; meaningful once the end has come.
    pub(super) fn cut(&self) -> Time {
        Time::from_nanos(self.cut.load(Ordering::SeqCst))
    }

    /// The loop takes what was appended to the plan.
    #[inline]
    pub(super) fn take_segments(&self, follow: impl FnMut(Segment)) {
        // A look costs less than the taking, and hardly a turn of the loop finds any.
        if self.has_segments() {
            self.take_now(follow);
        }
    }

    #[cold]
    fn take_now(&self, follow: impl FnMut(Segment)) {
        self.changed.store(false, Ordering::SeqCst);
        self.lock_segments().drain(..).for_each(follow);
    }

    /// Whether something was appended that the loop has not taken.
    #[inline]
    pub(super) fn has_segments(&self) -> bool {
        self.changed.load(Ordering::SeqCst)
    }

    /// [`wake`](Self::wake) will wake this from now on.
    pub(super) fn set_waker(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    /// The plan goes on with this segment.
    pub(super) fn follow(&self, segment: Segment) {
        self.lock_segments().push(segment);
        self.changed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Cycles due before an instant may start. After a cut it has no effect.
    pub(super) fn extend(&self, lease: Lease) {
        self.extend_by(lease, clock::now);
    }

    /// The same by any clock.
    ///
    /// The loop waits for a lease only once the one before has ended: it reads the clock first and
    /// the lease after. Here the lease is given first and the clock read after, so that a loop that
    /// did not see it is woken.
    pub(super) fn extend_by(&self, lease: Lease, clock: impl FnOnce() -> Time) {
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

    /// Makes the cut: nothing starts from now on. An earlier planned end stays the cut.
    pub(super) fn cut_now(&self) {
        self.cut_by(clock::now);
    }

    /// The same by any clock.
    ///
    /// The lease is taken back first and the clock read after: a cycle that the loop did start
    /// was therefore due, and started, before the cut.
    pub(super) fn cut_by(&self, clock: impl FnOnce() -> Time) {
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
            control.extend_by(Lease { until, last }, || now);
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
        control.extend(lease(5, false));
        assert_eq!((control.until(), control.ending()), (Time::from_nanos(5), Ending::Open));
    }

    #[test]
    fn the_last_lease_is_the_cut() {
        let control = Control::default();
        control.extend(lease(7, true));
        assert_eq!((control.cut(), control.ending()), (Time::from_nanos(7), Ending::Planned));
    }

    #[test]
    fn a_cut_takes_the_lease_back_for_good() {
        let control = Control::default();
        control.extend(lease(u64::MAX, false));
        let before = clock::now();
        control.cut_now();
        assert_eq!((control.until(), control.ending()), (Time::ZERO, Ending::Cut));
        assert!(control.cut() > before);
        let cut = control.cut();
        control.extend(lease(u64::MAX, false));
        control.cut_now();
        assert_eq!((control.until(), control.cut()), (Time::ZERO, cut));
    }

    #[test]
    fn a_cut_after_the_planned_end_keeps_that_end() {
        let control = Control::default();
        control.extend(lease(3, true));
        control.cut_now();
        assert_eq!(control.cut(), Time::from_nanos(3));
    }
}
