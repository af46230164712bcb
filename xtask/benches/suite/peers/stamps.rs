//! A server that speaks as much of Redis as a writer needs and keeps when each write arrived.
//!
//! A thread for each connection reads, stamps, answers. Its own wake-up is part of every stamp, of
//! dyno's and of the bare threads' alike.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use anyhow::Result;
use dyno_bus::{Time, clock};
use tempfile::TempDir;

/// What a write begins with, behind its count of arguments.
const SET: &[u8] = b"$3\r\nSET\r\n";

/// A server; its threads end with their connections.
pub(crate) struct Stamps {
    folder: TempDir,
    kept: Arc<Kept>,
}

/// What the connections leave.
#[derive(Default)]
struct Kept {
    arrivals: Mutex<Arrivals>,
    closed: Condvar,
}

#[derive(Default)]
struct Arrivals {
    /// Connections that have not left theirs yet.
    open: usize,
    at: Vec<Time>,
}

impl Stamps {
    /// Starts one.
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

    /// Its socket.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// For clients.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.path().display())
    }

    /// What has arrived since it was last asked, in order: of every connection, once it is closed.
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
    /// Takes in what arrived on a connection that is closed.
    fn close(&self, mut own: Vec<Time>) {
        let mut all = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        all.open -= 1;
        all.at.append(&mut own);
        self.closed.notify_all();
    }
}

/// Answers a client's requests, each of which is read whole: they are small, and none follows
/// before the one before it was answered, or it counts as having arrived with it.
fn serve(mut connection: UnixStream) -> Vec<Time> {
    let mut buffer = [0; 64 * 1024];
    let mut own = Vec::with_capacity(1 << 20);
    while let Ok(count @ 1..) = connection.read(&mut buffer) {
        let now = clock::now();
        let requests = &buffer[..count];
        let writes = requests.windows(SET.len()).filter(|window| *window == SET).count();
        own.extend(std::iter::repeat_n(now, writes));
        // Whatever else a client says at its begin (its name, its version) is fine as well.
        let lines = requests.split(|byte| *byte == b'\n');
        let asked = lines.filter(|line| line.starts_with(b"*")).count();
        if connection.write_all(&b"+OK\r\n".repeat(asked)).is_err() {
            break;
        }
    }
    own
}
