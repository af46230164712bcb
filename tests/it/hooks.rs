//! Tests of hooks that fail, panic or hang, in the primary and in the workers.

use std::time::Duration;

use crate::support::{MISBEHAVES, assert_says, benchmark};

#[test]
fn a_before_that_fails_in_one_worker_issues_nothing_and_the_others_run_after() {
    for how in ["error", "panic"] {
        let line = format!("-P how={how} -P at=before -P worker=1");
        let ended = benchmark(MISBEHAVES).args(&line).logged().run();
        let error = ended.error();
        assert_says(&error, &["worker 1 (pid ", "failed in `before`: "]);
        assert_eq!(ended.summary().cycles.issued, 0);
        assert_eq!(ended.logged("worker 0 cycle") + ended.logged("worker 1 cycle"), 0);
        assert_eq!((ended.logged("worker 0 after"), ended.logged("worker 1 after")), (1, 0));
        assert_eq!(ended.logged("primary after"), 1, "also of a failed run");
    }
}

#[test]
fn a_before_that_fails_alike_in_every_worker_is_reported_once() {
    let ended = benchmark(MISBEHAVES).args("-P how=error -P at=before --workers 3").run();
    let summary = ended.verdict(5, "error");
    assert_eq!(summary.reasons.len(), 1, "{summary:#?}");
    assert_says(
        &summary.reasons[0],
        &["failed in `before`: even trouble", "2 more workers in the same way"],
    );
    assert_eq!(ended.stderr.matches("even trouble").count(), 1, "{}", ended.stderr);
}

#[test]
fn a_before_that_hangs_is_killed_at_the_start_deadline_and_named() {
    for how in ["hang", "pend"] {
        let line = format!("-P how={how} -P at=before -P worker=1 --start-deadline 300ms");
        let ended = benchmark(MISBEHAVES).args(&line).logged().run();
        let error = ended.error();
        let parts = ["worker 1 (pid ", "was not ready after 300ms (--start-deadline)", "killed"];
        assert_says(&error, &parts);
        assert_eq!((ended.logged("worker 0 after"), ended.logged("worker 0 cycle")), (1, 0));
        assert!(ended.elapsed < Duration::from_secs(5), "{ended:#?}");
    }
}

#[test]
fn no_cycle_runs_before_the_last_worker_is_ready() {
    // Worker 1 is slow in its `before`; it must be ready before the first cycle of worker 0.
    let ended = benchmark(MISBEHAVES).args("-P how=shout -P at=before -P worker=1").logged().run();
    ended.verdict(0, "sustained");
    let first_cycle = ended.log.find(" cycle ").expect("cycles");
    assert!(ended.log.find("worker 1 before").expect("it") < first_cycle, "{}", ended.log);
}

#[test]
fn an_after_that_fails_is_an_error_and_the_others_run_theirs() {
    for how in ["error", "panic"] {
        let line = format!("-P how={how} -P at=after -P worker=1 --workers 3");
        let ended = benchmark(MISBEHAVES).args(&line).logged().run();
        assert_says(&ended.error(), &["worker 1 (pid ", "failed in `after`: "]);
        let summary = ended.summary();
        assert_eq!(summary.cycles.completed, summary.cycles.issued);
        assert_eq!(ended.logged("worker 0 after") + ended.logged("worker 2 after"), 2);
        assert_eq!(ended.logged("primary after"), 1);
    }
}

#[test]
fn an_after_that_hangs_is_killed_at_its_deadline_and_named() {
    for how in ["hang", "pend", "ignore-and-hang"] {
        let line = format!("-P how={how} -P at=after -P worker=1 --after-deadline 300ms");
        let ended = benchmark(MISBEHAVES).args(&line).logged().run();
        let error = ended.error();
        let parts = ["worker 1 (pid ", "did not end its `after` within 300ms (--after-deadline)"];
        assert_says(&error, &parts);
        // The measurements are complete nevertheless.
        let summary = ended.summary();
        assert_eq!((summary.cycles.completed, summary.cycles.lost), (summary.cycles.issued, 0));
        assert_eq!(ended.logged("worker 0 after"), 1);
    }
}

#[test]
fn a_primary_whose_before_fails_starts_no_worker() {
    let ended = benchmark(MISBEHAVES).args("-P how=error -P at=primary-before").logged().run();
    assert_says(&ended.error(), &["the primary's `before` failed: told to fail"]);
    assert_eq!(ended.log, "primary before\nprimary after\n");
}

#[test]
fn a_primary_whose_before_panics_starts_no_worker() {
    let ended = benchmark(MISBEHAVES).args("-P how=panic -P at=primary-before").logged().run();
    assert_eq!(ended.status.code(), Some(5), "{ended:#?}");
    assert_says(&ended.error(), &["the primary's `before` failed: ", "told to panic"]);
    assert_eq!(ended.logged("worker"), 0);
}

#[test]
fn a_primary_whose_after_fails_is_an_error_with_all_its_numbers() {
    for how in ["error", "panic"] {
        let line = format!("-P how={how} -P at=primary-after");
        let ended = benchmark(MISBEHAVES).args(&line).logged().run();
        let summary = ended.verdict(5, "error");
        assert_says(&summary.reasons[0], &["the primary's `after` failed: ", "told to "]);
        assert_eq!(summary.cycles.completed, 60);
    }
}
