//! The plan that the tests of several modules share.

use super::*;

/// 50 cycles a second for 5 s on 2 workers, after a second of warm-up.
pub(crate) fn plan() -> Plan {
    Plan {
        benchmark: "test".into(),
        rate: Rate::PerSecond(50.0),
        duration: Duration::from_secs(5),
        warmup: Duration::from_secs(1),
        workers: 2,
        seed: 1,
        deadlines: Deadlines {
            start: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            after: Duration::from_secs(5),
            kill_grace: Duration::from_millis(500),
        },
        ..Plan::default()
    }
}
