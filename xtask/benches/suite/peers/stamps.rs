//! A server that speaks as much of a protocol as its clients need, and keeps the arrival time of
//! each request: writes of Redis on a Unix socket, or requests of HTTP.
//!
//! For each connection a thread reads, stamps and answers. The wake-up of this thread is part of
//! every stamp, for dyno and for its peers alike.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use anyhow::Result;
use dyno_bus::{Time, clock};
use tempfile::TempDir;

/// The start of a write, after its count of arguments.
const SET: &[u8] = b"$3\r\nSET\r\n";

/// The end of a request without a body.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The answer to every request.
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello\n";

/// A server that stamps requests; the thread of a connection ends with the connection.
pub(crate) struct Stamps {
    folder: TempDir,
    /// The address of an HTTP server.
    address: Option<SocketAddr>,
    kept: Arc<Kept>,
}

/// The arrivals of all connections, and a signal that a connection has closed.
#[derive(Default)]
struct Kept {
    arrivals: Mutex<Arrivals>,
    closed: Condvar,
}

#[derive(Default)]
struct Arrivals {
    /// The number of connections whose arrivals are not in `at` yet.
    open: usize,
    at: Vec<Time>,
}

impl Stamps {
    /// Starts a server of Redis's protocol on a socket in a temporary folder.
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let listener = UnixListener::bind(folder.path().join("socket"))?;
        let kept = Arc::<Kept>::default();
        let all = Arc::clone(&kept);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                all.open(move || serve(connection, redis));
            }
        });
        Ok(Self { folder, address: None, kept })
    }

    /// Starts a server of HTTP on a free port.
    pub(crate) fn http() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = Some(listener.local_addr()?);
        let kept = Arc::<Kept>::default();
        let all = Arc::clone(&kept);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                // An answer that waits for more bytes would be late on both sides.
                let _kept_waiting = connection.set_nodelay(true);
                all.open(move || serve(connection, http));
            }
        });
        Ok(Self { folder: tempfile::tempdir()?, address, kept })
    }

    /// Returns the path of the server's socket.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Returns the server's URL for its clients.
    pub(crate) fn url(&self) -> String {
        match self.address {
            Some(address) => format!("http://{address}/"),
            None => format!("redis+unix://{}", self.path().display()),
        }
    }

    /// Waits until every connection is closed, and returns the arrivals since the last call, in
    /// order.
    pub(crate) fn take(&self) -> Vec<Time> {
        let all = self.kept.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self
            .kept
            .closed
            .wait_while(all, |all| all.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        let mut arrivals = std::mem::take(&mut all.at);
        arrivals.sort_unstable();
        arrivals
    }
}

impl Kept {
    /// Starts the thread of a connection.
    fn open(self: &Arc<Self>, serve: impl FnOnce() -> Vec<Time> + Send + 'static) {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).open += 1;
        let kept = Arc::clone(self);
        std::thread::spawn(move || kept.close(serve()));
    }

    /// Adds the arrivals of a connection that is closed.
    fn close(&self, mut own: Vec<Time>) {
        let mut all = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        all.open -= 1;
        all.at.append(&mut own);
        self.closed.notify_all();
    }
}

/// Answers a client's requests, and returns the time at which each of those that count arrived.
/// Requests are small, so that each is read whole. A request that follows before the answer to the
/// one before it may be read together with it, and then has the same time.
fn serve(
    mut connection: impl Read + Write,
    protocol: impl Fn(&[u8]) -> (usize, Vec<u8>),
) -> Vec<Time> {
    let mut buffer = [0; 64 * 1024];
    let mut own = Vec::with_capacity(1 << 20);
    while let Ok(count @ 1..) = connection.read(&mut buffer) {
        let now = clock::now();
        let (counted, answer) = protocol(&buffer[..count]);
        own.extend(std::iter::repeat_n(now, counted));
        if connection.write_all(&answer).is_err() {
            break;
        }
    }
    own
}

/// Returns the number of writes among requests to Redis, and the answer. Other commands, such as
/// the client's name and version when it connects, get the same answer.
fn redis(requests: &[u8]) -> (usize, Vec<u8>) {
    let writes = requests.windows(SET.len()).filter(|window| *window == SET).count();
    let lines = requests.split(|byte| *byte == b'\n');
    let asked = lines.filter(|line| line.starts_with(b"*")).count();
    (writes, b"+OK\r\n".repeat(asked))
}

/// Returns the number of requests of HTTP, and the answer.
fn http(requests: &[u8]) -> (usize, Vec<u8>) {
    let asked = requests.windows(HEAD_END.len()).filter(|window| *window == HEAD_END).count();
    (asked, HELLO.repeat(asked))
}
