//! Breaks nothing: calls `.run()` as a library would, and prints what it finds afterwards.
//!
//! It runs one benchmark, and then counts the descriptors and threads of this process. It runs two
//! benchmarks at once, and one more, and prints whether the counts are the same as before.

#![expect(clippy::print_stdout, reason = "what was found is told to the test")]

use std::time::Duration;

use dyno_bus::clock;

fn run(rate: f64) -> dyno::Summary {
    let bench = dyno::bench("library", || ()).rate(rate).warmup(Duration::ZERO);
    bench.duration(Duration::from_millis(200)).workers(2).run().expect("it starts")
}

fn main() {
    run(100.0);
    let before = held();
    let both = std::thread::scope(|scope| {
        let other = scope.spawn(|| run(500.0));
        [run(1_000.0), other.join().expect("no panic")]
    });
    run(100.0);
    for summary in both {
        println!("{} {} {}", summary.verdict, summary.cycles.issued, summary.cycles.completed);
    }
    let mut after = held();
    // The kernel lists a thread for a moment after it was joined.
    let end = clock::now() + Duration::from_secs(5);
    while after != before && clock::now() < end {
        std::thread::park_timeout(Duration::from_millis(2));
        after = held();
    }
    println!("{}", if before == after { "as before" } else { "not as before" });
    println!("before: {before:?}, after: {after:?}");
}

/// The mask of the signals that programs use. It leaves out those from 32 on: the C library itself
/// handles one of them, from the first thread on.
const STANDARD_SIGNALS: u64 = 0x7fff_ffff;

/// Returns the number of descriptors and of threads of this process, and the signals that it
/// ignores, blocks and handles.
fn held() -> (usize, usize, Vec<u64>) {
    let count = |folder| std::fs::read_dir(folder).expect("proc").count();
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let mask = |line: &str| {
        let (name, mask) = line.split_once(":\t")?;
        let mask = u64::from_str_radix(mask, 16).ok()?;
        ["SigIgn", "SigBlk", "SigCgt"].contains(&name).then_some(mask & STANDARD_SIGNALS)
    };
    (count("/proc/self/fd"), count("/proc/self/task"), status.lines().filter_map(mask).collect())
}
