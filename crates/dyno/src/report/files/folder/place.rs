//! The folder of all benchmarks' runs: cargo's target folder in a package, where `cargo dyno runs`
//! looks, and the current folder elsewhere.
//!
//! `cargo dyno` passes the target folder on. Without it, the folder comes from variables of cargo,
//! then from cargo itself if it started this program, then from the place of this program. Neither
//! variables nor cargo know a folder that only `--target-dir` named: then the place decides.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::harness::{CargoFolders, folders_of_cargo};

/// The variable with the target folder that `cargo dyno` passes on.
const PASSED: &str = "DYNO_TARGET_DIR";
/// Cargo's own variables for its target folder; the first one that is set counts.
const OF_CARGO: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
/// The files that cargo leaves in a target folder: in one that existed before, only the second.
const MARKS: [&str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];

/// Returns a variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.to_string_lossy().trim().is_empty())
}

/// Returns the folder of all benchmarks' runs for this process.
pub(crate) fn root() -> io::Result<PathBuf> {
    if let Some(target) = variable(PASSED) {
        let target = target.to_str().map_or(Path::new(&target), |text| Path::new(text.trim()));
        return Ok(target.join("dyno"));
    }
    let here = std::env::current_dir()?;
    let program = std::env::current_exe().ok();
    let Some(workspace) = workspace(&here) else {
        let target = program.and_then(|program| of_started_package(&program));
        return Ok(target.map_or_else(|| here.join("dyno-runs"), |target| target.join("dyno")));
    };
    let named = OF_CARGO.into_iter().find_map(variable).map(PathBuf::from);
    let named = named.map(|target| resolved(&target, &here, program.as_deref()));
    let target = target(named, program.as_deref(), || folders_of_cargo(&here));
    Ok(target.unwrap_or_else(|| workspace.join("target")).join("dyno"))
}

/// Returns the target folder: the one that a variable has `named`, or else cargo's. But a program
/// that lies in neither was built with `--target-dir`, whose folder holds the program.
fn target(
    named: Option<PathBuf>,
    program: Option<&Path>,
    of_cargo: impl FnOnce() -> Option<CargoFolders>,
) -> Option<PathBuf> {
    let is_in = |folder: &Path| {
        // The system names this program by its real path, cargo perhaps by a link.
        let real = folder.canonicalize();
        let is_below = |program: &Path| {
            program.starts_with(folder) || real.is_ok_and(|real| program.starts_with(real))
        };
        program.is_some_and(is_below)
    };
    if named.as_deref().is_some_and(is_in) {
        return named;
    }
    let Some(CargoFolders { target, build }) = of_cargo() else {
        return named.or_else(|| of_program(program?));
    };
    let of_flag = || program.filter(|_| !is_in(&target) && !is_in(&build)).and_then(of_program);
    of_flag().or(named).or(Some(target))
}

/// Returns the target folder of the package whose program cargo started in a folder outside of it,
/// as `cargo run --manifest-path` does. The variable may also come from a cargo that started other
/// programs, so the program must lie in that target folder.
fn of_started_package(program: &Path) -> Option<PathBuf> {
    let package = variable("CARGO_MANIFEST_DIR")?;
    let target = folders_of_cargo(Path::new(&package))?.target;
    program.starts_with(&target).then_some(target)
}

/// Returns the root of the workspace that a folder is in, or of its package.
fn workspace(here: &Path) -> Option<PathBuf> {
    let packages: Vec<_> =
        here.ancestors().filter(|folder| folder.join("Cargo.toml").is_file()).collect();
    let nearest = packages.first()?;
    let workspace = packages.iter().find(|folder| is_workspace(folder)).unwrap_or(nearest);
    Some(workspace.to_path_buf())
}

fn is_workspace(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.lines().any(|line| line.trim_start().starts_with("[workspace"))
}

/// Returns the target folder that a variable names. A relative path starts at the folder that cargo
/// was called in, but `cargo bench` runs a benchmark in its package. The program lies below the
/// right folder, or in a `build-dir`; then the right folder is the one where cargo left its mark.
fn resolved(target: &Path, here: &Path, program: Option<&Path>) -> PathBuf {
    if target.is_absolute() {
        return target.to_owned();
    }
    let plain: PathBuf = target.components().filter(|part| *part != Component::CurDir).collect();
    let above = program.into_iter().flat_map(Path::ancestors).skip(1);
    let holds = |folder: &&Path| folder.ends_with(&plain);
    above.filter(holds).last().map(Path::to_owned).unwrap_or_else(|| {
        let mut folders = here.ancestors().map(|folder| folder.join(&plain));
        folders.find(|folder| is_marked(folder)).unwrap_or_else(|| here.join(&plain))
    })
}

