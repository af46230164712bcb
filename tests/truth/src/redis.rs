//! A private Redis on a Unix socket, and the few connections through which a worker sends it a
//! command that keeps the server's only thread for a set time.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use dyno_bus::clock;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Connection, RedisResult, cmd};
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// The connections of each worker.
pub const CONNECTIONS: u32 = 2;
/// The time for which a command keeps the server's thread: long compared with its cost in a worker.
pub const COMMAND: Duration = Duration::from_millis(4);
/// The longest wait for the server's start, which takes far less.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// Returns the command that keeps the server's only thread for this time.
///
/// The thread sleeps. A script that counts would last as long as the machine's other programs
/// let it, and the capacity would vary by a tenth from second to second.
fn keep(time: Duration) -> Cmd {
    let mut command = cmd("DEBUG");
    command.arg("SLEEP").arg(time.as_secs_f64());
    command
}

/// A server that is killed when this value is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a server, and waits until it answers.
    ///
    /// # Errors
    /// If `redis-server` is not installed, or does not answer.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes"])
            .args([Path::new("--unixsocket"), &socket(&folder)])
            .args([Path::new("--dir"), folder.path()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("`redis-server` did not start: install it (apt-get install redis-server)")?;
        let mut server = Self { process, folder };
        let start = clock::now();
        while server.connect().is_err() {
            if let Some(status) = server.process.try_wait()? {
                bail!("`redis-server` ended: {status}");
            }
            ensure!(clock::now() - start < START_DEADLINE, "`redis-server` does not answer");
            std::thread::yield_now();
        }
        Ok(server)
    }

    /// Returns the URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", socket(&self.folder).display())
    }

    fn connect(&self) -> RedisResult<Connection> {
        Client::open(self.url())?.get_connection()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended by itself needs no signal.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("socket")
}

/// The connections of one worker. A command has a connection for itself.
#[derive(Debug)]
pub(crate) struct Clients {
    permits: Semaphore,
    idle: RefCell<Vec<MultiplexedConnection>>,
}

impl Clients {
    pub(crate) async fn connect(url: &str) -> RedisResult<Self> {
        let client = Client::open(url)?;
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            idle.push(client.get_multiplexed_async_connection().await?);
        }
        Ok(Self { permits: Semaphore::new(idle.len()), idle: RefCell::new(idle) })
    }

    /// Waits for a connection, and keeps the server's thread for this time.
    pub(crate) async fn keep(&self, time: Duration) -> dyno::Result {
        let _permit = self.permits.acquire().await?;
        let connection = self.idle.borrow_mut().pop();
        let mut connection = connection.ok_or("a permit came without a connection")?;
        let answer: RedisResult<()> = keep(time).query_async(&mut connection).await;
        self.idle.borrow_mut().push(connection);
        Ok(answer?)
    }
}
