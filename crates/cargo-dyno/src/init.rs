//! `cargo dyno init`: a first benchmark, and what the manifest needs for it.
//!
//! All is checked before anything is written, and nothing that exists is overwritten: the
//! benchmark is a new file, and the manifest only gains keys (see [`manifest`]). The benchmark is
//! one of dyno's own examples, so that no second copy of it can fall behind.

mod manifest;
mod needs;
mod place;
mod question;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use self::needs::{
    CRATE, HTTP_BODY_UTIL, HYPER, HYPER_RUSTLS, HYPER_UTIL, REDIS_CLIENT, SERDE, TOKIO,
    TOKIO_POSTGRES, TOWER, Use, additions, crate_name,
};
pub(crate) use self::place::check_name;
use self::place::{Place, State, place};
use crate::args::{Init, Template};
use crate::launch::has_own_main;

/// The source of a new benchmark, and the packages that it uses.
struct Scaffold {
    /// The benchmark's name in the source, which is also the default.
    name: &'static str,
    source: &'static str,
    /// The modules of the source, which are in a folder of its name: their files.
    modules: &'static [ScaffoldModule],
    /// The packages that it uses in addition to dyno.
    uses: &'static [Use],
}

/// A module of a new benchmark.
struct ScaffoldModule {
    file: &'static str,
    source: &'static str,
}

const BLANK: Scaffold = Scaffold {
    name: "fibonacci",
    source: include_str!("../templates/blank.rs"),
    modules: &[],
    uses: &[SERDE],
};

const HTTP: Scaffold = Scaffold {
    name: "http",
    source: include_str!("../templates/http.rs"),
    modules: &[
        ScaffoldModule { file: "client.rs", source: include_str!("../templates/http/client.rs") },
        ScaffoldModule { file: "server.rs", source: include_str!("../templates/http/server.rs") },
    ],
    uses: &[HTTP_BODY_UTIL, HYPER, HYPER_RUSTLS, HYPER_UTIL, SERDE, TOKIO, TOWER],
};

const POSTGRES: Scaffold = Scaffold {
    name: "postgres",
    source: include_str!("../templates/postgres.rs"),
    modules: &[ScaffoldModule {
        file: "server.rs",
        source: include_str!("../templates/postgres/server.rs"),
    }],
    uses: &[SERDE, TOKIO, TOKIO_POSTGRES],
};

const REDIS: Scaffold = Scaffold {
    name: "redis",
    source: include_str!("../templates/redis.rs"),
    modules: &[ScaffoldModule {
        file: "server.rs",
        source: include_str!("../templates/redis/server.rs"),
    }],
    uses: &[REDIS_CLIENT, SERDE],
};

impl Scaffold {
    const fn of(task: Template) -> &'static Self {
        match task {
            Template::Blank => &BLANK,
            Template::Http => &HTTP,
            Template::Postgres => &POSTGRES,
            Template::Redis => &REDIS,
        }
    }

    /// Returns the passages of the source that hold its name, each with its replacement in a
    /// package's benchmark. All other text stays: the function may keep its name.
    fn places(&self, name: &str) -> [(String, String); 3] {
        let own = self.name;
        [
            (format!("cargo run --release --example {own}`"), format!("cargo dyno run {name}`")),
            (format!("dyno::bench(\"{own}\""), format!("dyno::bench(\"{name}\"")),
            (format!("#[path = \"{own}/"), format!("#[path = \"{name}/")),
        ]
    }

    /// Returns the source of a benchmark `name`, with dyno's library called `crate_name`.
    fn named(&self, name: &str, crate_name: &str) -> String {
        let places = self.places(name).into_iter();
        let source =
            places.fold(self.source.to_owned(), |source, (own, new)| source.replace(&own, &new));
        with_library(&source, crate_name)
    }

    /// Returns the files of a benchmark `name` in `folder`, the source first, with their texts.
    fn files(&self, folder: &Path, name: &str, crate_name: &str) -> Vec<(PathBuf, String)> {
        let source = (folder.join(format!("{name}.rs")), self.named(name, crate_name));
        let modules = self.modules.iter().map(|module| {
            (folder.join(name).join(module.file), with_library(module.source, crate_name))
        });
        std::iter::once(source).chain(modules).collect()
    }
}

/// Returns a source with dyno's library called `crate_name`.
fn with_library(source: &str, crate_name: &str) -> String {
    source.replace(&format!("{CRATE}::"), &format!("{crate_name}::"))
}

