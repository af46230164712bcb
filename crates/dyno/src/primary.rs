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

mod crew;
mod driver;
mod error;
mod launch;
mod os;
mod record;
mod remote;
pub(crate) mod run;
mod state;
mod surroundings;
mod target;
mod world;

#[cfg(test)]
pub(crate) use self::driver::own_bus::OwnBus;
#[cfg(test)]
pub(crate) use self::driver::periodic::Beat;
#[cfg(test)]
pub(crate) use self::driver::{Driver, DriverInput};
#[cfg(test)]
pub(crate) use self::launch::start_of;
pub(crate) use self::os::signal::Signals;
pub(crate) use self::os::signal::{ENDING, let_file_limit_be_an_error};
pub(crate) use self::os::watch::SignalWatch;
pub(crate) use self::record::host::{HostRecord, RecordError};
pub(crate) use self::record::merge::{MergeError, merge};
pub(crate) use self::record::thresholds::{cycles_max, is_certain};
#[cfg(test)]
pub(crate) use self::state::REAP_DEADLINE;
pub(crate) use self::state::event::Exit;
pub(crate) use self::state::event::RunPhase;
#[cfg(test)]
pub(crate) use self::state::event::{Cause, Event};
pub(crate) use self::state::hand::Steered;
pub(crate) use self::state::hand::{HandRate, RateKey};
#[cfg(test)]
pub(crate) use self::state::schedule::counted::CountedPlan;
pub(crate) use self::state::schedule::lead;
#[cfg(test)]
pub(crate) use self::surroundings::Surroundings;
pub(crate) use self::world::SignalRequest;
#[cfg(test)]
pub(crate) use self::world::{PrimaryWorld, ProcessHandle, ReadySource, WorkerSource};
pub(crate) use driver::drive;
pub use error::StartError;
pub(crate) use launch::parameters_of;
pub(crate) use launch::{Conduct, Launch, ProcessOwnership};
pub use remote::Remote;
pub(crate) use run::{Run, Sink, Update};
pub(crate) use target::TargetProcess;
