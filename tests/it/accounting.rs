//! Tests of sums at scale: every value that is emitted is received, even if the primary stalls or
//! the run ends early.

use std::time::Duration;

use dyno_bus::clock;
use nix::sys::signal::Signal;

use crate::support::{
    BEHAVES, Ended, RECORDS, State, assert_says, benchmark, processor_time, state_of, until,
};

#[test]
fn hundreds_of_thousands_of_values_arrive_without_a_loss() {
    // As fast as the workers can: each cycle records seven values in addition to those of built-in
    // metrics.
    let line = "--rate max --in-flight 8 --duration 500ms --workers 3";
    let summary = benchmark(RECORDS).args(line).run().verdict(0, "completed");
    let cycles = summary.cycles.completed;
    for name in ["plain", "size", "block", "inner", "service"] {
        let count = summary.metric(name).expect("it came").count;
        assert_eq!(count, cycles, "{name}");
    }
    let workers = summary.workers.iter().map(|worker| worker.metrics["plain"].count);
    assert_eq!(workers.sum::<u64>(), cycles);
}

#[test]
fn a_primary_that_does_not_read_loses_nothing() {
    // Two workers fill their sockets, queues and rings well before their leases end, and then wait
    // until the primary goes on.
    let line = "--rate max --in-flight 8 --duration 2s --quiet -P wide=5000";
    let running = benchmark(RECORDS).args(line).start();
    let workers = running.until_workers(2);
    let busy = || workers.iter().all(|worker| processor_time(*worker) > 5);
    until("cycles run", Duration::from_secs(10), busy);
    running.signal(Signal::SIGSTOP);
    until_idle(&workers);
    running.signal(Signal::SIGCONT);
    let summary = running.end().verdict(4, "invalid");
    assert_eq!(summary.reasons.len(), 1, "{:?}", summary.reasons);
    assert_says(&summary.reasons[0], &["the bus held up the task for "]);
    // Each worker spent its 400 ms of idleness in the stall. A worker whose lease had ended would
    // report no stall.
    assert!(summary.harness.bus_stall_ns > 2 * 300_000_000, "{summary:#?}");
    assert_eq!(summary.metric("plain").expect("it came").count, summary.cycles.completed);
    assert_eq!((summary.cycles.lost, summary.cycles.failed), (0, 0));
}

/// Runs a worker that records this many values of `wide` in `after`, while the primary is stopped.
#[track_caller]
fn stopped_in_after(values: u32) -> Ended {
    let line = format!("--duration 200ms --workers 1 --quiet -P wide_after={values}");
    let running = benchmark(RECORDS).args(&line).start();
    let stopped = || state_of(running.pid) == State::Stopped;
    until("`after` has stopped the primary", Duration::from_secs(20), stopped);
    until_idle(&running.workers());
    running.signal(Signal::SIGCONT);
    running.end()
}

#[test]
fn a_bus_that_holds_up_after_spoils_no_window() {
    // These are more values than the ring and the bus hold while the primary is stopped.
    let ended = stopped_in_after(2_000_000);
    // A window this short may well be inconclusive, so that only `invalid` is excluded.
    let summary = ended.summary();
    assert_ne!(summary.verdict.name(), "invalid", "{:?}", summary.reasons);
    assert_eq!(summary.metric("wide").expect("it came").count, 2_000_000);
    assert_eq!(summary.harness.bus_stall_ns, 0);
}

#[test]
fn values_that_the_socket_does_not_take_at_once_hold_no_worker_up() {
    // Fewer than the ring holds and more than the socket: `after` and the worker's last words are
    // over while the primary is stopped.
    let ended = stopped_in_after(60_000);
    let summary = ended.summary();
    assert_eq!(summary.metric("wide").expect("it came").count, 60_000);
    assert!(!summary.warnings.join("\n").contains("--kill-grace"), "{:?}", summary.warnings);
    let well = dyno::summary::WorkerExit::Code(0);
    assert_eq!(summary.worker(0).and_then(|worker| worker.exit.clone()), Some(well));
}

/// Waits until the processes have used no processor time for 400 ms.
fn until_idle(processes: &[u32]) {
    let spent = || processes.iter().map(|one| processor_time(*one)).collect::<Vec<_>>();
    let (mut since, mut before) = (clock::now(), spent());
    until("they wait, and spend nothing on it", Duration::from_secs(10), || {
        let now = spent();
        if now != before {
            (since, before) = (clock::now(), now);
        }
        clock::now() - since > Duration::from_millis(400)
    });
}

#[test]
fn early_stops_at_any_moment_leave_exact_sums() {
    for step in 0..12 {
        let running = benchmark(BEHAVES).args("--rate 20k --warmup 30ms --duration 20s").start();
        running.until_said("first cycle");
        let (begun, span) = (clock::now(), Duration::from_millis(7) * step);
        until("a moment", Duration::from_secs(5), || clock::now() - begun >= span);
        running.signal(Signal::SIGINT);
        let summary = running.end().verdict(130, "interrupted");
        let cycles = summary.cycles;
        assert_eq!((cycles.failed, cycles.abandoned, cycles.lost), (0, 0, 0));
        assert_eq!(cycles.issued, cycles.completed + cycles.unstarted);
        assert_eq!(summary.metric("response").map_or(0, |metric| metric.count), cycles.completed);
    }
}

#[test]
fn the_series_adds_up_to_the_whole() {
    let summary = benchmark(BEHAVES).args("--duration 1s --warmup 100ms").run().summary();
    let (issued, completed) = summary.series.iter().fold((0, 0), |(issued, completed), point| {
        (issued + point.issued, completed + point.completed)
    });
    assert_eq!(issued, summary.cycles.issued + summary.warmup.issued);
    assert_eq!(completed, summary.cycles.completed + summary.warmup.completed);
    assert!(summary.series.len() >= 8, "every 100 ms: {:?}", summary.series.len());
}
