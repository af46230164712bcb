//! The errors of a bus, one enum per operation.

use std::io;

/// A length prefix that no sender of this crate writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A length of zero. A frame holds one message, and every message has at least its tag.
    #[error("a frame of length 0")]
    Empty,
    /// A length over the limit, refused before anything is allocated.
    #[error("a frame of {length} bytes, over the limit of {max}")]
    TooLong {
        /// The length in the prefix, in bytes.
        length: usize,
        /// The longest frame that is allowed, in bytes.
        max: usize,
    },
}

/// A segment whose due times can't be computed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// An invalid rate: zero, negative, infinite, too high, or NaN.
    #[error("a segment of {rate} cycles per second")]
    Rate {
        /// The segment's rate, in cycles per second.
        rate: f64,
    },
    /// A closed loop that keeps no cycle in flight: no cycle of it would ever end.
    #[error("a segment of a closed loop with no cycle in flight")]
    NothingInFlight,
    /// A ramp without a time over which its rate could change, or over more time than a plan has.
    #[error("a segment of a ramp over {length_ns} ns")]
    RampLength {
        /// The segment's length, in nanoseconds.
        length_ns: u64,
    },
    /// A part of a cycle that is negative, a whole cycle or more, or NaN.
    #[error("a segment whose first cycle is due after {lead} cycles")]
    Lead {
        /// The segment's lead, in cycles.
        lead: f64,
    },
    /// A first index that no run reaches.
    #[error("a segment that begins at cycle {first}")]
    Index {
        /// The index of the segment's first cycle.
        first: u64,
    },
}

/// Bytes that do not decode into a message, or a message that does not fit into a frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes do not decode.
    #[error("a frame of {length} bytes that is not a message: {source}")]
    Decode {
        /// The frame's length, in bytes.
        length: usize,
        /// The error of the codec.
        source: Box<bincode::error::DecodeError>,
    },
    /// The bytes hold more than a message: the sender is of another version.
    #[error("{trailing} bytes after the message's end in a frame of {length}")]
    Trailing {
        /// The frame's length, in bytes.
        length: usize,
        /// The number of bytes after the message's end.
        trailing: usize,
    },
    /// The message does not encode.
    #[error("a message that can't be encoded: {source}")]
    Encode {
        /// The error of the codec.
        source: Box<bincode::error::EncodeError>,
    },
    /// The message is longer than a frame may be.
    #[error("a message of {length} bytes, over a frame's limit of {max}")]
    TooLong {
        /// The encoded message's length, in bytes.
        length: usize,
        /// The longest frame that is allowed, in bytes.
        max: usize,
    },
}

/// A link that can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer's bytes are not valid frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame does not hold a message, or a message does not fit into a frame.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The peer closed in the middle of a frame.
    #[error("the peer closed after {received} bytes of a frame of {length}")]
    Truncated {
        /// The bytes of the frame that arrived, its prefix included.
        received: usize,
        /// The frame's whole length with its prefix; only the prefix's while that is incomplete.
        length: usize,
    },
    /// The peer reads more slowly than messages are sent to it.
    #[error("the peer does not read: {queued} bytes wait, over the limit of {max}")]
    OutboxFull {
        /// The bytes that wait to be written.
        queued: usize,
        /// The most bytes that may wait.
        max: usize,
    },
    /// The peer is gone: nothing can be written any more, but there may be more to read.
    #[error("the peer closed its end")]
    PeerGone,
    /// A system call failed.
    #[error("{operation} failed on the link: {source}")]
    Io {
        /// The name of the operation, such as `read`.
        operation: &'static str,
        /// The error of the kernel.
        source: io::Error,
    },
}
