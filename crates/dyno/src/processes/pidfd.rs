//! Descriptors of processes, which never pass to another process as ids do. Linux has them.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Opens a descriptor of a process; `None` if the process or the call does not exist. The descriptor is
/// readable once the process has ended, and is closed on exec.
#[expect(unsafe_code, reason = "no crate in use has pidfd_open(2)")]
pub(crate) fn pidfd_open(pid: u32) -> Option<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel has just created it for this call.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}
