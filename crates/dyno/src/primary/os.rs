//! The operating system, as the primary needs it: processes, signals, and what is left behind.

pub(super) mod process;
pub(super) mod signal;
pub(super) mod sweep;
pub(super) mod system;
pub(super) mod watch;
