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
use dyno_truth::run::Run;
use dyno_truth::statistics::Statistics;
use dyno_truth::task::{How, Note};
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

/// A load profile, and the same as numbers: each stage's length in seconds, its first and its last
/// rate. Only the first stage has a whole number of cycles.
const STAGES: &str = "300ms:130, 410ms:130..1999, 250ms:1999, 703ms:1999..7.3, 900ms:7.3";
const PROFILE: [(f64, f64, f64); 5] = [
    (0.3, 130.0, 130.0),
    (0.41, 130.0, 1999.0),
    (0.25, 1999.0, 1999.0),
    (0.703, 1999.0, 7.3),
    (0.9, 7.3, 7.3),
];

/// Returns the cycles that the profile makes due within a time, in seconds: the area below its rate.
fn due_within(seconds: f64) -> f64 {
    let mut begin = 0.0;
    let area = |(length, from, to): (f64, f64, f64)| {
        let within = (seconds - begin).clamp(0.0, length);
        begin += length;
        within * (from + (to - from) * within / length / 2.0)
    };
    PROFILE.into_iter().map(area).sum()
}

/// Runs the profile, and returns the notes of all its cycles in the order of their indices, with the
/// number of those in the warm-up and the cycles due in each stage.
fn profiled(poisson: bool) -> (Vec<Note>, usize, Vec<u64>) {
    let (workers, warmup) = (2, Duration::from_millis(100));
    let run = Run::new(How::Constant, Duration::from_micros(20), 1.0);
    let run = Run { stages: STAGES.into(), workers, warmup, poisson, ..run };
    let ran = run.run(program()).expect("it ends");
    let mut notes = ran.notes.concat();
    notes.sort_by_key(|note| note.index);
    let (warmup, window) = (ran.summary.warmup.issued, ran.summary.cycles.issued);
    assert_eq!(notes.len() as u64, warmup + window, "the task saw each cycle");
    let due: Vec<_> = ran.summary.stages.iter().map(|stage| stage.due).collect();
    assert_eq!(due.iter().sum::<u64>(), window, "each cycle is due in one stage: {due:?}");
    (notes, warmup as usize, due)
}

#[test]
fn stages_meet_without_a_gap_and_without_a_burst() {
    let (notes, warmup, due) = profiled(false);
    assert_eq!(warmup, 13);
    let begin = notes[warmup].due;
    for (number, note) in notes[warmup..].iter().enumerate() {
        assert_eq!(note.index, (warmup + number) as u64, "no index is left out");
        // At 1,999 a second, a rounded nanosecond is 2 millionths of a cycle.
        let within = due_within((note.due - begin) as f64 / 1e9);
        assert!((within - number as f64).abs() < 1e-5, "cycle {number} was due after {within}");
    }
    // Until the end of each stage as many were due as the area has cycles, the first of them at 0 s.
    let mut end = 0.0;
    let mut before = 0;
    for ((length, ..), due) in PROFILE.into_iter().zip(due) {
        end += length;
        before += due;
        assert_eq!(before, (due_within(end) - 1e-6).ceil() as u64, "until {end} s");
    }
    // A server sees the cycles as they start. In no tenth of a second have more arrived by then
    // than the profile had made due.
    let mut starts: Vec<_> = notes[warmup..].iter().map(|note| note.start - begin).collect();
    starts.sort_unstable();
    for tenth in 1..=26 {
        let arrived = starts.partition_point(|start| *start < tenth * 100_000_000);
        let due = due_within(tenth as f64 / 10.0).ceil();
        assert!(arrived as f64 <= due, "{arrived} of {due} in {tenth} tenths of a second");
    }
    assert!(notes.iter().all(|note| note.start >= note.due), "none starts early");
}

#[test]
fn random_arrivals_have_the_rate_of_their_stage() {
    let (notes, _, due) = profiled(true);
    assert!(notes.windows(2).all(|pair| pair[0].index < pair[1].index), "one index a cycle");
    for (number, ((length, from, to), due)) in PROFILE.into_iter().zip(due).enumerate() {
        let mean = length * f64::midpoint(from, to);
        // The seed decides, so that luck plays no part. Four standard deviations.
        let error = (due as f64 - mean).abs() / mean.sqrt();
        assert!(error < 4.0, "stage {number}: {due} for {mean}");
    }
}
