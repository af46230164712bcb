//! The packages that a new benchmark uses, and those of them that its own package lacks.
//!
//! A manifest may have one of them already, but so that a benchmark can't use it: optional, for
//! another platform, without a feature, or under another name. Then the source in the manifest is
//! kept, since cargo takes one source only.

use std::path::Path;

use anyhow::ensure;
use cargo_metadata::{Dependency, DependencyKind, Edition, Package, TargetKind};
use toml_edit::InlineTable;

use super::manifest;
use crate::args::Dep;
use crate::targets::DYNO;

/// A package that a benchmark uses.
pub(super) struct Use {
    name: &'static str,
    version: &'static str,
    defaults: Defaults,
    /// The features that the benchmark needs.
    features: &'static [&'static str],
}

/// The relation of a package's default features to those that a benchmark needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Defaults {
    /// They include all that it needs.
    Enough,
    On,
    Off,
}

const LIBRARY: Use = Use {
    name: DYNO,
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults::Enough,
    features: &["cli"],
};
pub(super) const SERDE: Use =
    Use { name: "serde", version: "1", defaults: Defaults::On, features: &["derive"] };
/// The clients of servers, and what they need, with the features that they have in dyno's own
/// workspace.
pub(super) const REDIS_CLIENT: Use =
    Use { name: "redis", version: "1", defaults: Defaults::Off, features: &["aio", "tokio-comp"] };
pub(super) const HTTP_BODY_UTIL: Use =
    Use { name: "http-body-util", version: "0.1", defaults: Defaults::Enough, features: &[] };
pub(super) const HYPER: Use = Use {
    name: "hyper",
    version: "1",
    defaults: Defaults::Off,
    features: &["client", "http1", "server"],
};
pub(super) const HYPER_RUSTLS: Use = Use {
    name: "hyper-rustls",
    version: "0.27",
    defaults: Defaults::Off,
    features: &["http1", "native-tokio", "ring", "tls12"],
};
pub(super) const HYPER_UTIL: Use = Use {
    name: "hyper-util",
    version: "0.1",
    defaults: Defaults::Off,
    features: &["client-legacy", "http1", "tokio"],
};
pub(super) const TOKIO: Use =
    Use { name: "tokio", version: "1", defaults: Defaults::Off, features: &["net", "rt", "time"] };
pub(super) const TOKIO_POSTGRES: Use = Use {
    name: "tokio-postgres",
    version: "0.7",
    defaults: Defaults::Enough,
    features: &["runtime"],
};
pub(super) const TOWER: Use =
    Use { name: "tower", version: "0.5", defaults: Defaults::Off, features: &["util"] };

/// The name of dyno's library in a benchmark's source.
pub(super) const CRATE: &str = "dyno";
/// The name of dyno's library in a package where something else is called `dyno`.
pub(super) const OTHER_CRATE: &str = "dyno_bench";

impl Use {
    /// Returns the value of its key in a manifest, for a package that comes from the registry.
    fn source(&self) -> InlineTable {
        let mut source = InlineTable::new();
        source.insert("version", self.version.into());
        if self.defaults == Defaults::Off {
            source.insert("default-features", false.into());
        }
        source
    }

    /// Returns the features that a manifest has to name.
    fn named_features(&self) -> &'static [&'static str] {
        match self.defaults {
            Defaults::Enough => &[],
            Defaults::On | Defaults::Off => self.features,
        }
    }

    /// Returns `true` if a benchmark of the package can use it as it is.
    fn is_ready(&self, package: &Package) -> bool {
        let found: Vec<_> = dependencies(package)
            .filter(|dep| dep.name == self.name && !dep.optional && dep.target.is_none())
            .collect();
        let has_defaults = found.iter().any(|dep| dep.uses_default_features);
        let has = |feature: &str| {
            found.iter().any(|dep| dep.features.iter().any(|has| has.as_str() == feature))
        };
        let is_named_so = self.name == DYNO || found.iter().any(|dep| dep.rename.is_none());
        !found.is_empty()
            && is_named_so
            && (self.defaults == Defaults::Enough && has_defaults
                || self.features.iter().all(|feature| has(feature)))
    }
}

/// Returns the dependencies that can reach a benchmark.
fn dependencies(package: &Package) -> impl Iterator<Item = &Dependency> {
    package
        .dependencies
        .iter()
        .filter(|dep| matches!(dep.kind, DependencyKind::Normal | DependencyKind::Development))
}

/// Returns the name of dyno's library in the package: `dyno`, unless the manifest renames it or
/// something else has that name.
pub(super) fn crate_name(package: &Package) -> String {
    let crate_of = |name: &str| name.replace('-', "_");
    if let Some(dyno) = dependencies(package).find(|dep| dep.name == DYNO) {
        return dyno.rename.as_deref().map_or_else(|| CRATE.to_owned(), crate_of);
    }
    let of_dependency = |dep: &Dependency| crate_of(dep.rename.as_ref().unwrap_or(&dep.name));
    let mut own = package.targets.iter().filter(|target| target.kind.iter().any(is_library));
    let is_taken = dependencies(package).any(|dep| of_dependency(dep) == CRATE)
        || own.any(|target| crate_of(&target.name) == CRATE);
    if is_taken { OTHER_CRATE } else { CRATE }.to_owned()
}

/// Returns the additions to the manifest for a benchmark that uses these packages.
pub(super) fn additions(
    name: &str,
    uses: &[Use],
    dep: Dep,
    crate_name: &str,
    package: Option<&Package>,
) -> anyhow::Result<manifest::Additions> {
    let mut additions = manifest::Additions { bench: name.to_owned(), ..Default::default() };
    for target in package.iter().flat_map(|package| &package.targets) {
        if target.is_kind(TargetKind::Bin) {
            additions.bins.push(target.name.clone());
        }
        additions.lib |= target.kind.iter().any(is_library);
    }
    let is_old = package.is_some_and(|package| package.edition == Edition::E2015);
    additions.edition = is_old.then_some("2021");
    let lacks = |used: &Use| !package.is_some_and(|package| used.is_ready(package));
    let of_library = package.and_then(|package| dependencies(package).find(|d| d.name == DYNO));
    if lacks(&LIBRARY) {
        // A dependency that exists gets the features. Default features that are off stay off.
        let features = if of_library.is_some_and(|dependency| !dependency.uses_default_features) {
            LIBRARY.features
        } else {
            LIBRARY.named_features()
        };
        let renamed = of_library.and_then(|dependency| dependency.rename.as_deref());
        let key = renamed.unwrap_or(if crate_name == CRATE { DYNO } else { crate_name });
        let mut source = dyno_source(dep)?;
        if key != DYNO {
            source.insert("package", DYNO.into());
        }
        additions.dependencies.push(manifest::Dependency { key: key.to_owned(), source, features });
    }
    for used in uses.iter().filter(|used| lacks(used)) {
        additions.dependencies.push(manifest::Dependency {
            key: used.name.to_owned(),
            source: used.source(),
            features: used.named_features(),
        });
    }
    Ok(additions)
}

fn is_library(kind: &TargetKind) -> bool {
    use TargetKind::{CDyLib, DyLib, Lib, ProcMacro, RLib, StaticLib};
    matches!(kind, CDyLib | DyLib | Lib | ProcMacro | RLib | StaticLib)
}

/// Returns the dependency on dyno. A bare version is never the default: until dyno is published,
/// anyone could claim the name.
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
