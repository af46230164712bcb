//! The targets that can be benchmarks, from cargo's own JSON, and the choice of the one to run.
//!
//! A target is a dyno benchmark if its package depends on dyno directly, in a way that reaches
//! the target: a development dependency reaches benches and examples, not binaries. Nothing here
//! checks that its `main` really calls dyno: cargo-dyno does not parse sources.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::{
    CrateType, DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind,
};

use crate::args::{ListArguments, PackageArguments, TargetKindArguments};
use crate::columns;
use crate::nearest::did_you_mean;

/// The package that benchmarks depend on.
pub(crate) const DYNO: &str = "dyno-bench";

/// The error of a cargo command that failed. Cargo has printed the reason on stderr; there is
/// nothing to add.
#[derive(Debug)]
pub(crate) struct CargoRefused;

impl fmt::Display for CargoRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cargo refused")
    }
}

impl std::error::Error for CargoRefused {}

/// The kind of a target, by cargo's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bench,
    Example,
    Bin,
}

impl Kind {
    /// Returns the word that cargo and its flags use.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Example => "example",
            Self::Bin => "bin",
        }
    }

    /// Returns the profile of cargo's own command for the kind: `cargo bench`, or `--release`.
    pub(crate) const fn profile(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Example | Self::Bin => "release",
        }
    }
}

/// An executable target of a package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) package: String,
    pub(crate) package_id: PackageId,
    pub(crate) manifest_path: PathBuf,
    reach: Reach,
    scope: Scope,
}

/// The reach of a package's dependency on dyno: a target either can use dyno or can't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Dyno,
    NoDyno,
}

/// The scope of a target's package: cargo looks at default packages only, without `--package`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Default,
    Elsewhere,
}

/// The target that the user wants. A field that is `None` matches every target.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    name: Option<&'a str>,
    kind: Option<Kind>,
    package: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Returns the target that a command line describes.
    pub(crate) fn of(
        name: Option<&'a str>,
        pick: &'a TargetKindArguments,
        place: &'a PackageArguments,
    ) -> Self {
        let picks = [
            (pick.bench.as_deref(), Some(Kind::Bench)),
            (pick.example.as_deref(), Some(Kind::Example)),
            (pick.bin.as_deref(), Some(Kind::Bin)),
            (name, None),
        ];
        let (name, kind) = picks
            .into_iter()
            .find_map(|(name, kind)| Some((name?, kind)))
            .map_or((None, None), |(name, kind)| (Some(name), kind));
        Self { name, kind, package: place.package.as_deref() }
    }
}

/// Lists the benchmarks: `cargo dyno list`.
pub(crate) fn list(list: &ListArguments) -> anyhow::Result<String> {
    let metadata = metadata(list.place.manifest.path.as_deref())?;
    let package = list.place.package.as_deref();
    let targets = of_package(executables(&metadata), &metadata, package)?;
    let benchmarks: Vec<_> = targets.iter().filter(|t| t.reach == Reach::Dyno).collect();
    if benchmarks.is_empty() {
        bail!("{}", none_here());
    }
    Ok(lines(&benchmarks))
}

/// Finds the target that `wanted` describes.
///
/// # Errors
/// If no target matches, or several do; the message lists the targets to choose from.
pub(crate) fn find(metadata: &Metadata, wanted: &Wanted<'_>) -> anyhow::Result<Target> {
    let targets = of_package(executables(metadata), metadata, wanted.package)?;
    choose(&targets, wanted).cloned()
}

/// Reads the workspace from cargo, without looking up its dependencies.
///
/// # Errors
/// If the manifest is missing, or cargo can't read it: then cargo has printed the reason.
pub(crate) fn metadata(manifest_path: Option<&Path>) -> anyhow::Result<Metadata> {
    let manifest_path = match manifest_path {
        Some(path) if path.is_file() => path.to_owned(),
        Some(path) if path.join("Cargo.toml").is_file() => path.join("Cargo.toml"),
        Some(path) => bail!("--manifest-path {}: no such file", path.display()),
        None => {
            let here = current_folder()?;
            manifest_above(&here).with_context(|| {
                format!(
                    "no Cargo.toml in {} or above: go to a package, name one with \
                     --manifest-path, or start one with `cargo dyno init`",
                    here.display()
                )
            })?
        }
    };
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo()).manifest_path(manifest_path).no_deps();
    let output = command
        .cargo_command()
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| cargo_missing(&error))?;
    if !output.status.success() {
        return Err(CargoRefused.into());
    }
    let json = String::from_utf8(output.stdout).context("`cargo metadata` is not UTF-8")?;
    MetadataCommand::parse(json).context("can't read what `cargo metadata` says")
}

/// Returns the manifest that cargo would use in this folder: the one in it, or the nearest above.
pub(crate) fn manifest_above(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join("Cargo.toml")).find(|path| path.is_file())
}

pub(crate) fn current_folder() -> anyhow::Result<PathBuf> {
    std::env::current_dir().context("the current folder is gone: go to one that exists")
}

/// Returns the path of cargo: the one that started this process, as in `cargo +nightly dyno`, or
/// the one in `PATH`.
pub(crate) fn cargo() -> PathBuf {
    let starter = std::env::var_os("CARGO").filter(|path| !path.is_empty());
    starter.map_or_else(|| "cargo".into(), PathBuf::from)
}

pub(crate) fn cargo_missing(error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("can't start `{}`: {error}; is cargo installed?", cargo().display())
}

/// Returns a command that starts cargo, still without arguments.
pub(crate) fn cargo_command() -> Command {
    Command::new(cargo())
}

