//! A private Postgres server for one row, on a Unix socket, and the benchmark that comes with it.
//!
//! All settings are those of Postgres, `fsync` among them.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use tempfile::TempDir;

use crate::tasks::PGBENCH_SCALE;

/// The user of the cluster, and of the system if the suite runs as root, which Postgres refuses.
const USER: &str = "postgres";
/// Debian's folder of Postgres, with a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A Postgres server with the tables of pgbench. It is stopped when this value is dropped.
pub(crate) struct Postgres {
    process: Child,
    folder: TempDir,
}

/// The figures that pgbench prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printed {
    /// The mean time from the due time of a query to its end, in milliseconds.
    pub(crate) latency_ms: f64,
    /// The mean time from the due time of a query to its start; `None` without a rate.
    pub(crate) lag_ms: Option<f64>,
    /// The queries per second.
    pub(crate) rate: f64,
}

impl Postgres {
    /// Starts a server and fills its tables; `None` if Postgres or pgbench is not installed.
    pub(crate) fn start() -> Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        // The path of a socket has at most 107 bytes.
        let folder = tempfile::tempdir_in("/tmp")?;
        if Uid::effective().is_root() {
            let user = User::from_name(USER)?.context("the system has no user `postgres`")?;
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let data = folder.path().join("data");
        let flags = ["--no-sync", "--auth=trust", "--username", USER];
        let made = as_user(&programs.join("initdb"), &data).args(flags).output()?;
        ensure!(made.status.success(), "`initdb`: {}", String::from_utf8_lossy(&made.stderr));
        let mut process = as_user(&programs.join("postgres"), &data)
            .args(["-h", "", "-k"])
            .arg(folder.path())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut log = BufReader::new(process.stderr.take().context("its log is piped")?);
        let server = Self { process, folder };
        let mut line = String::new();
        while !line.contains("ready to accept connections") {
            line.clear();
            ensure!(log.read_line(&mut line)? > 0, "`postgres` ended at once");
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let scale = PGBENCH_SCALE.to_string();
        Ok(server.pgbench(&["-i", "-q", "-s", &scale])?.map(|_filled| server))
    }

    /// Returns the server's address for clients.
    pub(crate) fn url(&self) -> String {
        format!("host={} user={USER} dbname={USER}", self.folder.path().display())
    }

    /// Runs the query of pgbench that reads, prepared, with these further flags; `None` if pgbench
    /// is not installed.
    pub(crate) fn read(&self, flags: &[&str]) -> Result<Option<Printed>> {
        let reads = ["-n", "-S", "-M", "prepared"];
        let Some(text) = self.pgbench(&[&reads, flags].concat())? else { return Ok(None) };
        let number = |beginning: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(beginning))?;
            line.trim_start().split(' ').next()?.parse().ok()
        };
        Ok(Some(Printed {
            latency_ms: number("latency average =").context("pgbench printed no latency")?,
            lag_ms: number("rate limit schedule lag: avg"),
            rate: number("tps =").context("pgbench printed no rate")?,
        }))
    }

    fn pgbench(&self, flags: &[&str]) -> Result<Option<String>> {
        let output = Command::new("pgbench")
            .arg("-h")
            .arg(self.folder.path())
            .args(["-U", USER])
            .args(flags)
            .arg(USER)
            .output();
        match output {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "`pgbench` failed: {}", said.trim());
                Ok(Some(String::from_utf8(output.stdout)?))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("`pgbench` did not start"),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The fast shutdown.
        let _gone = kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGINT);
        let _reaped = self.process.wait();
    }
}

/// Returns the folder of Postgres's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian.chain(std::env::split_paths(&path)).find(|folder| folder.join("initdb").is_file())
}

/// Returns the command of a program, as a user whom Postgres accepts. The program ends with this
/// process: a change of user would clear the signal, so that it is set behind the change.
fn as_user(program: &Path, data: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if Uid::effective().is_root() {
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    }
    command.args(["--pdeathsig", "INT"]).arg(program).arg("-D").arg(data);
    command.current_dir("/").env("LC_ALL", "C");
    command
}
