//! The place of this program among those that cargo builds: it finds out if the program is one of
//! the standard test harness, if it is in cargo's folder for tests, and where cargo builds.

use std::ffi::OsStr;
use std::path::Path;
#[cfg(feature = "cli")]
use std::path::PathBuf;
#[cfg(feature = "cli")]
use std::process::{Command, Stdio};

/// Returns `true` if this program, run again, would run tests: it links the standard test harness,
/// which knows nothing of workers.
pub(crate) fn is_test_program() -> bool {
    // That harness runs each test in a thread with the test's name. A benchmark's `main` runs in
    // the thread `main`, in any folder that cargo puts its program in.
    in_deps() && std::thread::current().name() != Some("main")
}

/// Returns `true` if this program is in a folder where cargo puts tests and benchmarks.
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

/// Returns the target folder that cargo reports, since its configuration may name any folder;
/// `None` if cargo did not start this program.
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
