//! The in-process stream: a pair of ends in memory that behave like those of a socket.
//!
//! It is bounded, does not block, and can be read to the end after the peer is gone. The primary's
//! own emitter publishes over it, so that the observer sees the primary as one process among
//! others. Tests run both state machines over it, in chunks as small as one byte.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};

/// The most bytes that wait in one direction before a write returns [`ErrorKind::WouldBlock`]; the
/// default of a socket.
pub const CAPACITY: usize = 208 * 1024;

/// One end of an in-memory stream.
#[derive(Debug)]
pub struct Local {
    incoming: Arc<Mutex<Channel>>,
    outgoing: Arc<Mutex<Channel>>,
    /// The most bytes that one read or write moves.
    chunk: usize,
}

#[derive(Debug)]
struct Channel {
    bytes: VecDeque<u8>,
    capacity: usize,
    closed: bool,
}

/// Creates two connected ends, each with room for [`CAPACITY`] bytes.
#[must_use]
pub fn pair() -> (Local, Local) {
    pair_with(CAPACITY, usize::MAX)
}

/// Creates two connected ends that hold at most `capacity` bytes each way and move at most `chunk`
/// bytes at a time.
#[must_use]
pub fn pair_with(capacity: usize, chunk: usize) -> (Local, Local) {
    let channel =
        || Arc::new(Mutex::new(Channel { bytes: VecDeque::new(), capacity, closed: false }));
    let (there, back) = (channel(), channel());
    (
        Local { incoming: Arc::clone(&there), outgoing: Arc::clone(&back), chunk },
        Local { incoming: back, outgoing: there, chunk },
    )
}

fn lock(channel: &Mutex<Channel>) -> MutexGuard<'_, Channel> {
    // Nothing panics while it holds the lock. If something did, the bytes would still be valid.
    channel.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Read for Local {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut channel = lock(&self.incoming);
        if channel.bytes.is_empty() {
            return if channel.closed { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let count = buffer.len().min(self.chunk);
        channel.bytes.read(&mut buffer[..count])
    }
}

impl Write for Local {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut channel = lock(&self.outgoing);
        if channel.closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = channel.capacity - channel.bytes.len();
        let count = bytes.len().min(room).min(self.chunk);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        channel.bytes.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        lock(&self.incoming).closed = true;
        lock(&self.outgoing).closed = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{Command, Report};
    use crate::{Link, Received};

    proptest! {
        #[test]
        fn any_chunking_and_any_capacity_give_the_same_messages(
            sizes in prop::collection::vec(0usize..500, 1..20),
            capacity in 1usize..600,
            chunk in 1usize..50,
        ) {
            let (near, far) = pair_with(capacity, chunk);
            let mut sender: Link<_, Command, Report> = Link::new(near);
            let mut receiver: Link<_, Report, Command> = Link::new(far);
            let sent: Vec<_> = sizes.iter().map(|size| Report::Notice("n".repeat(*size))).collect();
            for message in &sent {
                sender.send(message).expect("room");
            }
            let mut received = Vec::new();
            while received.len() < sent.len() {
                sender.flush().expect("open");
                while let Received::Message(message) = receiver.receive().expect("valid") {
                    received.push(message);
                }
            }
            prop_assert_eq!(received, sent);
            drop(sender);
            prop_assert_eq!(receiver.receive().expect("valid"), Received::Closed);
        }
    }
}
