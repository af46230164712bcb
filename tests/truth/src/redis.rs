//! A private Redis on a Unix socket, whose commands keep its only thread busy, and the few
//! connections through which a worker asks it.

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
/// The longest wait for the server's start, which takes far less.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// The Lua script that keeps the server's thread busy for a number of loops.
const SCRIPT: &str = "local sum = 0 for i = 1, tonumber(ARGV[1]) do sum = sum + i end return 0";
/// The number of loops of a calibrating command.
const TRIAL_LOOPS: u64 = 100_000;
/// The number of calibrating commands. The fastest counts, since other programs can only make one
/// slower.
const TRIALS: u32 = 50;

fn counting(loops: u64) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(SCRIPT).arg(0).arg(loops);
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

    /// Measures the number of loops that keep the server busy for about this time.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn loops(&self, span: Duration) -> Result<u64> {
        let mut connection = self.connect()?;
        let mut fastest = Duration::MAX;
        for _ in 0..TRIALS {
            let start = clock::now();
            let _: i64 = counting(TRIAL_LOOPS).query(&mut connection)?;
            fastest = fastest.min(clock::now() - start);
        }
        Ok((TRIAL_LOOPS as f64 * span.as_secs_f64() / fastest.as_secs_f64()) as u64)
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

    /// Waits for a connection, and keeps the server busy for a number of loops.
    pub(crate) async fn count(&self, loops: u64) -> dyno::Result {
        let _permit = self.permits.acquire().await?;
        let connection = self.idle.borrow_mut().pop();
        let mut connection = connection.ok_or("a permit came without a connection")?;
        let answer: RedisResult<i64> = counting(loops).query_async(&mut connection).await;
        self.idle.borrow_mut().push(connection);
        answer?;
        Ok(())
    }
}
