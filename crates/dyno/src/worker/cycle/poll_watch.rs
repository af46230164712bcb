//! The wait of the loop until the runtime has checked its sockets and timers.
//!
//! The runtime wakes a task that yields once it has checked them. But `yield_now` ends with the next
//! poll, even if another wake caused that poll. A cycle that another task answers causes one at
//! once, before the check. Here a separate waker distinguishes the wake after a check from all
//! others.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::task::yield_now;

/// A watch that lets a task wait for checks. Made once, so that waiting allocates nothing.
pub(crate) struct PollWatch {
    check: Arc<PollCheck>,
    waker: Waker,
    runtime: RuntimeMetrics,
    sleeps: u64,
}

struct PollCheck {
    is_done: AtomicBool,
    /// The waker of the task that waits.
    task: Waker,
}

impl Wake for PollCheck {
    fn wake(self: Arc<Self>) {
        self.is_done.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl PollWatch {
    /// Creates the watch for the task that awaits this call.
    pub(crate) async fn new() -> Self {
        let task = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        let check = Arc::new(PollCheck { is_done: AtomicBool::new(false), task });
        let (waker, runtime) = (Waker::from(Arc::clone(&check)), Handle::current().metrics());
        Self { check, waker, runtime, sleeps: 0 }
    }

    /// Returns `true` if the runtime has slept since the last call, and therefore has checked them.
    #[inline]
    pub(crate) fn has_slept(&mut self) -> bool {
        // The runtime has one thread: number 0.
        let sleeps = self.runtime.worker_park_count(0);
        std::mem::replace(&mut self.sleeps, sleeps) != sleeps
    }

    /// Returns once the runtime has checked its sockets and timers.
    pub(crate) async fn checked(&self) {
        self.check.is_done.store(false, Ordering::Relaxed);
        let _pending = pin!(yield_now()).poll(&mut Context::from_waker(&self.waker));
        let is_done = || self.check.is_done.load(Ordering::Acquire);
        poll_fn(|_| if is_done() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;

    fn block_on(body: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(body);
    }

    #[test]
    fn a_wake_from_elsewhere_does_not_count_as_a_check_of_the_sockets() {
        block_on(async {
            let watch = PollWatch::new().await;
            for _ in 0..2 {
                let mut checked = pin!(watch.checked());
                for _ in 0..3 {
                    let polled =
                        poll_fn(|context| Poll::Ready(checked.as_mut().poll(context))).await;
                    assert!(polled.is_pending());
                }
                checked.await;
            }
        });
    }

    #[test]
    fn a_sleep_is_reported_once() {
        block_on(async {
            let mut watch = PollWatch::new().await;
            for _ in 0..2 {
                assert!(!watch.has_slept());
                let never = tokio::time::timeout(Duration::from_millis(1), pending::<()>());
                assert!(never.await.is_err());
                assert!(watch.has_slept());
            }
        });
    }
}
