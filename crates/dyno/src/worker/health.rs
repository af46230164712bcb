//! The health of a worker besides its cycles: its loop, its process, its copies, and its primary.

pub(super) mod fork;
pub(super) mod guard;
pub(super) mod probe;
pub(super) mod spans;
pub(super) mod usage;
