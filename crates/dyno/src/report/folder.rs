//! Where runs are kept: a folder each, the newest linked as `latest`, the last twenty of a
//! benchmark.
//!
//! `target/dyno/NAME/RUN/` in a cargo package, where `cargo dyno runs` finds them and
//! `cargo clean` removes them; `./dyno-runs/NAME/RUN/` elsewhere. `RUN` is a stamp in UTC and the
//! primary's pid, so that runs sort by age as text. A folder that the user names with `--out` is
//! this run's alone: nothing in it is linked or removed.

mod place;

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The summary.
pub(super) const SUMMARY: &str = "run.json";
/// The histograms.
pub(super) const HISTOGRAMS: &str = "metrics.hlog";
/// The log.
#[cfg(feature = "tracing")]
pub(super) const LOG: &str = "log.jsonl";
/// The link to the newest run that has its summary.
const LATEST: &str = "latest";
/// How many runs of a benchmark are kept: enough to look back a day, at some hundred kilobytes
/// each.
const KEPT: usize = 20;
/// What a run's files show may be private: the user's own parameters and messages.
const MODE: u32 = 0o700;
/// The name of the package whose benchmark has the folder.
const PACKAGE: &str = ".package";

/// A run's folder, which exists and takes files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    owner: Owner,
}

/// Who named the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// dyno: it links and removes runs beside it.
    Dyno,
    /// The user.
    User,
}

impl Folder {
    /// Makes the default folder of a run that began at `started_at` since the Unix epoch.
    pub(super) fn default_of(benchmark: &str, started_at: Duration) -> io::Result<Self> {
        let package = place::variable("CARGO_PKG_NAME");
        let package = package.as_ref().and_then(|package| package.to_str());
        let root = place::root()?;
        let folder = folder_of(&root, benchmark, package);
        let run = Self::in_folder(&folder, &stamp(started_at))?;
        if let Some(package) = package {
            claim(&folder, package);
        }
        Ok(run)
    }

    /// Makes the folder that the user named.
    pub(super) fn named(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(MODE).create(path)?;
        // That it exists does not mean that it takes files.
        let probe = path.join(format!(".{SUMMARY}.probe"));
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        Ok(Self { path: path.to_owned(), owner: Owner::User })
    }

    /// Makes a folder for a run among the benchmark's others, and removes the oldest of those.
    fn in_folder(benchmark: &Path, stamp: &str) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(MODE).create(benchmark)?;
        // Two runs of one process may begin within a second.
        let names = std::iter::once(stamp.to_owned());
        let names = names.chain((2..).map(|count| format!("{stamp}-{count}")));
        for name in names {
            let path = benchmark.join(name);
            match DirBuilder::new().mode(MODE).create(&path) {
                Ok(()) => {
                    prune(benchmark);
                    return Ok(Self { path, owner: Owner::Dyno });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the names never end")
    }

    /// A new file in it.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        File::create(self.path.join(name))
    }

    /// Writes a whole file, so that whoever reads it never sees a part of it, and links the run as
    /// the newest.
    pub(super) fn complete(&self, name: &str, text: &str) -> io::Result<()> {
        let unfinished = self.path.join(format!(".{name}.tmp"));
        let mut file = File::create(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, self.path.join(name))?;
        match self.owner {
            Owner::Dyno => self.link(),
            Owner::User => Ok(()),
        }
    }

    fn link(&self) -> io::Result<()> {
        let (Some(benchmark), Some(run)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        // Renamed over the one before: there is no moment without a link.
        let link = benchmark.join(format!(".{LATEST}-{}", std::process::id()));
        match fs::remove_file(&link) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(run, &link)?;
        fs::rename(&link, benchmark.join(LATEST))
    }
}

/// The folder of a benchmark's runs. Two packages that share a target folder may have benchmarks of
/// one name: the second one's has the package in its name.
fn folder_of(root: &Path, benchmark: &str, package: Option<&str>) -> PathBuf {
    let plain = root.join(component(benchmark));
    let owner = fs::read_to_string(plain.join(PACKAGE)).ok();
    match (owner, package) {
        (Some(owner), Some(package)) if owner.trim() != package => {
            root.join(component(&format!("{benchmark}@{package}")))
        }
        _ => plain,
    }
}

/// Notes whose runs a folder has, if nobody has done so. Without the note, a benchmark of the same
/// name in another package shares the folder.
fn claim(folder: &Path, package: &str) {
    let note = File::create_new(folder.join(PACKAGE));
    let _noted = note.and_then(|mut note| note.write_all(package.as_bytes()));
}

/// `20260102T030405Z-4711`.
fn stamp(started_at: Duration) -> String {
    let time = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + started_at).to_string();
    let digits: String = time.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{digits}-{}", std::process::id())
}

/// A benchmark's name as that of a folder.
fn component(name: &str) -> String {
    let safe = |c: char| if c == '/' || c.is_control() { '_' } else { c };
    let name: String = name.chars().map(safe).collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".to_owned(),
        None => name,
    }
}

/// Removes the oldest runs of a benchmark. What can't be removed stays: it does no harm.
fn prune(benchmark: &Path) {
    let Ok(entries) = fs::read_dir(benchmark) else { return };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut runs: Vec<_> = names.filter(|name| is_run(name)).collect();
    runs.sort_unstable();
    let excess = runs.len().saturating_sub(KEPT);
    for run in &runs[..excess] {
        let _removed = fs::remove_dir_all(benchmark.join(run));
    }
}

/// Whether it is the name that [`stamp`] gives: nothing else is ever removed.
fn is_run(name: &str) -> bool {
    let Some((time, pid)) = name.split_once('-') else { return false };
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "00000000T000000Z" && pid.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
