//! A real Redis server for a test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{DEADLINE, until};

/// A private Redis server on a Unix socket, killed when this value is dropped.
pub(crate) struct Redis {
    server: Child,
    folder: TempDir,
}

impl Redis {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args([Path::new("--unixsocket"), &folder.path().join("socket")])
            .args([Path::new("--dir"), folder.path()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let Ok(server) = server else {
            panic!("this test needs `redis-server`: `cargo xtask test` installs it");
        };
        let redis = Self { server, folder };
        until("redis answers", DEADLINE, || redis.connect().is_ok());
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn connect(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(self.url())?.get_connection()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It is a child of this process and not reaped yet, so that its id can't belong to another
        // process.
        self.server.kill().expect("it runs");
        self.server.wait().expect("it was killed");
    }
}
