//! The reports of a run: the progress while it goes on, the result at its end, and its files.
//!
//! ```text
//!            ┌─ update ──▶ [queue] ──▶ [screen] ──▶ [live] or [plain]      stderr
//!  driver ───┤                                └──▶ the user's `on_tick`
//!            ├─ interval ─▶ [files] ──▶ [hlog], [log]                      the run's folder
//!            └─ interim ─┬▶ [dashboard]: the page, live                    browsers
//!                        └▶ [otlp]                                         a collector
//!
//!  run ──▶ [summary] ──▶ [human], [json], [csv], [markdown]                stdout
//!                   └──▶ run.json, [page]                                  the run's folder
//! ```
//!
//! The thread that drives the run only hands over updates and intervals. Two other threads process
//! them, one for the terminal and one for the disk, and either may block without harm to the run or
//! to the other. Only the result goes to stdout.
//!
//! It starts no process and decides no verdict: the primary does both.

mod comparison;
#[cfg(feature = "dashboard")]
mod dashboard;
#[cfg(not(feature = "dashboard"))]
#[path = "report/dashboard/absent.rs"]
mod dashboard;
mod error;
mod files;
pub(crate) mod formats;
mod live;
#[cfg(any(feature = "dashboard", feature = "otlp"))]
mod metric_figures;
mod options;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "report/otlp/absent.rs"]
mod otlp;
mod page;
mod reporter;
mod study;

pub use self::comparison::{ComparisonProgress, render_comparison};
pub(crate) use self::dashboard::{Board, Dashboard, DashboardPlace, PlaceFormError};
pub(crate) use self::error::ReportError;
pub(crate) use self::files::folder::{PAGE, RECORD, write_whole};
pub(crate) use self::files::hlog::of_observer as histogram_log;
pub(crate) use self::files::intervals::{intervals_of, render as render_intervals};
pub use self::formats::figures::{asked, delivered, span};
pub use self::formats::plot::plot;
pub(crate) use self::live::reflows;
pub use self::options::Format;
pub(crate) use self::options::{Onlookers, PageChoice, Progress, ReportOptions, RunFolder};
pub(crate) use self::otlp::{OtlpExport, OtlpPlace, OtlpPlaceError};
pub(crate) use self::page::{
    of_comparison as page_of_comparison, of_run as page_of_run, of_study as page_of_study,
};
pub use self::reporter::render;
pub(crate) use self::reporter::start;
pub(crate) use self::reporter::{print_error, print_line, print_note, table};
pub(crate) use self::study::StudyReporter;
pub use self::study::render_study;
