//! A process of the system under test, as its run holds it.
//!
//! It is held by a descriptor of the process itself and by its start, so that another process that
//! gets its id later is never taken for it. Where the kernel has no such descriptors, the start alone
//! tells the two apart. A process that can't be read is refused with the reason.

#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::processes::SystemProcess;
#[cfg(target_os = "linux")]
use crate::processes::pidfd::pidfd_open;

/// A process that a run watches.
#[derive(Debug, Clone)]
pub(crate) struct TargetProcess {
    process: SystemProcess,
    name: String,
    /// Readable once the process has ended.
    #[cfg(target_os = "linux")]
    pidfd: Option<Arc<OwnedFd>>,
}

/// The reason why a process can't be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("no process has this id: give the id of one that runs, or its name")]
    Missing,
    #[error(
        "the process has ended, and only its parent has not noticed: give the id of one that runs"
    )]
    Ended,
    #[error("`/proc` does not show this process of another user: run as that user, or as root")]
    Hidden,
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "Linux has these files"))]
    #[error("only Linux shows the usage of another process, in `/proc`: leave it out")]
    Unsupported,
}

impl TargetProcess {
    /// Holds the process with this id.
    ///
    /// # Errors
    /// If the process does not exist, has ended, or is hidden from this user.
    pub(crate) fn hold(pid: u32) -> Result<Self, TargetError> {
        #[cfg(not(target_os = "linux"))]
        return Err(TargetError::Unsupported);
        #[cfg(target_os = "linux")]
        {
            // The descriptor comes first: if the process is alive after it was read, then it was
            // the one that was read.
            let pidfd = pidfd_open(pid).map(Arc::new);
            let Some(process) = SystemProcess::of(pid) else { return Err(why_missing(pid)) };
            let held = Self { name: process.name(), process, pidfd };
            if held.has_ended() { Err(TargetError::Ended) } else { Ok(held) }
        }
    }

    /// Returns its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid
    }

    /// Returns the name that the kernel shows.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns `true` if this is the same process, read at another time.
    pub(crate) fn is(&self, process: &SystemProcess) -> bool {
        self.process.is_same(process)
    }

    /// Returns `true` once all its threads have ended.
    pub(crate) fn has_ended(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = &self.pidfd {
            return is_readable(pidfd);
        }
        !SystemProcess::of(self.process.pid)
            .is_some_and(|now| self.process.is_same(&now) && !now.is_zombie)
    }
}

/// Returns the reason why a process can't be read.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no process can be read"))]
fn why_missing(pid: u32) -> TargetError {
    // A signal of number zero is not sent: the kernel only looks for the process.
    match kill(Pid::from_raw(pid.cast_signed()), None) {
        Ok(()) | Err(Errno::EPERM) => TargetError::Hidden,
        Err(_) => TargetError::Missing,
    }
}

#[cfg(target_os = "linux")]
fn is_readable(pidfd: &OwnedFd) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    // An error can only be an interruption; the next look comes soon.
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_held_until_it_ends_even_before_it_is_reaped() {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).spawn().expect("`cat` is everywhere");
        let pid = child.id();
        let held = TargetProcess::hold(pid).expect("it runs");
        assert!(held.is(&SystemProcess::of(pid).expect("it runs")) && !held.has_ended());
        assert_eq!((held.pid(), TargetProcess::hold(pid).map(|other| other.pid())), (pid, Ok(pid)));
        drop(child.stdin.take());
        // This waits for the end, and leaves the process to be reaped.
        let flags = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        let id = nix::sys::wait::Id::Pid(Pid::from_raw(pid.cast_signed()));
        nix::sys::wait::waitid(id, flags).expect("our child");
        assert!(held.has_ended());
        assert_eq!(TargetProcess::hold(pid).err(), Some(TargetError::Ended));
        child.wait().expect("it ended");
        assert!(held.has_ended());
        assert_eq!(TargetProcess::hold(pid).err(), Some(TargetError::Missing));
    }
}
