//! The primary: starts workers, issues by segments and leases, observes, and decides.
//!
//! ```text
//!   [plan] ──▶ [schedule] ──▶ [state] ◀── events ── [driver] ──▶ processes, sockets, signals
//!                                └── actions ──────────▲ │
//!                                                        ▼
//!                                 [record]: observer, backlog, errors ──▶ [run] ──▶ [verdict]
//! ```
//!
//! The state machine is pure, the driver has all the effects, and the record keeps what arrives.
//! The primary prints nothing: its caller gets [`Update`]s while it runs and a [`Run`] at the end.

pub mod event;
pub mod plan;
pub mod run;
pub mod verdict;

mod backlog;
mod beat;
mod driver;
mod error;
mod fates;
mod fault;
mod launch;
mod member;
mod own;
mod process;
mod record;
mod remote;
mod schedule;
mod signal;
mod stage;
mod state;
mod sweep;

#[cfg(test)]
pub(crate) mod simulated;

pub use backlog::{BacklogSample, Totals};
pub use driver::drive;
pub use error::StartError;
pub use event::{Exit, RunPhase};
pub use fates::{CycleErrors, Fates};
pub(crate) use launch::parameters_of;
pub use launch::{Launch, ProcessOwnership};
pub use plan::Plan;
pub use remote::Remote;
pub use run::{Run, Sink, Stream, Tick, Update};
#[cfg(feature = "cli")]
pub(crate) use signal::{ENDING, let_file_limit_be_an_error};

#[cfg(test)]
pub(crate) mod tests {
    //! The plan that the tests of several modules share.

    use std::time::Duration;

    use super::plan::*;

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
}
