//! What `tests/fuzz` feeds and is no part of the API. It may change at any time.

use std::ffi::OsString;

use clap::Parser;
use dyno::Summary;

use crate::args::Cli;
use crate::{args, runs};

/// The summary that the text of a run's file is, as `cargo dyno show` reads it.
///
/// # Errors
/// In one line, if it is none.
pub fn summary(text: &str) -> Result<Summary, String> {
    runs::parse(text, "run.json").map_err(|error| format!("{error:#}"))
}

/// A command line put in order, and whether it can be taken.
#[must_use]
pub fn command_line(words: Vec<OsString>) -> (Vec<OsString>, bool) {
    let arranged = args::arrange(words);
    let is_taken = Cli::try_parse_from(&arranged).is_ok();
    (arranged, is_taken)
}
