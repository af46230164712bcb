//! The package that gets a new benchmark: the one here, or a new one in an empty folder.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use cargo_metadata::Package;

use crate::args::Init;
use crate::targets::{self, DYNO};

/// The longest name of a benchmark: it becomes a file's name, and a word in tables.
const NAME_MAX: usize = 64;

/// The folders that belong to a package even while they are empty: no new package begins in one.
const OWN_FOLDERS: [&str; 4] = ["src", "benches", "examples", "tests"];

/// The package of a new benchmark.
pub(super) struct Place {
    pub(super) manifest: PathBuf,
    /// The text of the manifest; for a new package, its beginning.
    pub(super) text: String,
    pub(super) state: State,
}

pub(super) enum State {
    New,
    Exists(Box<Package>),
}

impl Place {
    /// Returns the package, unless it is new.
    pub(super) fn package(&self) -> Option<&Package> {
        match &self.state {
            State::New => None,
            State::Exists(package) => Some(package),
        }
    }
}

/// Returns the package that exists, or a new one if the folder is empty.
pub(super) fn place(init: &Init) -> anyhow::Result<Place> {
    let path = init.place.manifest.path.as_deref();
    let package = init.place.package.as_deref();
    let here = targets::current_folder()?;
    if path.is_none() {
        match targets::manifest_above(&here) {
            None => return new_package(&here, package, ""),
            // Without `[workspace]`, cargo takes a package below a workspace for one of its members.
            Some(manifest) if package.is_none() && is_for_a_package(&here, &manifest) => {
                return new_package(&here, None, "\n[workspace]\n");
            }
            Some(_) => {}
        }
    }
    let metadata = targets::metadata(path)?;
    let package = match &init.place.package {
        Some(name) => targets::find_package(&metadata, name)?,
        None => match metadata.workspace_default_packages().as_slice() {
            [one] => one,
            several => bail!(
                "this workspace has several packages: say with --package which gets the \
                 benchmark, of {}",
                several.iter().map(|package| package.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        },
    };
    let manifest = PathBuf::from(&package.manifest_path);
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("can't read {}", manifest.display()))?;
    Ok(Place { manifest, text, state: State::Exists(Box::new(package.clone())) })
}

/// Returns `true` if the folder is empty and does not belong to the package above.
fn is_for_a_package(folder: &Path, manifest: &Path) -> bool {
    let package = manifest.parent().unwrap_or(Path::new(""));
    let below = folder.strip_prefix(package).ok().and_then(|below| below.components().next());
    let is_own = |below: Component<'_>| OWN_FOLDERS.iter().any(|own| below.as_os_str() == *own);
    below.is_some_and(|below| !is_own(below)) && is_empty(folder).unwrap_or(false)
}

/// Returns `true` if the folder holds nothing, or hidden entries only.
fn is_empty(folder: &Path) -> io::Result<bool> {
    let mut entries = fs::read_dir(folder)?.flatten();
    Ok(entries.all(|entry| entry.file_name().to_string_lossy().starts_with('.')))
}

/// Returns a new package in a folder; `end` is the end of its manifest.
fn new_package(folder: &Path, package: Option<&str>, end: &str) -> anyhow::Result<Place> {
    let is_empty = is_empty(folder).with_context(|| format!("can't read {}", folder.display()))?;
    ensure!(
        is_empty,
        "no Cargo.toml in {} or above, and the folder is not empty: `cargo init` makes it a \
         package, or go to an empty folder",
        folder.display()
    );
    let named = folder.file_name().unwrap_or_default().to_string_lossy();
    let name = package.map_or_else(|| package_name(&named), str::to_owned);
    check_name(&name)?;
    let text = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n{end}"
    );
    Ok(Place { manifest: folder.join("Cargo.toml"), text, state: State::New })
}

/// Makes a package's name of a folder's name. Cargo allows fewer characters than file systems do.
fn package_name(folder: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = folder.chars().map(plain).collect();
    let name = name.trim_matches('-').to_lowercase();
    // A package can't have the name of a package that it depends on.
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) && name != DYNO {
        name.chars().take(NAME_MAX).collect()
    } else {
        format!("bench-{name}").trim_end_matches('-').chars().take(NAME_MAX).collect()
    }
}

/// Accepts a name that cargo allows for a target, and every file system for a file.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on_well = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    ensure!(
        starts_well && goes_on_well && name.len() <= NAME_MAX,
        "`{name}` can't be a benchmark's name: a letter, then letters, digits, `_` and `-`, at \
         most {NAME_MAX}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folders_name_becomes_one_that_cargo_takes() {
        for (folder, package) in [
            ("bench", "bench"),
            ("My Benchmarks!", "my-benchmarks"),
            ("2024", "bench-2024"),
            ("dyno-bench", "bench-dyno-bench"),
            ("", "bench"),
            ("größe", "gr--e"),
        ] {
            assert_eq!(package_name(folder), package);
            check_name(package).expect("valid");
        }
    }

    #[test]
    fn names_that_are_paths_or_flags_are_refused() {
        for name in ["", "a/b", "../x", "-x", "9", "a b", "é", &"x".repeat(NAME_MAX + 1)] {
            check_name(name).expect_err(name);
        }
    }
}
