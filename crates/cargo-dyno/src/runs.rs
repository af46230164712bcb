//! `cargo dyno runs` and `cargo dyno show`: the saved runs, read from their folders.
//!
//! A run's folder holds `run.json`, the summary whose field names are a contract. `dyno-summary`
//! reads it, since other versions of dyno may have written it. It is printed as dyno prints it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use dyno::internal::{self, Format};
use dyno_summary::{ReadError, STUDY_FILE, SUMMARY_FILE, Study, Summary};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::args::{Runs, RunsPlace, Show};
use crate::columns;
use crate::exec;
use crate::links;
use crate::nearest::did_you_mean;
use crate::targets;
use crate::{http, pipe};

/// The greatest width of a command in the list, in columns of a terminal.
const COMMAND_MAX: usize = 40;
/// The lock that tells if a run still goes on. It is shared, so that two checks at the same time
/// don't disturb each other.
const TRY: FlockArg = FlockArg::LockSharedNonblock;
/// The folder of runs that are started outside of a cargo package.
const FOLDER_OUTSIDE_CARGO: &str = "dyno-runs";

/// A saved run that was found.
#[derive(Debug)]
struct Saved {
    /// `BENCHMARK/RUN`, as `show` takes it.
    id: String,
    folder: PathBuf,
}

/// Lists the saved runs, the newest first. A run that is damaged, unfinished or still running is
/// listed as such, and hides no other.
pub(crate) fn list(runs: &Runs) -> anyhow::Result<String> {
    let root = root(&runs.place)?;
    let mut saved = saved(&root)?;
    if let Some(benchmark) = &runs.benchmark {
        let all: Vec<String> = saved.iter().map(|run| benchmark_of(run).to_owned()).collect();
        saved.retain(|run| is_of(run, benchmark));
        let nearest = did_you_mean(benchmark, all.iter().map(String::as_str));
        ensure!(!saved.is_empty(), "no saved run of `{benchmark}` in {}{nearest}", root.display());
    }
    let mut rows: Vec<[String; 8]> = saved.iter().map(row).collect();
    // All timestamps have one form and one zone, so that they sort as text.
    rows.sort_by(|a, b| b[0].cmp(&a[0]));
    // The last column may hold blanks, and is there only if a run needs it.
    let command = if rows.iter().any(|row| !row[7].is_empty()) { "COMMAND" } else { "" };
    let heading = ["STARTED", "BENCHMARK", "VERDICT", "RATE", "DELIVERED", "P99", "RUN", command];
    rows.insert(0, heading.map(str::to_owned));
    Ok(columns::align(&rows))
}

/// Prints a saved run again.
pub(crate) fn show(show: &Show) -> anyhow::Result<String> {
    let file = locate(show.run.as_deref(), &show.place)?;
    if let Some(study) = study_at(&file) {
        return match show.format {
            Format::Json => fs::read_to_string(&study)
                .with_context(|| format!("can't read {}", study.display())),
            format => Ok(internal::render_study(&Study::read(&study)?, format)),
        };
    }
    let summary = Summary::read(&file)?;
    match show.format {
        // The text as it was written: a later version may have stored more than this one knows.
        Format::Json => {
            fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))
        }
        format => Ok(internal::render(&summary, format)),
    }
}

/// Returns the file of a saved result: of a run by its own name, the newest by a benchmark's name, a
/// baseline by its name, or a path. Without a word, it is the newest of all.
pub(crate) fn locate(run: Option<&str>, place: &RunsPlace) -> anyhow::Result<PathBuf> {
    let file = match run {
        // The name of a saved run never begins with `.` or `/`.
        Some(run) if run.starts_with(['.', '/']) => summary_at(run),
        Some(run) => {
            let saved = root(place).and_then(|root| find(&root, Some(run)));
            match saved {
                Ok(saved) => Some(saved.folder.join(SUMMARY_FILE)),
                // It may be a folder of `--out`. Another folder of that name holds no result.
                Err(error) => {
                    let is_there = |file: &PathBuf| file.is_file() || study_at(file).is_some();
                    Some(summary_at(run).filter(is_there).ok_or(error)?)
                }
            }
        }
        None => Some(find(&root(place)?, None)?.folder.join(SUMMARY_FILE)),
    };
    file.with_context(|| {
        let run = run.unwrap_or_default();
        format!("there is no run at {run}: name a folder that holds {SUMMARY_FILE}, or that file")
    })
}

