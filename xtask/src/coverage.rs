//! `cargo xtask coverage`: which lines the tests run, by `cargo llvm-cov`, as a report that tools
//! read.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{self, metadata, root};
use crate::tools;

/// Pinned, as every tool that CI builds.
const VERSION: &str = "0.9.1";

/// Writes `coverage/lcov.info` into the target folder. rustup is asked for LLVM's tools where they
/// are missing.
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
