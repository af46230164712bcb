//! The fast part of `cargo xtask bench truth`: checks that hold even on a busy machine.
//!
//! The distance of a run from theory depends on the load of the machine. Three things do not: dyno
//! reports what its task saw, the cycles that ran are those of the plan, and no cycle did better
//! than the plan.

use std::path::Path;
use std::time::Duration;

use dyno_truth::rows::lag::{Lags, PERIOD, blocking};
use dyno_truth::rows::omission::stalling;
use dyno_truth::rows::queues::{Queue, Replayed, measured};
use dyno_truth::rows::verdicts::{FLOOD_STOP, flooding};
use dyno_truth::statistics::Statistics;
use dyno_truth::theory::Service;

/// Returns the path of the program that runs a run.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_truth"))
}

/// Asserts that two values are equal to three digits, with a tolerance for the time that a busy
/// machine takes between two readings of the clock.
#[track_caller]
fn assert_near(what: &str, found: f64, expected: f64) {
    let near = (found - expected).abs() <= expected * 1e-3 + 100_000.0;
    assert!(near, "{what}: {found} for {expected}");
}

#[test]
fn a_queue_is_measured_as_its_task_saw_it_and_no_better_than_its_plan() {
    for service in [Service::Constant, Service::Exponential] {
        let queue = Queue {
            service,
            utilisation: 0.6,
            workers: 2,
            warmup: Duration::from_millis(100),
            window: Duration::from_millis(700),
        };
        let ran = queue.run().run(program()).expect("it ends");
        let replayed = Replayed::of(&ran).expect("what was run is the plan");
        let found = measured(&ran).expect("it has metrics").all();
        let [free, seen] =
            [&replayed.free_seen, &replayed.seen].map(|seen| Statistics::of(seen).all());
        for (i, what) in Statistics::NAMES.into_iter().enumerate() {
            assert_near(what, found[i], seen[i]);
            assert!(found[i] >= free[i] * 0.999, "{what}: {} of {}", found[i], free[i]);
        }
    }
}

#[test]
fn a_stall_is_in_the_response_of_all_that_were_due_in_it_and_in_the_service_once() {
    let run = stalling(Duration::from_millis(100), Duration::from_secs(1));
    let ran = run.run(program()).expect("it ends");
    let stall = run.work.stall_ns;
    let response = ran.metric("response").expect("a built-in metric");
    let service = ran.metric("service").expect("a built-in metric");
    assert_eq!(service.count, 100);
    assert!(service.max >= stall && response.max >= stall, "{service:?} {response:?}");
    // Ten cycles come due in the stall, and the last of them waits for some of the others.
    let percentiles = response.p90.zip(response.p99).zip(service.p99);
    let ((p90, p99), service_p99) = percentiles.expect("of a hundred cycles");
    assert!(p99 >= stall * 9 / 10 && p90 >= stall / 100, "{response:?}");
    assert!(service_p99 < stall, "{service:?}");
    let replayed = Replayed::of(&ran).expect("what was run is the plan");
    assert_near("response p99", p99 as f64, Statistics::of(&replayed.seen).p99);
}

#[test]
fn each_period_in_a_block_is_late_by_its_rest() {
    let block = Duration::from_millis(50);
    let ran = blocking(block, Duration::from_millis(3_500)).run(program()).expect("it ends");
    let lags = Lags::of(&ran).expect("what was run is the plan");
    assert!(lags.counts(), "{lags:?}");
    let (_, _, max) = lags.figures[3];
    assert!(u128::from(max) > (block - PERIOD).as_nanos(), "{lags:?}");
    // A busy machine may add any delay, so that only the least value of theory is checked.
    for (low, _, measured) in lags.figures {
        assert!(measured + measured / 1_000 >= low, "{lags:?}");
    }
}

#[test]
fn a_bus_that_holds_up_recording_threads_is_invalid() {
    let running = flooding().start(program()).expect("it starts");
    running.stop_primary(FLOOD_STOP).expect("a cycle begins");
    let summary = running.end().expect("it ends").summary;
    assert_eq!(summary.verdict.name(), "invalid", "{:?}", summary.reasons);
    assert_eq!(summary.harness.unleased, 0);
    assert!(summary.harness.bus_stall_ns > 20_000_000, "{:?}", summary.harness);
}
