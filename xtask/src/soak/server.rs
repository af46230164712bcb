//! A private Redis server on a Unix socket. Commands are written as plain lines: two commands don't
//! justify a client library.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use dyno_bus::clock;

/// The longest wait for the server's start, which takes far less.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// The longest wait for an answer, which takes far less.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// A Redis server, which is killed when this value is dropped.
pub(super) struct Server {
    process: Child,
    socket: PathBuf,
}

impl Server {
    /// Starts a server, and waits until it answers.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let socket = folder.join("socket");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args([Path::new("--unixsocket"), &socket, Path::new("--dir"), folder])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("`redis-server` did not start")?;
        let mut server = Self { process, socket };
        let start = clock::now();
        while server.ask("PING").is_err() {
            if let Some(status) = server.process.try_wait().context("it can't be waited for")? {
                bail!("`redis-server` ended: {status}");
            }
            if clock::now() - start > START_DEADLINE {
                bail!("`redis-server` does not answer");
            }
            thread::yield_now();
        }
        Ok(server)
    }

    /// Returns the server's URL for Redis clients.
    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Reads the value of a counter; 0 if the key does not exist.
    pub(super) fn count(&mut self, key: &str) -> Result<u64> {
        let answer = self.ask(&format!("GET {key}"))?;
        if answer == "$-1" {
            return Ok(0);
        }
        answer.parse().with_context(|| format!("`{answer}` is no count"))
    }

    /// Sends a command, and returns the last line of the answer.
    fn ask(&self, command: &str) -> Result<String> {
        let failed = || format!("redis did not answer to {command}");
        let mut stream = UnixStream::connect(&self.socket).with_context(failed)?;
        stream.set_read_timeout(Some(ANSWER_DEADLINE)).with_context(failed)?;
        write!(stream, "{command}\r\n").with_context(failed)?;
        let mut lines = BufReader::new(stream).lines();
        let mut line = || lines.next().transpose().with_context(failed);
        let first = line()?.with_context(failed)?;
        // A string follows a line that holds its length.
        match first.starts_with('$') && first != "$-1" {
            true => line()?.with_context(failed),
            false => Ok(first),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the server has ended by itself.
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}
