//! An async task: how many cycles are in flight is the rate times how long each takes.
//!
//! `cargo run --release --example sleep` asks for 50 cycles a second of 50 ms each: about 2.5 are
//! in flight at any time, which is no backlog problem. `-P ms=500` makes it 25.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the command line can set: `-P ms=500`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// How long a cycle sleeps, in milliseconds.
    ms: u64,
}

fn main() -> dyno::Outcome {
    dyno::bench("sleep", sleep).parameters(Parameters { ms: 50 }).rate(50.0).main()
}

async fn sleep(cycle: &dyno::Cycle) {
    let ms = cycle.parameters::<Parameters>().ms;
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
