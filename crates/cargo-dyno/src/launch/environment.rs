//! The variables that cargo sets for a program that it runs: of its package, and of `[env]` in
//! cargo's configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cargo_metadata::Package;
use toml_edit::{DocumentMut, Item};

use crate::targets;

/// The variables of a package.
pub(super) fn of_package(package: &Package) -> Vec<(OsString, OsString)> {
    let version = &package.version;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let path = |path: Option<&str>| path.unwrap_or_default().to_owned();
    let manifest = &package.manifest_path;
    let folder = manifest.parent().map(ToString::to_string).unwrap_or_default();
    let rust = package.rust_version.as_ref().map(ToString::to_string).unwrap_or_default();
    let variables = [
        ("CARGO", targets::cargo().display().to_string()),
        ("CARGO_MANIFEST_DIR", folder),
        ("CARGO_MANIFEST_PATH", manifest.to_string()),
        ("CARGO_PKG_NAME", package.name.to_string()),
        ("CARGO_PKG_VERSION", version.to_string()),
        ("CARGO_PKG_VERSION_MAJOR", version.major.to_string()),
        ("CARGO_PKG_VERSION_MINOR", version.minor.to_string()),
        ("CARGO_PKG_VERSION_PATCH", version.patch.to_string()),
        ("CARGO_PKG_VERSION_PRE", version.pre.to_string()),
        ("CARGO_PKG_AUTHORS", package.authors.join(":")),
        ("CARGO_PKG_DESCRIPTION", text(&package.description)),
        ("CARGO_PKG_HOMEPAGE", text(&package.homepage)),
        ("CARGO_PKG_REPOSITORY", text(&package.repository)),
        ("CARGO_PKG_LICENSE", text(&package.license)),
        ("CARGO_PKG_LICENSE_FILE", path(package.license_file.as_ref().map(|p| p.as_str()))),
        ("CARGO_PKG_README", path(package.readme.as_ref().map(|p| p.as_str()))),
        ("CARGO_PKG_RUST_VERSION", rust),
    ];
    variables.map(|(name, value)| (name.into(), value.into())).into()
}

/// The variables of `[env]` in cargo's configuration, as cargo reads it here: the nearest file
/// wins, and a variable that is set already stays, unless `force` is said.
pub(super) fn configured() -> anyhow::Result<BTreeMap<String, OsString>> {
    let mut variables = BTreeMap::new();
    for file in files() {
        let text =
            fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
        // Paths start at the folder that holds `.cargo`.
        let base = file.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        for (name, value) in of_config(&text, base) {
            variables.entry(name).or_insert(value);
        }
    }
    let unset = |name: &String| std::env::var_os(name).is_none();
    let set = variables.into_iter().filter(|(name, variable)| variable.force || unset(name));
    Ok(set.map(|(name, variable)| (name, variable.value)).collect())
}

/// The files of cargo's configuration, the nearest first.
fn files() -> Vec<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut folders: Vec<PathBuf> = here.ancestors().map(|folder| folder.join(".cargo")).collect();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    folders.extend(home.filter(|home| !folders.contains(home)));
    // The name without an ending is the older one, and cargo prefers it.
    let names = |folder: PathBuf| [folder.join("config"), folder.join("config.toml")];
    folders
        .into_iter()
        .filter_map(|folder| names(folder).into_iter().find(|file| file.is_file()))
        .collect()
}

/// A variable of `[env]`.
#[derive(Debug, PartialEq, Eq)]
struct Variable {
    value: OsString,
    /// Set even where the environment has it.
    force: bool,
}

/// The variables of one file, which cargo has read without complaint.
fn of_config(text: &str, base: &Path) -> Vec<(String, Variable)> {
    let config = text.parse::<DocumentMut>().unwrap_or_default();
    let Some(table) = config.get("env").and_then(Item::as_table_like) else { return Vec::new() };
    let variables = table.iter().filter_map(|(name, item)| {
        let flag = |key| {
            let table = item.as_table_like();
            table.and_then(|table| table.get(key)?.as_bool()).unwrap_or(false)
        };
        let value = item.as_table_like().map_or(Some(item), |table| table.get("value"))?;
        let value = value.as_str()?;
        let value = if flag("relative") { base.join(value).into() } else { value.into() };
        Some((name.to_owned(), Variable { value, force: flag("force") }))
    });
    variables.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_in_each_form_that_cargo_has() {
        let text = "[env]\nA = \"1\"\nB = { value = \"b\", relative = true }\n\
                    [env.C]\nvalue = \"c\"\nforce = true\n";
        let variable = |value: &str, force| Variable { value: value.into(), force };
        let expected = [
            ("A".to_owned(), variable("1", false)),
            ("B".to_owned(), variable("/w/b", false)),
            ("C".to_owned(), variable("c", true)),
        ];
        assert_eq!(of_config(text, Path::new("/w")), expected);
        assert_eq!(of_config("", Path::new("/w")), []);
    }
}
