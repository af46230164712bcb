//! Tests of the end of the plan: running cycles end, and those that can't end are given up and
//! counted by the drain deadline.

use std::time::Duration;

use crate::support::{BEHAVES, MISBEHAVES, assert_says, benchmark};

#[test]
fn cycles_that_run_at_the_plans_end_complete() {
    let line = "-P how=sleep -P us=150000 --duration 200ms --rate 100";
    let summary = benchmark(BEHAVES).args(line).run().summary();
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (20, 20));
    // Some of them completed after the window; `delivered` counts only those inside it.
    assert!(summary.rate.delivered < 100.0, "{summary:#?}");
    let delivered = (summary.rate.delivered * 0.2).round() as u64;
    assert_eq!(summary.rate.late, 20 - delivered, "{summary:#?}");
    assert!(summary.backlog.running_end > 0, "{summary:#?}");
}

#[test]
fn a_sync_cycle_that_never_ends_is_killed_at_the_drain_deadline_and_named() {
    let line = "-P how=hang -P at=first-cycle --drain-deadline 300ms --duration 200ms --seed 1";
    let ended = benchmark(MISBEHAVES).args(line).logged().run();
    let error = ended.error();
    let parts = [
        "(pid ",
        "did not end its running cycles within 300ms (--drain-deadline) and was killed",
        "while the run was draining",
    ];
    assert_says(&error, &parts);
    let summary = ended.summary();
    // Half of the 40 cycles were due to the worker that hung in its first one.
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (40, 20));
    assert_eq!(summary.cycles.lost, 20);
    assert_eq!(ended.log.matches(" after").count(), 2, "the other worker's and the primary's");
}

#[test]
fn async_cycles_that_never_end_are_abandoned_and_counted() {
    let line = "-P how=pend -P at=cycle -P worker=1 --drain-deadline 300ms --duration 200ms";
    let ended = benchmark(MISBEHAVES).args(line).logged().run();
    // In a window this short, cycles that pile up may or may not count as a growing backlog.
    let summary = ended.summary();
    assert!(["failed", "unsustained"].contains(&summary.verdict.name()), "{summary:#?}");
    let cycles = summary.cycles;
    assert_eq!((cycles.issued, cycles.completed, cycles.abandoned, cycles.lost), (40, 20, 20, 0));
    assert_says(&summary.reasons.join("\n"), &["20 had not ended at the drain deadline"]);
    // Abandoned cycles are not silently missing from `response`: they count as censored.
    let response = summary.metric("response").expect("it is built in");
    assert_eq!((response.count, response.censored), (20, 20));
    // The event loop was healthy: `after` ran in both workers.
    assert_eq!(ended.logged("worker 0 after") + ended.logged("worker 1 after"), 2);
    let expected = Duration::from_millis(200 + 300);
    assert!(ended.elapsed >= expected && ended.elapsed < expected * 8, "{ended:#?}");
}

#[test]
fn one_cycle_that_never_ends_is_a_failed_run() {
    let line = "-P how=pend -P at=first-cycle --drain-deadline 200ms";
    let summary = benchmark(MISBEHAVES).args(line).run().verdict(3, "failed");
    assert_eq!((summary.cycles.completed, summary.cycles.abandoned), (59, 1));
    assert_says(&summary.reasons[0], &["0 of 60 cycles failed and 1 had not ended"]);
}

#[test]
fn a_worker_that_is_stopped_is_killed_at_the_drain_deadline_and_named() {
    let line = "-P how=stop -P at=first-cycle --drain-deadline 300ms --duration 200ms";
    let ended = benchmark(MISBEHAVES).args(line).run();
    assert_says(&ended.error(), &["within 300ms (--drain-deadline) and was killed"]);
    assert_eq!(ended.summary().cycles.lost, 20);
}

#[test]
fn a_worker_that_ignores_signals_is_killed_all_the_same() {
    let line = "-P how=ignore-and-hang -P at=first-cycle --drain-deadline 300ms --duration 200ms";
    let ended = benchmark(MISBEHAVES).args(line).run();
    assert_says(&ended.error(), &["within 300ms (--drain-deadline) and was killed"]);
}

#[test]
fn cycles_that_wait_at_the_plans_end_are_run_until_the_drain_deadline() {
    // 100 cycles of 20 ms each for one worker are 2 s of work; the window and the drain have 300 ms
    // and 500 ms.
    let line = "-P how=spin -P us=20000 --workers 1 --rate 333 --duration 300ms \
                --drain-deadline 500ms --on-backlog queue";
    let summary = benchmark(BEHAVES).args(line).run().verdict(1, "unsustained");
    let cycles = summary.cycles;
    assert_eq!((cycles.abandoned, cycles.lost, cycles.failed), (0, 0, 0));
    assert!(cycles.unstarted > 0 && cycles.completed >= 15, "{cycles:?}");
    assert_eq!(summary.metric("response").expect("built in").censored, cycles.unstarted);
}

#[test]
fn a_sync_cycle_that_would_outlast_the_drain_is_not_begun() {
    // Each second, 20 cycles of 150 ms each come due to one worker, which may drain for 400 ms: a
    // cycle ends in time only if it begins within the first 250 ms of the drain.
    let line = "-P how=spin -P us=150000 --workers 1 --rate 20 --warmup 0s --duration 1s \
                --drain-deadline 400ms --kill-grace 10ms";
    let summary = benchmark(BEHAVES).args(line).run().verdict(1, "unsustained");
    let cycles = summary.cycles;
    assert_eq!((cycles.abandoned, cycles.lost, cycles.failed), (0, 0, 0));
    assert!(cycles.unstarted > 0 && cycles.completed >= 5, "{cycles:?}");
}

#[test]
fn a_value_recorded_in_after_counts() {
    let ended = benchmark(MISBEHAVES).args("-P how=record -P at=after").run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!(summary.metric("extra").expect("it was recorded").count, 2);
}

#[test]
fn a_value_recorded_after_its_cycle_is_counted_once() {
    let line = "-P how=record-later -P at=cycle --duration 300ms";
    let summary = benchmark(MISBEHAVES).args(line).run().verdict(0, "sustained");
    // The last few values may come too late, when the worker has nothing left to wait for; none is
    // counted twice.
    let later = summary.metric("later").expect("it was recorded").count;
    assert!((50..=60).contains(&later), "{later}");
}
