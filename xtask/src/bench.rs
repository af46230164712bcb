//! `cargo xtask bench`: dyno's speed, measured by the suite in `benches/suite`;
//! `cargo xtask bench truth`: its measurements compared with theory, by `tests/truth`.
//!
//! Each is a separate program, built optimised. Its worker processes are the same program, and this
//! tool does not depend on the peers that dyno is compared with.

use anyhow::Result;

use crate::command::{self, cargo};

/// The first argument that selects the truth program rather than the speed suite.
const TRUTH: &str = "truth";

/// Arguments for the suite, which parses them itself and lists them with `--help`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Rows such as S1, all unless named, and the suite's own flags: `--quick`, `--rounds N`, …; or
    /// `truth`, then that program's rows and flags
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    suite: Vec<String>,
}

/// Builds the suite or the truth program and runs it.
///
/// # Errors
/// If the program can't be built, or a row could not be measured. In the suite, a goal that is
/// missed is a result, not an error; in the truth program, a wrong figure is an error.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some((TRUTH, words)) = arguments.suite.split_first().map(|(word, rest)| (&**word, rest))
    {
        let mut truth = cargo("run --quiet --release --package dyno-truth --");
        return command::run(truth.args(words));
    }
    let mut suite = cargo("bench --quiet --package xtask --bench suite --");
    command::run(suite.args(&arguments.suite))
}
