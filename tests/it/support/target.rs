//! A process that a run watches.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A process with its children, which ends with the test.
pub(crate) struct Target(Child);

impl Target {
    pub(crate) fn start(command: &mut Command) -> Self {
        // Its standard input stays open until it is dropped.
        let started = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Self(started.expect("a shell is everywhere"))
    }

    /// Starts a shell with this script.
    pub(crate) fn shell(script: &str) -> Self {
        Self::start(Command::new("sh").args(["-c", script]))
    }

    /// Starts a process that waits and does nothing.
    pub(crate) fn idle() -> Self {
        Self::start(&mut Command::new("cat"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _gone = killpg(Pid::from_raw(self.pid().cast_signed()), Signal::SIGKILL);
        let _reaped = self.0.wait();
    }
}
