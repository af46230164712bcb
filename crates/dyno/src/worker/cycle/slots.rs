//! The cycles that run: futures in slots that are used again and again.
//!
//! A future is polled once where it starts; most are ready then, and a sync task always is. A
//! future that is not ready keeps its slot until its waker puts the slot's number on a queue. In
//! steady state nothing here allocates: a slot's memory, its waker and its place on the queue are
//! made once. A panic in a future fails only that cycle.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use dyno_bus::Time;
use dyno_bus::segment::Due;

use super::panics;

/// A cycle that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) due: Due,
    pub(crate) start: Time,
}

/// A cycle that has ended, and its outcome: an error's message if it failed.
pub(crate) type Ended = (Begun, Result<(), String>);

/// The cycles of one worker that have begun and not ended.
pub(crate) struct Slots<F> {
    slots: Vec<CycleSlot<F>>,
    free: Vec<usize>,
    ready: Arc<Ready>,
}

struct CycleSlot<F> {
    /// Pinned as long as the slot exists; its content comes and goes.
    future: Pin<Box<Option<F>>>,
    waker: Waker,
    wake: Arc<SlotWake>,
    begun: Option<Begun>,
}

/// The slots whose futures can be polled again.
#[derive(Default)]
struct Ready {
    queue: Mutex<ReadySlots>,
    /// Spares the lock while the queue is empty. It is written under the lock, so that `true` means
    /// at least one.
    some: AtomicBool,
}

#[derive(Default)]
struct ReadySlots {
    slots: VecDeque<usize>,
    /// The waker of the loop.
    root: Option<Waker>,
}

struct SlotWake {
    slot: usize,
    /// Set while the slot is on the queue; read and written under the queue's lock.
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for SlotWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut queue = lock(&self.ready.queue);
        if !self.queued.load(Ordering::Relaxed) {
            self.queued.store(true, Ordering::Relaxed);
            queue.slots.push_back(self.slot);
            // The first slot on the queue has woken the loop for all of them.
            if queue.slots.len() == 1 {
                self.ready.some.store(true, Ordering::Release);
                // Under the lock, which the runtime's own wakers never take: a clone would cost
                // more than the rest.
                if let Some(root) = &queue.root {
                    root.wake_by_ref();
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F: Future<Output = Result<(), String>>> Slots<F> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), ready: Arc::default() }
    }

    /// Returns the number of cycles that run.
    pub(crate) fn running(&self) -> u32 {
        // At most the number of slots, and a slot takes far more than a byte, so the number fits.
        (self.slots.len() - self.free.len()) as u32
    }

    /// Returns the highest number of cycles that ran at once: each needed its own slot.
    pub(crate) fn running_max(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Sets the waker to wake when a running cycle can go on.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        lock(&self.ready.queue).root = Some(waker.clone());
    }

    /// Begins a cycle and polls it; returns its outcome if one poll was enough.
    #[inline]
    pub(crate) fn begin(&mut self, begun: Begun, future: F) -> Option<Result<(), String>> {
        let index = self.free.pop().unwrap_or_else(|| self.grow());
        let slot = &mut self.slots[index];
        slot.future.set(Some(future));
        slot.begun = Some(begun);
        self.poll(index).map(|(_, outcome)| outcome)
    }

    /// Polls the next cycle that can go on. Returns `None` if no cycle can, and `Some(None)` if a
    /// slot was woken but no cycle ended.
    #[inline]
    pub(crate) fn resume(&mut self) -> Option<Option<Ended>> {
        if self.ready.some.load(Ordering::Acquire) { self.resume_now() } else { None }
    }

    fn resume_now(&mut self) -> Option<Option<Ended>> {
        let index = {
            let mut queue = lock(&self.ready.queue);
            let index = queue.slots.pop_front()?;
            self.ready.some.store(!queue.slots.is_empty(), Ordering::Release);
            self.slots[index].wake.queued.store(false, Ordering::Relaxed);
            index
        };
        // A waker outlives its cycle: the cycle that it woke may have ended.
        Some(if self.slots[index].begun.is_some() { self.poll(index) } else { None })
    }

