//! The keys of the live view: `+` and `-` change the rate, and `p` pauses the issuing.
//!
//! The terminal passes on each key at once and shows none of them, while the window is open and this
//! process is in the terminal's foreground. Nothing else about the terminal changes, so that Ctrl-C,
//! Ctrl-Z and Ctrl-S work as ever. The thread that drives the run restores the terminal: before it
//! is stopped, when the window is over, and when it panics. It never waits for the terminal.
//!
//! Nothing is read that is not for the run: not from a file or a pipe, and not if the benchmark's
//! own code has a handle to steer the run, which may read keys too.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp};

use crate::keyboard;
use crate::primary::{RateKey, Remote};

/// The most keys that are read at once: nobody types more between two drawings.
const KEYS_MAX: usize = 64;

/// The terminal that keys are read from. All copies are one.
#[derive(Debug, Clone)]
pub(in crate::report) struct KeyTerminal(Arc<Mutex<KeyState>>);

#[derive(Debug)]
struct KeyState {
    remote: Remote,
    /// `true` while the rate can be changed.
    is_open: bool,
    /// `true` from just before this process is stopped until it goes on.
    is_stopped: bool,
    /// The settings from before, while the terminal has ours.
    before: Option<Termios>,
}

impl KeyTerminal {
    /// Creates the keys of a run that this handle steers; `None` if they are not on a terminal.
    pub(in crate::report) fn of(remote: Remote) -> Option<Self> {
        let state = KeyState { remote, is_open: false, is_stopped: false, before: None };
        io::stdin().is_terminal().then(|| Self(Arc::new(Mutex::new(state))))
    }

    /// Begins to read keys.
    pub(in crate::report) fn open(&self) {
        let mut state = self.lock();
        state.is_open = true;
        state.set();
    }

    /// Ends the reading for good, and restores the terminal.
    pub(in crate::report) fn close(&self) {
        let mut state = self.lock();
        state.is_open = false;
        state.restore();
    }

    /// Restores the terminal before this process is stopped.
    pub(in crate::report) fn pausing(&self) {
        let mut state = self.lock();
        state.is_stopped = true;
        state.restore();
    }

    /// Reads keys again, now that this process goes on.
    pub(in crate::report) fn continued(&self) {
        let mut state = self.lock();
        state.is_stopped = false;
        state.set();
    }

    /// Passes on the keys that were pressed.
    pub(super) fn pass_on(&self) {
        let mut state = self.lock();
        // A process that was in the background may be in the foreground now.
        state.set();
        for key in state.read() {
            state.remote.press(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, KeyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyState {
    /// Sets the terminal to pass on each key at once, if it is time.
    fn set(&mut self) {
        if !self.is_open || self.is_stopped || self.before.is_some() || !is_in_foreground() {
            return;
        }
        let Ok(before) = tcgetattr(io::stdin()) else { return };
        let ours = keyboard::passing_on_keys(&before);
        // At once: to wait until all output is written might take for ever, after a Ctrl-S.
        if tcsetattr(io::stdin(), SetArg::TCSANOW, &ours).is_ok() {
            self.before = Some(before);
        }
    }

    /// Restores the settings from before. In the background they are the shell's to set: a change
    /// would stop this process.
    fn restore(&mut self) {
        if let Some(before) = self.before.take().filter(|_| is_in_foreground()) {
            // If the terminal is gone, its settings can't and need not be restored.
            let _gone = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
        }
    }

    fn read(&self) -> Vec<RateKey> {
        let mut bytes = [0; KEYS_MAX];
        // In the background a read would stop this process.
        if self.before.is_none() || !is_in_foreground() {
            return Vec::new();
        }
        let count = read(io::stdin(), &mut bytes).unwrap_or(0);
        bytes[..count].iter().filter_map(|byte| key(*byte)).collect()
    }
}

/// Returns `true` if the terminal's keys are for this process.
fn is_in_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}

/// Returns the key that sends this byte. `=` is `+` without Shift on many keyboards.
fn key(byte: u8) -> Option<RateKey> {
    match byte {
        b'+' | b'=' => Some(RateKey::Faster),
        b'-' => Some(RateKey::Slower),
        b'p' => Some(RateKey::Pause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_keys_steer_the_rate_and_all_others_do_nothing() {
        let keys: Vec<_> = b"+=-pq\x1b[A\n".iter().filter_map(|byte| key(*byte)).collect();
        let expected = [RateKey::Faster, RateKey::Faster, RateKey::Slower, RateKey::Pause];
        assert_eq!(keys, expected);
    }
}
