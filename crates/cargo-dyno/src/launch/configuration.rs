//! Cargo's configuration, where the start of a program depends on it: `[env]`, the runner, the
//! triple and the compiler.
//!
//! Cargo has no stable command that prints its configuration, so its files are read here, by
//! cargo's own rules. Cargo has accepted the files before: a part that is not understood here is
//! left out, not refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cargo_metadata::cargo_platform::{Cfg, CfgExpr};
use toml_edit::{DocumentMut, Item};

/// The files of cargo's configuration for the current folder, the one that wins first.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    content: DocumentMut,
}

/// A program that starts other programs, such as an emulator.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runner {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

impl Configuration {
    /// Reads the files that cargo would read here.
    ///
    /// # Errors
    /// If a file that exists can't be read.
    pub(super) fn here() -> anyhow::Result<Self> {
        let mut configuration = Self::default();
        for path in paths() {
            configuration.read(path)?;
        }
        Ok(configuration)
    }

    /// Reads a file, then those that it includes. The file wins over the files that it includes, and
    /// of these a later one over an earlier one.
    fn read(&mut self, path: PathBuf) -> anyhow::Result<()> {
        if self.files.iter().any(|file| file.path == path) {
            return Ok(());
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        let file = File { content: text.parse().unwrap_or_default(), path };
        let included = file.included();
        self.files.push(file);
        for path in included.into_iter().rev().filter(|path| path.is_file()) {
            self.read(path)?;
        }
        Ok(())
    }

    /// Returns the variables of `[env]`. One that is set already stays, unless `force` is set.
    pub(super) fn variables(&self) -> BTreeMap<String, OsString> {
        let mut variables = BTreeMap::new();
        for (name, variable) in self.files.iter().flat_map(File::variables) {
            variables.entry(name).or_insert(variable);
        }
        let unset = |name: &String| std::env::var_os(name).is_none();
        let set = variables.into_iter().filter(|(name, variable)| variable.force || unset(name));
        set.map(|(name, variable)| (name, variable.value)).collect()
    }

    /// Returns the triple that `build.target` names, if it names one.
    pub(super) fn triple(&self) -> Option<String> {
        variable("CARGO_BUILD_TARGET").or_else(|| self.text("build", "target"))
    }

    /// Returns the compiler that cargo uses.
    pub(super) fn compiler(&self) -> PathBuf {
        let named = variable("RUSTC").or_else(|| variable("CARGO_BUILD_RUSTC"));
        if let Some(named) = named {
            return named.into();
        }
        let configured = self
            .files
            .iter()
            .find_map(|file| Some(file.program(file.item(&["build", "rustc"])?.as_str()?)));
        configured.unwrap_or_else(|| "rustc".into())
    }

    /// Returns the program that starts programs of this triple, if one is configured: by the
    /// triple's own key, or by a `cfg` that holds for the triple.
    pub(super) fn runner(&self, triple: &str, cfg: &[Cfg]) -> Option<Runner> {
        let key = triple.to_uppercase().replace(['-', '.'], "_");
        if let Some(text) = variable(&format!("CARGO_TARGET_{key}_RUNNER")) {
            let here = std::env::current_dir().unwrap_or_default();
            return Runner::of(words(&text), |program| absolute(&here, program));
        }
        let of_triple = self.files.iter().find_map(|file| file.runner(triple));
        of_triple.or_else(|| {
            // If several held, cargo would have refused to build.
            self.files.iter().find_map(|file| {
                let targets = file.item(&["target"])?.as_table_like()?;
                let mut keys = targets.iter().map(|(key, _)| key);
                keys.find_map(|key| {
                    CfgExpr::matches_key(key, cfg).then(|| file.runner(key)).flatten()
                })
            })
        })
    }

    fn text(&self, table: &str, key: &str) -> Option<String> {
        let item = self.files.iter().find_map(|file| file.item(&[table, key]))?;
        let first = item.as_array().and_then(|array| array.get(0)?.as_str());
        item.as_str().or(first).map(str::to_owned)
    }
}

/// A variable of `[env]`.
#[derive(Debug, PartialEq, Eq)]
struct Variable {
    value: OsString,
    /// `true` if this value replaces one that the environment has already.
    force: bool,
}

impl File {
    fn item(&self, keys: &[&str]) -> Option<&Item> {
        let whole = self.content.as_item();
        keys.iter().try_fold(whole, |item, key| item.as_table_like()?.get(key))
    }

    /// Returns the files that this one includes.
    fn included(&self) -> Vec<PathBuf> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let Some(entries) = self.item(&["include"]).and_then(Item::as_array) else {
            return Vec::new();
        };
        let paths = entries.iter().filter_map(|entry| {
            let table = entry.as_inline_table();
            entry.as_str().or_else(|| table?.get("path")?.as_str())
        });
        paths.map(|path| folder.join(path)).collect()
    }

