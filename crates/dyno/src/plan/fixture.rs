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
        arrivals: Arrivals::Uniform,
        seed: 1,
        pacing: Pacing::Sleep,
        max_backlog: None,
        on_backlog: OnBacklog::Stop,
        max_failed: MaxFailed::Count(0),
        in_flight: None,
        deadlines: Deadlines {
            start: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            after: Duration::from_secs(5),
            kill_grace: Duration::from_millis(500),
        },
        spans: String::new(),
        task: serde_json::Map::new(),
    }
}
