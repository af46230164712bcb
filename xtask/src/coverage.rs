//! `cargo xtask coverage`: the lines that the tests run, measured by `cargo llvm-cov`, as a report
//! for tools.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{self, metadata, root};
use crate::tools;

/// The version of cargo-llvm-cov; pinned, as every tool that CI builds.
const VERSION: &str = "0.9.1";

/// Writes `coverage/lcov.info` into the target folder. Installs LLVM's tools by rustup if they are
/// missing.
///
/// # Errors
/// If a test fails, or cargo-llvm-cov is not there and can't be built.
pub(crate) fn run() -> Result<()> {
    tools::ensure()?;
    command::run(Command::new("rustup").args(["component", "add", "llvm-tools"]))?;
    let program = tools::cargo_tool("cargo-llvm-cov", VERSION)?;
    let folder = metadata()?.target_directory.join("coverage");
    fs::create_dir_all(&folder).with_context(|| format!("{folder} can't be made"))?;
    let mut measure = Command::new(program);
    measure
        .args(["llvm-cov", "--workspace", "--lcov", "--output-path"])
        .arg(folder.join("lcov.info"));
    command::run(measure.current_dir(root()))
}
