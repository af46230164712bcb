//! The functions that `tests/fuzz` calls. They are not part of the API, and may change at any time.

use std::ffi::OsString;

use clap::Parser;
use dyno_summary::Summary;

use crate::args::{self, Cli};

/// Parses the text of a run's file, as `cargo dyno show` does.
///
/// # Errors
/// If the text is not a valid summary. The error is one line.
pub fn summary(text: &str) -> Result<Summary, String> {
    Summary::parse(text, "run.json").map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

/// Returns a command line put in order, and `true` if it is a valid one.
#[must_use]
pub fn command_line(words: Vec<OsString>) -> (Vec<OsString>, bool) {
    let arranged = args::arrange(words);
    let is_taken = Cli::try_parse_from(&arranged).is_ok();
    (arranged, is_taken)
}
