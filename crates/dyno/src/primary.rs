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

mod driver;
mod error;
mod launch;
mod os;
mod record;
mod remote;
pub mod run;
mod state;
mod world;

#[cfg(test)]
pub(crate) mod simulated;

#[cfg(feature = "cli")]
pub(crate) use self::os::signal::{ENDING, let_file_limit_be_an_error};
pub use self::state::event::{Exit, RunPhase};
pub use crate::fates::{CycleErrors, Fates};
pub use driver::drive;
pub use error::StartError;
pub(crate) use launch::parameters_of;
pub use launch::{Launch, ProcessOwnership};
pub use remote::Remote;
pub use run::{Run, Sink, Stream, Tick, Totals, Update};
