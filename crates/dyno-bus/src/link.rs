//! A link: messages over a byte stream that never blocks.
//!
//! It is generic over the stream, so that the same code runs over a Unix socket and over memory
//! ([`crate::local`]). Sending only queues; [`Link::flush`] writes as much as the peer accepts. The
//! queue is bounded: a peer that does not read is an error, not a memory leak.
//!
//! A link never stops reading because the peer is gone. The bytes that the peer wrote before it
//! died are still to be read, and on a socket one `ECONNRESET` may come before the end of the file.

use std::io::{self, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::FrameBuffer;
use crate::{LinkError, codec};

/// The most bytes that wait for the peer: eight of the largest frames.
pub const OUTBOX_MAX: usize = 8 << 20;

/// The outcome of one attempt to receive a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<M> {
    /// A message that arrived whole and was decoded.
    Message(M),
    /// No whole message has arrived yet; one may still come.
    NotYet,
    /// The peer closed its end between two frames: no message will follow.
    Closed,
}

/// The state of the queue after a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// All bytes were written: the queue is empty.
    All,
    /// Some bytes wait until the peer reads.
    Partly,
}

/// One end of a bus: receives `In`, sends `Out`.
#[derive(Debug)]
pub struct Link<S, In, Out> {
    stream: S,
    inbox: FrameBuffer,
    outbox: Vec<u8>,
    /// The bytes at the front of the outbox that have been written.
    written: usize,
    /// `true` once the peer's end of file has been read.
    ended: bool,
    messages: PhantomData<fn(Out) -> In>,
}

/// Creates a connected pair of stream sockets: closed on exec, so that no grandchild holds them
/// open.
///
/// # Errors
/// If the process has no descriptors left.
pub fn pair() -> Result<(UnixStream, OwnedFd), LinkError> {
    let failed = |operation| move |source: io::Error| LinkError::Io { operation, source };
    let (ours, theirs) = UnixStream::pair().map_err(failed("socketpair"))?;
    Ok((ours, theirs.into()))
}

impl<In, Out> Link<UnixStream, In, Out> {
    /// Creates a link over a connected socket, and makes the socket non-blocking.
    ///
    /// # Errors
    /// If the socket can't be made non-blocking.
    pub fn over(socket: UnixStream) -> Result<Self, LinkError> {
        socket
            .set_nonblocking(true)
            .map_err(|source| LinkError::Io { operation: "set_nonblocking", source })?;
        Ok(Self::new(socket))
    }
}

impl<S, In, Out> Link<S, In, Out> {
    /// Creates a link over a stream that returns [`ErrorKind::WouldBlock`] rather than block.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            inbox: FrameBuffer::default(),
            outbox: Vec::new(),
            written: 0,
            ended: false,
            messages: PhantomData,
        }
    }

    /// Returns the stream, so that the caller can wait until it is readable or writable.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Returns the number of bytes that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len() - self.written
    }
}

impl<S: Read, In: DeserializeOwned, Out> Link<S, In, Out> {
    /// Returns the next message, and reads from the stream until one is whole or nothing more has
    /// arrived.
    ///
    /// # Errors
    /// If the peer's bytes are not valid messages, end inside one, or can't be read. The link can't
    /// be used after that.
    pub fn receive(&mut self) -> Result<Received<In>, LinkError> {
        loop {
            if let Some(frame) = self.inbox.next_frame()? {
                return Ok(Received::Message(codec::decode(frame)?));
            }
            if self.ended {
                return match self.inbox.incomplete() {
                    None => Ok(Received::Closed),
                    Some((received, length)) => Err(LinkError::Truncated { received, length }),
                };
            }
            match self.stream.read(self.inbox.room()) {
                Ok(0) => self.ended = true,
                Ok(count) => self.inbox.filled(count),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(Received::NotYet),
                    // A reset means that the peer closed with bytes unread. It is reported once:
                    // the bytes that the peer wrote before, and the end of file, still follow.
                    ErrorKind::Interrupted | ErrorKind::ConnectionReset => {}
                    _ => return Err(LinkError::Io { operation: "read", source: error }),
                },
            }
        }
    }
}

impl<S: Write, In, Out: Serialize> Link<S, In, Out> {
    /// Queues a message; [`flush`](Self::flush) writes it.
    ///
    /// # Errors
    /// If the message is too long, or more than [`OUTBOX_MAX`] bytes already wait.
    pub fn send(&mut self, message: &Out) -> Result<(), LinkError> {
        if self.queued() > OUTBOX_MAX {
            return Err(LinkError::OutboxFull { queued: self.queued(), max: OUTBOX_MAX });
        }
        codec::encode(message, &mut self.outbox)?;
        Ok(())
    }