/// Returns all executables of the workspace: benches, then examples, then binaries of each package.
fn executables(metadata: &Metadata) -> Vec<Target> {
    let defaults = metadata.workspace_default_packages();
    let mut targets = Vec::new();
    for package in metadata.workspace_packages() {
        let is_default = defaults.iter().any(|default| default.id == package.id);
        let scope = if is_default { Scope::Default } else { Scope::Elsewhere };
        for (kind, cargo_kind) in [
            (Kind::Bench, TargetKind::Bench),
            (Kind::Example, TargetKind::Example),
            (Kind::Bin, TargetKind::Bin),
        ] {
            let of_kind = package.targets.iter().filter(|target| {
                target.kind.contains(&cargo_kind) && target.crate_types.contains(&CrateType::Bin)
            });
            targets.extend(of_kind.map(|target| Target {
                name: target.name.clone(),
                kind,
                package: package.name.to_string(),
                package_id: package.id.clone(),
                manifest_path: package.manifest_path.clone().into(),
                reach: reach(package, kind),
                scope,
            }));
        }
    }
    targets
}

fn reach(package: &Package, kind: Kind) -> Reach {
    let reaches = |dependency: &cargo_metadata::Dependency| match dependency.kind {
        DependencyKind::Normal => true,
        DependencyKind::Development => kind != Kind::Bin,
        _ => false,
    };
    let found = package.dependencies.iter().any(|dep| dep.name == DYNO && reaches(dep));
    if found { Reach::Dyno } else { Reach::NoDyno }
}

/// Returns the targets of one package, or all targets if no package is named.
fn of_package(
    targets: Vec<Target>,
    metadata: &Metadata,
    package: Option<&str>,
) -> anyhow::Result<Vec<Target>> {
    let Some(package) = package else { return Ok(targets) };
    find_package(metadata, package)?;
    Ok(targets.into_iter().filter(|target| target.package == package).collect())
}

/// Finds the package of that name in the workspace.
///
/// # Errors
/// If no package has that name; the message lists those of the workspace.
pub(crate) fn find_package<'a>(metadata: &'a Metadata, name: &str) -> anyhow::Result<&'a Package> {
    let packages = metadata.workspace_packages();
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    packages.iter().find(|package| package.name == name).copied().with_context(|| {
        let nearest = did_you_mean(name, names.iter().copied());
        format!("no package `{name}` in this workspace, which has {}{nearest}", names.join(", "))
    })
}

/// Chooses the target that `wanted` describes: in the packages that cargo would look at, or else in
/// any package.
fn choose<'a>(targets: &'a [Target], wanted: &Wanted<'_>) -> anyhow::Result<&'a Target> {
    let of_kind = |target: &&Target| wanted.kind.is_none_or(|kind| target.kind == kind);
    let benchmarks: Vec<&Target> =
        targets.iter().filter(of_kind).filter(|target| target.reach == Reach::Dyno).collect();
    let named = |target: &&&Target| wanted.name.is_none_or(|name| target.name == name);
    let meant = nearby(benchmarks.iter().filter(named).copied().collect());
    match (meant.as_slice(), wanted.name) {
        ([one], _) => Ok(one),
        ([], None) => bail!("{}", none_here()),
        ([], Some(name)) => {
            let other = targets.iter().filter(of_kind).find(|target| target.name == name);
            Err(not_found(name, other, &benchmarks, wanted.kind))
        }
        (several, None) => {
            bail!("which benchmark? Name one of these:\n{}", lines(several).trim_end())
        }
        (several, Some(name)) => bail!(
            "`{name}` is {}: say which, with --bench, --example, --bin or --package",
            several.iter().map(|target| described(target)).collect::<Vec<_>>().join(" and ")
        ),
    }
}

/// Returns the targets of cargo's default packages; all of them, if those packages have none.
fn nearby(targets: Vec<&Target>) -> Vec<&Target> {
    let defaults: Vec<_> =
        targets.iter().filter(|target| target.scope == Scope::Default).copied().collect();
    if defaults.is_empty() { targets } else { defaults }
}

fn not_found(
    name: &str,
    other: Option<&Target>,
    benchmarks: &[&Target],
    kind: Option<Kind>,
) -> anyhow::Error {
    if let Some(other) = other {
        let reason = match other.kind {
            Kind::Bin => "does not depend on it outside of development",
            Kind::Bench | Kind::Example => "does not depend on it",
        };
        return anyhow::anyhow!(
            "`{name}` ({}) does not use dyno: its package {reason}; add {DYNO} to its dependencies, or run \
             `cargo dyno init`",
            described(other)
        );
    }
    let mut names: Vec<&str> = benchmarks.iter().map(|target| target.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let what = kind.map_or("benchmark", Kind::word);
    let nearest = did_you_mean(name, names.iter().copied());
    let end = if nearest.is_empty() { "." } else { "" };
    match names.as_slice() {
        [] => anyhow::anyhow!("no {what} `{name}`: {}", none_here()),
        [one] => anyhow::anyhow!("no {what} `{name}`{nearest}{end} There is only: {one}"),
        several => {
            anyhow::anyhow!("no {what} `{name}`{nearest}{end} There are: {}", several.join(", "))
        }
    }
}

fn none_here() -> String {
    format!("no target here depends on {DYNO}: `cargo dyno init` writes a first benchmark")
}

fn described(target: &Target) -> String {
    format!("{} of package `{}`", target.kind.word(), target.package)
}

/// Returns a line for each target: its name, its kind and its package.
fn lines(targets: &[&Target]) -> String {
    let rows: Vec<_> = targets
        .iter()
        .map(|target| [target.name.clone(), target.kind.word().to_owned(), target.package.clone()])
        .collect();
    columns::align(&rows)
}

#[cfg(test)]
mod tests;
