//! `cargo dyno baselines`: the results that `--save NAME` keeps, as links next to the runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::args::Baselines;
use crate::nearest::did_you_mean;
use crate::{columns, runs};

/// The start of the name of a baseline's link in a benchmark's folder.
const PREFIX: &str = "baseline-";

/// A baseline that was found.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// The benchmark's folder name.
    pub(crate) benchmark: String,
    /// The name that it was saved as.
    pub(crate) name: String,
    /// The link.
    link: PathBuf,
}

impl Baseline {
    /// Returns the folder of its run or study.
    pub(crate) fn folder(&self) -> PathBuf {
        match (self.link.parent(), fs::read_link(&self.link)) {
            (Some(benchmark), Ok(run)) => benchmark.join(run),
            _ => self.link.clone(),
        }
    }
}

/// Lists the baselines, or removes one.
pub(crate) fn baselines(line: &Baselines) -> anyhow::Result<String> {
    let root = runs::root(&line.manifest, line.target_dir.as_deref())?;
    let mut all = below(&root);
    if let Some(benchmark) = &line.benchmark {
        all.retain(|baseline| baseline.benchmark == *benchmark);
    }
    if let Some(name) = &line.remove {
        return remove(name, &all, &root);
    }
    if all.is_empty() {
        bail!("no baselines in {}: `cargo dyno run NAME --save main` saves one", root.display());
    }
    all.sort_by(|a, b| (&a.benchmark, &a.name).cmp(&(&b.benchmark, &b.name)));
    let mut rows = vec![["BENCHMARK", "BASELINE", "STARTED", "RESULT", "RUN"].map(str::to_owned)];
    rows.extend(all.iter().map(row));
    Ok(columns::align(&rows))
}

/// Returns all baselines below the folder of all runs.
pub(crate) fn below(root: &Path) -> Vec<Baseline> {
    let mut all = Vec::new();
    for (benchmark, folder) in runs::folders(root) {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if let Some(name) = name.strip_prefix(PREFIX).filter(|_| is_link) {
                let (benchmark, name) = (benchmark.clone(), name.to_owned());
                all.push(Baseline { benchmark, name, link: entry.path() });
            }
        }
    }
    all
}

/// Removes a baseline. Its run is then one of the others, whose oldest are removed.
fn remove(name: &str, all: &[Baseline], root: &Path) -> anyhow::Result<String> {
    let named: Vec<_> = all.iter().filter(|baseline| baseline.name == name).collect();
    match named.as_slice() {
        [] => {
            let nearest = did_you_mean(name, all.iter().map(|baseline| baseline.name.as_str()));
            bail!("no baseline `{name}` in {}{nearest}", root.display())
        }
        [baseline] => {
            fs::remove_file(&baseline.link)
                .with_context(|| format!("can't remove {}", baseline.link.display()))?;
            Ok(format!("removed {}/{}\n", baseline.benchmark, baseline.name))
        }
        several => {
            let benchmarks: Vec<_> = several.iter().map(|one| one.benchmark.as_str()).collect();
            let benchmarks = benchmarks.join(", ");
            bail!("several benchmarks have a baseline `{name}` ({benchmarks}): name one of them")
        }
    }
}

fn row(baseline: &Baseline) -> [String; 5] {
    let folder = baseline.folder();
    let (started_at, result) = runs::headline(&folder);
    let run = folder.file_name().map(|run| run.to_string_lossy().into_owned());
    let run = run.unwrap_or_default();
    let row = [baseline.benchmark.clone(), baseline.name.clone(), started_at, result, run];
    // A file that somebody else wrote may hold control characters, which a terminal would obey.
    row.map(|cell| cell.replace(char::is_control, "?"))
}
