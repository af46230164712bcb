//! What dyno is measured against: other harnesses, and what a user would write without one.

pub(crate) mod probe;
pub(crate) mod redis_loop;
pub(crate) mod redis_server;
pub(crate) mod rlt;
pub(crate) mod sleepers;
pub(crate) mod stamps;
