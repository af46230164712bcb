//! The remote: requests from other threads for an early end or another rate.

use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use super::state::event::{Event, RunPhase};

/// A handle that steers a run from another thread. Requests made before the run begins are handled
/// once it has begun; those made after its end have no effect.
///
/// ```no_run
/// let benchmark = dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).rate(100.0);
/// let remote = benchmark.remote();
/// std::thread::spawn(move || {
///     // Each line of the input is a new rate.
///     for line in std::io::stdin().lines().map_while(Result::ok) {
///         match line.parse() {
///             Ok(rate) => remote.set_rate(rate),
///             Err(_) => remote.stop(),
///         }
///     }
/// });
/// let summary = benchmark.run()?;
/// # Ok::<(), dyno::RunError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Remote(Arc<Mutex<RemoteState>>);

#[derive(Debug, Default)]
struct RemoteState {
    asked: Vec<Event>,
    waker: Option<Arc<Waker>>,
}

impl Remote {
    /// Ends the run early. No cycle starts any more, and those that run may end until the drain
    /// deadline. The summary is that of the window until then.
    pub fn stop(&self) {
        self.ask(Event::Stop);
    }

    /// Continues at another rate, in cycles per second, from the end of the last lease: in a second
    /// at most. Has no effect in a closed loop, near the plan's end, or if the rate is out of
    /// range.
    pub fn set_rate(&self, rate: f64) {
        if (crate::plan::RATE_MIN..=dyno_bus::segment::RATE_MAX).contains(&rate) {
            self.ask(Event::Rate(rate));
        }
    }

    fn ask(&self, event: Event) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.asked.push(event);
        if let Some(waker) = &shared.waker {
            // A wake fails only when the run and its queue are gone.
            let _over = waker.wake();
        }
    }

    /// Sets the waker of the run, which receives requests from now on.
    pub(super) fn listen(&self, waker: Arc<Waker>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waker = Some(waker);
    }

    /// Returns the requests since the last call. A new rate is kept back until the workers have
    /// started.
    pub(super) fn take(&self, phase: RunPhase) -> Vec<Event> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early =
            |event: &Event| phase == RunPhase::Starting && matches!(event, Event::Rate(_));
        let (early, asked) = shared.asked.drain(..).partition(is_early);
        shared.asked = early;
        asked
    }
}
