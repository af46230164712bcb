//! The folders of runs: one for each run, the newest linked as `latest`. The last twenty runs of a
//! benchmark are kept, and those that a link `baseline-NAME` names.
//!
//! A folder's path is `target/dyno/NAME/RUN/` in a cargo package, where `cargo dyno runs` finds it
//! and `cargo clean` removes it, and `./dyno-runs/NAME/RUN/` elsewhere. `RUN` is a stamp in UTC and
//! the primary's pid, so that runs sort by age as text. A folder that the user names with `--out`
//! belongs to this run alone: no other run is linked or removed there.
//!
//! A run holds a lock on its folder until its summary is written. The lock distinguishes a run that
//! is still going on from one that was killed, and makes a second run in the same folder fail.

mod place;

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The name of the interval table's file in a run's folder.
pub(crate) use dyno_summary::INTERVALS_FILE as INTERVALS;
use dyno_summary::STUDY_FILE;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The name of the summary's file in a run's folder.
pub(crate) use dyno_summary::SUMMARY_FILE as SUMMARY;
/// The name of the page's file in the folder of a run or a study.
pub(crate) const PAGE: &str = "report.html";
/// The name of the histograms' file in a run's folder.
pub(crate) const HISTOGRAMS: &str = "metrics.hlog";
/// The name of a host's record in the folder of its share of a run.
pub(crate) const RECORD: &str = "agent.dyno";
/// The name of the folder of hosts, with a folder for each, in the folder of a run on several.
const HOSTS: &str = "hosts";
/// The name of the log's file in a run's folder.
pub(crate) const LOG: &str = "log.jsonl";
/// The name of the link to the newest run that has its summary.
const LATEST: &str = "latest";
/// The start of the name of a link to a baseline: a run that is kept under a name.
const BASELINE: &str = "baseline-";
/// The number of runs of a benchmark that are kept: enough to look back a day, at some hundred
/// kilobytes each.
const KEPT: usize = 20;
/// The time after which a run whose files don't change has ended, on file systems without locks: longer
/// than any pause of a run that goes on, which writes about once a second.
const SILENCE_MIN: Duration = Duration::from_secs(24 * 60 * 60);
/// The mode of new folders: only their owner may read them, because a run's files hold the user's
/// parameters and messages, which may be private.
const MODE: u32 = 0o700;
/// The file with the name of the package that a benchmark's folder belongs to.
const PACKAGE: &str = ".package";
/// The longest name of a benchmark, in bytes, that is used unchanged as its folder's name.
const NAME_MAX: usize = 100;

/// A run's folder, which exists and can be written to.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    owner: Owner,
    /// The lock on the folder; `None` on a file system without locks.
    _lock: Option<Flock<File>>,
}

/// The one who named the folder: dyno or the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// dyno chose the name: it links and removes runs next to the folder.
    Dyno,
    /// The user chose the name: nothing next to the folder is linked or removed.
    User,
}

