//! The identity of a worker process, in one variable of its environment.
//!
//! The primary sets the variable, and [`bench`](crate::bench()) reads it. It is accepted only if
//! the process's parent is the primary that it names, and if standard input is a socket. So a task
//! that starts its own binary, whose children inherit the variable, does not recurse.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::str::FromStr;

use nix::sys::stat::{SFlag, fstat};
use nix::unistd::getppid;

/// The name of the variable, which holds an [`Identity`] as text.
pub(crate) const VARIABLE: &str = "DYNO_WORKER";

/// The name of the variable that makes a process the agent of a run on several hosts. It holds the
/// benchmark's name. Its workers do not inherit it.
pub(crate) const AGENT_VARIABLE: &str = "DYNO_AGENT";

/// The name of the variable that marks every process that a worker starts, at any depth, so that it
/// can be found. Unlike [`VARIABLE`] it does not make a process a worker, so a command may keep it.
pub(crate) const MARK_VARIABLE: &str = "DYNO_RUN_MARK";

/// The identity of a worker: its run, and its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The primary's process id.
    pub(crate) primary: u32,
    /// The run's random number, which its `Hello` repeats.
    pub(crate) nonce: u64,
    /// The worker's index, from 0.
    pub(crate) worker: u32,
    /// The benchmark's name.
    pub(crate) benchmark: String,
}

impl Identity {
    /// Returns the mark of the processes that this worker starts.
    pub(crate) fn mark(&self) -> String {
        format!("{}{}", run_mark(self.nonce), self.worker)
    }
}

/// Returns the prefix that the marks of all workers of a run have.
pub(crate) fn run_mark(nonce: u64) -> String {
    format!("{nonce:016x}.")
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { primary, nonce, worker, benchmark } = self;
        write!(f, "{primary}:{nonce:016x}:{worker}:{benchmark}")
    }
}

/// An error for a text that is not an [`Identity`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl FromStr for Identity {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut parts = text.splitn(4, ':');
        let mut next = || parts.next().ok_or(Malformed);
        Ok(Self {
            primary: next()?.parse().map_err(|_| Malformed)?,
            nonce: u64::from_str_radix(next()?, 16).map_err(|_| Malformed)?,
            worker: next()?.parse().map_err(|_| Malformed)?,
            benchmark: next()?.to_owned(),
        })
    }
}

/// The role of this process, as its environment claims it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// No claim: the process may be a primary.
    None,
    /// A worker, whose parent and standard input are as they must be.
    Worker(Identity),
    /// A worker, but that can't be true; the message names the reason and the remedy.
    Refused(String),
}

impl Claim {
    /// Reads the environment of this process.
    pub(crate) fn of_this_process() -> Self {
        let Some(text) = std::env::var_os(VARIABLE) else { return Self::None };
        let Ok(identity) = text.to_string_lossy().parse::<Identity>() else {
            return Self::Refused(format!(
                "{VARIABLE}={} is not set by a primary: unset it",
                text.to_string_lossy()
            ));
        };
        let parent = getppid().as_raw();
        if i64::from(parent) != i64::from(identity.primary) {
            return Self::Refused(format!(
                "this process inherited {VARIABLE} from a worker of `{}` but was not started by \
                 its primary (pid {}, the parent is {parent}): a task that starts a benchmark has \
                 to unset {VARIABLE}",
                identity.benchmark, identity.primary,
            ));
        }
        if !is_socket(std::io::stdin().as_fd()) {
            return Self::Refused(format!(
                "{VARIABLE} is set but standard input is not a primary's socket: unset it"
            ));
        }
        Self::Worker(identity)
    }
}

fn is_socket(descriptor: BorrowedFd<'_>) -> bool {
    fstat(descriptor).is_ok_and(|stat| {
        SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFSOCK
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_distinguished_from_a_pipe_and_a_file() {
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let (pipe, _writer) = std::io::pipe().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(is_socket(socket.as_fd()));
        assert!(!is_socket(pipe.as_fd()) && !is_socket(file.as_fd()));
    }

    #[test]
    fn an_identity_reads_as_it_was_written() {
        let identity =
            Identity { primary: 42, nonce: u64::MAX, worker: 7, benchmark: "a:b c".into() };
        assert_eq!(identity.to_string().parse(), Ok(identity));
    }

    #[test]
    fn any_other_text_is_a_malformed_identity() {
        for text in ["", "1", "1:2:3", "x:2:3:n", "1:zz:3:n", "1:2:-1:n"] {
            assert_eq!(text.parse::<Identity>(), Err(Malformed), "{text}");
        }
    }
}
