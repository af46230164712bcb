//! The variables that cargo sets for a program of a package that it runs.

use std::ffi::OsString;

use cargo_metadata::Package;

use crate::targets;

/// Returns the variables of a package, with their values.
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
