//! The cycles of a worker: when the next one may start, and those that run.

pub(super) mod leases;
pub(super) mod pace;
pub(super) mod panics;
pub(super) mod poll_watch;
pub(super) mod slots;
pub(super) mod timer;
