//! The guard against orphans: a worker does not outlive its primary, nor does any process that it
//! started.
//!
//! There are two ways. The bus thread reads the end of file when the primary is gone, and kills
//! every process that carries the worker's mark, then the worker's process group. And the kernel
//! sends a signal when the primary dies; its handler kills the group a second later. This works
//! when the bus thread cannot act, and unlike `SIGKILL` as a death signal it kills the worker's
//! children too.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, dup2_stdin, getppid, setsid};

use crate::identity::Identity;
use crate::keyboard;
use crate::processes;

/// The seconds that the bus thread has after the primary's death, before the worker's group is
/// killed.
#[cfg(target_os = "linux")]
const DEATH_DELAY_S: libc::c_uint = 1;

/// Makes this process a worker: starts a new session, so that the worker has no terminal, takes the
/// socket from standard input, and arms the death signal.
///
/// # Errors
/// If the primary is gone already, or the kernel refuses.
pub(crate) fn arm(identity: &Identity) -> io::Result<UnixStream> {
    // Keys are read in a run on one host alone, which has this worker.
    if identity.worker == 0 {
        keyboard::keep();
    }
    match setsid() {
        // It already leads its own group, which its launcher made.
        Ok(_) | Err(Errno::EPERM) => {}
        Err(error) => return Err(error.into()),
    }
    // Closed on exec, like all descriptors that std opens, so that no grandchild holds the socket
    // open.
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

/// Kills all processes that this worker started, and its process group, itself included.
pub(crate) fn kill_all(mark: &str) -> ! {
    // First, because a shell may show its prompt already.
    keyboard::restore_kept();
    if has_started_processes() {
        let own = std::process::id();
        let marked = processes::all()
            .into_iter()
            .filter(|process| process.pid != own && process.is_marked(|found| found == mark));
        for process in marked {
            let _gone = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL);
        }
    }
    // This worker leads its own group: 0 is that group.
    let _no_such_process = killpg(Pid::from_raw(0), Signal::SIGKILL);
    // Not reached: SIGKILL cannot be ignored.
    std::process::abort()
}

/// Returns `false` if this process has no child and has reaped none. Then there is nothing to look
/// for, and a look takes a while where there are a thousand workers.
fn has_started_processes() -> bool {
    processes::has_child()
        || getrusage(UsageWho::RUSAGE_CHILDREN).is_ok_and(|usage| usage.max_rss() > 0)
}

/// Lets a stopped worker go on when its primary dies, so that it can end. Call it on the bus
/// thread: each thread has one death signal.
#[cfg(target_os = "linux")]
pub(crate) fn arm_continue_signal() {
    // The kernel does not continue a stopped orphan that is in its own session.
    let _unsupported = nix::sys::prctl::set_pdeathsig(Signal::SIGCONT);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn arm_continue_signal() {}

#[cfg(target_os = "linux")]
fn arm_death_signal() -> io::Result<()> {
    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};

    extern "C" fn on_death(_signal: libc::c_int) {
        // The bus thread gets a moment to do more. If the program uses the alarm clock itself, it
        // does not need it any more.
        // SAFETY: signal(2) and alarm(2) are async-signal-safe.
        #[expect(unsafe_code, reason = "only the system's own calls may be made in a handler")]
        unsafe {
            libc::signal(libc::SIGALRM, on_alarm as *const () as libc::sighandler_t);
            libc::alarm(DEATH_DELAY_S);
        }
    }

    extern "C" fn on_alarm(_signal: libc::c_int) {
        // SAFETY: kill(2) is async-signal-safe and takes no pointers.
        #[expect(unsafe_code, reason = "only kill(2) itself may be called in a signal handler")]
        unsafe {
            libc::kill(0, libc::SIGKILL);
        }
    }

    // Nothing else uses the signal of a failing power supply, and its default action is to
    // terminate.
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
    // Only Linux informs a process of its parent's death; elsewhere the end of file has to be
    // enough.
    Ok(())
}
