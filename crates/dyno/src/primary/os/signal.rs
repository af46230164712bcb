//! Signals of a primary that owns its process, turned into requests.
//!
//! Each signal writes to its own pipe, so that two of a kind count as two. A signal that the
//! launcher had set to be ignored (`nohup`, a background job) stays ignored; one that it had
//! blocked is unblocked. Between the end of the run and the end of the process the result is
//! written. The first signal in that time must not lose the result; the next one ends the process
//! as if no handler had been registered. In someone else's process nothing here is used.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::{emulate_default_handler, pipe, unregister};
use signal_hook::{SigId, flag};

use crate::primary::world::SignalRequest;

/// The signals that request the end of the run.
pub(crate) const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Turns a write beyond the limit of a file's size (`ulimit -f`) into an ordinary error; by default
/// its signal ends the process. Workers keep the default: executing a program resets handlers.
pub(crate) fn let_file_limit_be_an_error() {
    // The flag is never read: the handler alone replaces the default, which stays if this fails.
    let _registered = flag::register(libc::SIGXFSZ, Arc::default());
}

/// The handlers that the previous run left registered.
static LEFT: Mutex<Vec<SigId>> = Mutex::new(Vec::new());

/// The signals of this process, for as long as it is a primary.
#[derive(Debug)]
pub(crate) struct Signals {
    sources: Vec<SignalSource>,
    /// `true` once the run is over and a signal has requested the end: a signal then takes its
    /// default action, which ends the process.
    ending_is_default: Arc<AtomicBool>,
    pausing_is_default: Arc<AtomicBool>,
    /// `true` once a signal has requested the end.
    was_asked: bool,
}

/// One signal with its pipe and its handlers.
#[derive(Debug)]
struct SignalSource {
    number: i32,
    /// Holds one byte for each time that the signal came.
    pipe: UnixStream,
    /// The handler that writes into the pipe.
    writer: SigId,
    /// The handler that takes the default action, once its flag is set.
    fallback: SigId,
}

impl Signals {
    /// Takes over the signals of this process, except those that it ignores.
    pub(crate) fn take_over() -> io::Result<Self> {
        let ignored = ignored_signals();
        let is_ignored = |number: i32| ignored & (1 << (number - 1)) != 0;
        if is_ignored(Signal::SIGCHLD as i32) {
            restore_child_signal();
        }
        for id in left().drain(..) {
            unregister(id);
        }
        let mut signals = Self {
            sources: Vec::new(),
            ending_is_default: Arc::default(),
            pausing_is_default: Arc::default(),
            was_asked: false,
        };
        let mut unblocked = SigSet::empty();
        for number in ENDING.into_iter().chain([SIGTSTP]).filter(|number| !is_ignored(*number)) {
            let (theirs, ours) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            let is_default = match number {
                SIGTSTP => &signals.pausing_is_default,
                _ => &signals.ending_is_default,
            };
            // It is registered first, so that it runs before every other handler of this signal.
            let fallback = flag::register_conditional_default(number, Arc::clone(is_default))?;
            let writer = pipe::register(number, theirs)?;
            signals.sources.push(SignalSource { number, pipe: ours, writer, fallback });
            unblocked.add(Signal::try_from(number)?);
        }
        unblocked.thread_unblock()?;
        Ok(signals)
    }

    /// Returns the pipes to poll.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &UnixStream> {
        self.sources.iter().map(|source| &source.pipe)
    }

    /// Returns the requests since the last call.
    pub(crate) fn read(&mut self) -> Vec<SignalRequest> {
        let mut asked = Vec::new();
        for SignalSource { number, pipe, .. } in &mut self.sources {
            let mut bytes = [0; 16];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let one = match *number {
                    SIGTSTP => SignalRequest::Pause,
                    number => SignalRequest::End(number),
                };
                asked.extend(std::iter::repeat_n(one, count));
            }
        }
        self.was_asked |= asked.iter().any(|asked| *asked != SignalRequest::Pause);
        asked
    }

    /// Stops this process as Ctrl-Z would have; returns once it is continued.
    pub(crate) fn pause(&self) -> io::Result<()> {
        emulate_default_handler(SIGTSTP)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // A signal that came too late for the run still counts as a request.
        let _too_late = self.read();
        self.pausing_is_default.store(true, Ordering::SeqCst);
        self.ending_is_default.store(self.was_asked, Ordering::SeqCst);
        let mut left = left();
        for source in &self.sources {
            unregister(source.writer);
            left.push(source.fallback);
            if source.number != SIGTSTP {
                // The first signal from now on sets the flag; the next one takes the default
                // action.
                let is_default = Arc::clone(&self.ending_is_default);
                left.extend(flag::register(source.number, is_default));
            }
        }
    }
}

fn left() -> MutexGuard<'static, Vec<SigId>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the signals that this process ignores, one bit each; 0 where the system does not report
/// them.
pub(super) fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Restores the default of `SIGCHLD`: if it is ignored, the kernel reaps children by itself and
/// their exit status is lost.
#[expect(unsafe_code, reason = "nothing safe sets a signal's disposition")]
fn restore_child_signal() {
    // SAFETY: `SIG_DFL` is not a handler of this program; the call takes no pointers.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}