/// Writes the benchmark, and returns what was written.
///
/// # Errors
/// If a folder without a package is not empty, if the package is not named where there are several,
/// if the benchmark exists, or if something can't be written.
pub(crate) fn init(init: &Init) -> anyhow::Result<String> {
    let task = init.task.map_or_else(question::ask, Ok)?;
    let scaffold = Scaffold::of(task);
    let name = init.name.as_deref().unwrap_or(scaffold.name);
    check_name(name)?;
    let place = place(init)?;
    let folder = place.manifest.parent().context("the manifest has no folder")?;
    let crate_name = place.package().map_or_else(|| CRATE.to_owned(), crate_name);
    let files = scaffold.files(&folder.join("benches"), name, &crate_name);
    check_free(name, &files, &place)?;
    let gains = additions(name, scaffold.uses, init.dep, &crate_name, place.package())?;
    let edited = manifest::edit(&place.text, &gains)
        .with_context(|| format!("{}", place.manifest.display()))?;

    let mut created = Vec::new();
    let written = write_all(&files, &mut created).and_then(|()| match place.state {
        State::New => write_new(&place.manifest, &edited.text),
        State::Exists(_) => fs::write(&place.manifest, &edited.text)
            .with_context(|| format!("can't write {}", place.manifest.display())),
    });
    if let Err(error) = written {
        // A source that was left here would block the next attempt.
        for path in created {
            let _left = fs::remove_file(path);
        }
        return Err(error);
    }
    let mut text: String =
        files.iter().map(|(path, _)| format!("created {}\n", relative(path))).collect();
    let verb = match place.state {
        State::New => "created",
        State::Exists(_) => "changed",
    };
    let added = edited.additions.join(", ");
    text += &format!("{verb} {}: {added}\n", relative(&place.manifest));
    let ignored = folder.join(".gitignore");
    if place.package().is_none() && !ignored.exists() {
        write_new(&ignored, "/target\n")?;
        text += &format!("created {}\n", relative(&ignored));
    }
    text += &note_on_test_harness(name, &place);
    Ok(text + &format!("\nRun it: {}\n", run_line(name, init, &place)))
}

/// Returns a note on the package's other benches that refuse a benchmark's flags; empty if none
/// does.
fn note_on_test_harness(name: &str, place: &Place) -> String {
    let targets = place.package().into_iter().flat_map(|package| &package.targets);
    let others = targets.filter(|target| target.is_bench() && target.name != name);
    let refusing: Vec<_> = others
        .filter(|target| !has_own_main(&place.text, &target.name))
        .map(|target| format!("`{}`", target.name))
        .collect();
    if refusing.is_empty() {
        return String::new();
    }
    format!(
        "\nnote: `cargo bench -- FLAGS` gives a benchmark's flags to {} too, where the standard \
         test harness refuses them: `cargo bench --bench {name} -- FLAGS` runs this one alone\n",
        refusing.join(", ")
    )
}

/// Returns the command that, in the current folder, runs the new benchmark and no other one.
fn run_line(name: &str, init: &Init, place: &Place) -> String {
    let mut targets = place.package().into_iter().flat_map(|package| &package.targets);
    let is_shared =
        targets.any(|target| target.name == name && (target.is_example() || target.is_bin()));
    let mut line = format!("cargo dyno run {}{name}", if is_shared { "--bench " } else { "" });
    if let (Some(package), State::Exists(_)) = (&init.place.package, &place.state) {
        line += &format!(" --package {package}");
    }
    if let Some(path) = &init.place.manifest.path {
        line += &format!(" --manifest-path {}", quoted(&path.to_string_lossy()));
    }
    line
}

/// Quotes a word for a shell, if it needs quotes.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn check_free(name: &str, files: &[(PathBuf, String)], place: &Place) -> anyhow::Result<()> {
    let taken = match &place.state {
        State::New => None,
        State::Exists(package) => {
            package.targets.iter().find(|target| target.is_bench() && target.name == name)
        }
    };
    let existing = files.iter().map(|(path, _)| path.as_path()).find(|path| path.exists());
    if let Some(path) = taken.map(|target| target.src_path.as_std_path()).or(existing) {
        bail!(
            "a benchmark `{name}` exists in {}, and nothing is overwritten: `cargo dyno init NAME` \
             takes another name",
            relative(path)
        );
    }
    Ok(())
}

/// Writes new files; those that were written are added to `created`, even if another one fails.
fn write_all(files: &[(PathBuf, String)], created: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for (path, text) in files {
        write_new(path, text)?;
        created.push(path.clone());
    }
    Ok(())
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

/// Returns the path relative to the current folder, if it is below that; or else the whole path.
fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::needs::OTHER_CRATE;
    use super::*;

    const ALL: [&Scaffold; 4] = [&BLANK, &HTTP, &POSTGRES, &REDIS];

    #[test]
    fn a_scaffold_takes_another_name_wherever_it_has_its_own() {
        for scaffold in ALL {
            let source = scaffold.named("other", CRATE);
            assert!(!source.contains(&format!("\"{}/", scaffold.name)), "{source}");
            assert!(!source.contains("--example"), "{source}");
            assert!(source.contains("`cargo dyno run other`"), "{source}");
            assert!(source.contains("dyno::bench(\"other\""), "{source}");
        }
        assert!(BLANK.named("other", CRATE).contains("fn fibonacci("));
        let renamed = BLANK.named("other", OTHER_CRATE);
        assert!(renamed.contains("-> dyno_bench::Outcome") && !renamed.contains(" dyno::"));
    }

    #[test]
    fn a_benchmark_is_read_at_a_glance_and_each_of_its_modules_has_a_file() {
        for Scaffold { name, source, modules, .. } in ALL {
            assert!(source.lines().count() < 60, "{name}");
            let declared = source.lines().filter(|line| line.starts_with("#[path")).count();
            assert_eq!(declared, modules.len(), "{name}");
            for ScaffoldModule { file, .. } in *modules {
                assert!(source.contains(&format!("#[path = \"{name}/{file}\"]")), "{name}");
            }
        }
    }

    #[test]
    fn a_path_is_a_word_that_a_shell_takes() {
        assert_eq!(quoted("../a/Cargo.toml"), "../a/Cargo.toml");
        assert_eq!(quoted("it's a/Cargo.toml"), r"'it'\''s a/Cargo.toml'");
    }
}