    /// Drops all running cycles, and returns them.
    pub(crate) fn abandon(&mut self) -> Vec<Begun> {
        let mut abandoned = Vec::new();
        for slot in &mut self.slots {
            if let Some(begun) = slot.begun.take() {
                // The user's destructor may panic; the cycle is abandoned in any case.
                let _panicked = panics::catch(|| slot.future.set(None));
                abandoned.push(begun);
            }
        }
        self.free = (0..self.slots.len()).collect();
        abandoned
    }

    #[inline]
    fn poll(&mut self, index: usize) -> Option<Ended> {
        let slot = &mut self.slots[index];
        let mut context = Context::from_waker(&slot.waker);
        let future = slot.future.as_mut().as_pin_mut()?;
        let polled = panics::catch(|| future.poll(&mut context));
        let outcome = match polled {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(outcome)) => panics::catch(|| slot.future.set(None)).and(outcome),
            Err(message) => {
                let _second = panics::catch(|| slot.future.set(None));
                Err(message)
            }
        };
        let begun = slot.begun.take()?;
        self.free.push(index);
        Some((begun, outcome))
    }

    fn grow(&mut self) -> usize {
        let slot = self.slots.len();
        let ready = Arc::clone(&self.ready);
        let wake = Arc::new(SlotWake { slot, queued: AtomicBool::new(false), ready });
        let waker = Waker::from(Arc::clone(&wake));
        self.slots.push(CycleSlot { future: Box::pin(None), waker, wake, begun: None });
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use dyno_bus::Phase;

    use super::*;

    fn begun(index: u64) -> Begun {
        let due = Due { index, at: Time::ZERO, phase: Phase::Measured, stage: 0 };
        Begun { due, start: Time::ZERO }
    }

    /// Waits until the gate opens, and hands out its waker.
    async fn gated(gate: Rc<Cell<bool>>, wakers: Rc<Cell<Option<Waker>>>) -> Result<(), String> {
        std::future::poll_fn(|context| {
            if gate.get() {
                return Poll::Ready(Ok(()));
            }
            wakers.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    #[test]
    fn a_cycle_that_is_ready_at_once_leaves_no_trace() {
        let mut slots = Slots::new();
        for index in 0..3 {
            assert_eq!(slots.begin(begun(index), async { Ok(()) }), Some(Ok(())));
        }
        assert_eq!((slots.running(), slots.slots.len()), (0, 1));
    }

    #[test]
    fn a_cycle_that_waits_ends_when_it_is_woken() {
        let mut slots = Slots::new();
        let (gate, waker) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(None)));
        assert_eq!(slots.begin(begun(5), gated(gate.clone(), waker.clone())), None);
        assert_eq!((slots.running(), slots.resume()), (1, None));
        gate.set(true);
        let waker: Waker = waker.take().expect("it waits");
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(slots.resume(), Some(Some((begun(5), Ok(())))));
        // Wakes of a cycle that has ended have no effect.
        waker.wake();
        assert_eq!(slots.resume(), Some(None));
        assert_eq!((slots.running(), slots.resume()), (0, None));
    }

    #[test]
    fn a_panic_is_that_cycles_failure() {
        panics::install();
        let mut slots = Slots::new();
        let outcome = slots.begin(begun(0), async { panic!("burst {}", 7) });
        let message = outcome.expect("it ended").expect_err("it failed");
        assert!(message.starts_with("panicked at ") && message.ends_with("burst 7"), "{message}");
        assert_eq!(slots.running(), 0);
    }

    #[test]
    fn a_cycle_that_is_abandoned_is_dropped_and_named() {
        struct Loud(Rc<Cell<u32>>);
        impl Drop for Loud {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let dropped = Rc::new(Cell::new(0));
        let mut slots = Slots::new();
        for index in 0..3 {
            let loud = Loud(dropped.clone());
            slots.begin(begun(index), async move {
                let _loud = loud;
                std::future::pending().await
            });
        }
        assert_eq!(slots.abandon(), [begun(0), begun(1), begun(2)]);
        assert_eq!((slots.running(), dropped.get()), (0, 3));
    }
}
