//! The benchmarks of dyno that the rows run.
//!
//! A worker finds its benchmark by name, so that each is declared here once, for all rows. Only the
//! primary needs the settings of a row.

use std::hint::black_box;

use dyno::Bench;
use dyno_bus::clock;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, NoTls, Statement};

/// The number of values that a cycle of [`TaskName::Values`] records.
pub(crate) const VALUES: u64 = 1_000;
/// The metric that [`TaskName::First`] records the clock's time to.
pub(crate) const FIRST: &str = "first";
/// The size of the value that is written to Redis, in bytes.
pub(crate) const REDIS_BYTES: usize = 64;

/// The rows of pgbench's table: 100,000 for each unit of its scale.
const PGBENCH_ROWS: u64 = 100_000 * PGBENCH_SCALE;
/// The scale of pgbench's tables.
pub(crate) const PGBENCH_SCALE: u64 = 10;

/// A task, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TaskName {
    /// A synchronous task that does nothing.
    Noop,
    /// An asynchronous task that awaits nothing.
    NoopAsync,
    /// A loop that records each of its values.
    Values,
    /// The same loop, without recording.
    Loop,
    /// Records the time at which it runs, in nanoseconds of the clock.
    First,
    /// Records one value in each of eight metrics.
    Eight,
    /// Writes one value to Redis.
    Redis,
    /// Reads one row of pgbench's tables.
    Postgres,
}

impl TaskName {
    const ALL: [Self; 8] = [
        Self::Noop,
        Self::NoopAsync,
        Self::Values,
        Self::Loop,
        Self::First,
        Self::Eight,
        Self::Redis,
        Self::Postgres,
    ];

    /// Declares the benchmark of this task.
    pub(crate) fn bench(self) -> Bench {
        match self {
            Self::Noop => dyno::bench("noop", || {}),
            Self::NoopAsync => dyno::bench("noop_async", async || {}),
            Self::Values => {
                let metric = dyno::histogram("value");
                dyno::bench("values", move || each_value(|value| metric.record(value)))
            }
            Self::Loop => dyno::bench("loop", || {
                each_value(|value| {
                    black_box(value);
                })
            }),
            Self::First => {
                let metric = dyno::histogram(FIRST);
                dyno::bench("first", move || metric.record(clock::now().as_nanos()))
            }
            Self::Eight => {
                let metrics: [_; 8] =
                    std::array::from_fn(|i| dyno::histogram(&format!("metric_{i}")));
                dyno::bench("eight", move || {
                    for metric in metrics {
                        metric.record(black_box(1_000_u64));
                    }
                })
            }
            Self::Redis => dyno::bench("redis", dyno::task::<Redis>())
                .parameters(ServerParameters { url: String::new() }),
            Self::Postgres => dyno::bench("postgres", dyno::task::<Postgres>())
                .parameters(ServerParameters { url: String::new() }),
        }
    }
}

/// In a worker of any of these benchmarks, runs the task and never returns; elsewhere does nothing.
pub(crate) fn take_workers() {
    for task in TaskName::ALL {
        drop(task.bench());
    }
}

/// Calls `with` for each value, such as a service might measure: from 50 to 60 thousand, in no
/// order.
fn each_value(mut with: impl FnMut(u64)) {
    for i in 0..VALUES {
        with(50_000 + black_box(i) * 7_919 % 10_000);
    }
}

/// The parameters of [`Redis`] and [`Postgres`]: the server's URL.
#[derive(Debug, Serialize, Deserialize)]
struct ServerParameters {
    url: String,
}

/// The task [`TaskName::Redis`], with its connection.
struct Redis(MultiplexedConnection);

impl dyno::Task for Redis {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let parameters = context.parameters::<ServerParameters>();
        Ok(Self(redis_connection(&parameters.url).await?))
    }

    async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result {
        Ok(redis_command(&self.0).await?)
    }
}

/// The task [`TaskName::Postgres`], with its connection and its prepared query: that of pgbench's
/// script that reads.
struct Postgres {
    client: Client,
    query: Statement,
}

impl dyno::Task for Postgres {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let url = &context.parameters::<ServerParameters>().url;
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        let query = "SELECT abalance FROM pgbench_accounts WHERE aid = $1";
        let query = client.prepare(query).await?;
        Ok(Self { client, query })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        // Rows all over the table, in no order, as pgbench draws them.
        let account = 1 + (cycle.index() * 7_919 % PGBENCH_ROWS) as i32;
        self.client.query_one(&self.query, &[&account]).await?;
        Ok(())
    }
}

/// Opens a connection in the same way for the task and for the bare loop.
pub(crate) async fn redis_connection(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    redis::Client::open(url)?.get_multiplexed_async_connection().await
}

/// Sends one command, the same for the task and for the bare loop.
pub(crate) async fn redis_command(connection: &MultiplexedConnection) -> redis::RedisResult<()> {
    connection.clone().set("dyno:suite", [b'x'; REDIS_BYTES].as_slice()).await
}
