//! The settings of a terminal that passes on each key at once, and the way back from them.
//!
//! The primary makes these settings while a live view reads keys, and restores what was before. If it
//! is killed, it can't. Then a worker does, which kept the terminal from before.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, PoisonError};

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

/// The terminal of this process before it became a worker, with its settings.
static KEPT: Mutex<Option<(File, Termios)>> = Mutex::new(None);

/// Returns the settings under which a read returns at once, with the keys that were pressed. They are
/// not shown. Ctrl-C, Ctrl-Z and Ctrl-S work as before.
pub(crate) fn passing_on_keys(before: &Termios) -> Termios {
    let mut ours = before.clone();
    ours.local_flags -= LocalFlags::ECHO | LocalFlags::ICANON;
    ours.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
    ours.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    ours
}

/// Keeps the terminal of this process, if it has one. Call it before the process leaves the
/// terminal's session.
pub(crate) fn keep() {
    // Closed on exec, as all files that std opens.
    let options = OpenOptions::new().read(true).custom_flags(libc::O_NOCTTY).open("/dev/tty");
    let kept = options.ok().and_then(|terminal| {
        let settings = tcgetattr(&terminal).ok()?;
        Some((terminal, settings))
    });
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = kept;
}

/// Returns `true` if both have the same settings. The type's own comparison also compares what the
/// system last reported, which a change does not change.
fn are_equal(one: &Termios, other: &Termios) -> bool {
    let modes = |of: &Termios| (of.input_flags, of.output_flags, of.control_flags, of.local_flags);
    modes(one) == modes(other) && one.control_chars == other.control_chars
}

/// Restores the kept terminal if it still passes on each key at once, as a primary leaves it that was
/// killed. Other settings are someone else's by now.
pub(crate) fn restore_kept() {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((terminal, before)) = &*kept else { return };
    if tcgetattr(terminal).is_ok_and(|now| are_equal(&now, &passing_on_keys(before))) {
        // This process is not of the terminal's session, so that it is not stopped for the change.
        let _gone = tcsetattr(terminal, SetArg::TCSANOW, before);
    }
}
