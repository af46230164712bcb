//! A private Redis server for one row, on a Unix socket, and the benchmark that comes with it.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::tasks::REDIS_BYTES;

/// A Redis server, which is killed when this value is dropped.
pub(crate) struct Server {
    process: Child,
    folder: TempDir,
    _log: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server and waits until it accepts connections; `None` if `redis-server` is not
    /// installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(folder.path().join("socket"))
            .stdout(Stdio::piped())
            .spawn();
        let mut process = match process {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("`redis-server` did not start"),
        };
        let mut log = BufReader::new(process.stdout.take().context("its output is piped")?);
        let mut line = String::new();
        while !line.to_lowercase().contains("ready to accept connections") {
            line.clear();
            ensure!(log.read_line(&mut line)? > 0, "`redis-server` ended at once");
        }
        Ok(Some(Self { process, folder, _log: log }))
    }

    /// Returns the server's URL for Redis clients.
    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}/socket", self.folder.path().display())
    }

    /// Returns the commands per second that `redis-benchmark` measures with this number of
    /// connections; `None` if it is not installed.
    pub(crate) fn benchmark(&self, connections: u32, commands: u64) -> Result<Option<f64>> {
        let line = format!("-c {connections} -n {commands} -t set -d {REDIS_BYTES} --csv");
        let output = Command::new("redis-benchmark")
            .arg("-s")
            .arg(self.folder.path().join("socket"))
            .args(line.split(' '))
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("`redis-benchmark` did not start"),
        };
        // A row such as "SET","54321.00",…
        let text = String::from_utf8_lossy(&output.stdout);
        let row = text.lines().find(|line| line.starts_with("\"SET\""));
        let Some(rate) = row.and_then(|row| row.split('"').nth(3)) else {
            bail!("`redis-benchmark` said no rate: {text}");
        };
        Ok(Some(rate.parse()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
