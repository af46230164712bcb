//! A custom live view: `on_tick` gets the list of all processes about five times a second.
//!
//! `cargo run --release --example plot` draws the mean `service` of each worker over time, above a
//! table of all metrics. `-P us=500` makes a cycle longer.

use std::hint::black_box;

use dyno::{List, Stat};
use serde::{Deserialize, Serialize};

/// The parameters that the command line can set: `-P us=500`.
#[derive(Serialize, Deserialize)]
struct Parameters {
    /// The time that a cycle computes, in microseconds.
    us: u64,
}

fn main() -> dyno::Outcome {
    dyno::bench("plot", |cycle: &dyno::Cycle| compute(cycle.parameters::<Parameters>().us))
        .parameters(Parameters { us: 200 })
        .rate(200.0)
        .on_tick(|list| Some(draw(list)))
        .main()
}

fn draw(list: &List) -> String {
    let workers = list.workers().metrics(["service", "response", "loop_lag"]);
    let timeline = workers.metrics(["service"]).pick(Stat::Snapshots).of(Stat::Mean);
    let plot = dyno::plot("mean service of each worker", &timeline.group(), 80);
    format!("{plot}\n{}\n{}", workers.pick(Stat::Mean), list.primary().pick(Stat::Last))
}

/// Does arithmetic for about this many microseconds.
fn compute(us: u64) -> u64 {
    (0..us * 300).fold(1_u64, |sum, next| black_box(sum.wrapping_mul(31).wrapping_add(next)))
}
