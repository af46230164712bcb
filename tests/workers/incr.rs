//! Breaks what it can of the order of things: counts in Redis, and disconnects in `after`.
//!
//! A cycle that runs after its worker's `after` has begun would meet a connection that is closed.
//! The server is the one at `-P url=…`, the counter the one at `-P key=…`.

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Parameters {
    url: String,
    key: String,
}

struct Incr {
    connection: MultiplexedConnection,
    key: String,
}

impl dyno::Task for Incr {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let Parameters { url, key } = context.parameters::<Parameters>();
        let client = redis::Client::open(url.as_str())?;
        let connection = client.get_multiplexed_async_connection().await?;
        Ok(Self { connection, key: key.clone() })
    }

    async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result {
        let () = self.connection.clone().incr(&self.key, 1).await?;
        Ok(())
    }

    async fn after(self) -> dyno::Result {
        drop(self.connection);
        Ok(())
    }
}

fn main() -> dyno::Outcome {
    dyno::bench("incr", dyno::task::<Incr>())
        .parameters(Parameters { url: String::new(), key: "count".into() })
        .rate(10_000.0)
        .main()
}
