//! Does `fibonacci` sustain this rate?
//!
//! A sync task, a parameter of its own, a metric of its own, and a plot. It runs by
//! `cargo run --release --example fibonacci` and asks for 50 cycles a second; behind a `--`,
//! `-R 200` asks for 200, `-P n=35` makes each cycle larger, and `--help` lists all flags.

use serde::{Deserialize, Serialize};

/// What the command line can set: `-P n=35`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// Which number of the sequence is asked for.
    n: u32,
}

fn main() -> dyno::Outcome {
    // A metric of your own, beside `wait`, `service`, `response` and `loop_lag`.
    let number = dyno::histogram("number");

    dyno::bench("fibonacci", move |cycle: &dyno::Cycle| {
        // What stands here is measured: put your own code in its place.
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
