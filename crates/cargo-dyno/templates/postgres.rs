//! Does Postgres sustain this rate of a prepared query?
//!
//! `cargo run --release --example postgres` starts a private server for the run, on a Unix socket.
//! After a `--`, `-R 5k` sets the rate, and `-P url=postgres://user@host/database` names another
//! server. The rows are in a temporary table of each connection, so that nothing stays there.

#[path = "postgres/server.rs"]
mod server;

use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, NoTls, Statement};

/// The parameters that the command line can set: `-P rows=100000`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// The URL of the server; empty for a private one.
    url: String,
    /// The number of rows.
    rows: i32,
}

/// The state of each worker: its connection, and the query that the server has prepared.
struct Lookup {
    client: Client,
    query: Statement,
}

impl dyno::Task for Lookup {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let Parameters { url, rows } = context.parameters();
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.map_err(server::refused)?;
        tokio::spawn(connection);
        let fill = format!(
            "CREATE TEMPORARY TABLE items (id int PRIMARY KEY, name text); \
             INSERT INTO items SELECT id, 'item ' || id FROM generate_series(0, {rows} - 1) AS id; \
             ANALYZE items"
        );
        client.batch_execute(&fill).await?;
        let query = client.prepare("SELECT name FROM items WHERE id = $1").await?;
        Ok(Self { client, query })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let rows = cycle.parameters::<Parameters>().rows;
        let id = (cycle.index() % rows as u64) as i32;
        self.client.query_one(&self.query, &[&id]).await?.try_get::<_, &str>(0)?;
        Ok(())
    }
}

fn main() -> dyno::Outcome {
    dyno::bench("postgres", dyno::task::<Lookup>())
        .parameters(Parameters { url: String::new(), rows: 10_000 })
        .rate(1_000.0)
        .before(server::start)
        .after(server::stop)
        .main()
}
