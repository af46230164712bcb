//! `cargo xtask semver`: the public types, compared with those of an earlier revision.
//!
//! It needs cargo-semver-checks, which is large, and is not a step of CI. `cargo xtask api` is
//! one: it compares the names.

use anyhow::{Result, ensure};

use crate::command::{self, cargo, find};

/// The revision to compare with.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The earlier revision: a tag, a branch or a commit
    revision: String,
}

/// Compares the libraries that users import with those of the revision.
///
/// # Errors
/// If a change would break a user's code, or cargo-semver-checks is missing.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(
        find("cargo-semver-checks").is_some(),
        "this needs cargo-semver-checks: cargo install cargo-semver-checks --locked"
    );
    let mut checks = cargo("semver-checks --baseline-rev");
    checks.arg(&arguments.revision);
    for (package, _) in crate::api::PACKAGES {
        checks.args(["--package", package]);
    }
    command::run(&mut checks)
}
