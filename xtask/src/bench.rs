//! `cargo xtask bench`: the speed of dyno, by the suite in `benches/suite`.
//!
//! The suite is a program of its own, built optimised: its worker processes are that program again,
//! and what it compares dyno with stays out of this tool.

use anyhow::Result;

use crate::command::{self, cargo};

/// What the suite is asked for; it reads them itself, and says by `--help` what it knows.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Rows such as S1, all unless named, and the suite's own flags: `--quick`, `--rounds N`, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    suite: Vec<String>,
}

/// Builds the suite and runs it.
///
/// # Errors
/// If it can't be built, or a row could not be measured. A goal that is missed is a result.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut suite = cargo("bench --quiet --package xtask --bench suite --");
    command::run(suite.args(&arguments.suite))
}
