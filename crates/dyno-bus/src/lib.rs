//! The bus that carries measurements and commands between dyno's processes, one for each process.
//!
//! # The protocol on one page
//!
//! A primary and each of its workers share one connected pair of stream sockets. It carries
//! *frames*: a `u32` length, little-endian, then that many bytes, which are one *message*.
//! [`Command`]s go to the worker, [`Report`]s come from it.
//!
//! ```text
//! worker                                primary
//!   | -- Hello {version, index, nonce} --> |    first, always: everything else may change
//!   | <-- Start {parameters, limits} ----- |
//!   | -- Ready --------------------------> |    after the worker's `before`
//!   | <-- Segment, Segment, Lease -------- |    when all are ready
//!   | -- Declare, Batch, Batch … --------> |    measurements and cumulative counts
//!   | <-- Lease, Lease … ----------------- |    four times a second, a second ahead
//!   | <-- Lease {last} or Drain ---------- |
//!   | -- Batch, Timeline, Drained -------> |    verified by the primary, then
//!   | <-- Ack ---------------------------- |
//!   | -- Batch, Bye {counts} ------------> |    after the worker's `after`
//! ```
//!
//! This crate owns the types on the wire ([`message`]), the arithmetic on which both ends must
//! agree to the bit ([`segment`], [`backlog`]), the bytes ([`frame`], [`codec`]), and the two links that move
//! them: a Unix socket ([`link`]) and memory ([`local`]). It does not know what a metric means,
//! when to send, or what a verdict is. [`clock`] is the only source of time in dyno.

pub mod backlog;
pub mod builtin;
pub mod clock;
pub mod codec;
mod error;
pub mod frame;
pub mod link;
pub mod local;
pub mod message;
mod packed;
pub mod segment;
pub mod timeline;
pub mod value;

pub use clock::Time;
pub use error::{CodecError, FrameError, LinkError, SegmentError};
pub use link::{Link, Received};
pub use message::{Command, Report};
pub use segment::{Cursor, Pace, Phase, Segment};
