//! Signals of a primary that owns its process, turned into events.
//!
//! Each signal writes to a pipe of its own, so that two of a kind count as two. A signal that the
//! launcher had set to be ignored (`nohup`, a background job) stays ignored; one that it had
//! blocked is unblocked. In someone else's process nothing here is used.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level::{emulate_default_handler, pipe, unregister};
use signal_hook::{SigId, flag};

/// The signals that ask for the end.
const ENDING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// The signals of this process, for as long as it is a primary.
#[derive(Debug)]
pub(super) struct Signals {
    pipes: Vec<(i32, UnixStream)>,
    registered: Vec<SigId>,
    /// Once the run is over, a signal ends the process as if nothing had been registered.
    over: Arc<AtomicBool>,
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
        let mut signals = Self { pipes: Vec::new(), registered: Vec::new(), over: Arc::default() };
        let mut unblocked = SigSet::empty();
        for number in ENDING.into_iter().chain([SIGTSTP]).filter(|number| !is_ignored(*number)) {
            let (theirs, ours) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            let over = Arc::clone(&signals.over);
            // First in line: after the run it ends the process before anything else is done.
            signals.registered.push(flag::register_conditional_default(number, over)?);
            signals.registered.push(pipe::register(number, theirs)?);
            signals.pipes.push((number, ours));
            unblocked.add(Signal::try_from(number)?);
        }
        unblocked.thread_unblock()?;
        Ok(signals)
    }

    /// What to wait for.
    pub(super) fn sources(&self) -> impl Iterator<Item = &UnixStream> {
        self.pipes.iter().map(|(_, pipe)| pipe)
    }

    /// The signals since the last call.
    pub(super) fn read(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for (number, pipe) in &mut self.pipes {
            let mut bytes = [0; 16];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let one = if *number == SIGTSTP { Asked::Pause } else { Asked::End(*number) };
                asked.extend(std::iter::repeat_n(one, count));
            }
        }
        asked
    }

    /// Stops this process as Ctrl-Z would have; returns once it is continued.
    pub(super) fn pause(&self) -> io::Result<()> {
        emulate_default_handler(SIGTSTP)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // The handlers stay, but they now do what the signal does by default.
        self.over.store(true, Ordering::SeqCst);
        for id in self.registered.iter().skip(1).step_by(2) {
            unregister(*id);
        }
    }
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