impl Folder {
    /// Makes the default folder of a run that began `started_at` after the Unix epoch.
    pub(crate) fn default_of(benchmark: &str, started_at: Duration) -> io::Result<Self> {
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

    /// Makes the folder that the user named, and removes an earlier run's results from it.
    pub(crate) fn named(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(MODE).create(path)?;
        let lock = lock(path)?;
        // A folder that exists may still refuse files.
        let probe = path.join(format!(".{SUMMARY}.probe"));
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        // An earlier run's summary and page must not lie next to this run's histograms, nor an
        // earlier study next to this one's trials.
        for result in [SUMMARY, INTERVALS, RECORD, STUDY_FILE, PAGE] {
            match fs::remove_file(path.join(result)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(Self { path: path.to_owned(), owner: Owner::User, _lock: lock })
    }

    /// Makes a folder for a run among the benchmark's other runs, and removes the oldest of them.
    fn in_folder(benchmark: &Path, begun: &str) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(MODE).create(benchmark)?;
        // One run at a time does this: another must not remove this folder before it is locked.
        let _alone =
            File::open(benchmark).map(|file| Flock::lock(file, FlockArg::LockExclusive))?;
        // Two runs of one process may begin within the same second.
        let names = std::iter::once(begun.to_owned());
        let names = names.chain((2..).map(|count| format!("{begun}-{count}")));
        for name in names {
            let path = benchmark.join(name);
            match DirBuilder::new().mode(MODE).create(&path) {
                Ok(()) => {
                    let lock = lock(&path)?;
                    prune(benchmark, &path, &stamp(dyno_bus::clock::wall()));
                    return Ok(Self { path, owner: Owner::Dyno, _lock: lock });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the names never end")
    }

    /// Creates a file in the folder; an existing one is emptied.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        File::create(self.path.join(name))
    }

    /// Writes a whole file, and links the run as the newest.
    pub(crate) fn complete(&self, name: &str, text: &str) -> io::Result<()> {
        self.write(name, text)?;
        match self.owner {
            Owner::Dyno => self.link(LATEST),
            Owner::User => Ok(()),
        }
    }

    /// Writes a whole file, so that a reader never sees a part of it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
        write_whole(&self.path, name, content)
    }

    /// Writes the record of a host of the run, which has a folder with this name.
    pub(crate) fn write_record(&self, host: &str, record: &[u8]) -> io::Result<()> {
        let folder = self.path.join(HOSTS).join(host);
        DirBuilder::new().recursive(true).mode(MODE).create(&folder)?;
        write_whole(&folder, RECORD, record)
    }

    /// Removes the folder of a run that does not begin, with all files in it, unless the user named
    /// it.
    pub(crate) fn discard(self) {
        if self.owner == Owner::Dyno {
            // A folder that can't be removed is listed as an unfinished run.
            let _removed = fs::remove_dir_all(&self.path);
        }
    }

    /// Keeps the run as a baseline of this name, in place of an earlier one: it is not removed with
    /// the oldest runs.
    pub(crate) fn save_as(&self, name: &str) -> io::Result<()> {
        self.link(&format!("{BASELINE}{name}"))
    }

    /// Links the run under a name next to it.
    fn link(&self, name: &str) -> io::Result<()> {
        let (Some(benchmark), Some(run)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        // The new link is renamed over the old one, so that the link never disappears.
        let link = benchmark.join(format!(".{LATEST}-{}", std::process::id()));
        match fs::remove_file(&link) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(run, &link)?;
        fs::rename(&link, benchmark.join(name))
    }
}

/// Writes a whole file in a folder, so that a reader never sees a part of it.
pub(crate) fn write_whole(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> io::Result<()> {
    let unfinished = folder.join(format!(".{name}.tmp"));
    let written = File::create(&unfinished)
        .and_then(|mut file| file.write_all(content.as_ref()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, folder.join(name)));
    if written.is_err() {
        // A file that is not whole is of no use to anyone.
        let _removed = fs::remove_file(&unfinished);
    }
    written
}

/// Keeps a run or a study as a baseline, if a name is set. Returns a warning if it can't be kept, or
/// is not worth it: the baseline before it then stays.
pub(crate) fn save(name: Option<&str>, folder: Option<&Folder>, is_whole: bool) -> Option<String> {
    let name = name?;
    let reason = match folder {
        _ if !is_whole => "it did not end well".to_owned(),
        None => "it has no folder".to_owned(),
        Some(folder) => folder.save_as(name).err()?.to_string(),
    };
    Some(format!("this result is not saved as the baseline `{name}`: {reason}"))
}

/// Returns the folder of a benchmark's runs. Two packages that share a target folder may have
/// benchmarks of the same name: the folder of the second one also has the package in its name.
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

/// Notes in a folder the package that its runs belong to, unless there is a note already. Without
/// the note, a benchmark of the same name in another package shares the folder.
fn claim(folder: &Path, package: &str) {
    let note = File::create_new(folder.join(PACKAGE));
    let _noted = note.and_then(|mut note| note.write_all(package.as_bytes()));
}

/// Returns the name of a run's folder, such as `20260102T030405Z-4711`.
fn stamp(started_at: Duration) -> String {
    let time = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + started_at).to_string();
    let digits: String = time.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{digits}-{}", std::process::id())
}

/// Returns the folder's name for a benchmark's name. A plain name stays as it is; any other name
/// gets a folder that no other benchmark has.
fn component(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.+=@:".contains(c);
    let begins_plainly = name.starts_with(|c| is_plain(c) && c != '.' && c != '-');
    if begins_plainly && name.len() <= NAME_MAX && name.chars().all(is_plain) {
        return name.to_owned();
    }
    let mut readable = String::new();
    for c in name.chars() {
        let c = if is_plain(c) { c } else { '_' };
        if readable.len() + c.len_utf8() > NAME_MAX {
            break;
        }
        // The folder must not be hidden, and its name must not look like a flag.
        readable.push(if readable.is_empty() && (c == '.' || c == '-') { '_' } else { c });
    }
    // A plain name never has a `~`, so that the two kinds can't be equal.
    format!("{readable}~{:016x}", fingerprint(name))
}

/// Returns the 64-bit FNV-1a hash of a text, which no version of dyno or Rust changes.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Takes the lock on a folder or file, and holds it for as long as the returned value lives.
/// Returns `None` if the file system has no locks.
pub(crate) fn lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    lock_file(File::open(path)?)
}

/// Takes the lock on an open file, as [`lock`] does.
pub(crate) fn lock_file(file: File) -> io::Result<Option<Flock<File>>> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => {
            Err(io::Error::new(ErrorKind::WouldBlock, "another run is writing there"))
        }
        Err(_) => Ok(None),
    }
}

/// Removes the oldest runs of a benchmark, except baselines and `newest`, which is just beginning. Runs without a
/// summary are counted separately, so that they never displace a whole run. Runs that are still
/// going on stay. A run that can't be removed stays too: it does no harm.
fn prune(benchmark: &Path, newest: &Path, now: &str) {
    let Ok(entries) = fs::read_dir(benchmark) else { return };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let (baselines, names): (Vec<_>, Vec<_>) = names.partition(|name| name.starts_with(BASELINE));
    let saved = baselines.iter().filter_map(|link| fs::read_link(benchmark.join(link)).ok());
    let saved: Vec<_> = saved.map(|run| run.to_string_lossy().into_owned()).collect();
    let mut runs: Vec<_> = names
        .into_iter()
        .filter(|name| is_run(name) && benchmark.join(name) != newest && !saved.contains(name))
        .collect();
    // A stamp in the future comes from a clock that was wrong: such runs are removed first.
    let time = |name: &str| name.split('-').next().unwrap_or_default().to_owned();
    runs.sort_by_key(|name| (time(name) <= time(now), name.clone()));
    // A study is a run among the others, with all its trials.
    let is_whole =
        |run: &PathBuf| [SUMMARY, STUDY_FILE].iter().any(|name| run.join(name).is_file());
    let (whole, unfinished): (Vec<_>, Vec<_>) =
        runs.iter().map(|run| benchmark.join(run)).partition(is_whole);
    for runs in [whole, unfinished] {
        let excess = runs.len().saturating_sub(KEPT - 1);
        for run in &runs[..excess] {
            let lock = lock(run);
            if has_ended(run, &lock) {
                let _removed = fs::remove_dir_all(run);
            }
        }
    }
}

/// Returns `true` if a run does not go on, by the attempt to lock its folder. On a file system
/// without locks, a run that has no summary counts as ended once its files have not changed for a
/// day.
fn has_ended<L>(run: &Path, lock: &io::Result<Option<L>>) -> bool {
    match lock {
        Ok(Some(_)) => true,
        Ok(None) => run.join(SUMMARY).is_file() || age(run).is_some_and(|age| age > SILENCE_MIN),
        Err(_) => false,
    }
}

/// Returns the time since the newest file of a run was changed; `None` if it has no files, or if it
/// was changed in the future.
#[expect(clippy::disallowed_methods, reason = "it is compared with the times of files alone")]
fn age(run: &Path) -> Option<Duration> {
    let files = fs::read_dir(run).ok()?.flatten();
    let changed = files.filter_map(|file| file.metadata().ok()?.modified().ok()).max()?;
    SystemTime::now().duration_since(changed).ok()
}

/// Returns `true` if a name has the form that [`stamp`] gives: nothing else is ever removed.
fn is_run(name: &str) -> bool {
    let Some((time, pid)) = name.split_once('-') else { return false };
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "00000000T000000Z" && pid.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
