//! A server that speaks as much of the Redis protocol as a writer needs, and keeps the arrival time
//! of each write.
//!
//! For each connection a thread reads, stamps and answers. The wake-up of this thread is part of
//! every stamp, for dyno and for the bare threads alike.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use anyhow::Result;
use dyno_bus::{Time, clock};
use tempfile::TempDir;

/// The start of a write, after its count of arguments.
const SET: &[u8] = b"$3\r\nSET\r\n";

/// A server that stamps writes; the thread of a connection ends with the connection.
pub(crate) struct Stamps {
    folder: TempDir,
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
    /// Starts a server on a socket in a temporary folder.
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let listener = UnixListener::bind(folder.path().join("socket"))?;
        let kept = Arc::<Kept>::default();
        let all = Arc::clone(&kept);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                all.arrivals.lock().unwrap_or_else(PoisonError::into_inner).open += 1;
                let kept = Arc::clone(&all);
                std::thread::spawn(move || kept.close(serve(connection)));
            }
        });
        Ok(Self { folder, kept })
    }

    /// Returns the path of the server's socket.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Returns the server's URL for Redis clients.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.path().display())
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
    /// Adds the arrivals of a connection that is closed.
    fn close(&self, mut own: Vec<Time>) {
        let mut all = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        all.open -= 1;
        all.at.append(&mut own);
        self.closed.notify_all();
    }
}

/// Answers a client's requests, and returns the time at which each write arrived. Requests are
/// small, so that each is read whole. A request that follows before the answer to the one before it
/// may be read together with it, and then has the same time.
fn serve(mut connection: UnixStream) -> Vec<Time> {
    let mut buffer = [0; 64 * 1024];
    let mut own = Vec::with_capacity(1 << 20);
    while let Ok(count @ 1..) = connection.read(&mut buffer) {
        let now = clock::now();
        let requests = &buffer[..count];
        let writes = requests.windows(SET.len()).filter(|window| *window == SET).count();
        own.extend(std::iter::repeat_n(now, writes));
        // Other commands, such as the client's name and version when it connects, get the same
        // answer.
        let lines = requests.split(|byte| *byte == b'\n');
        let asked = lines.filter(|line| line.starts_with(b"*")).count();
        if connection.write_all(&b"+OK\r\n".repeat(asked)).is_err() {
            break;
        }
    }
    own
}
