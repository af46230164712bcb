//! Programs that the tasks need and that the Rust toolchain does not bring.
//!
//! What the tests need (a real Redis server, a real terminal) is installed by apt for root where it
//! is missing; everyone else is told the command. What cargo can build is built once, into the
//! target folder.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{cargo, find, metadata, run};

/// A program, and the Debian package that has it.
const TOOLS: [(&str, &str); 2] = [("redis-server", "redis-server"), ("tmux", "tmux")];

/// Makes sure that all that the tests need is there.
///
/// # Errors
/// Where one is missing and can't be installed here: the error says the command.
pub(crate) fn ensure() -> Result<()> {
    let packages = missing(|program| find(program).is_some());
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if find("apt-get").is_none() {
        bail!(
            "the tests need {list}: install them by your package manager (brew install redis tmux)"
        );
    }
    if !nix::unistd::Uid::effective().is_root() {
        bail!("the tests need {list}: sudo apt-get update && sudo apt-get install --yes {list}");
    }
    run(apt_get().arg("update"))?;
    run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&packages))
}

/// A program of cargo's registry: the one on `PATH`, else the one built by an earlier task, else
/// built now.
///
/// It is built without optimisation. That takes half the time, and its work takes a second either
/// way.
///
/// # Errors
/// If it can't be built.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    if let Some(program) = find(name) {
        return Ok(program);
    }
    let folder = metadata()?.target_directory.join(format!("tools/{name}-{version}"));
    let program = folder.join("bin").join(name);
    if !program.is_file() {
        println!("{name} is missing: built once into {folder}, which takes a minute or two");
        let mut install = cargo("install --quiet --locked --debug --root");
        // In a shared target folder the build's parts would stay behind for ever.
        run(install
            .arg(&folder)
            .args(["--version", version, name])
            .env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(program.into())
}

/// The packages of the tools that are not there.
fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    TOOLS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // A package that asks a question would wait for an answer for ever.
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        assert_eq!(missing(|program| program == "tmux"), ["redis-server"]);
        assert!(missing(|_| true).is_empty());
    }
}
