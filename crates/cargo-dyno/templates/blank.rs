//! Does `fibonacci` sustain this rate?
//!
//! A sync task with a parameter, an additional metric, and a plot. Run it with
//! `cargo run --release --example fibonacci`: it issues 50 cycles a second. After a `--`,
//! `-R 200` issues 200, `-P n=35` makes each cycle larger, and `--help` lists all flags.

use serde::{Deserialize, Serialize};

/// The parameters that the command line can set: `-P n=35`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// The index in the sequence of the number to compute.
    n: u32,
}

fn main() -> dyno::Outcome {
    // Your own metric, in addition to `wait`, `service`, `response` and `loop_lag`.
    let number = dyno::histogram("number");

    dyno::bench("fibonacci", move |cycle: &dyno::Cycle| {
        // This code is measured: replace it with your own.
        let n = cycle.parameters::<Parameters>().n;
        number.record(fibonacci(n));
    })
    .parameters(Parameters { n: 25 })
    .rate(50.0)
    .plot("response")
    .main()
}

fn fibonacci(n: u32) -> u64 {
    if n < 2 { u64::from(n) } else { fibonacci(n - 1) + fibonacci(n - 2) }
}
