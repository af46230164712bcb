//! One connection: a request comes in, an answer or a stream of events goes out.
//!
//! ```text
//!  Reading ──▶ Writing ──▶ Ending             an answer
//!                 │ ▲
//!                 ▼ │
//!               Waiting                       a stream: an event for each newer state
//! ```
//!
//! Its memory is bounded: what it reads is at most one head of a request, and what it writes is one
//! message, which all connections share. A client that does not read gets no further message, and
//! is dropped at the deadline. It never blocks.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use dyno_bus::Time;
use nix::poll::PollFlags;

use super::request::{HEAD_MAX, RequestHead};
use super::site::{HttpAnswer, HttpMessage, Site, refusal};

/// The time for a whole request: a browser sends it at once.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// The time for a client to take a message.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// The time for a client to close, once it has its answer: if this end closed first while something
/// is unread, the client's system could throw the answer away.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);
/// The most bytes that are read at once.
const READ_MAX: usize = 4 << 10;

/// A connection with a client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// The address of this end.
    local: IpAddr,
    exchange: Exchange,
    deadline: Time,
    /// The number of the last state that was sent.
    sent: u64,
}

/// The state of a connection.
#[derive(Debug)]
enum Exchange {
    /// A request comes in; these bytes have come.
    Reading(Vec<u8>),
    /// A message goes out; this many of its bytes are written.
    Writing { message: HttpMessage, written: usize, then: AfterMessage },
    /// All that is new is sent.
    Waiting,
    /// All is sent, and the client closes.
    Ending,
}

/// The state that follows a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterMessage {
    Ending,
    Waiting,
}

impl Connection {
    /// Takes over a stream that was just accepted.
    ///
    /// # Errors
    /// If it is closed already.
    pub(super) fn new(stream: TcpStream, now: Time) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let local = stream.local_addr()?.ip();
        let exchange = Exchange::Reading(Vec::new());
        Ok(Self { stream, local, exchange, deadline: now + REQUEST_DEADLINE, sent: 0 })
    }

    /// Returns the readiness that it waits for. A closed connection is always ready.
    pub(super) fn interest(&self) -> PollFlags {
        match self.exchange {
            Exchange::Writing { .. } => PollFlags::POLLOUT,
            Exchange::Reading(_) | Exchange::Waiting | Exchange::Ending => PollFlags::POLLIN,
        }
    }

    /// Returns the instant at which it is dropped, if it is not done by then.
    pub(super) fn deadline(&self) -> Time {
        self.deadline
    }

    /// Returns `true` if a client follows the states and has not been sent all of them.
    pub(super) fn is_behind(&self, number: u64) -> bool {
        match self.exchange {
            Exchange::Waiting => self.sent < number,
            Exchange::Writing { then, .. } => then == AfterMessage::Waiting,
            Exchange::Reading(_) | Exchange::Ending => false,
        }
    }

    /// Goes as far as it can without waiting. Breaks if the connection is over.
    pub(super) fn turn(&mut self, is_ready: bool, now: Time, site: &mut Site) -> ControlFlow<()> {
        if is_ready {
            self.read(now, site)?;
        }
        self.write(now)?;
        while matches!(self.exchange, Exchange::Waiting) && self.sent < site.number() {
            let then = if site.is_last() { AfterMessage::Ending } else { AfterMessage::Waiting };
            self.sent = site.number();
            self.begin(site.event(), then, now);
            self.write(now)?;
        }
        if now >= self.deadline { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn begin(&mut self, message: HttpMessage, then: AfterMessage, now: Time) {
        self.exchange = Exchange::Writing { message, written: 0, then };
        self.deadline = now + WRITE_DEADLINE;
    }

    fn read(&mut self, now: Time, site: &mut Site) -> ControlFlow<()> {
        if matches!(self.exchange, Exchange::Writing { .. }) {
            return ControlFlow::Continue(());
        }
        let mut bytes = [0; READ_MAX];
        let count = match self.stream.read(&mut bytes) {
            Ok(0) => return ControlFlow::Break(()),
            Ok(count) => count,
            Err(error) if is_later(&error) => return ControlFlow::Continue(()),
            Err(_) => return ControlFlow::Break(()),
        };
        let Exchange::Reading(head) = &mut self.exchange else {
            // Nothing may follow a request. At the end it is thrown away, elsewhere it is a fault.
            let is_ending = matches!(self.exchange, Exchange::Ending);
            return if is_ending { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        };
        head.extend_from_slice(&bytes[..count.min(HEAD_MAX + 1 - head.len())]);
        let answer = match RequestHead::of(head) {
            RequestHead::Open => return ControlFlow::Continue(()),
            RequestHead::Whole(request) => site.answer(&request, self.local),
            RequestHead::TooLong => {
                HttpAnswer::Whole(refusal("431 Request Header Fields Too Large"))
            }
            RequestHead::Invalid => HttpAnswer::Whole(refusal("400 Bad Request")),
        };
        match answer {
            HttpAnswer::Whole(message) => self.begin(message, AfterMessage::Ending, now),
            HttpAnswer::Events(message) => self.begin(message, AfterMessage::Waiting, now),
        }
        ControlFlow::Continue(())
    }

    fn write(&mut self, now: Time) -> ControlFlow<()> {
        let Exchange::Writing { message, written, then } = &mut self.exchange else {
            return ControlFlow::Continue(());
        };
        while *written < message.len() {
            match self.stream.write(&message[*written..]) {
                Ok(0) => return ControlFlow::Break(()),
                Ok(count) => *written += count,
                Err(error) if is_later(&error) => return ControlFlow::Continue(()),
                Err(_) => return ControlFlow::Break(()),
            }
        }
        match then {
            AfterMessage::Waiting => {
                self.exchange = Exchange::Waiting;
                self.deadline = Time::NEVER;
            }
            AfterMessage::Ending => {
                self.exchange = Exchange::Ending;
                self.deadline = now + CLOSE_DEADLINE;
                // An error means that the client has closed: then its end is read next.
                let _closed = self.stream.shutdown(Shutdown::Write);
            }
        }
        ControlFlow::Continue(())
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