/// Returns `true` if cargo has used a folder as a target folder.
fn is_marked(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).is_file())
}

/// Returns the target folder that a program lies in. With `--target`, the folder of the triple
/// looks like a target folder too: then the outer one is returned.
fn of_program(program: &Path) -> Option<PathBuf> {
    let found = program.ancestors().skip(1).find(|folder| is_marked(folder))?;
    let outer = found.parent().filter(|outer| is_marked(outer));
    Some(outer.unwrap_or(found).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_belongs_to_the_workspace_above_it() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path();
        let member = top.join("crates/shop");
        fs::create_dir_all(member.join("src")).unwrap();
        assert_eq!(workspace(&member), None);
        fs::write(member.join("Cargo.toml"), "[package]\nname = \"shop\"\n").unwrap();
        assert_eq!(workspace(&member.join("src")), Some(member.clone()));
        fs::write(top.join("Cargo.toml"), "[workspace]\nmembers = [\"crates/*\"]\n").unwrap();
        assert_eq!(workspace(&member.join("src")), Some(top.to_owned()));
    }

    #[test]
    fn a_program_that_was_built_into_another_folder_is_kept_there() {
        let flag = tempfile::tempdir().unwrap();
        let flag = flag.path();
        fs::write(flag.join("CACHEDIR.TAG"), "").unwrap();
        let of_cargo =
            || Some(CargoFolders { target: "/w/target".into(), build: "/w/between".into() });
        let found = |named: Option<&str>, program: &Path| {
            target(named.map(PathBuf::from), Some(program), of_cargo).unwrap()
        };
        let program = flag.join("release/deps/shop-1");
        assert_eq!(found(None, &program), flag);
        assert_eq!(found(Some("/v"), &program), flag);
        for (program, named, expected) in [
            ("/w/target/release/deps/shop-1", None, "/w/target"),
            ("/w/between/release/deps/shop-1", None, "/w/target"),
            ("/w/between/release/deps/shop-1", Some("/v"), "/v"),
            ("/v/release/deps/shop-1", Some("/v"), "/v"),
            // A program that is in no target folder at all.
            ("/usr/bin/shop", None, "/w/target"),
            ("/usr/bin/shop", Some("/v"), "/v"),
        ] {
            assert_eq!(found(named, Path::new(program)), Path::new(expected), "{program}");
        }
        let alone = target(None, Some(&program), || None);
        assert_eq!(alone.as_deref(), Some(flag));
    }

    #[test]
    fn a_relative_target_folder_is_the_one_that_the_program_lies_in() {
        let (here, program) = (Path::new("/w/member"), Path::new("/w/out/t/release/deps/shop-1"));
        for said in ["out/t", "./out/t/", "t"] {
            assert_eq!(resolved(Path::new(said), here, Some(program)), Path::new("/w/out/t"));
        }
        assert_eq!(resolved(Path::new("x"), here, Some(program)), Path::new("/w/member/x"));
        assert_eq!(resolved(Path::new("/x"), here, Some(program)), Path::new("/x"));
    }

    #[test]
    fn a_relative_target_folder_without_the_program_is_the_one_that_cargo_marked() {
        let top = tempfile::tempdir().unwrap();
        let (top, program) = (top.path(), Path::new("/between/release/deps/shop-1"));
        let member = top.join("member");
        assert_eq!(resolved(Path::new("t"), &member, Some(program)), member.join("t"));
        fs::create_dir(top.join("t")).unwrap();
        fs::write(top.join("t/CACHEDIR.TAG"), "").unwrap();
        assert_eq!(resolved(Path::new("t"), &member, Some(program)), top.join("t"));
    }

    #[test]
    fn the_target_folder_is_the_outer_one_that_cargo_left_its_mark_in() {
        for mark in MARKS {
            let target = tempfile::tempdir().unwrap();
            let target = target.path();
            let program = target.join("x86_64-unknown-linux-gnu/release/examples/shop");
            assert_eq!(of_program(&program), None);
            let triple = target.join("x86_64-unknown-linux-gnu");
            fs::create_dir(&triple).unwrap();
            fs::write(triple.join("CACHEDIR.TAG"), "").unwrap();
            assert_eq!(of_program(&program).as_deref(), Some(&*triple));
            fs::write(target.join(mark), "").unwrap();
            assert_eq!(of_program(&program).as_deref(), Some(target));
        }
    }
}
