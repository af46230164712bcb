//! The programs that rows need and that are not this one, built optimised.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Returns the command `cargo` with these words, in the workspace.
pub(crate) fn cargo(line: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the repository");
    command.args(line.split_whitespace()).current_dir(root);
    command
}

/// Builds `cargo-dyno`, if it has changed, and returns its path.
pub(crate) fn cargo_dyno() -> Result<PathBuf> {
    build("--package cargo-dyno", "cargo-dyno")
}

/// Builds a program of the workspace, and returns its path in the folder of this program's build.
fn build(selection: &str, program: &str) -> Result<PathBuf> {
    let line = format!("build --quiet --release {selection}");
    let status = cargo(&line).status().context("`cargo` did not start")?;
    ensure!(status.success(), "`cargo {line}` failed");
    // This program is in the folder `deps` of that one.
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(2).context("this program is in no folder")?;
    Ok(folder.join(program))
}
