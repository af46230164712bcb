//! `cargo xtask dist`: packages all crates that are published, and builds each from its package.
//! Nothing is uploaded.

use anyhow::Result;

use crate::command::{self, cargo, metadata};

/// Further arguments for `cargo package`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Flags for `cargo package`, such as --allow-dirty
    #[arg(allow_hyphen_values = true)]
    cargo: Vec<String>,
}

/// Packages each crate that is published; their dependencies on each other are taken from the
/// packages.
///
/// # Errors
/// If a package lacks something, or does not build on its own.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut package = cargo("package --workspace");
    for member in metadata()?.packages {
        // Cargo represents `publish = false` as an empty list of registries.
        if member.publish.is_some_and(|registries| registries.is_empty()) {
            package.args(["--exclude", member.name.as_str()]);
        }
    }
    command::run(package.args(&arguments.cargo))
}