    /// Writes the queued bytes, as many as the peer accepts.
    ///
    /// # Errors
    /// [`LinkError::PeerGone`] if the peer has closed its end: the queue is dropped, and reading
    /// may go on. [`LinkError::Io`] for every other error of the kernel.
    pub fn flush(&mut self) -> Result<Flushed, LinkError> {
        while self.written < self.outbox.len() {
            match self.stream.write(&self.outbox[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if is_for_now(&error) => {
                    self.compact();
                    return Ok(Flushed::Partly);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => {
                        self.clear();
                        return Err(LinkError::PeerGone);
                    }
                    _ => return Err(LinkError::Io { operation: "write", source: error }),
                },
            }
        }
        self.clear();
        Ok(Flushed::All)
    }

    fn clear(&mut self) {
        self.outbox.clear();
        self.written = 0;
    }

    /// Drops the written bytes once they are more than those that wait, so that each byte moves at
    /// most once.
    fn compact(&mut self) {
        if self.written > self.queued() {
            self.outbox.drain(..self.written);
            self.written = 0;
        }
    }
}

/// Returns `true` if the write may succeed later: the peer is slow, or the kernel has no memory for
/// a socket at this moment. Either way, the caller has a deadline for its peer.
fn is_for_now(error: &io::Error) -> bool {
    let short_of_memory = [Errno::ENOBUFS, Errno::ENOMEM].map(|errno| errno as i32);
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error().is_some_and(|errno| short_of_memory.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Command, Hello, Report};

    type Primary<S> = Link<S, Report, Command>;
    type Worker<S> = Link<S, Command, Report>;

    fn sockets() -> (Primary<UnixStream>, Worker<UnixStream>) {
        let (ours, theirs) = pair().expect("descriptors");
        (Link::over(ours).expect("ours"), Link::over(UnixStream::from(theirs)).expect("theirs"))
    }

    fn notice(size: usize) -> Report {
        Report::Notice("n".repeat(size))
    }

    #[test]
    fn messages_cross_in_both_directions() {
        let (mut primary, mut worker) = sockets();
        let hello = Report::Hello(Hello { version: 1, worker: 0, nonce: 9, pid: 1 });
        worker.send(&hello).expect("room");
        assert_eq!(worker.flush().expect("open"), Flushed::All);
        assert_eq!(primary.receive().expect("valid"), Received::Message(hello));
        assert_eq!(primary.receive().expect("valid"), Received::NotYet);
        primary.send(&Command::Ack).expect("room");
        primary.flush().expect("open");
        assert_eq!(worker.receive().expect("valid"), Received::Message(Command::Ack));
    }

    #[test]
    fn bytes_of_a_dead_peer_are_read_to_the_end() {
        let (mut primary, mut worker) = sockets();
        // Unread data in the peer's queue makes our read fail with ECONNRESET once.
        primary.send(&Command::Drain).expect("room");
        primary.flush().expect("open");
        for _ in 0..3 {
            worker.send(&notice(10)).expect("room");
        }
        worker.flush().expect("open");
        drop(worker);
        primary.send(&Command::Ack).expect("room");
        assert!(matches!(primary.flush(), Err(LinkError::PeerGone)));
        for _ in 0..3 {
            assert_eq!(primary.receive().expect("valid"), Received::Message(notice(10)));
        }
        assert_eq!(primary.receive().expect("valid"), Received::Closed);
    }

    #[test]
    fn two_peers_that_both_write_much_do_not_block() {
        let (mut primary, mut worker) = sockets();
        for _ in 0..4 {
            worker.send(&notice(900_000)).expect("room");
        }
        let mut received = 0;
        while received < 4 {
            worker.flush().expect("open");
            while let Received::Message(_) = primary.receive().expect("valid") {
                received += 1;
            }
        }
    }

    #[test]
    fn a_peer_that_does_not_read_is_an_error() {
        let (_primary, mut worker) = sockets();
        let mut refused = None;
        for _ in 0..20 {
            worker.flush().expect("open");
            if let Err(error) = worker.send(&notice(1_000_000)) {
                refused = Some(error);
                break;
            }
        }
        assert!(matches!(refused, Some(LinkError::OutboxFull { .. })), "{refused:?}");
    }

    #[test]
    fn a_frame_cut_by_the_peers_death_is_named() {
        let (mut primary, worker) = sockets();
        let mut stream = worker.stream;
        stream.write_all(&[9, 0, 0, 0, 1]).expect("open");
        drop(stream);
        let error = loop {
            match primary.receive() {
                Ok(Received::NotYet) => {}
                other => break other.expect_err("truncated"),
            }
        };
        assert_eq!(error.to_string(), "the peer closed after 5 bytes of a frame of 13");
    }
}
