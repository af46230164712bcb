//! `cargo xtask bench`: the speed of dyno, by the suite in `benches/suite`; `cargo xtask bench
//! truth`: what it measures against theory, by `tests/truth`.
//!
//! Each is a program of its own, built optimised: its worker processes are that program again,
//! and what dyno is compared with stays out of this tool.

use anyhow::Result;

use crate::command::{self, cargo};

/// The word that asks for truth rather than speed.
const TRUTH: &str = "truth";

/// What the suite is asked for; it reads them itself, and says by `--help` what it knows.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Rows such as S1, all unless named, and the suite's own flags: `--quick`, `--rounds N`, …; or
    /// `truth`, then that program's rows and flags
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    suite: Vec<String>,
}

/// Builds what is asked for and runs it.
///
/// # Errors
/// If it can't be built, or a row could not be measured. Of the suite, a goal that is missed is a
/// result; of the truth, a figure that is wrong is an error.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some((TRUTH, words)) = arguments.suite.split_first().map(|(word, rest)| (&**word, rest))
    {
        let mut truth = cargo("run --quiet --release --package dyno-truth --");
        return command::run(truth.args(words));
    }
    let mut suite = cargo("bench --quiet --package xtask --bench suite --");
    command::run(suite.args(&arguments.suite))
}
