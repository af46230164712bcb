//! The parts of the engine that the programs of this workspace use: `cargo-dyno`, the tests and the
//! fuzzer. They are not part of the API, and may change in any version.

#[cfg(feature = "cli")]
use {dyno_bus::Time, dyno_observer::Observer, std::io};

#[cfg(feature = "cli")]
pub use crate::cli::args::{Arguments, OutputFlags, UsageError, command};
#[cfg(feature = "cli")]
pub use crate::report::{
    ComparisonProgress, Format, asked, delivered, render, render_comparison, render_study, span,
};
pub use crate::settings::{
    Machine, Setting, SettingSource, Settings, StudySetting, StudySettings, TaskParameters,
};

/// The name of a page's file in the folder of a run or a study.
#[cfg(feature = "cli")]
pub const PAGE: &str = crate::report::PAGE;

/// Returns the page of a run. Runs of earlier versions have no intervals.
#[cfg(feature = "cli")]
#[must_use]
pub fn page_of_run(
    summary: &dyno_summary::Summary,
    intervals: Option<&dyno_summary::Intervals>,
) -> String {
    crate::report::page_of_run(summary, intervals)
}

/// Returns the page of a study.
#[cfg(feature = "cli")]
#[must_use]
pub fn page_of_study(study: &dyno_summary::Study) -> String {
    crate::report::page_of_study(study)
}

/// Writes a whole file in a folder, so that a reader never sees a part of it.
///
/// # Errors
/// If the file can't be written.
#[cfg(feature = "cli")]
pub fn write_whole(folder: &std::path::Path, name: &str, text: &str) -> io::Result<()> {
    crate::report::write_whole(folder, name, text)
}

/// Returns a text as reports show and store it.
#[must_use]
pub fn redacted(text: &str) -> String {
    crate::result::redacted(text)
}

/// Ends this worker, with a message on its standard error that the fault of the run quotes.
pub fn fail_worker(message: &str) -> ! {
    crate::worker::fail(message)
}

/// Lets signals of this process end a comparison, whose result then is what is known so far.
#[cfg(feature = "cli")]
#[must_use]
pub fn owning_process(ab: crate::Ab) -> crate::Ab {
    ab.owning_process()
}

/// Writes a histogram log of the values that the observer has received since `begun`, as one
/// interval.
///
/// # Errors
/// If a value can't be written in the format.
#[cfg(feature = "cli")]
pub fn histogram_log(observer: &mut Observer, begun: Time, until: Time) -> io::Result<Vec<u8>> {
    crate::report::histogram_log(observer, begun, until)
}
