//! Spans of `tracing` as metrics: each span of the benchmark's crate becomes a metric of its name.
//!
//! `cargo run --release --example spans` shows `parse` and `sum` next to the built-in metrics;
//! `-P rows=10000` makes them longer. You need not install a subscriber; if your program has one,
//! add `dyno::layer()` to it.

use serde::{Deserialize, Serialize};
use tracing::instrument;

/// The parameters that the command line can set: `-P rows=10000`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// The number of rows that a cycle reads.
    rows: usize,
}

fn main() -> dyno::Outcome {
    dyno::bench("spans", |cycle: &dyno::Cycle| {
        let rows = parse(cycle.parameters::<Parameters>().rows);
        // Without a span: a closure, measured under a name.
        dyno::measure("sum", || rows.iter().sum::<u64>())
    })
    .parameters(Parameters { rows: 1_000 })
    .rate(100.0)
    .main()
}

#[instrument]
fn parse(rows: usize) -> Vec<u64> {
    (0..rows).filter_map(|row| row.to_string().parse().ok()).collect()
}
