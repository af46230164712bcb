//! Signals of a primary that owns its process, turned into events.
//!
//! Each signal writes to a pipe of its own, so that two of a kind count as two. A signal that the
//! launcher had set to be ignored (`nohup`, a background job) stays ignored; one that it had
//! blocked is unblocked. Between the run's end and the process's the result is written: the first
//! signal that finds it there is not to lose it, and the next one ends the process as if nothing
//! had been registered. In someone else's process nothing here is used.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::{emulate_default_handler, pipe, unregister};
use signal_hook::{SigId, flag};

/// The signals that ask for the end.
pub(crate) const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Lets a write beyond the limit of a file's size (`ulimit -f`) be an error like any other; by
/// default its signal ends the process. Workers, which are executed, keep the default.
#[cfg(feature = "cli")]
pub(crate) fn let_file_limit_be_an_error() {
    // Nobody asks whether it came. Where it can't be registered, the default holds.
    let _registered = flag::register(libc::SIGXFSZ, Arc::default());
}

/// What the run before this one left registered.
static LEFT: Mutex<Vec<SigId>> = Mutex::new(Vec::new());

/// The signals of this process, for as long as it is a primary.
#[derive(Debug)]
pub(super) struct Signals {
    sources: Vec<Source>,
    /// What a signal does by default is what it does: once the run is over.
    ending_is_default: Arc<AtomicBool>,
    pausing_is_default: Arc<AtomicBool>,
    /// One that asks for the end has come.
    was_asked: bool,
}

/// One signal.
#[derive(Debug)]
struct Source {
    number: i32,
    /// Has a byte for each time that it came.
    pipe: UnixStream,
    /// What writes into the pipe.
    writer: SigId,
    /// What does the default, once that is wanted.
    fallback: SigId,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The end; this signal did.
    End(i32),
    /// A pause, until the process is continued.
    Pause,
}

impl Signals {
    /// Takes over the signals of this process.
    pub(super) fn take_over() -> io::Result<Self> {
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
            // First in line, so that it is done before anything else is.
            let fallback = flag::register_conditional_default(number, Arc::clone(is_default))?;
            let writer = pipe::register(number, theirs)?;
            signals.sources.push(Source { number, pipe: ours, writer, fallback });
            unblocked.add(Signal::try_from(number)?);
        }
        unblocked.thread_unblock()?;
        Ok(signals)
    }

    /// What to wait for.
    pub(super) fn sources(&self) -> impl Iterator<Item = &UnixStream> {
        self.sources.iter().map(|source| &source.pipe)
    }

    /// The signals since the last call.
    pub(super) fn read(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for Source { number, pipe, .. } in &mut self.sources {
            let mut bytes = [0; 16];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let one = if *number == SIGTSTP { Asked::Pause } else { Asked::End(*number) };
                asked.extend(std::iter::repeat_n(one, count));
            }
        }
        self.was_asked |= asked.iter().any(|asked| *asked != Asked::Pause);
        asked
    }

    /// Stops this process as Ctrl-Z would have; returns once it is continued.
    pub(super) fn pause(&self) -> io::Result<()> {
        emulate_default_handler(SIGTSTP)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // One that came too late for the run has asked all the same.
        let _too_late = self.read();
        self.pausing_is_default.store(true, Ordering::SeqCst);
        self.ending_is_default.store(self.was_asked, Ordering::SeqCst);
        let mut left = left();
        for source in &self.sources {
            unregister(source.writer);
            left.push(source.fallback);
            if source.number != SIGTSTP {
                // The first one from now on asks; what the next one does is the default.
                let is_default = Arc::clone(&self.ending_is_default);
                left.extend(flag::register(source.number, is_default));
            }
        }
    }
}

fn left() -> MutexGuard<'static, Vec<SigId>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The signals that this process ignores, a bit each; none where the system does not tell.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// With `SIGCHLD` ignored, the kernel reaps children by itself and their exit status is lost.
#[expect(unsafe_code, reason = "nothing safe sets a signal's disposition")]
fn restore_child_signal() {
    // SAFETY: `SIG_DFL` is no handler of ours; the call takes no pointers.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}