/// Returns the start and the result of a run or a study in a few words, for a list.
pub(crate) fn headline(folder: &Path) -> (String, String) {
    match (Summary::read(folder), Study::read(folder)) {
        (Ok(summary), _) => (summary.started_at, summary.verdict.to_string()),
        (Err(_), Ok(study)) => {
            (study.started_at, format!("{} of {} trials", study.study, study.trials.len()))
        }
        (Err(_), Err(_)) => ("-".to_owned(), "damaged".to_owned()),
    }
}

/// Returns the study's file, if the path names it, or a summary that is missing next to it.
pub(crate) fn study_at(file: &Path) -> Option<PathBuf> {
    let study = file.with_file_name(STUDY_FILE);
    let is_named = file.file_name() == study.file_name();
    (study.is_file() && (is_named || !file.exists())).then_some(study)
}

/// Returns the summary's file at a path, which is the file or the run's folder.
fn summary_at(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Some(path.join(SUMMARY_FILE)),
        Ok(_) => Some(path.to_owned()),
        Err(_) => None,
    }
}

/// Finds the run that `word` names: by the run's own name, or the newest by the benchmark's name.
/// Without a word, finds the newest of all.
fn find(root: &Path, word: Option<&str>) -> anyhow::Result<Saved> {
    let mut saved = saved(root)?;
    if let Some(word) = word
        && let Some(baseline) = baseline(root, word)?
    {
        return Ok(baseline);
    }
    let ids: Vec<String> = saved.iter().map(|run| run.id.clone()).collect();
    saved.retain(|run| {
        word.is_none_or(|word| {
            run.id == word || run.id.rsplit('/').next() == Some(word) || is_of(run, word)
        })
    });
    // A damaged run is never the newest, nor is one whose time is in the future because a clock was
    // wrong. But each of them is found by its own name.
    let now = now();
    let newest = saved.into_iter().max_by_key(|run| {
        let summary = Summary::read(&run.folder).map(|summary| summary.started_at);
        let study = || Study::read(&run.folder).map(|study| study.started_at);
        let started_at = summary.or_else(|_| study()).ok();
        started_at.map(|started_at| (started_at <= now, started_at))
    });
    newest.with_context(|| {
        let word = word.unwrap_or_default();
        let nearest = did_you_mean(word, ids.iter().map(String::as_str));
        format!("no run `{word}` in {}{nearest}; `cargo dyno runs` lists them", root.display())
    })
}

/// Finds a baseline by its name, or by its benchmark's and its own: `main`, `shop/main`.
fn baseline(root: &Path, word: &str) -> anyhow::Result<Option<Saved>> {
    let mut named = links::below(root);
    named.retain(|one| one.name == word || format!("{}/{}", one.benchmark, one.name) == word);
    match named.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(Saved { id: word.to_owned(), folder: one.folder() })),
        several => {
            let names: Vec<_> =
                several.iter().map(|one| format!("`{}/{}`", one.benchmark, one.name)).collect();
            bail!("several benchmarks have a baseline `{word}`: {}; name one", names.join(", "))
        }
    }
}

/// Returns the current time, in the form that summaries have.
#[expect(clippy::disallowed_methods, reason = "it is compared with stamps of wall time alone")]
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Returns the folder of all runs: in cargo's target folder, or in the current folder if that is
/// outside of a package.
pub(crate) fn root(place: &RunsPlace) -> anyhow::Result<PathBuf> {
    let RunsPlace { manifest, target_dir } = place;
    if let Some(target) = target_dir {
        return Ok(target.join("dyno"));
    }
    let here = targets::current_folder()?;
    if manifest.path.is_none() && targets::manifest_above(&here).is_none() {
        return Ok(here.join(FOLDER_OUTSIDE_CARGO));
    }
    let metadata = targets::metadata(manifest.path.as_deref())?;
    Ok(metadata.target_directory.join("dyno").into())
}

/// Returns all runs below `root`, as `BENCHMARK/RUN`. Links such as `latest` are left out: they are
/// other names of the same runs.
fn saved(root: &Path) -> anyhow::Result<Vec<Saved>> {
    let mut saved = Vec::new();
    for (benchmark, folder) in folders(root) {
        let runs = folders(&folder).into_iter();
        saved.extend(runs.map(|(run, folder)| Saved { id: format!("{benchmark}/{run}"), folder }));
    }
    if saved.is_empty() {
        bail!("no saved runs in {}: `cargo dyno run` leaves one", root.display());
    }
    Ok(saved)
}

