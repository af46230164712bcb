//! What the harness does for each cycle once a run goes its even way.

use crate::support::{ALLOCATES, benchmark};

/// What may grow once in thousands of cycles, such as the runtime's list of who has yielded to it: on
/// a busy machine that happens for the first time in the window.
const GROWN_MAX: u64 = 8;

/// Of the loop's own thread, on which cycles run: with the sample of `cpu` and `rss` in it, which is
/// taken once a second.
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
