//! What can go wrong on a bus, one enum per operation.

use std::io;

/// A length prefix that no sender of ours writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame holds one message, and every message has at least its tag.
    #[error("a frame of length 0")]
    Empty,
    /// Refused before anything is allocated.
    #[error("a frame of {length} bytes, over the limit of {max}")]
    TooLong {
        /// What the prefix says.
        length: usize,
        /// What is allowed.
        max: usize,
    },
}

/// A segment by which no cycles can be counted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// No rate: zero, negative, infinite, too high, or no number at all.
    #[error("a segment of {rate} cycles per second")]
    Rate {
        /// What it says.
        rate: f64,
    },
    /// A closed loop that keeps no cycle in flight never ends one either.
    #[error("a segment of a closed loop with no cycle in flight")]
    NothingInFlight,
    /// An index that no run reaches.
    #[error("a segment that begins at cycle {first}")]
    Index {
        /// What it says.
        first: u64,
    },
}

/// Bytes that are no message, or a message that makes no frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes do not decode.
    #[error("a frame of {length} bytes that is not a message: {source}")]
    Decode {
        /// The frame's length.
        length: usize,
        /// What the codec says.
        source: Box<bincode::error::DecodeError>,
    },
    /// The bytes hold more than a message: the sender is of another version.
    #[error("{trailing} bytes after the message's end in a frame of {length}")]
    Trailing {
        /// The frame's length.
        length: usize,
        /// How many are too many.
        trailing: usize,
    },
    /// The message does not encode.
    #[error("a message that can't be encoded: {source}")]
    Encode {
        /// What the codec says.
        source: Box<bincode::error::EncodeError>,
    },
    /// The message is longer than a frame may be.
    #[error("a message of {length} bytes, over a frame's limit of {max}")]
    TooLong {
        /// Its length.
        length: usize,
        /// What is allowed.
        max: usize,
    },
}

/// A link that can't go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer's bytes are no frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame is no message, or a message no frame.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The peer closed in the middle of a frame.
    #[error("the peer closed after {received} bytes of a frame of {length}")]
    Truncated {
        /// Bytes of the frame that came, its prefix included.
        received: usize,
        /// Its whole length with the prefix, as far as that is known.
        length: usize,
    },
    /// The peer reads slower than it is written to.
    #[error("the peer does not read: {queued} bytes wait, over the limit of {max}")]
    OutboxFull {
        /// Bytes that wait.
        queued: usize,
        /// What is allowed.
        max: usize,
    },
    /// The peer is gone: nothing can be written any more, but there may be more to read.
    #[error("the peer closed its end")]
    PeerGone,
    /// The kernel refused.
    #[error("{operation} failed on the link: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}
