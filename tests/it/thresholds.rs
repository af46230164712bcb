//! Tests of thresholds: limits that a run keeps or breaks, over the window and over a part of it.

use std::time::Duration;

use dyno::summary::ThresholdResult;
use dyno::{Study, Summary};

use crate::support::{BEHAVES, Benchmark, MISBEHAVES, RECORDS, assert_says, benchmark};

/// Creates a run of these thresholds, whose worker sleeps for this many microseconds in each cycle.
fn sleeps(us: u64, thresholds: &str) -> Benchmark {
    let line = format!("-P how=sleep -P us={us} --workers 1");
    benchmark(BEHAVES).args(&line).env("DYNO_THRESHOLD", thresholds)
}

/// Returns the only threshold of a run.
#[track_caller]
fn only(summary: &Summary) -> &ThresholdResult {
    let [threshold] = &summary.thresholds[..] else { panic!("{:#?}", summary.thresholds) };
    threshold
}

#[test]
fn limits_that_are_kept_change_no_verdict_and_are_shown_with_their_values() {
    let limits = "response.p50 < 20s; service.min >= 1ms; failed.share <= 0%; \
                  delivered.share >= 99.9%; delivered.count > 50; backlog.max < 10k; \
                  response.max < 20s over 1s";
    let summary = sleeps(1_000, limits).args("--duration 1500ms").run().verdict(0, "sustained");
    assert_eq!(summary.thresholds.len(), 7);
    for threshold in &summary.thresholds {
        assert!(threshold.met && threshold.value.is_some(), "{threshold:?}");
        assert_eq!(threshold.worst.is_some(), threshold.expression.contains("over"));
    }
    let p50 = &summary.thresholds[0];
    let response = summary.metric("response").expect("built in");
    assert_eq!(p50.value, response.p50.map(|value| value as f64));
    assert_eq!((p50.limit, p50.statistic.as_str()), (20e9, "p50"));
}

#[test]
fn a_limit_that_is_broken_makes_the_run_failed_with_the_value() {
    let ended = sleeps(20_000, "response.p50 < 10ms; failed.count < 1").run();
    let summary = ended.verdict(3, "failed");
    assert_says(&summary.reasons[0], &["`response.p50 < 10ms` is not kept", "ms"]);
    let met: Vec<_> = summary.thresholds.iter().map(|threshold| threshold.met).collect();
    assert_eq!(met, [false, true]);
    assert!(summary.thresholds[0].value >= Some(20e6), "{summary:#?}");
}

#[test]
fn a_limit_that_a_load_profile_breaks_has_a_hint_that_can_be_followed() {
    let ended = benchmark(BEHAVES)
        .args("-P how=sleep -P us=20000 --workers 1 --stages 300ms:50,300ms:100 --format human")
        .env("DYNO_THRESHOLD", "response.p50 < 10ms")
        .run();
    assert_says(&ended.stdout, &["failed: ", "next: lower the rates of the stages"]);
    assert!(!ended.stdout.contains("search"), "{}", ended.stdout);
    assert_eq!(ended.status.code(), Some(3));
}

#[test]
fn the_page_has_a_line_for_each_threshold_with_a_mark_and_words() {
    let ended = sleeps(1_000, "response.p50 < 20s; response.min > 20s")
        .args("--format human --duration 500ms")
        .run();
    let lines = ["✓ response.p50 < 20s met: ", "✗ response.min > 20s not met: ", "failed:"];
    assert_says(&ended.stdout, &lines);
}

#[test]
fn a_bad_moment_within_a_good_run_breaks_a_sliding_window() {
    // The cycle in the middle holds up those behind it for 300 ms: 60 of 800 cycles.
    let line = "-P how=spin-at -P us=300000 -P at=400 --workers 1 --duration 4s --on-backlog queue";
    let run = |limit: &str| benchmark(BEHAVES).args(line).env("DYNO_THRESHOLD", limit).run();
    let ended = run("response.p90 < 100ms over 1s");
    let summary = ended.verdict(3, "failed");
    let threshold = only(&summary);
    let worst = threshold.worst.expect("windows were complete");
    assert!(!threshold.met && worst.value >= 100e6, "{threshold:?}");
    assert!((2_000_000_000..=3_500_000_000).contains(&worst.at_ns), "{threshold:?}");
}

