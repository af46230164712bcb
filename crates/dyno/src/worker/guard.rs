//! No orphan, ever: a worker does not outlive its primary, nor does anything that it started.
//!
//! Two ways lead there. The bus thread reads the end of file when the primary is gone and kills
//! what carries the worker's mark, then the worker's process group. And the kernel sends a signal
//! when the primary dies, whose handler kills the group a second later: it works when the bus
//! thread can't, and unlike `SIGKILL` as a death signal it takes the worker's children along.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, dup2_stdin, getppid, setsid};

use crate::identity::Identity;
use crate::processes;

/// The seconds that the bus thread has when the primary has died, before the worker's group is
/// killed.
#[cfg(target_os = "linux")]
const DEATH_DELAY_S: libc::c_uint = 1;

/// Makes this process a worker: gives it a session of its own, so that it has no terminal, takes the
/// socket off standard input and arms the death signal.
///
/// # Errors
/// If the primary is gone already, or the kernel refuses.
pub(super) fn arm(identity: &Identity) -> io::Result<UnixStream> {
    match setsid() {
        // It leads a group of its own already: one that its launcher made.
        Ok(_) | Err(Errno::EPERM) => {}
        Err(error) => return Err(error.into()),
    }
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

/// Kills all that this worker started, and its process group, itself included.
pub(super) fn kill_all(mark: &str) -> ! {
    if has_started_processes() {
        let own = std::process::id();
        let marked = processes::all()
            .into_iter()
            .filter(|process| process.pid != own && process.is_marked(|found| found == mark));
        for process in marked {
            let _gone = kill(Pid::from_raw(process.pid.cast_signed()), Signal::SIGKILL);
        }
    }
    // This worker is at the head of a group of its own: 0 is that group.
    let _no_such_process = killpg(Pid::from_raw(0), Signal::SIGKILL);
    // Not reached: SIGKILL is not to be ignored.
    std::process::abort()
}

/// Returns `false` if this process has no child and has reaped none: then nothing has to be looked
/// for, which takes a while where there are a thousand workers.
fn has_started_processes() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    let has_child = waitid(Id::All, flags) != Err(Errno::ECHILD);
    has_child || getrusage(UsageWho::RUSAGE_CHILDREN).is_ok_and(|usage| usage.max_rss() > 0)
}

/// Lets a worker that is stopped go on when its primary dies, so that it can end. For the bus
/// thread: each thread has one death signal.
#[cfg(target_os = "linux")]
pub(super) fn arm_continue_signal() {
    // In a session of its own the kernel does not continue an orphan that is stopped.
    let _unsupported = nix::sys::prctl::set_pdeathsig(Signal::SIGCONT);
}

#[cfg(not(target_os = "linux"))]
pub(super) fn arm_continue_signal() {}

#[cfg(target_os = "linux")]
fn arm_death_signal() -> io::Result<()> {
    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};

    extern "C" fn on_death(_signal: libc::c_int) {
        // The bus thread has a moment to do more. A program with an alarm clock of its own has no
        // use for it any more.
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
