//! No orphan, ever: a worker does not outlive its primary, nor does anything that it started.
//!
//! Two ways lead there. The bus thread reads the end of file when the primary is gone and kills
//! the worker's process group. And the kernel sends a signal when the primary dies, whose handler
//! does the same: it works when the bus thread can't, and unlike `SIGKILL` as a death signal it
//! takes the worker's children along.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, dup2_stdin, getppid};

use crate::identity::Identity;

/// Makes this process a worker: takes the socket off standard input and arms the death signal.
///
/// # Errors
/// If the primary is gone already, or the kernel refuses.
pub(super) fn arm(identity: &Identity) -> io::Result<UnixStream> {
    // Closed on exec, as everything that std opens: no grandchild holds the socket open.
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let null = std::fs::File::open("/dev/null")?;
    dup2_stdin(&null)?;
    arm_death_signal()?;
    // The primary may have died before the signal was armed.
    if i64::from(getppid().as_raw()) != i64::from(identity.primary) {
        return Err(io::Error::other("the primary is gone"));
    }
    Ok(UnixStream::from(socket))
}

/// Kills this process's group, itself included.
pub(super) fn kill_group() -> ! {
    // The primary put this worker at the head of a group of its own: 0 is that group.
    let _no_such_process = killpg(Pid::from_raw(0), Signal::SIGKILL);
    // Not reached: SIGKILL is not to be ignored.
    std::process::abort()
}

#[cfg(target_os = "linux")]
fn arm_death_signal() -> io::Result<()> {
    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};

    extern "C" fn on_death(_signal: libc::c_int) {
        // SAFETY: kill(2) is async-signal-safe and takes no pointers.
        #[expect(unsafe_code, reason = "only kill(2) itself may be called in a signal handler")]
        unsafe {
            libc::kill(0, libc::SIGKILL);
        }
    }

    // Nobody else uses the signal of a failing power supply, and its default is to terminate.
    let signal = Signal::SIGPWR;
    let action =
        SigAction::new(SigHandler::Handler(on_death), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing but an async-signal-safe call.
    #[expect(unsafe_code, reason = "a handler that kills the group, whatever the threads do")]
    unsafe {
        sigaction(signal, &action)?;
    }
    set_pdeathsig(signal)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn arm_death_signal() -> io::Result<()> {
    // Only Linux tells a process of its parent's death; the end of file has to do.
    Ok(())
}
