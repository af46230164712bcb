//! This program's place among cargo's: whether it is one of the standard test harness, or lies
//! among them, and where cargo builds.

use std::ffi::OsStr;
use std::path::Path;
#[cfg(feature = "cli")]
use std::path::PathBuf;
#[cfg(feature = "cli")]
use std::process::{Command, Stdio};

/// Whether running this program again would run tests: it links the standard test harness, which
/// knows nothing of workers.
pub(crate) fn is_test_program() -> bool {
    // That harness runs each test in a thread of the test's name; a benchmark's `main` runs in
    // the thread `main`, wherever cargo put its program.
    in_deps() && std::thread::current().name() != Some("main")
}

/// Whether this program lies where cargo puts tests and benchmarks.
pub(crate) fn in_deps() -> bool {
    std::env::current_exe().is_ok_and(|program| is_for_tests(&program))
}

/// Returns `true` for `PROFILE/deps/NAME`, and for `PROFILE/build/PACKAGE/HASH/out/NAME`, as later
/// versions of cargo arrange it.
fn is_for_tests(program: &Path) -> bool {
    let mut folders = program.ancestors().skip(1).map(|folder| folder.file_name());
    match folders.next().flatten().and_then(OsStr::to_str) {
        Some("deps") => true,
        Some("out") => folders.nth(2).flatten().is_some_and(|name| name == "build"),
        _ => false,
    }
}

/// The target folder that cargo says, if it started this program: its configuration may name any.
#[cfg(feature = "cli")]
pub(crate) fn target_of_cargo(here: &Path) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").filter(|path| !path.is_empty())?;
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(here)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(PathBuf::from(metadata["target_directory"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_old_and_new_folders_of_tests_are_known() {
        for (program, is_one) in [
            ("/w/target/release/deps/shop-0123", true),
            ("/w/target/release/build/shop/0123/out/shop-0123", true),
            ("/w/target/release/examples/shop", false),
            ("/w/out/shop", false),
            ("shop", false),
        ] {
            assert_eq!(is_for_tests(Path::new(program)), is_one, "{program}");
        }
    }
}
