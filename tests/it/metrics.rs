//! Tests of values that a task records: they come from any thread and by any means, and only those
//! of the window count.

use crate::support::{BEHAVES, MISBEHAVES, RECORDS, assert_says, benchmark};

#[test]
fn values_come_from_handles_measures_spans_and_threads() {
    let summary = benchmark(RECORDS).run().verdict(0, "sustained");
    for name in ["plain", "size", "block", "async_block", "outer", "inner"] {
        let metric = summary.metric(name).unwrap_or_else(|| panic!("{name}: {summary:#?}"));
        assert_eq!(metric.count, 60, "{name}: {metric:?}");
    }
    let of = |name: &str| summary.metric(name).expect("it came").clone();
    // Two threads record one value each in every cycle.
    assert_eq!(of("aside").count, 120);
    assert_eq!((of("size").unit, of("size").max), (dyno::Unit::Bytes, 4096));
    assert!(of("block").min >= 200_000, "{:?}", of("block"));
    // A span lasts at least as long as the spans inside it.
    assert!(of("outer").min >= of("inner").min && of("inner").min >= 100_000);
    assert_eq!(of("block").unit, dyno::Unit::Nanoseconds);
}

#[test]
fn values_of_the_warm_up_are_in_no_result() {
    let line = "--warmup 200ms --duration 200ms -P warmup_ms=195";
    let summary = benchmark(RECORDS).args(line).run().verdict(0, "sustained");
    let plain = summary.metric("plain").expect("it came");
    assert_eq!((plain.count, plain.max), (40, 1), "{plain:?}");
}

#[test]
fn values_that_no_histogram_holds_are_counted() {
    let summary = benchmark(RECORDS).args("-P odd=true").run().verdict(0, "sustained");
    let odd = summary.metric("odd").expect("it came");
    assert_eq!((odd.count, odd.out_of_range), (180, 120), "{odd:?}");
}

#[test]
fn cycles_that_fail_are_in_the_metrics_and_those_that_complete_known_alone() {
    let line = "-P how=error -P at=cycle -P worker=1 --max-failed 100% --duration 500ms";
    let summary = benchmark(MISBEHAVES).args(line).run().summary();
    let (completed, failed) = (summary.cycles.completed, summary.cycles.failed);
    assert!(completed > 0 && failed > 0, "{summary:#?}");
    for name in ["service", "response"] {
        assert_eq!(summary.metrics[name].count, completed + failed, "{name}");
        assert_eq!(summary.completed_metrics[name].count, completed, "{name}");
        // All completed cycles are those of worker 0, where no cycle failed.
        let worker = &summary.worker(0).expect("it ran").metrics[name];
        assert_eq!(summary.completed_metrics[name].max, worker.max, "{name}");
    }

    let summary = benchmark(MISBEHAVES).run().summary();
    assert!(summary.completed_metrics.is_empty(), "{summary:#?}");
}

#[test]
fn percentiles_are_only_those_that_the_cycles_carry() {
    let line = "--rate 20 --duration 500ms --workers 1 --seed 1";
    let ended = benchmark(BEHAVES).args(line).run();
    let summary = ended.summary();
    let response = summary.metric("response").expect("built in");
    assert_eq!(response.count, 10, "{response:?}");
    assert!(response.p50.is_some() && response.p90.is_some(), "{response:?}");
    assert_eq!((response.p99, response.p999), (None, None));
    assert_says(&ended.stdout, &["\"p99\": null", "\"p999\": null"]);
}

#[test]
fn values_out_of_range_are_a_warning_and_not_shown_as_numbers() {
    let ended = benchmark(RECORDS).args("-P odd=true").run();
    let warnings = ended.verdict(0, "sustained").warnings.join("\n");
    assert_says(&warnings, &["120 of the 180 values of `odd` are not in its range"]);
    let ended = benchmark(RECORDS).args("-P not_a_number=true --format human").run();
    assert_says(&ended.stdout, &["60 of the 60 values of `not_a_number`", "not in its range"]);
    let row = ended.stdout.lines().find(|line| line.starts_with("not_a_number")).expect("a row");
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["not_a_number", "60", "–", "–", "–", "–", "–", "–"]);
}

#[test]
fn a_built_in_name_is_refused_where_it_is_used() {
    let ended = benchmark(RECORDS).args("-P name=service").run();
    let summary = ended.verdict(3, "failed");
    let parts = ["panicked at ", "workers/records.rs:", "`service` is built in: choose another"];
    assert_says(&summary.errors[0].message, &parts);
}

#[test]
fn a_name_that_is_too_long_fails_the_cycle_and_not_the_bus() {
    let name = "n".repeat(2_000);
    let ended = benchmark(RECORDS).args(&format!("-P name={name}")).run();
    assert_says(&ended.verdict(3, "failed").errors[0].message, &["n"]);
}
