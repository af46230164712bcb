//! A link: messages over a byte stream that never blocks.
//!
//! It is generic over the stream, so that the same code runs over a Unix socket and over memory
//! ([`crate::local`]). Sending only queues; [`Link::flush`] writes what the peer takes. The queue
//! is bounded: a peer that does not read is an error, not a memory leak.
//!
//! A link never stops reading because the peer is gone. What was written before the peer died is
//! still to be read, and on a socket one `ECONNRESET` may stand before the end of the file.

use std::io::{self, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::frame::FrameBuffer;
use crate::{LinkError, codec};

/// The most bytes that wait for the peer: eight of the largest frames.
pub const OUTBOX_MAX: usize = 8 << 20;

/// What a link had to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received<M> {
    /// A message.
    Message(M),
    /// Nothing now; more may come.
    NotYet,
    /// The peer closed, between two frames: nothing will come.
    Closed,
}

/// Whether the peer took all that was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits.
    All,
    /// Some waits until the peer reads.
    Partly,
}

/// One end of a bus: receives `In`, sends `Out`.
#[derive(Debug)]
pub struct Link<S, In, Out> {
    stream: S,
    inbox: FrameBuffer,
    outbox: Vec<u8>,
    /// What of the outbox has been written.
    written: usize,
    /// The peer's end of file has been read.
    ended: bool,
    messages: PhantomData<fn(Out) -> In>,
}

/// A connected pair of stream sockets: closed on exec, so that no grandchild holds them open.
///
/// # Errors
/// If the process has no descriptors left.
pub fn pair() -> Result<(UnixStream, OwnedFd), LinkError> {
    let failed = |operation| move |source: io::Error| LinkError::Io { operation, source };
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
            .map_err(io::Error::from)
            .map_err(failed("socketpair"))?;
    Ok((UnixStream::from(ours), theirs))
}

impl<In, Out> Link<UnixStream, In, Out> {
    /// A link over a connected socket, which it makes non-blocking.
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
    /// A link over a stream that answers [`ErrorKind::WouldBlock`] rather than block.
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

    /// The stream, to wait for.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len() - self.written
    }
}

impl<S: Read, In: DeserializeOwned, Out> Link<S, In, Out> {
    /// The next message, if one is whole; reads once if none is.
    ///
    /// # Errors
    /// If the peer's bytes are no messages, end inside one, or can't be read. The link is over
    /// then.
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
                    // A reset says that the peer closed with something unread, once: what it
                    // wrote before, and the end of the file, are still to come.
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
    /// If the message is too long, or [`OUTBOX_MAX`] bytes wait already.
    pub fn send(&mut self, message: &Out) -> Result<(), LinkError> {
        if self.queued() > OUTBOX_MAX {
            return Err(LinkError::OutboxFull { queued: self.queued(), max: OUTBOX_MAX });
        }
        codec::encode(message, &mut self.outbox)?;
        Ok(())
    }

    /// Writes what is queued, as far as the peer takes it.
    ///
    /// # Errors
    /// [`LinkError::PeerGone`] if nobody will read it (the queue is dropped; reading may go on),
    /// or what the kernel says.
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

    /// Drops what is written once it is more than what waits: each byte moves at most once.
    fn compact(&mut self) {
        if self.written > self.queued() {
            self.outbox.drain(..self.written);
            self.written = 0;
        }
    }
}

/// Whether what was not written may be written later: the peer is slow, or the kernel has no memory
/// for a socket at this moment. Whoever waits for a peer has a deadline for it either way.
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
    fn what_a_dead_peer_wrote_is_read_to_the_end() {
        let (mut primary, mut worker) = sockets();
        // Unread data in the peer's queue makes our read say ECONNRESET once.
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
