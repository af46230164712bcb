//! Steers a run from another thread: an early end, another rate.

use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use super::event::{Event, Phase};

/// Steers a run from another thread. What is asked before the run begins is done once it has.
#[derive(Debug, Clone, Default)]
pub struct Remote(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    asked: Vec<Event>,
    waker: Option<Arc<Waker>>,
}

impl Remote {
    /// Ends the run early: cycles that run may end, nothing starts, the result is partial.
    pub fn stop(&self) {
        self.ask(Event::Stop);
    }

    /// Goes on at another rate, in cycles per second, from beyond every lease: a second from now
    /// at most. Without effect in a closed loop, near the plan's end, or out of range.
    pub fn set_rate(&self, rate: f64) {
        if (super::plan::RATE_MIN..=dyno_bus::segment::RATE_MAX).contains(&rate) {
            self.ask(Event::Rate(rate));
        }
    }

    fn ask(&self, event: Event) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.asked.push(event);
        if let Some(waker) = &shared.waker {
            // A run whose queue is gone is over.
            let _over = waker.wake();
        }
    }

    /// The run listens from now on.
    pub(super) fn listen(&self, waker: Arc<Waker>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waker = Some(waker);
    }

    /// What was asked since the last call; another rate only once there is one.
    pub(super) fn take(&self, phase: Phase) -> Vec<Event> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early = |event: &Event| phase == Phase::Starting && matches!(event, Event::Rate(_));
        let (early, asked) = shared.asked.drain(..).partition(is_early);
        shared.asked = early;
        asked
    }
}
