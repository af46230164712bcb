//! Tests of the policies at the backlog's limit: `stop`, `skip`, `queue`.

use std::time::Duration;

use crate::support::{BEHAVES, assert_says, benchmark};

/// The flags of a run whose only worker can do 100 cycles per second, at a rate of 400.
const OVERLOAD: &str = "-P how=spin -P us=10000 --workers 1 --rate 400 --max-backlog 50";

#[test]
fn stop_ends_the_run_where_the_backlog_passes_its_limit() {
    let ended = benchmark(BEHAVES).args(OVERLOAD).args("--duration 20s").run();
    let summary = ended.verdict(1, "unsustained");
    assert_says(&summary.reasons[0], &["the backlog passed its limit of 50 cycles", "stopped"]);
    assert!(summary.backlog.max > 50, "{summary:#?}");
    assert!(ended.elapsed < Duration::from_secs(10), "{ended:#?}");
    // The cycles that waited when the run was stopped are accounted for.
    assert!(summary.cycles.unstarted > 0, "{summary:#?}");
}

#[test]
fn skip_leaves_out_the_oldest_and_goes_on() {
    let ended = benchmark(BEHAVES).args(OVERLOAD).args("--duration 600ms --on-backlog skip").run();
    let summary = ended.verdict(1, "unsustained");
    assert_says(&summary.reasons.join("\n"), &["were skipped"]);
    let cycles = summary.cycles;
    assert_eq!(cycles.issued, 240);
    assert!(cycles.skipped >= 80, "{cycles:?}");
}

#[test]
fn queue_runs_all_of_them_however_late() {
    let ended = benchmark(BEHAVES).args(OVERLOAD).args("--duration 300ms --on-backlog queue").run();
    let summary = ended.verdict(1, "unsustained");
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (120, 120));
    assert_says(&summary.reasons[0], &["the backlog grew by"]);
    // The run took four times as long as planned, and the last cycle waited for the difference.
    assert!(summary.metric("wait").expect("built in").max >= 850_000_000);
}

#[test]
fn a_limit_of_cycles_in_flight_makes_the_others_wait() {
    let line = "-P how=sleep -P us=50000 --workers 1 --rate 100 --in-flight 2 --on-backlog queue";
    let summary = benchmark(BEHAVES).args(line).run().summary();
    assert_eq!(summary.cycles.completed, 30);
    assert!(summary.backlog.running_end <= 2, "{summary:#?}");
    // 30 cycles of 50 ms, two at a time, take 750 ms; the plan has 300 ms.
    assert!(summary.metric("wait").expect("built in").max >= 400_000_000);
}
