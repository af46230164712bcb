//! The folders where the system's loader looks for a benchmark's shared libraries, in cargo's
//! order.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The variable that names the folders.
#[cfg(target_os = "macos")]
pub(super) const VARIABLE: &str = "DYLD_FALLBACK_LIBRARY_PATH";
/// The variable that names the folders.
#[cfg(not(target_os = "macos"))]
pub(super) const VARIABLE: &str = "LD_LIBRARY_PATH";

/// Returns the value of [`VARIABLE`]: the folders of build scripts' libraries, those of the build,
/// that of the standard library, and those that the variable has already.
pub(super) fn search_path(
    of_scripts: &[PathBuf],
    of_artifacts: &[PathBuf],
    of_build: &[PathBuf],
    of_rust: Option<&Path>,
) -> anyhow::Result<OsString> {
    let inherited = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let mut inherited: Vec<PathBuf> =
        inherited.iter().flat_map(|value| std::env::split_paths(value)).collect();
    if cfg!(target_os = "macos") && inherited.is_empty() {
        // These are the loader's defaults, which the variable replaces.
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("lib"));
        inherited.extend(home.into_iter().chain(["/usr/local/lib".into(), "/usr/lib".into()]));
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    let all = of_scripts.iter().chain(of_build).chain(of_artifacts).map(PathBuf::as_path);
    for folder in all.chain(of_rust) {
        if !folders.iter().any(|known| known == folder) {
            folders.push(folder.to_owned());
        }
    }
    if inherited.starts_with(&folders) {
        folders = inherited;
    } else {
        folders.extend(inherited);
    }
    std::env::join_paths(folders).context("the name of a library's folder contains a `:`")
}

/// Returns the folders for shared libraries of the build that made an executable. Cargo puts the
/// final ones below the folder `target`, and the intermediate ones below `build`.
pub(super) fn of_build(executable: &Path, target: &Path, build: &Path) -> Vec<PathBuf> {
    let Some(folder) = executable.parent() else { return Vec::new() };
    let root = match folder.file_name().and_then(OsStr::to_str) {
        Some("deps" | "examples") => folder.parent().unwrap_or(folder),
        // Later versions of cargo build in `PROFILE/build/PACKAGE/HASH/out`.
        Some("out") if folder.ancestors().nth(3).is_some_and(|build| build.ends_with("build")) => {
            folder.ancestors().nth(4).unwrap_or(folder)
        }
        _ => folder,
    };
    let below = root.strip_prefix(build).or_else(|_| root.strip_prefix(target));
    match below {
        Ok(below) => vec![target.join(below), build.join(below).join("deps")],
        Err(_) => vec![root.to_owned(), root.join("deps")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_a_build_are_beside_its_programs_wherever_cargo_put_them() {
        let (target, build) = (Path::new("/w/target"), Path::new("/w/build"));
        for program in ["deps/io-1", "examples/io", "io", "build/a/0123/out/io-1"] {
            let folders = of_build(&target.join("release").join(program), target, target);
            assert_eq!(folders, ["/w/target/release", "/w/target/release/deps"].map(PathBuf::from));
        }
        for program in ["/w/build/release/deps/io-1", "/w/target/release/examples/io"] {
            let folders = of_build(Path::new(program), target, build);
            assert_eq!(folders, ["/w/target/release", "/w/build/release/deps"].map(PathBuf::from));
        }
    }
}
