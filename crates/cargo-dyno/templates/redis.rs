//! Does Redis sustain this rate of writes and reads?
//!
//! `cargo dyno run redis` asks for 50 cycles a second of the server at `REDIS_URL`, or at
//! 127.0.0.1 where that is not set. `-R 5k` asks for 5,000, `-P bytes=4096` writes larger values,
//! and `--help` lists all flags.

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

/// What the command line can set: `-P bytes=4096`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// Where the server is.
    url: String,
    /// The size of a value.
    bytes: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1/".to_owned());
        Self { url, bytes: 64 }
    }
}

/// What each worker keeps: a connection of its own.
struct Client {
    connection: MultiplexedConnection,
    value: Vec<u8>,
    read: dyno::Histogram,
}

impl dyno::Task for Client {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let parameters = context.parameters::<Parameters>();
        let client = redis::Client::open(parameters.url.as_str())?;
        let connection = client.get_multiplexed_async_connection().await?;
        let value = vec![b'x'; parameters.bytes];
        Ok(Self { connection, value, read: dyno::histogram("read_bytes") })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        // What stands here is measured. Cycles of one worker overlap: a clone of the connection
        // shares its socket.
        let mut connection = self.connection.clone();
        let key = format!("dyno:{}", cycle.index() % 1_000);
        let () = connection.set(&key, &self.value).await?;
        let value: Vec<u8> = connection.get(&key).await?;
        self.read.record(value.len() as u64);
        Ok(())
    }
}

fn main() -> dyno::Outcome {
    dyno::bench("redis", dyno::task::<Client>())
        .parameters(Parameters::default())
        .rate(50.0)
        .plot("response")
        .main()
}
