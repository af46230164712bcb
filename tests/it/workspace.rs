//! The test of a separate workspace, like a user's, whose xtask runs benchmarks by `.run()`: it is
//! built and run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The path of the workspace, as a person would find it.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/workspace");
/// The path of dyno in its manifests, relative to their folders.
const DYNO: &str = "../../../crates/dyno";

/// Copies the files of a folder that git tracks: without a lock file and a target folder, which are
/// there if a person has built it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("writable");
    for entry in from.read_dir().expect("a folder") {
        let from = entry.expect("readable").path();
        let name = from.file_name().expect("a name");
        let to = to.join(name);
        if from.is_file() && name != "Cargo.lock" {
            let text = std::fs::read_to_string(&from).expect("UTF-8");
            let dyno = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/dyno");
            std::fs::write(to, text.replace(DYNO, dyno)).expect("writable");
        } else if from.is_dir() && name != "target" {
            copy(&from, &to);
        }
    }
}

/// Runs the command behind its `cargo xtask`, but without `--release`, so that the build of these
/// tests is used again.
fn xtask(folder: &Path, words: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--package", "index-xtask", "--"]).args(words);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("DYNO_") || name.starts_with("CARGO_") && name != "CARGO_HOME" {
            cargo.env_remove(name);
        }
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    cargo.current_dir(folder).env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
    cargo.output().expect("cargo is there")
}

#[test]
fn an_xtask_drives_several_benchmarks_at_several_rates_into_one_table() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(Path::new(WORKSPACE), folder.path());
    // The lock file of this repository, so that no other version has to be fetched for a test.
    let lock = PathBuf::from(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock");
    std::fs::copy(lock, folder.path().join("Cargo.lock")).expect("a lock file");

    let ended = xtask(folder.path(), &["bench", "50", "200"]);
    let table = String::from_utf8_lossy(&ended.stdout);
    let mut rows = Vec::new();
    let mut all_sustained = true;
    // Indented lines are reasons, not rows.
    for row in table.lines().skip(1).filter(|row| !row.starts_with(' ')) {
        let cells: Vec<_> = row.split_whitespace().collect();
        let delivered: f64 = cells[2].parse().expect("a number");
        assert!(delivered > 0.0, "{ended:?}");
        all_sustained &= cells[cells.len() - 1] == "sustained";
        rows.push((cells[0], cells[1]));
    }
    let all = [("build", "50"), ("build", "200"), ("count", "50"), ("count", "200")];
    assert_eq!(rows, all, "{ended:?}");
    // On a busy machine, some may not be sustained.
    assert_eq!(ended.status.code(), Some(i32::from(!all_sustained)), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");

    let ended = xtask(folder.path(), &["bench", "often"]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}
