//! `cargo deny`: licences, bans and sources always; advisories where their database can be reached.

use std::process::Command;

use anyhow::Result;

use crate::command::{self, root};
use crate::tools;

/// The version of cargo-deny; pinned, because a new version may judge differently, and CI must not
/// change by itself.
const VERSION: &str = "0.20.2";

/// Checks the workspace by the rules of `deny.toml`.
///
/// # Errors
/// If a check fails, or cargo-deny is not there and can't be built.
pub(crate) fn run() -> Result<()> {
    let program = tools::cargo_tool("cargo-deny", VERSION)?;
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(root());
        command
    };
    // Without the graphs that show why a crate occurs twice: each is a page long, and a plain
    // `cargo deny` prints them.
    let check = ["check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    command::run(&mut deny(&check))?;
    let fetched = deny(&["fetch", "db"]).output();
    if fetched.is_ok_and(|output| output.status.success()) {
        return command::run(&mut deny(&["check", "--disable-fetch", "advisories"]));
    }
    println!("advisories were not checked: their database can't be reached from here");
    Ok(())
}
