//! `cargo xtask bench [RATE]…`: which rates does the index sustain?
//!
//! Several benchmarks at several rates in one program, and one table of what came out. It exits
//! with 1 if any of them was not sustained, so that a CI job can act on it.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use index::Index;

/// Cycles a second, unless others are asked for.
const RATES: [f64; 3] = [100.0, 1_000.0, 10_000.0];
const TEXT: &str = include_str!("../../index/src/lib.rs");

/// The benchmarks, each as a function, so that it can be declared again for the next rate.
const BENCHMARKS: [fn() -> dyno::Bench; 2] = [build, count];

fn build() -> dyno::Bench {
    dyno::bench("build", || Index::of(TEXT).count("s"))
}

fn count() -> dyno::Bench {
    let index = Index::of(TEXT);
    dyno::bench("count", move || index.count("s"))
}

fn main() -> ExitCode {
    // The workers are this same program: each finds its own benchmark here, and goes no further.
    for declare in BENCHMARKS {
        let _declared = declare();
    }

    let words: Vec<String> = std::env::args().skip(1).collect();
    let sustained = match words.split_first() {
        Some((task, rates)) if task == "bench" => bench(rates),
        _ => Err("usage: cargo xtask bench [RATE]...".into()),
    };
    match sustained {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs every benchmark at every rate; whether all were sustained.
fn bench(words: &[String]) -> Result<bool, Box<dyn Error>> {
    let mut rates = RATES.to_vec();
    if !words.is_empty() {
        let rate = |word: &String| word.parse().map_err(|_| format!("`{word}` is not a rate"));
        rates = words.iter().map(rate).collect::<Result<_, _>>()?;
    }
    println!("name        rate  delivered  p50 response  p99 response  backlog  verdict");
    let mut all_sustained = true;
    for declare in BENCHMARKS {
        for rate in &rates {
            let seconds = Duration::from_secs;
            let run = declare().rate(*rate).warmup(seconds(0)).duration(seconds(1)).run()?;
            println!("{}", row(&run));
            if !run.sustained() {
                all_sustained = false;
                println!("  {}", run.reasons.join("\n  "));
            }
        }
    }
    Ok(all_sustained)
}

/// One line of the table. Times are nanoseconds in a summary, and microseconds here.
fn row(run: &dyno::Summary) -> String {
    // It is missing for too few cycles: below 2 for p50, 100 for p99.
    let us = |ns: Option<u64>| ns.map_or("–".into(), |ns| format!("{:.1} µs", ns as f64 / 1e3));
    let response = run.metric("response");
    format!(
        "{:<8} {:>7.0} {:>10.1} {:>13} {:>13} {:>8}  {}",
        run.benchmark,
        run.rate.asked.unwrap_or_default(),
        run.rate.delivered,
        us(response.and_then(|response| response.p50)),
        us(response.and_then(|response| response.p99)),
        run.backlog.max,
        run.verdict
    )
}
