//! One `POST` over HTTP/1.1: a connection for each, with a deadline for all of it, and bounded
//! memory. It knows only the status of the answer.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use dyno_bus::{Time, clock};

use super::place::OtlpPlace;

/// The longest head of an answer that is read.
const HEAD_MAX: usize = 16 << 10;

/// The reason why the figures were not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it did not answer in time")]
    Late,
    #[error("it answered {0}")]
    Status(u16),
    #[error("its answer is not HTTP")]
    Form,
}

/// Sends a body, and waits for an answer until the deadline.
///
/// # Errors
/// If the answer is not that it was taken.
pub(super) fn post(place: &OtlpPlace, body: &[u8], deadline: Time) -> Result<(), PostError> {
    let mut stream = connect(place, deadline)?;
    stream.set_nodelay(true)?;
    let mut head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\n\
         Content-Length: {}\r\nUser-Agent: dyno/{}\r\nConnection: close\r\n",
        place.path,
        place.authority(),
        body.len(),
        env!("CARGO_PKG_VERSION"),
    );
    for (name, value) in &place.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let request = [head.as_bytes(), body].concat();
    let mut rest = &*request;
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(rest) {
            Ok(0) => return Err(PostError::Form),
            Ok(count) => rest = &rest[count..],
            // It may have answered without reading all.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => is_again(error)?,
        }
    }
    match status(&mut stream, deadline)? {
        200..=299 => Ok(()),
        other => Err(PostError::Status(other)),
    }
}

fn connect(place: &OtlpPlace, deadline: Time) -> Result<TcpStream, PostError> {
    let mut failure = PostError::Io(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for address in (&*place.host, place.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

/// Reads the status of an answer.
fn status(stream: &mut TcpStream, deadline: Time) -> Result<u16, PostError> {
    let mut head = Vec::new();
    let mut bytes = [0; 1024];
    while !head.windows(2).any(|end| end == b"\r\n") {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut bytes) {
            Ok(0) => return Err(PostError::Form),
            Ok(count) => head.extend(&bytes[..count]),
            Err(error) => is_again(error)?,
        }
        if head.len() > HEAD_MAX {
            return Err(PostError::Form);
        }
    }
    // `HTTP/1.1 200 OK`
    let line = String::from_utf8_lossy(&head);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    status.and_then(|status| status.trim_end().get(..3)?.parse().ok()).ok_or(PostError::Form)
}

/// Returns the error, unless it is a reason to try again.
fn is_again(error: io::Error) -> Result<(), PostError> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(PostError::Late),
        _ => Err(error.into()),
    }
}

/// Returns the time until the deadline.
fn left(deadline: Time) -> Result<Duration, PostError> {
    let left = deadline - clock::now();
    if left.is_zero() { Err(PostError::Late) } else { Ok(left) }
}
