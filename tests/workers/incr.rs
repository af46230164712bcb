//! Breaks the order of cycles and hooks if dyno lets it: its cycles count in Redis, and `after`
//! disconnects.
//!
//! A cycle that runs after its worker's `after` has begun would meet a closed connection.
//! `-P url=…` names the server, and `-P key=…` the counter. With `-P say_every=N`, a worker prints
//! a line when its cycle brings the counter to a multiple of N.

#![expect(clippy::print_stdout, reason = "a worker that says something")]

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Parameters {
    url: String,
    key: String,
    /// The number of cycles from one printed line to the next; 0 for no lines.
    say_every: u64,
}

struct Incr {
    connection: MultiplexedConnection,
    key: String,
    say_every: u64,
}

impl dyno::Task for Incr {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let Parameters { url, key, say_every } = context.parameters::<Parameters>();
        let client = redis::Client::open(url.as_str())?;
        // A late answer is still an answer: a cycle that Redis has counted must not fail by a
        // timeout.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, key: key.clone(), say_every: *say_every })
    }

    async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result {
        let count: u64 = self.connection.clone().incr(&self.key, 1).await?;
        if self.say_every > 0 && count.is_multiple_of(self.say_every) {
            println!("counted {count}");
        }
        Ok(())
    }

    async fn after(self) -> dyno::Result {
        drop(self.connection);
        Ok(())
    }
}

fn main() -> dyno::Outcome {
    dyno::bench("incr", dyno::task::<Incr>())
        .parameters(Parameters { url: String::new(), key: "count".into(), say_every: 0 })
        .rate(10_000.0)
        .main()
}
