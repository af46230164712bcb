//! Does Redis sustain this rate of writes and reads?
//!
//! A task with state: each worker opens its connection before its first cycle and closes it after
//! its last. Run it with `cargo run --release --example redis`. After a `--`, `-R 5k` issues 5,000
//! cycles a second, and `-P bytes=4096` writes larger values. The server is the one at `-P url=…`
//! or `REDIS_URL`; without either, a private server is started for the run, on a Unix socket.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::rc::Rc;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

/// The parameters that the command line can set: `-P bytes=4096`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// The URL of the server; empty for a private one.
    url: String,
    /// The size of a value, in bytes.
    bytes: usize,
}

/// The state of each worker: its connection, and the value that it writes.
struct Client {
    connection: MultiplexedConnection,
    value: Vec<u8>,
}

impl dyno::Task for Client {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let parameters = context.parameters::<Parameters>();
        let url = parameters.url.as_str();
        let refused = |error| {
            format!("no Redis answers at {url}: {error}; name another by -P url=redis://HOST/")
        };
        let client = redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection().await.map_err(refused)?;
        Ok(Self { connection, value: vec![b'x'; parameters.bytes] })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        // Cycles of one worker overlap: a clone of the connection shares its socket.
        let mut connection = self.connection.clone();
        let key = format!("dyno:{}", cycle.index() % 1_000);
        let () = connection.set(&key, &self.value).await?;
        let value: Vec<u8> = connection.get(&key).await?;
        if value.len() != self.value.len() {
            return Err("the value read is not the one written".into());
        }
        Ok(())
    }

    async fn after(self) -> dyno::Result {
        drop(self.connection);
        Ok(())
    }
}

fn main() -> dyno::Outcome {
    let url = std::env::var("REDIS_URL").unwrap_or_default();
    let private = Rc::new(RefCell::new(None));
    let stop = Rc::clone(&private);

    dyno::bench("redis", dyno::task::<Client>())
        .parameters(Parameters { url, bytes: 64 })
        .rate(1_000.0)
        // Both hooks run in the primary only: before any worker is started, and when all are gone.
        .before(move |run| {
            if run.parameters::<Parameters>().url.is_empty() {
                let server = Server::start()?;
                run.set("url", server.url())?;
                private.replace(Some(server));
            }
            Ok(())
        })
        .after(move |_summary| {
            stop.take();
            Ok(())
        })
        .main()
}

/// A server for one run. It ends with this process, even if that is killed: a shell between the two
/// reads a pipe from this process until the pipe is closed, and then stops the server.
struct Server {
    shell: Child,
    folder: PathBuf,
    log: BufReader<ChildStdout>,
}

/// The log is the server's alone, so that it ends where the server does.
const SCRIPT: &str = r#"
    redis-server --port 0 --unixsocket "$1/socket" --dir "$1" --save '' --appendonly no &
    exec >/dev/null
    cat
    kill $! 2>/dev/null
    wait
    rm -r "$1"
"#;

/// The remedy for a missing server.
const REMEDY: &str = "install it (Debian: apt-get install redis-server, macOS: brew install redis), \
                      or name a server by -P url=redis://HOST/";

impl Server {
    fn start() -> dyno::Result<Self> {
        Command::new("redis-server")
            .arg("--version")
            .output()
            .map_err(|error| format!("`redis-server` can't be run ({error}): {REMEDY}"))?;
        let folder = std::env::temp_dir().join(format!("dyno-redis-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let log = BufReader::new(shell.stdout.take().ok_or("its output is not piped")?);
        let mut server = Self { shell, folder, log };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> dyno::Result {
        let (mut line, mut last) = (String::new(), String::new());
        // The line differs between versions, but these words are in all of them.
        while !line.to_lowercase().contains("ready to accept connections") {
            last.clone_from(&line);
            line.clear();
            if self.log.read_line(&mut line)? == 0 {
                return Err(format!("`redis-server` did not start: {}", last.trim()).into());
            }
        }
        Ok(())
    }

    fn url(&self) -> String {
        format!("redis+unix://{}/socket", self.folder.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // The shell removes the folder before it ends.
        let _ended = self.shell.wait();
    }
}
