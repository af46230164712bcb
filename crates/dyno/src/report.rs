//! The reports of a run: the progress while it goes on, the result at its end, and its files.
//!
//! ```text
//!            ┌─ update ──▶ [queue] ──▶ [screen] ──▶ [live] or [plain]      stderr
//!  driver ───┤                                └──▶ the user's `on_tick`
//!            └─ interval ─▶ [files] ──▶ [hlog], [log]                      the run's folder
//!
//!  run ──▶ [summary] ──▶ [human], [json], [csv], [markdown]                stdout
//!                   └──▶ run.json                                          the run's folder
//! ```
//!
//! The thread that drives the run only hands over updates and intervals. Two other threads process
//! them, one for the terminal and one for the disk, and either may block without harm to the run or
//! to the other. Only the result goes to stdout.
//!
//! It starts no process and decides no verdict: the primary does both.

mod environment;
mod redact;
pub mod summary;

#[cfg(feature = "cli")]
mod csv;
#[cfg(feature = "cli")]
mod error;
#[cfg(feature = "cli")]
mod figures;
#[cfg(feature = "cli")]
mod files;
#[cfg(feature = "cli")]
mod folder;
#[cfg(feature = "cli")]
mod hlog;
#[cfg(feature = "cli")]
mod human;
#[cfg(feature = "cli")]
mod json;
#[cfg(feature = "cli")]
mod live;
#[cfg(feature = "cli")]
mod log;
#[cfg(feature = "cli")]
mod markdown;
#[cfg(feature = "cli")]
mod palette;
#[cfg(feature = "cli")]
mod plain;
#[cfg(feature = "cli")]
mod plot;
#[cfg(feature = "cli")]
mod printable;
#[cfg(feature = "cli")]
mod queue;
#[cfg(feature = "cli")]
mod reporter;
#[cfg(feature = "cli")]
mod say;
#[cfg(feature = "cli")]
mod screen;
#[cfg(feature = "cli")]
mod sparkline;
#[cfg(feature = "cli")]
mod table;

#[cfg(all(test, feature = "cli"))]
mod fixture;

use std::time::Duration;

use dyno_bus::Time;
use dyno_observer::{Interval, List};

pub use self::environment::Environment;
#[cfg(feature = "cli")]
pub use self::error::ReportError;
#[cfg(feature = "cli")]
pub use self::figures::{asked, delivered, span};
#[cfg(feature = "fuzzing")]
pub(crate) use self::hlog::of_observer as histogram_log;
#[cfg(feature = "cli")]
pub(crate) use self::live::reflows;
#[cfg(feature = "cli")]
pub use self::plot::plot;
pub(crate) use self::redact::text as redacted;
#[cfg(feature = "cli")]
pub use self::reporter::{Format, Progress, ReportOptions, Reporter, RunFolder, render, start};
#[cfg(feature = "cli")]
pub(crate) use self::reporter::{print_error, print_line, print_note};
pub use self::summary::Summary;
use crate::primary::run::{Sink, Update};

/// The user's callback, called about five times a second and once after the drain. A text that it
/// returns takes the live view's place, its rows cut to the terminal's width.
pub type OnTick = Box<dyn FnMut(&List) -> Option<String> + Send>;

/// A sink that ignores everything and reports nothing: for a run in a test.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Sink for Silent {
    fn tick_period(&self) -> Option<Duration> {
        None
    }

    fn update(&mut self, _update: Update) {}

    fn interval(&mut self, _interval: &Interval<'_>) {}

    fn rotated(&mut self, _at: Time) {}
}