    fn variables(&self) -> Vec<(String, Variable)> {
        let Some(table) = self.item(&["env"]).and_then(Item::as_table_like) else {
            return Vec::new();
        };
        let variables = table.iter().filter_map(|(name, item)| {
            let keys = item.as_table_like();
            let flag = |key| keys.and_then(|keys| keys.get(key)?.as_bool()).unwrap_or(false);
            let value = keys.map_or(Some(item), |keys| keys.get("value"))?.as_str()?;
            let value =
                if flag("relative") { self.base().join(value).into() } else { value.into() };
            Some((name.to_owned(), Variable { value, force: flag("force") }))
        });
        variables.collect()
    }

    fn runner(&self, key: &str) -> Option<Runner> {
        let item = self.item(&["target", key, "runner"])?;
        let list = item.as_array().map(|array| {
            array.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        });
        let words = list.or_else(|| item.as_str().map(words))?;
        Runner::of(words, |program| self.program(program))
    }

    /// Returns the path of a program that this file names.
    fn program(&self, name: &str) -> PathBuf {
        absolute(self.base(), name)
    }

    /// Returns the folder that relative paths start from: the one that holds `.cargo`.
    fn base(&self) -> &Path {
        self.path.parent().and_then(Path::parent).unwrap_or(Path::new(""))
    }
}

impl Runner {
    fn of(words: Vec<String>, resolve: impl Fn(&str) -> PathBuf) -> Option<Self> {
        let mut words = words.into_iter();
        let program = resolve(&words.next()?);
        Some(Self { program, arguments: words.collect() })
    }
}

/// Returns a program's path from `base`. A name without a `/` stays: it is looked up in `PATH`.
fn absolute(base: &Path, program: &str) -> PathBuf {
    if program.contains('/') { base.join(program) } else { program.into() }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Returns the value of a variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Returns the files of cargo's configuration, the nearest first.
fn paths() -> Vec<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let mut folders: Vec<PathBuf> = here.ancestors().map(|folder| folder.join(".cargo")).collect();
    let home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    folders.extend(home.filter(|home| !folders.contains(home)));
    // The name without an ending is the older one, and cargo prefers it.
    let names = |folder: PathBuf| [folder.join("config"), folder.join("config.toml")];
    folders
        .into_iter()
        .filter_map(|folder| names(folder).into_iter().find(|file| file.is_file()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), content: text.parse().expect("valid") }
    }

    fn runner(program: &str, arguments: &[&str]) -> Option<Runner> {
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        Some(Runner { program: program.into(), arguments })
    }

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
        assert_eq!(file("/w/.cargo/config.toml", text).variables(), expected);
        assert_eq!(file("/w/.cargo/config.toml", "").variables(), []);
    }

    #[test]
    fn the_runner_of_the_triple_wins_over_that_of_a_cfg_and_the_nearer_file_over_the_other() {
        let cfg: Vec<Cfg> =
            ["unix", "target_os = \"linux\""].map(|cfg| cfg.parse().unwrap()).into();
        let near = "[target.'cfg(windows)']\nrunner = \"wine\"\n\
                    [target.'cfg(all(unix, target_os = \"linux\"))']\n\
                    runner = [\"tools/slow\", \"a b\"]\n";
        let far = "[target.t]\nrunner = \"qemu -L  /lib\"\n[target.u]\nrunner = \"u\"\n";
        let files = vec![file("/w/.cargo/config.toml", near), file("/.cargo/config.toml", far)];
        let configuration = Configuration { files };
        assert_eq!(configuration.runner("t", &cfg), runner("qemu", &["-L", "/lib"]));
        assert_eq!(configuration.runner("v", &cfg), runner("/w/tools/slow", &["a b"]));
        assert_eq!(configuration.runner("v", &[]), None);
    }

    #[test]
    fn a_file_wins_over_what_it_includes_and_a_later_one_over_an_earlier_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(".cargo").join(name);
        fs::create_dir(folder.path().join(".cargo")).expect("writable");
        let files = [
            ("config.toml", "include = [\"a.toml\", { path = \"b.toml\" }, \"c.toml\"]"),
            ("a.toml", "env = { A = \"a\" }\nbuild.target = \"a\""),
            ("b.toml", "include = [\"config.toml\"]\nbuild.target = [\"b\"]"),
        ];
        for (name, text) in files {
            fs::write(path(name), text).expect("writable");
        }
        let mut configuration = Configuration::default();
        configuration.read(path("config.toml")).expect("readable");
        assert_eq!(configuration.text("build", "target").as_deref(), Some("b"));
        assert_eq!(configuration.files[2].variables()[0].0, "A");
    }
}