/// Returns the folders in a folder; an empty list if it can't be read.
pub(crate) fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect()
}

/// Returns `true` if the run is of this benchmark, by its folder's name or by its own.
fn is_of(run: &Saved, benchmark: &str) -> bool {
    let own = || Summary::read(&run.folder).is_ok_and(|run| run.benchmark == benchmark);
    let study = || Study::read(&run.folder).is_ok_and(|study| study.benchmark == benchmark);
    benchmark_of(run) == benchmark || own() || study()
}

fn benchmark_of(run: &Saved) -> &str {
    run.id.split('/').next().unwrap_or_default()
}

fn row(run: &Saved) -> [String; 8] {
    // A file that somebody else wrote may hold control characters, which a terminal would obey.
    cells(run).map(|cell| cell.replace(char::is_control, "?"))
}

fn cells(run: &Saved) -> [String; 8] {
    match Summary::read(&run.folder) {
        Ok(summary) => [
            summary.started_at.clone(),
            summary.benchmark.clone(),
            summary.verdict.to_string(),
            internal::asked(summary.rate.asked),
            internal::delivered(summary.rate.delivered),
            response_p99(&summary),
            run.id.clone(),
            command_of(&summary),
        ],
        Err(missing @ ReadError::Missing { .. }) if run.folder.join(STUDY_FILE).is_file() => {
            study_cells(run, &missing)
        }
        Err(error) => unreadable(run, state_of(run, &error)),
    }
}

/// Returns the cells of a study: its question in place of a verdict, and the highest rate that was
/// sustained.
fn study_cells(run: &Saved, missing: &ReadError) -> [String; 8] {
    let Ok(study) = Study::read(&run.folder) else { return unreadable(run, "damaged") };
    let lower = study.search.as_ref().and_then(|search| search.lower.as_ref()).map(|end| end.rate);
    let sustained = lower.or(study.sweep.as_ref().and_then(|sweep| sweep.sustained));
    let repeated = study.trials.first().filter(|_| study.repeat.is_some());
    let rate = match (sustained, repeated) {
        (Some(rate), _) => internal::asked(Some(rate)),
        (None, Some(trial)) => internal::asked(trial.rate),
        (None, None) => "-".to_owned(),
    };
    // A study that goes on, or was killed, has a file too.
    let state = if study.end.is_some() { study.study.as_str() } else { state_of(run, missing) };
    let [delivered, p99] = ["-", "-"].map(str::to_owned);
    let state = state.to_owned();
    [study.started_at, study.benchmark, state, rate, delivered, p99, run.id.clone(), String::new()]
}

/// Returns the cells of a run whose result can't be read.
fn unreadable(run: &Saved, state: &str) -> [String; 8] {
    let [unknown, benchmark] = ["-", benchmark_of(run)].map(str::to_owned);
    let mut row: [String; 8] = std::array::from_fn(|_| unknown.clone());
    (row[1], row[2], row[6]) = (benchmark, state.to_owned(), run.id.clone());
    row[7].clear();
    row
}

/// Returns the command of a run of `exec` or `pipe`, or the request of one of `http`, on one line;
/// an empty text for other runs.
fn command_of(summary: &Summary) -> String {
    let words =
        [exec::command_of(summary), pipe::command_of(summary), http::command_of(summary)].concat();
    let line = words.join(" ").replace(char::is_control, "?");
    console::truncate_str(&line, COMMAND_MAX, "…").into_owned()
}

/// Returns the word that the list shows for a run whose summary can't be read because of `error`.
fn state_of(run: &Saved, error: &ReadError) -> &'static str {
    if !matches!(error, ReadError::Missing { .. }) {
        return "damaged";
    }
    // A run holds a lock on its folder until it has written its summary.
    let lock = fs::File::open(&run.folder).map(|folder| Flock::lock(folder, TRY));
    match lock {
        Ok(Err((_, Errno::EWOULDBLOCK))) => "running",
        Ok(_) | Err(_) => "unfinished",
    }
}

/// Returns the 99th percentile of the response, as one word: the time that a client would have
/// waited in the worst of a hundred cycles.
fn response_p99(summary: &Summary) -> String {
    let p99 = summary.metric("response").and_then(|response| response.p99);
    let span = p99.map(|p99| internal::span(p99).replace(' ', ""));
    span.unwrap_or_else(|| "-".to_owned())
}
