//! The copy of a worker that its task makes by `fork`.
//!
//! A task may let the copy exit, or execute a program in it. If the copy returns from the task
//! instead, it would run the worker's loop a second time: it has no bus thread, and shares the
//! worker's timers and sockets. So it is ended as soon as it returns.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// The warning about a copy that was ended.
pub(crate) const RETURNED: &str = "the task called `fork`, and the copy of the worker returned from \
                                   the task: it was ended; let the copy exit, or execute a program";

/// The exit code of a copy that is ended.
const ENDED: i32 = 1;

/// Set in a copy of the process that watches.
static IS_COPY: AtomicBool = AtomicBool::new(false);

/// Lets each copy of this process know that it is one.
///
/// # Errors
/// If the system has no memory for it.
#[expect(unsafe_code, reason = "the standard library has no such call")]
pub(crate) fn watch() -> io::Result<()> {
    extern "C" fn in_copy() {
        IS_COPY.store(true, Ordering::Relaxed);
    }

    // SAFETY: after a fork the handler only writes to a static atomic.
    match unsafe { libc::pthread_atfork(None, None, Some(in_copy)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Returns `true` in a copy of the worker.
#[inline]
pub(crate) fn is_copy() -> bool {
    IS_COPY.load(Ordering::Relaxed)
}

/// Ends this copy, and runs none of the worker's handlers and destructors.
#[expect(unsafe_code, reason = "`std::process::exit` runs the handlers of the worker")]
pub(crate) fn end() -> ! {
    // SAFETY: the call takes no pointers, and never returns.
    unsafe { libc::_exit(ENDED) }
}
