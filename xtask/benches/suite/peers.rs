//! The peers that dyno is measured against: other harnesses, and code that a user would write
//! without a harness.

pub(crate) mod pipe_loop;
pub(crate) mod postgres_server;
pub(crate) mod probe;
pub(crate) mod redis_loop;
pub(crate) mod redis_server;
pub(crate) mod rlt;
pub(crate) mod sleepers;
pub(crate) mod stamps;
