//! The bounded queue of updates to be shown, which never makes its sender wait.
//!
//! The sender is the thread that drives the run, and the receiver may block for as long as a
//! terminal does. So a tick replaces the one before it, and lines of workers beyond the bound are
//! dropped and counted. Only updates that must not be lost are kept without a bound: phases,
//! rates set by hand, warnings and faults. A run has few of these.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dyno_observer::List;

use crate::primary::run::{Tick, Update};

/// The most lines that wait: hundreds of screens of them, from one drawing to the next.
const LINES_MAX: usize = 20_000;
/// The most bytes of lines that wait: one long line counts like many short ones.
const BYTES_MAX: usize = 8 << 20;

/// The updates on their way to the thread that shows them.
#[derive(Debug, Default)]
pub(crate) struct UpdateQueue {
    waiting: Mutex<Waiting>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    updates: VecDeque<Update>,
    lines: usize,
    bytes: usize,
    dropped: u64,
    tick: Option<Box<Tick>>,
    end: Option<ShowEnd>,
}

/// The last message of a queue.
#[derive(Debug)]
pub(crate) enum ShowEnd {
    /// The run is over, and this is the final state of its processes.
    Over(Box<List>),
    /// The run was given up, and no more updates come.
    GivenUp,
}

/// The updates that have come since the last call of [`UpdateQueue::take`].
#[derive(Debug, Default)]
pub(crate) struct TakenUpdates {
    /// The updates in the order of their arrival, without the ticks.
    pub(crate) updates: VecDeque<Update>,
    /// The number of lines that were dropped, and so are missing among the updates.
    pub(crate) dropped: u64,
    /// The newest tick, if one has come.
    pub(crate) tick: Option<Box<Tick>>,
    /// The end, if it has come: nothing follows it.
    pub(crate) end: Option<ShowEnd>,
}

impl UpdateQueue {
    /// Adds an update, and never waits for the receiver.
    pub(crate) fn push(&self, update: Update) {
        let mut waiting = self.lock();
        match update {
            Update::Tick(tick) => {
                let stale = waiting.tick.replace(tick);
                drop(waiting);
                // The sender frees the old tick, but not under the lock.
                drop(stale);
                self.woken.notify_one();
            }
            Update::Line { ref text, .. } => {
                let full = waiting.lines >= LINES_MAX || waiting.bytes + text.len() > BYTES_MAX;
                if full {
                    waiting.dropped += 1;
                } else {
                    waiting.lines += 1;
                    waiting.bytes += text.len();
                    waiting.updates.push_back(update);
                }
            }
            Update::Entered(_) | Update::Rate(_) | Update::Warning(_) | Update::Fault(_) => {
                waiting.updates.push_back(update);
            }
        }
    }

    /// Ends the queue: nothing follows. Only the first end counts.
    pub(crate) fn end(&self, end: ShowEnd) {
        self.lock().end.get_or_insert(end);
        self.woken.notify_one();
    }

    /// Takes all updates that have come: as soon as there is a tick or the end, otherwise once
    /// `patience` is over. Lines alone wake nobody, so that a flood of them costs its sender
    /// nothing.
    pub(crate) fn take(&self, patience: Duration) -> TakenUpdates {
        let nothing = |waiting: &mut Waiting| waiting.tick.is_none() && waiting.end.is_none();
        let (mut waiting, _) = self
            .woken
            .wait_timeout_while(self.lock(), patience, nothing)
            .unwrap_or_else(PoisonError::into_inner);
        let Waiting { updates, dropped, tick, end, .. } = mem::take(&mut *waiting);
        TakenUpdates { updates, dropped, tick, end }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock; if it did, the updates would still be whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primary::run::Stream;
    use crate::result::fixture;

    fn line(text: &str) -> Update {
        Update::Line { worker: 0, stream: Stream::Stdout, text: text.into() }
    }

    #[test]
    fn lines_beyond_the_bound_are_counted_and_faults_are_kept() {
        let queue = UpdateQueue::default();
        for _ in 0..LINES_MAX + 5 {
            queue.push(line("x"));
        }
        queue.push(Update::Fault("worker 1 died".into()));
        queue.push(Update::Warning("late".into()));
        let taken = queue.take(Duration::ZERO);
        assert_eq!(taken.dropped, 5);
        assert_eq!(taken.updates.len(), LINES_MAX + 2);
        assert!(matches!(taken.updates.back(), Some(Update::Warning(_))));

        queue.push(line("there is room again"));
        assert_eq!(queue.take(Duration::ZERO).dropped, 0);
    }

    #[test]
    fn long_lines_fill_it_too() {
        let queue = UpdateQueue::default();
        for _ in 0..9 {
            queue.push(line(&"x".repeat(1 << 20)));
        }
        let taken = queue.take(Duration::ZERO);
        assert_eq!((taken.updates.len(), taken.dropped), (8, 1));
    }

    #[test]
    fn the_newest_tick_replaces_those_before() {
        let queue = UpdateQueue::default();
        for seconds in 1..=3 {
            let elapsed = Duration::from_secs(seconds);
            queue.push(Update::Tick(Box::new(Tick { elapsed, ..fixture::tick() })));
        }
        let tick = queue.take(Duration::from_secs(60)).tick.expect("it does not wait for more");
        assert_eq!(tick.elapsed, Duration::from_secs(3));
        assert!(queue.take(Duration::ZERO).tick.is_none());
    }

    #[test]
    fn the_end_wakes_the_thread_that_waits() {
        let queue = UpdateQueue::default();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| queue.take(Duration::from_secs(60)).end.is_some());
            queue.end(ShowEnd::GivenUp);
            assert!(waiter.join().expect("no panic"));
        });
    }
}
