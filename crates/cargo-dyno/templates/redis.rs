//! Does Redis sustain this rate of writes and reads? A task with state: a connection per worker.
//!
//! `cargo run --release --example redis` starts a private server for the run, on a Unix socket.
//! After a `--`, `-R 5k` sets the rate, `-P bytes=4096` writes larger values, and `-P url=…` or
//! `REDIS_URL` names another server.

#[path = "redis/server.rs"]
mod server;

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
struct Client(MultiplexedConnection, Vec<u8>);

impl dyno::Task for Client {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let Parameters { url, bytes } = context.parameters();
        let client = redis::Client::open(url.as_str())?;
        let connection = client.get_multiplexed_async_connection().await;
        Ok(Self(connection.map_err(|error| server::refused(url, &error))?, vec![b'x'; *bytes]))
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        // Cycles of one worker overlap: a clone of the connection shares its socket.
        let (mut connection, value) = (self.0.clone(), &self.1);
        let key = format!("dyno:{}", cycle.index() % 1_000);
        let () = connection.set(&key, value).await?;
        match connection.get::<_, Vec<u8>>(&key).await? {
            read if read.len() == value.len() => Ok(()),
            _ => Err("the value read is not the one written".into()),
        }
    }
}

fn main() -> dyno::Outcome {
    let url = std::env::var("REDIS_URL").unwrap_or_default();
    dyno::bench("redis", dyno::task::<Client>())
        .parameters(Parameters { url, bytes: 64 })
        .rate(1_000.0)
        // Both hooks run in the primary only: before any worker is started, and when all are gone.
        .before(server::start)
        .after(server::stop)
        .main()
}
