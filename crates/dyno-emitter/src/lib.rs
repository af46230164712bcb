//! The recording end of the bus in any process: handles, spans, and one point that makes batches.
//!
//! ```
//! let rows = dyno_emitter::histogram("rows");
//! let total: u64 = dyno_emitter::measure("query", || {
//!     rows.record(3);
//!     (1..=3).sum()
//! });
//! assert_eq!(total, 6);
//! ```
//!
//! # The user's face
//!
//! [`histogram()`] returns a `Copy` handle by name, [`measure()`] and [`measure_async()`] time a
//! block or a future, and `layer` (with the feature `tracing`) makes spans metrics. To record a
//! value is to publish it: there is nothing to flush. Outside a run nothing is recorded, and a
//! record costs an atomic load and a branch, so that service code can keep its instruments.
//!
//! # The harness's face
//!
//! ```text
//! a thread of the user's   handle ── ring ──╮
//! another                  span ──── ring ──┤
//! the task's loop          cycles ── ring ──┼── Emitter::collect ── Batch ── the bus
//!                          probe ─── ring ──╯   (one per process)
//! ```
//!
//! Each recording thread has its own bounded ring. The [`Emitter`](harness::Emitter), which lives in
//! the thread that writes to the bus, drains them all. It never drops a value: if a ring is full,
//! the recording thread waits, and the stall is counted.
//!
//! This crate refuses to aggregate (the only histograms are the observer's), to encode, to send,
//! and to decide when to collect.

// In the order of reading.
mod histogram;
mod measure;
mod name;
mod ring;
mod ring_word;
mod reentry;
mod recorder;
mod install;
mod column;
mod batch;
#[cfg(feature = "tracing")]
mod layer;

pub use histogram::{Histogram, Value, histogram, try_histogram};
#[cfg(feature = "tracing")]
pub use layer::{FilterError, layer, layer_for};
pub use measure::{measure, measure_async};
pub use name::{NAMES_MAX, NameError, RESERVED};

/// The face for dyno itself, in a process that it measures: the emitter, and the recorders of the
/// task's loop. It changes with dyno, and is not part of the API.
#[doc(hidden)]
pub mod harness {
    pub use crate::batch::{Collected, Emitter, PhaseSwitch};
    pub use crate::install::{AlreadyInstalled, Installed};
    #[cfg(feature = "tracing")]
    pub use crate::layer::{check_filter, is_missing, take_notices, watch_spans};
    pub use crate::recorder::{CycleRecorder, RECORDER_SLOTS, Recorder};
}
