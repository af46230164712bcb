//! The signals that request the end of a study. A run handles them while it goes on; this watch also
//! notices those that come between two runs, while the target rests or a result is written.
//!
//! In someone else's process no signal is watched: then it only waits.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dyno_bus::clock;
use signal_hook::SigId;
use signal_hook::flag::register_usize;
use signal_hook::low_level::{pipe, unregister};

use super::signal::{ENDING, ignored_signals};
use crate::primary::{ProcessOwnership, StartError};

/// The signals that request the end, over several runs.
#[derive(Debug)]
pub(crate) struct SignalWatch {
    /// The number of the last signal that came; 0 before the first.
    number: Arc<AtomicUsize>,
    /// Receives a byte for each signal, so that a rest ends at once.
    woken: UnixStream,
    /// The other end, kept so that reads wait even if no signal is watched.
    _waker: UnixStream,
    handlers: Vec<SigId>,
}

impl SignalWatch {
    /// Watches the signals of this process, except those that it ignores.
    ///
    /// # Errors
    /// If the handlers can't be registered.
    pub(crate) fn begin(reach: ProcessOwnership) -> Result<Self, StartError> {
        let failed = |source| StartError::Primary { what: "watch signals", source };
        Self::register(reach).map_err(failed)
    }

    fn register(reach: ProcessOwnership) -> io::Result<Self> {
        let (waker, woken) = UnixStream::pair()?;
        let number = Arc::new(AtomicUsize::new(0));
        let mut watch = Self { number, woken, _waker: waker, handlers: Vec::new() };
        if reach == ProcessOwnership::Guest {
            return Ok(watch);
        }
        let ignored = ignored_signals();
        for signal in ENDING.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0) {
            let value = usize::try_from(signal).unwrap_or(0);
            watch.handlers.push(register_usize(signal, Arc::clone(&watch.number), value)?);
            // After the number: who is woken can read it.
            watch.handlers.push(pipe::register(signal, watch._waker.try_clone()?)?);
        }
        Ok(watch)
    }

    /// Returns the signal that requested the end, if one came.
    pub(crate) fn signal(&self) -> Option<i32> {
        let number = self.number.load(Ordering::SeqCst);
        i32::try_from(number).ok().filter(|number| *number > 0)
    }

    /// Returns the end of a stream that ends a rest: after each byte written there, the rest asks
    /// whether it is over.
    ///
    /// # Errors
    /// If this process may open no more files.
    pub(crate) fn waker(&self) -> Result<UnixStream, StartError> {
        let failed = |source| StartError::Primary { what: "watch signals", source };
        self._waker.try_clone().map_err(failed)
    }

    /// Waits for this time, or until a signal requests the end, or until `is_over`; returns the
    /// signal.
    pub(crate) fn rest(&mut self, span: Duration, is_over: impl Fn() -> bool) -> Option<i32> {
        let end = clock::now() + span;
        while self.signal().is_none() && !is_over() {
            let left = end - clock::now();
            // A timeout of zero would mean none.
            if left.is_zero() || self.woken.set_read_timeout(Some(left)).is_err() {
                return None;
            }
            // The bytes mean nothing: the number tells whether a signal came.
            let _woken = self.woken.read(&mut [0; 16]);
        }
        self.signal()
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            unregister(handler);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_without_a_signal_lasts_its_time() {
        let mut watch = SignalWatch::begin(ProcessOwnership::Guest).unwrap();
        let begun = clock::now();
        assert_eq!(watch.rest(Duration::from_millis(20), || false), None);
        assert!(clock::now() - begun >= Duration::from_millis(20));
    }

    #[test]
    fn a_remote_that_stops_ends_a_rest_at_once() {
        let mut watch = SignalWatch::begin(ProcessOwnership::Guest).unwrap();
        let remote = crate::primary::Remote::default();
        remote.wake_at_rest(Some(watch.waker().unwrap()));
        let other = remote.clone();
        let stopping = std::thread::spawn(move || other.stop());
        // Without the byte it would rest for an hour.
        assert_eq!(watch.rest(Duration::from_secs(3_600), || remote.is_stopped()), None);
        assert!(remote.is_stopped());
        stopping.join().unwrap();
    }
}
