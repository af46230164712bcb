//! The folders where cargo builds.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folders for all that cargo builds.
#[derive(Debug)]
pub(crate) struct CargoFolders {
    /// The folder for what is kept, runs among it.
    pub(crate) target: PathBuf,
    /// The folder for intermediate files, tests and benchmarks among them. It is the same one unless
    /// cargo's `build-dir` names another.
    pub(crate) build: PathBuf,
}

/// The folders that cargo names, whose configuration may choose any. Cargo is asked if it started
/// this program, or if the program lies among tests, which a `build-dir` can keep apart.
pub(crate) fn folders_of_cargo(here: &Path) -> Option<CargoFolders> {
    let starter = std::env::var_os("CARGO").filter(|path| !path.is_empty());
    let cargo = starter.or_else(|| super::in_deps().then(|| "cargo".into()))?;
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(here)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let target = PathBuf::from(metadata["target_directory"].as_str()?);
    // Earlier versions of cargo have no other folder.
    let build = metadata["build_directory"].as_str().map(PathBuf::from);
    Some(CargoFolders { build: build.unwrap_or_else(|| target.clone()), target })
}
