//! Tests of every verdict, from real runs: each gives its reason in a sentence with numbers.

use std::time::Duration;

use dyno_bus::clock;
use nix::sys::signal::Signal;

use crate::support::{BEHAVES, MISBEHAVES, assert_says, benchmark, until};

#[test]
fn a_sustained_run_reports_the_rate_that_was_held() {
    let summary = benchmark(BEHAVES).run().verdict(0, "sustained");
    let parts = ["60 cycles came due at 200/s over 300ms", "all completed", "stayed bounded"];
    assert_says(&summary.reasons[0], &parts);
    // The range allows for cycles at the window's edge, which may end outside of it.
    assert!((193.0..=200.0).contains(&summary.rate.delivered), "{summary:#?}");
}

#[test]
fn twice_the_capacity_is_unsustained_every_time() {
    for _ in 0..5 {
        // With 4 ms for each cycle, one worker can do 250 per second at most.
        let line = "-P how=spin -P us=4000 --workers 1 --rate 500 --duration 500ms";
        let ended = benchmark(BEHAVES).args(line).run();
        assert_says(&ended.verdict(1, "unsustained").reasons[0], &["the backlog"]);
    }
}

#[test]
fn a_cpu_bound_overload_of_all_processors_is_unsustained_and_not_invalid() {
    let line = "-P how=spin -P us=4000 --workers auto --rate 2k --duration 1s --on-backlog queue \
                --drain-deadline 100ms";
    let summary = benchmark(BEHAVES).args(line).run().verdict(1, "unsustained");
    assert_eq!(summary.harness.unleased, 0, "{summary:#?}");
}

#[test]
fn slow_async_cycles_are_sustained() {
    let line = "-P how=sleep -P us=200000 --rate 200 --warmup 400ms --duration 1s";
    let summary = benchmark(BEHAVES).args(line).run().verdict(0, "sustained");
    // By Little's law, 200 cycles per second of 200 ms each are 40 at a time.
    assert!((35..=60).contains(&summary.backlog.running_end), "{summary:#?}");
}

#[test]
fn a_stall_at_the_end_that_is_worked_off_is_never_unsustained() {
    // One worker is busy for 150 ms in the window's last tenth, and catches up before the
    // end.
    let line = "-P how=spin-at -P us=150000 -P at=356 --rate 200 --warmup 0s --duration 2s";
    let ended = benchmark(BEHAVES).args(line).run();
    let summary = ended.summary();
    assert!(["sustained", "inconclusive"].contains(&summary.verdict.name()), "{summary:#?}");
    assert_eq!((summary.backlog.waiting_end, summary.cycles.completed), (0, 400), "{summary:#?}");
    // The stall is in the numbers: 15 cycles of that worker waited for it.
    assert!(summary.backlog.max >= 10, "{summary:#?}");
}

#[test]
fn a_failed_run_reports_the_failed_cycles_and_the_limit() {
    let ended = benchmark(MISBEHAVES).args("-P how=error -P at=cycle -P worker=0").run();
    assert_says(
        &ended.verdict(3, "failed").reasons[0],
        &["30 of 60 cycles failed; at most 0 may (--max-failed)"],
    );
}

#[test]
fn a_primary_that_stalls_past_its_leases_is_invalid() {
    let running = benchmark(BEHAVES).args("--duration 3s").start();
    running.until_said("first cycle");
    running.signal(Signal::SIGSTOP);
    let stopped = clock::now();
    // A lease lasts a second, so that only a longer stall misses one.
    until("leases end", Duration::from_secs(5), || {
        clock::now() - stopped > Duration::from_millis(1_600)
    });
    running.signal(Signal::SIGCONT);
    let summary = running.end().verdict(4, "invalid");
    assert_says(&summary.reasons[0], &["came due before the primary had leased them"]);
    assert!(summary.harness.unleased > 0, "{summary:#?}");
    // The unleased cycles were run nevertheless, only late.
    assert_eq!(summary.cycles.completed, summary.cycles.issued);
    assert_eq!(summary.cycles.issued, 600);
}

#[test]
fn a_primary_that_stalls_for_less_than_a_lease_harms_nothing() {
    let running = benchmark(BEHAVES).args("--duration 1s").start();
    running.until_said("first cycle");
    running.signal(Signal::SIGSTOP);
    let stopped = clock::now();
    until("200 ms", Duration::from_secs(5), || clock::now() - stopped > Duration::from_millis(200));
    running.signal(Signal::SIGCONT);
    let summary = running.end().verdict(0, "sustained");
    assert_eq!((summary.harness.unleased, summary.cycles.completed), (0, 200));
}

#[test]
fn a_verdict_ends_with_a_hint_for_people() {
    let ended = benchmark(BEHAVES).args("--format human").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_says(&ended.stdout, &["sustained", "try --rate 400"]);
}
