//! The programs that rows need and that are not this one, built optimised.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use dyno::Summary;

/// Returns the command `cargo` with these words, in the workspace.
pub(crate) fn cargo(line: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the repository");
    command.args(line.split_whitespace()).current_dir(root);
    command
}

/// Builds `cargo-dyno`, if it has changed, runs it with these words, and returns the summary.
///
/// # Errors
/// If it can't be built, or a cycle failed.
pub(crate) fn cargo_dyno(line: &str) -> Result<Summary> {
    let build = "build --quiet --release --package cargo-dyno";
    let status = cargo(build).status().context("`cargo` did not start")?;
    ensure!(status.success(), "`cargo {build}` failed");
    // This program is in the folder `deps` of that one.
    let own = std::env::current_exe()?;
    let program = own.ancestors().nth(2).context("this program is in no folder")?;
    let folder = tempfile::tempdir()?;
    let words = line.split_whitespace();
    let output = Command::new(program.join("cargo-dyno"))
        .args(words)
        .envs([("DYNO_FORMAT", "json"), ("DYNO_OUT", "out")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let summary: Summary = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`cargo dyno {line}`: {}", said.trim()))?;
    ensure!(summary.cycles.failed == 0, "`cargo dyno {line}`: cycles failed");
    Ok(summary)
}
