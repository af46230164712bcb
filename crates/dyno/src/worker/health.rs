//! What a worker watches besides its cycles: its loop, its process, panics, and its primary.

pub(super) mod fork;
pub(super) mod guard;
pub(super) mod probe;
pub(super) mod spans;
pub(super) mod usage;
