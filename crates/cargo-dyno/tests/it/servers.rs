//! Private servers for tests: Redis and Postgres on Unix sockets, which end with the value.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use tempfile::TempDir;

/// The words that both servers log once they can be used.
const READY: &str = "ready to accept connections";

/// A server that runs, and its folder, which has its socket.
pub(crate) struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a Redis server; its socket is `redis`.
    pub(crate) fn redis() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Command::new("redis-server");
        server.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
        server.arg(folder.path().join("redis")).stdout(Stdio::piped());
        Self::ready(server, folder)
    }

    /// Starts a Postgres server with a new cluster, whose user is `postgres`. As root, which
    /// Postgres refuses, it runs as the system's user of that name.
    pub(crate) fn postgres() -> Self {
        // A socket's path has at most 107 bytes.
        let folder = tempfile::tempdir_in("/tmp").expect("a temporary folder");
        if Uid::effective().is_root() {
            let user = User::from_name("postgres").expect("readable").expect("the package made it");
            let (user, group) = (user.uid.as_raw(), user.gid.as_raw());
            chown(folder.path(), Some(user), Some(group)).expect("root may");
        }
        let data = folder.path().join("data");
        let mut initdb = postgres("initdb", &data);
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres"]);
        let made = initdb.output().expect("`initdb` starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = postgres("postgres", &data);
        server.args(["-h", "", "-k"]).arg(folder.path());
        server.stderr(Stdio::piped());
        Self::ready(server, folder)
    }

    /// Starts the server, waits until it can be used, and lets a thread read the rest of its log.
    fn ready(mut server: Command, folder: TempDir) -> Self {
        let mut process = server.spawn().expect("it is installed");
        let log: Box<dyn std::io::Read + Send> = match process.stdout.take() {
            Some(stdout) => Box::new(stdout),
            None => Box::new(process.stderr.take().expect("piped")),
        };
        let (mut log, mut line) = (BufReader::new(log), String::new());
        while !line.to_lowercase().contains(READY) {
            line.clear();
            assert!(log.read_line(&mut line).expect("UTF-8") > 0, "it ended before it was ready");
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { process, folder }
    }

    /// Returns the folder with its socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Of Postgres, the fast shutdown.
        let _gone = kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGINT);
        let _reaped = self.process.wait();
    }
}

/// Returns the command of one of Postgres's programs, as a user whom it accepts.
fn postgres(program: &str, data: &Path) -> Command {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin").join(program));
    let path = debian.filter(|path| path.is_file()).max();
    let path = path.unwrap_or_else(|| PathBuf::from(program));
    let mut command = if Uid::effective().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    command.arg("-D").arg(data).current_dir("/").env("LC_ALL", "C");
    command
}
