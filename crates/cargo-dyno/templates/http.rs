//! Does this server sustain this rate of GET requests? A status of 400 or more is a failed cycle.
//!
//! `cargo run --release --example http` starts a private server for the run. After a `--`, `-R 5k`
//! sets the rate, and `-P url=https://host/path` requests another URL.

#[path = "http/client.rs"]
mod client;
#[path = "http/server.rs"]
mod server;

use std::time::Duration;

use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};

/// The parameters that the command line can set: `-P timeout_ms=500`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// The URL; empty for that of a private server.
    url: String,
    /// The longest time until the whole reply has arrived, in milliseconds.
    timeout_ms: u64,
}

/// The state of each worker: its connections, which stay open for further requests.
struct Http(client::Connections);

impl dyno::Task for Http {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        Ok(Self(client::Connections::to(&context.parameters::<Parameters>().url)?))
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let limit = Duration::from_millis(cycle.parameters::<Parameters>().timeout_ms);
        let exchange = async {
            let mut reply = dyno::measure_async("first_byte", self.0.get()).await?;
            while let Some(part) = reply.frame().await {
                part?;
            }
            match reply.status() {
                status if status.as_u16() < 400 => Ok(()),
                status => Err(status.to_string().into()),
            }
        };
        tokio::time::timeout(limit, exchange).await.map_err(|_| "no whole reply in time")?
    }
}

fn main() -> dyno::Outcome {
    server::serve_if_started_as_server();
    dyno::bench("http", dyno::task::<Http>())
        .parameters(Parameters { url: String::new(), timeout_ms: 5_000 })
        .rate(1_000.0)
        .before(server::start)
        .after(server::stop)
        .main()
}
