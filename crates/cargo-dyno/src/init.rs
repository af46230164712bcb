//! `cargo dyno init`: a first benchmark, and what the manifest needs for it.
//!
//! All is checked before anything is written, and nothing that exists is overwritten: the
//! benchmark is a new file, and the manifest only gains (see [`manifest`]). What is written is one
//! of dyno's own examples: there is no second copy of it that could fall behind.

mod manifest;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use cargo_metadata::{DependencyKind, Package, TargetKind};
use toml_edit::InlineTable;

use crate::args::{Dep, Init, Task};
use crate::targets::{self, DYNO};

/// The longest name of a benchmark: it becomes a file's name, and a word in tables.
const NAME_MAX: usize = 64;

/// What a task's benchmark is made of.
struct Scaffold {
    /// The name that the source gives itself, and the default.
    name: &'static str,
    source: &'static str,
    /// The packages that it uses beside dyno.
    uses: &'static [Use],
}

/// A package that a benchmark uses.
struct Use {
    name: &'static str,
    version: &'static str,
    defaults: Defaults,
    features: &'static [&'static str],
}

/// Whether a package's default features are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Defaults {
    On,
    Off,
}

const SERDE: Use =
    Use { name: "serde", version: "1", defaults: Defaults::On, features: &["derive"] };
/// As in dyno's own workspace.
const REDIS_CLIENT: Use =
    Use { name: "redis", version: "1", defaults: Defaults::Off, features: &["aio", "tokio-comp"] };

const BLANK: Scaffold =
    Scaffold { name: "fibonacci", source: include_str!("../templates/blank.rs"), uses: &[SERDE] };

const REDIS: Scaffold = Scaffold {
    name: "redis",
    source: include_str!("../templates/redis.rs"),
    uses: &[REDIS_CLIENT, SERDE],
};

impl Use {
    /// What stands in the manifest behind its name.
    fn source(&self) -> InlineTable {
        let mut source = InlineTable::new();
        source.insert("version", self.version.into());
        if self.defaults == Defaults::Off {
            source.insert("default-features", false.into());
        }
        source.insert("features", self.features.iter().copied().collect());
        source
    }
}

impl Scaffold {
    const fn of(task: Task) -> &'static Self {
        match task {
            Task::Blank => &BLANK,
            Task::Redis => &REDIS,
        }
    }

    /// Where the source has its name, and what stands there in a package's benchmark. The rest
    /// stays as it is: the function may be called the same.
    fn places(&self, name: &str) -> [(String, String); 2] {
        let own = self.name;
        [
            (format!("cargo run --release --example {own}`"), format!("cargo dyno run {name}`")),
            (format!("dyno::bench(\"{own}\""), format!("dyno::bench(\"{name}\"")),
        ]
    }

    /// The source, under another name.
    fn named(&self, name: &str) -> String {
        let places = self.places(name).into_iter();
        places.fold(self.source.to_owned(), |source, (own, new)| source.replace(&own, &new))
    }
}

/// Where it goes.
struct Place {
    manifest: PathBuf,
    /// The manifest as it is; of a new package, its beginning.
    text: String,
    state: State,
}

enum State {
    New,
    Exists(Box<Package>),
}

/// Writes the benchmark, and says what was written.
///
/// # Errors
/// If there is no package and the folder is not empty, if the package is not named where there are
/// several, if the benchmark exists, or if something can't be written.
pub(crate) fn init(init: &Init) -> anyhow::Result<String> {
    let scaffold = Scaffold::of(init.task);
    let name = init.name.as_deref().unwrap_or(scaffold.name);
    check_name(name)?;
    let place = place(init)?;
    let folder = place.manifest.parent().context("the manifest has no folder")?;
    let source = folder.join("benches").join(format!("{name}.rs"));
    check_free(name, &source, &place)?;
    let edited = manifest::edit(&place.text, &additions(name, scaffold, init.dep, &place)?)
        .with_context(|| format!("{}", place.manifest.display()))?;

    write_new(&source, &scaffold.named(name))?;
    let manifest_written = match place.state {
        State::New => write_new(&place.manifest, &edited.text),
        State::Exists(_) => fs::write(&place.manifest, &edited.text)
            .with_context(|| format!("can't write {}", place.manifest.display())),
    };
    if let Err(error) = manifest_written {
        // Half a benchmark would stand in the way of the next attempt.
        let _left = fs::remove_file(&source);
        return Err(error);
    }
    let verb = match place.state {
        State::New => "created",
        State::Exists(_) => "changed",
    };
    Ok(format!(
        "created {}\n{verb} {}: {}\n\nRun it: cargo dyno run {name}\n",
        relative(&source),
        relative(&place.manifest),
        edited.additions.join(", ")
    ))
}

