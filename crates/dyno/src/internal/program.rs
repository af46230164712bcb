//! The parts of the command line and of the reports.

use std::io;
use std::path::Path;

use dyno_bus::Time;
use dyno_observer::Observer;
use dyno_summary::{Comparison, Intervals, Study, Summary};

pub use crate::cli::args::{Arguments, OutputFlags, UsageError, command};
pub use crate::report::{
    ComparisonProgress, Format, asked, delivered, render, render_comparison, render_study, span,
};

/// The name of a page's file in the folder of a run or a study.
pub const PAGE: &str = crate::report::PAGE;

/// Returns the page of a run. Runs of earlier versions have no intervals.
#[must_use]
pub fn page_of_run(summary: &Summary, intervals: Option<&Intervals>) -> String {
    crate::report::page_of_run(summary, intervals)
}

/// Returns the page of a study.
#[must_use]
pub fn page_of_study(study: &Study) -> String {
    crate::report::page_of_study(study)
}

/// Returns the page of a comparison.
#[must_use]
pub fn page_of_comparison(comparison: &Comparison) -> String {
    crate::report::page_of_comparison(comparison)
}

/// Writes a whole file in a folder, so that a reader never sees a part of it.
///
/// # Errors
/// If the file can't be written.
pub fn write_whole(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    crate::report::write_whole(folder, name, text)
}

/// Lets signals of this process end a comparison, whose result then is what is known so far.
#[must_use]
pub fn owning_process(ab: crate::Ab) -> crate::Ab {
    ab.owning_process()
}

/// Writes a histogram log of the values that the observer has received since `begun`, as one
/// interval.
///
/// # Errors
/// If a value can't be written in the format.
pub fn histogram_log(observer: &mut Observer, begun: Time, until: Time) -> io::Result<Vec<u8>> {
    crate::report::histogram_log(observer, begun, until)
}
