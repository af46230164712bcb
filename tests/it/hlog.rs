//! Tests of `metrics.hlog` with an independent reader: Python's `hdrh` reads the same counts and
//! percentiles as the summary has.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dyno::summary::Metric;
use serde::Deserialize;

use crate::support::{BEHAVES, DEADLINE, RECORDS, benchmark, until};

/// The path of a Python program that merges a log's intervals.
const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/readers/hlog.py");

/// The content of a log, with its intervals merged.
#[derive(Debug, Deserialize)]
struct Log {
    /// The log's start time, in seconds since the Unix epoch.
    start: f64,
    rows: usize,
    /// The histograms by their tags, `metric@process`.
    metrics: BTreeMap<String, Histogram>,
}

#[derive(Debug, Deserialize)]
struct Histogram {
    count: u64,
    min: u64,
    max: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    p999: u64,
}

/// Reads a log with a parser that is not part of dyno.
#[track_caller]
fn read(log: &Path) -> Log {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target/python");
    let python = Command::new("python3")
        .arg(READER)
        .arg(log)
        .env("PYTHONPATH", packages)
        .output()
        .expect("this test needs `python3`: `cargo xtask test` installs it");
    let stderr = String::from_utf8_lossy(&python.stderr);
    assert!(
        !stderr.contains("ModuleNotFoundError"),
        "this test needs Python's `hdrh`: `cargo xtask test` installs it. {stderr}"
    );
    assert!(python.status.success(), "{stderr}");
    serde_json::from_slice(&python.stdout).expect("what the reader prints")
}

#[track_caller]
fn check(tag: &str, read: &Histogram, metric: &Metric) {
    assert_eq!(read.count, metric.count, "{tag}");
    for (name, read, said) in [
        ("min", read.min, Some(metric.min)),
        ("p50", read.p50, metric.p50),
        ("p90", read.p90, metric.p90),
        ("p99", read.p99, metric.p99),
        ("p999", read.p999, metric.p999),
        ("max", read.max, Some(metric.max)),
    ] {
        // With few values, a histogram still has percentiles, but a summary omits them.
        let Some(said) = said else { continue };
        // A histogram has three significant digits: it reports a value by the bounds of its bucket.
        assert!(read.abs_diff(said) <= said / 1_000, "{name} of {tag}: {read}, {said} in run.json");
    }
}

#[test]
fn another_parser_reads_the_counts_and_percentiles_of_the_summary() {
    // The first run has every kind of metric; the second, more values in an interval than are
    // stored exactly.
    for (program, line) in [
        (RECORDS, "--rate 300 --duration 2s --warmup 300ms -P warmup_ms=300"),
        (BEHAVES, "--rate 15k --duration 1s --on-backlog queue"),
    ] {
        let ended = benchmark(program).args(line).run();
        let summary: dyno::Summary =
            serde_json::from_str(&ended.read("out/run.json")).expect("a summary");
        let log = read(&ended.path("out/metrics.hlog"));
        let mut tags = Vec::new();
        let workers = summary.workers.iter();
        let workers = workers.map(|one| (format!("worker-{}", one.index), &one.metrics));
        for (process, metrics) in workers.chain([("primary".to_owned(), &summary.primary.metrics)])
        {
            for (name, metric) in metrics.iter().filter(|(_, metric)| metric.count > 0) {
                let tag = format!("{name}@{process}");
                let read = log.metrics.get(&tag);
                check(&tag, read.unwrap_or_else(|| panic!("no {tag}: {log:?}")), metric);
                tags.push(tag);
            }
        }
        tags.sort_unstable();
        assert_eq!(log.metrics.keys().collect::<Vec<_>>(), tags.iter().collect::<Vec<_>>());
        assert!(log.rows > tags.len(), "several intervals: {log:?}");
        assert!(log.start > 0.0);
        let merged = log.metrics.iter().filter(|(tag, _)| tag.starts_with("response@"));
        let count: u64 = merged.map(|(_, response)| response.count).sum();
        assert_eq!(Some(count), summary.metric("response").map(|response| response.count));
    }
}

#[test]
fn a_killed_primary_leaves_its_rows() {
    // With `--quiet` nothing else is written during the run, so that no other output can flush the
    // rows.
    let line = "--rate 50 --duration 60s --quiet";
    let running = benchmark(BEHAVES).args(line).start();
    let folder = running.folder();
    let log = folder.path().join("out/metrics.hlog");
    until("rows are written", DEADLINE, || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("service@worker-1"))
    });
    running.kill(DEADLINE);
    let log = read(&log);
    for tag in ["service@worker-0", "service@worker-1", "backlog@primary"] {
        assert!(log.metrics.get(tag).is_some_and(|metric| metric.count > 0), "{tag}: {log:?}");
    }
}