#[test]
fn an_abort_ends_the_run_as_soon_as_the_breach_is_certain() {
    let ended = sleeps(20_000, "response.max < 10ms abort").args("--duration 30s").run();
    let summary = ended.verdict(3, "failed");
    assert_says(&summary.reasons[0], &["not kept", "the run was ended"]);
    assert!(ended.elapsed < Duration::from_secs(15), "{ended:#?}");
    // It drained, and every cycle has its outcome.
    assert_eq!(summary.cycles.completed + summary.cycles.unstarted, summary.cycles.issued);
}

#[test]
fn a_target_that_hangs_breaks_a_limit_and_leaves_no_gap() {
    let limit = "response.p50 < 200ms over 1s abort";
    let ended = sleeps(60_000_000, limit).args("--duration 20s --drain-deadline 100ms").run();
    let summary = ended.verdict(3, "failed");
    let threshold = only(&summary);
    assert!(!threshold.met && threshold.value >= Some(200e6), "{threshold:?}");
    assert_eq!(summary.metric("response").map_or(0, |response| response.count), 0);
    assert!(ended.elapsed < Duration::from_secs(15), "{ended:#?}");
}

#[test]
fn a_metric_of_the_task_is_limited_in_its_own_unit() {
    let run = |limit: &str| benchmark(RECORDS).env("DYNO_THRESHOLD", limit).run();
    run("size.max <= 4096B; plain.mean < 2").verdict(0, "sustained");
    let summary = run("size.max < 4kB").verdict(3, "failed");
    assert_eq!((only(&summary).value, only(&summary).limit), (Some(4_096.0), 4_000.0));
    let summary = run("size.max < 4ms").verdict(3, "failed");
    assert_says(&summary.reasons[0], &["`size.max` is 4.10 kB", "`4ms` is another kind"]);
}

#[test]
fn a_metric_that_never_came_is_a_breach_by_its_name() {
    let summary = sleeps(1_000, "respnose.p99 < 20ms").run().verdict(3, "failed");
    assert_says(&summary.reasons[0], &["`respnose` has no values"]);
    assert_eq!((only(&summary).value, only(&summary).met), (None, false));
}

#[test]
fn failed_cycles_are_limited_as_a_share() {
    let line = "-P how=error -P at=cycle --max-failed 100%";
    let run = benchmark(MISBEHAVES).args(line).env("DYNO_THRESHOLD", "failed.share < 1%").run();
    let summary = run.verdict(3, "failed");
    assert_eq!(only(&summary).value, Some(1_000.0), "{summary:#?}");
    assert_says(&summary.reasons[0], &["failed.share < 1%", "100 %"]);
}

#[test]
fn a_limit_that_can_not_be_read_or_kept_is_refused_before_anything_starts() {
    for (limit, parts) in [
        ("response.p99 20ms", &["--threshold response.p99 20ms", "no comparison"][..]),
        ("response.p0 < 20ms", &["`p0` at character 10"]),
        ("response.p99 < 20x", &["`20x` at character 16"]),
        ("response.p99 < 20MB", &["a size", "20ms"]),
        ("response.p99 < 20ms", &["p99 needs 1,000 cycles", "--duration"]),
        ("response.max < 20ms over 10s", &["longer than the run"]),
        ("response.mean < 20ms abort", &["certain only at the end"]),
    ] {
        let mut run = benchmark(BEHAVES);
        run = run.word("--threshold").word(limit);
        assert_says(run.run().refusal(), parts);
    }
    let closed = benchmark(BEHAVES).args("--rate max").env("DYNO_THRESHOLD", "wait.max < 1ms");
    assert_says(closed.run().refusal(), &["DYNO_THRESHOLD=wait.max < 1ms", "a closed loop has no"]);
}

#[test]
fn a_sweep_ends_at_the_first_rate_that_breaks_a_threshold() {
    let line = "--rate 100..400/300 --duration 600ms";
    let run = sleeps(1_000, "delivered.count < 100").args(line).run();
    let study: Study = serde_json::from_str(&run.stdout).expect("a study");
    let verdicts: Vec<_> = study.trials.iter().map(|trial| trial.verdict.name()).collect();
    assert_eq!(verdicts, ["sustained", "failed"], "{run:#?}");
    assert_says(&study.trials[1].reason, &["delivered.count < 100"]);
}
