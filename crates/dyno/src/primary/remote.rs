//! The remote: requests from other threads for an early end or another rate.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dyno_bus::Time;
use mio::Waker;

use super::state::event::{Event, RunPhase};
use super::state::hand::RateKey;

/// A handle that steers a run or a study from another thread. Requests made before it begins are
/// handled once it has begun; those made after its end have no effect.
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
    /// Signals that another process passes on.
    signals: Vec<i32>,
    waker: Option<Arc<Waker>>,
    /// `true` once an end was requested: it also ends the study that the run belongs to.
    is_stopped: bool,
    /// The end of a stream at which a study rests between two trials.
    resting: Option<UnixStream>,
}

impl Remote {
    /// Ends the run early. No cycle starts any more, and those that run may end until the drain
    /// deadline. The summary is that of the window until then. In a study, it ends the trial that
    /// runs, and no other begins.
    pub fn stop(&self) {
        let mut shared = self.lock();
        shared.is_stopped = true;
        if let Some(resting) = &mut shared.resting {
            // A write fails only when nobody rests there any more.
            let _over = resting.write_all(&[0]);
        }
        drop(shared);
        self.ask(Event::Stop);
    }

    /// Returns `true` if an end was requested.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// Sets the stream that receives a byte when an end is requested.
    pub(crate) fn wake_at_rest(&self, resting: Option<UnixStream>) {
        self.lock().resting = resting;
    }

    fn lock(&self) -> MutexGuard<'_, RemoteState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Continues at another rate, in cycles per second, from the end of the last lease: within 1.3
    /// seconds, and not before the measured window has begun. The result has a stage for each such
    /// stretch of the window, with a verdict, as if a key in the live view had changed the rate.
    ///
    /// Has no effect in a closed loop, under a load profile, near the plan's end, after 255 changes,
    /// or if the rate is out of range.
    pub fn set_rate(&self, rate: f64) {
        if (crate::plan::RATE_MIN..=dyno_bus::segment::RATE_MAX).contains(&rate) {
            self.ask(Event::Rate(rate));
        }
    }

    /// Lets a run that waits at its gate begin, with its first cycle due at `t0`.
    pub(crate) fn go(&self, t0: Time) {
        self.ask(Event::Go(t0));
    }

    /// Passes on a signal that requests the end of the run: the first one drains, the second one
    /// kills.
    pub(crate) fn signal(&self, number: i32) {
        let mut shared = self.lock();
        shared.signals.push(number);
        shared.is_stopped = true;
        wake(&shared);
    }

    /// Ends the run because nobody is left to receive its result.
    pub(crate) fn sever(&self) {
        self.ask(Event::Severed);
    }

    /// Returns the signals that were passed on since the last call.
    pub(super) fn take_signals(&self) -> Vec<i32> {
        std::mem::take(&mut self.lock().signals)
    }

    /// Passes on a key that changes the rate.
    pub(crate) fn press(&self, key: RateKey) {
        self.ask(Event::Key(key));
    }

    /// Returns `true` if other code has a copy of this handle, and so may steer the run.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn ask(&self, event: Event) {
        let mut shared = self.lock();
        shared.asked.push(event);
        wake(&shared);
    }

    /// Sets the waker of the run, which receives requests from now on.
    pub(crate) fn listen(&self, waker: Arc<Waker>) {
        self.lock().waker = Some(waker);
    }

    /// Returns the requests since the last call. A new rate is kept back until the workers have
    /// started.
    pub(super) fn take(&self, phase: RunPhase) -> Vec<Event> {
        let mut shared = self.lock();
        let is_early =
            |event: &Event| phase == RunPhase::Starting && matches!(event, Event::Rate(_));
        let (early, asked) = shared.asked.drain(..).partition(is_early);
        shared.asked = early;
        asked
    }
}

fn wake(shared: &RemoteState) {
    if let Some(waker) = &shared.waker {
        // A wake fails only when the run and its queue are gone.
        let _over = waker.wake();
    }
}
