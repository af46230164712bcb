//! An async task: the number of cycles in flight is the rate times the time that each takes.
//!
//! `cargo run --release --example sleep` issues 50 cycles a second of 50 ms each: about 2.5 are in
//! flight at any time, which is not a backlog that grows. With `-P ms=500` it is 25.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The parameters that the command line can set: `-P ms=500`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// The time that a cycle sleeps, in milliseconds.
    ms: u64,
}

fn main() -> dyno::Outcome {
    dyno::bench("sleep", sleep).parameters(Parameters { ms: 50 }).rate(50.0).main()
}

async fn sleep(cycle: &dyno::Cycle) {
    let ms = cycle.parameters::<Parameters>().ms;
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
