//! The test that the harness allocates nothing for a cycle in steady state.

use crate::support::{ALLOCATES, benchmark};

/// The largest difference in allocations between two cycles that is allowed. A list such as the
/// runtime's list of tasks that have yielded may grow once in thousands of cycles: on a busy
/// machine, for the first time in the window.
const GROWN_MAX: u64 = 8;

/// Counts the allocations of the loop's thread, which runs the cycles. They include those of the
/// sample of `cpu` and `rss`, which is taken once a second.
#[test]
fn a_cycle_in_steady_state_allocates_nothing() {
    for line in [
        "--rate 5k -P suspend=false",
        "--rate 5k -P suspend=true",
        "--rate max -P suspend=false",
        "--rate max --in-flight 20 -P suspend=true",
    ] {
        let line = format!("--workers 1 --warmup 500ms --duration 1100ms {line}");
        let summary = benchmark(ALLOCATES).args(&line).run().summary();
        let allocations = summary.metric("allocations").expect("it is recorded");
        assert!(allocations.count > 1_000, "{line}: {allocations:?}");
        assert!(allocations.min > 0, "nothing is counted: {allocations:?}");
        let grown = allocations.max - allocations.min;
        assert!(grown <= GROWN_MAX, "{grown} allocations: {line}: {allocations:?}");
    }
}