/// A name that cargo takes for a target, and every file system for a file.
fn check_name(name: &str) -> anyhow::Result<()> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on_well = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    ensure!(
        starts_well && goes_on_well && name.len() <= NAME_MAX,
        "`{name}` can't be a benchmark's name: a letter, then letters, digits, `_` and `-`, at \
         most {NAME_MAX}"
    );
    Ok(())
}

/// The package that exists, or a new one where there is none and nothing else either.
fn place(init: &Init) -> anyhow::Result<Place> {
    let path = init.place.manifest.path.as_deref();
    let here = targets::current_folder()?;
    if path.is_none() && targets::manifest_above(&here).is_none() {
        return new_package(&here, init.place.package.as_deref());
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

fn new_package(folder: &Path, package: Option<&str>) -> anyhow::Result<Place> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    let is_empty =
        entries.flatten().all(|entry| entry.file_name().to_string_lossy().starts_with('.'));
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
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n"
    );
    Ok(Place { manifest: folder.join("Cargo.toml"), text, state: State::New })
}

/// A folder's name as a package's name; cargo takes fewer characters.
fn package_name(folder: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = folder.chars().map(plain).collect();
    let name = name.trim_matches('-').to_lowercase();
    // A package can't have the name of what it depends on.
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) && name != DYNO {
        name.chars().take(NAME_MAX).collect()
    } else {
        format!("bench-{name}").trim_end_matches('-').chars().take(NAME_MAX).collect()
    }
}

fn check_free(name: &str, source: &Path, place: &Place) -> anyhow::Result<()> {
    let taken = match &place.state {
        State::New => None,
        State::Exists(package) => {
            package.targets.iter().find(|target| target.is_bench() && target.name == name)
        }
    };
    let path = taken.map_or(source, |target| target.src_path.as_std_path());
    ensure!(
        taken.is_none() && !source.exists(),
        "a benchmark `{name}` exists in {}, and nothing is overwritten: `cargo dyno init NAME` \
         takes another name",
        relative(path)
    );
    Ok(())
}

/// What the manifest has to gain.
fn additions(
    name: &str,
    scaffold: &Scaffold,
    dep: Dep,
    place: &Place,
) -> anyhow::Result<manifest::Additions> {
    let mut additions = manifest::Additions { bench: name.to_owned(), ..Default::default() };
    let package = match &place.state {
        State::New => None,
        State::Exists(package) => Some(package.as_ref()),
    };
    for target in package.iter().flat_map(|package| &package.targets) {
        if target.is_kind(TargetKind::Bin) {
            additions.bins.push(target.name.clone());
        }
        additions.lib |= target.kind.iter().any(is_library);
    }
    let has = |name: &str, features: &[&str]| {
        package.iter().flat_map(|package| &package.dependencies).any(|dependency| {
            let reaches =
                matches!(dependency.kind, DependencyKind::Normal | DependencyKind::Development);
            let has_all = features.iter().all(|f| dependency.features.iter().any(|has| has == f));
            dependency.name == name && reaches && has_all
        })
    };
    if !has(DYNO, &[]) {
        additions.dependencies.push((DYNO.to_owned(), dyno_source(dep)?));
    }
    for used in scaffold.uses {
        if !has(used.name, used.features) {
            additions.dependencies.push((used.name.to_owned(), used.source()));
        }
    }
    Ok(additions)
}

fn is_library(kind: &TargetKind) -> bool {
    use TargetKind::{CDyLib, DyLib, Lib, ProcMacro, RLib, StaticLib};
    matches!(kind, CDyLib | DyLib | Lib | ProcMacro | RLib | StaticLib)
}

/// The dependency on dyno. A bare version is never the default: until it is published, anyone
/// could claim the name.
fn dyno_source(dep: Dep) -> anyhow::Result<InlineTable> {
    let (key, value) = match dep {
        Dep::Path => {
            let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("dyno");
            ensure!(
                checkout.join("Cargo.toml").is_file(),
                "the checkout that this cargo-dyno was built from is no longer in {}: give --dep \
                 git or --dep version",
                checkout.display()
            );
            ("path", checkout.to_string_lossy().into_owned())
        }
        Dep::Git => ("git", env!("CARGO_PKG_REPOSITORY").to_owned()),
        Dep::Version => ("version", env!("CARGO_PKG_VERSION").to_owned()),
    };
    Ok(InlineTable::from_iter([(key, value)]))
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::File::create_new(path)?.write_all(text.as_bytes())
    };
    write().with_context(|| format!("can't write {}", path.display()))
}

/// The path as seen from here, where it is below.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaffold_takes_another_name_wherever_it_has_its_own() {
        for scaffold in [&BLANK, &REDIS] {
            let source = scaffold.named("other");
            assert!(!source.contains("--example"), "{source}");
            assert!(source.contains("`cargo dyno run other`"), "{source}");
            assert!(source.contains("dyno::bench(\"other\""), "{source}");
        }
        assert!(BLANK.named("other").contains("fn fibonacci("));
    }

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
