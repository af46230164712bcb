//! The links that `--save NAME` leaves next to the runs of a benchmark.

use std::fs;
use std::path::{Path, PathBuf};

/// The start of the name of a baseline's link in a benchmark's folder.
const PREFIX: &str = "baseline-";

/// A baseline that was found.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// The benchmark's folder name.
    pub(crate) benchmark: String,
    /// The name that it was saved as.
    pub(crate) name: String,
    /// The link in the folder of the benchmark.
    pub(crate) link: PathBuf,
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

/// Returns all baselines below the folder of all runs.
pub(crate) fn below(root: &Path) -> Vec<Baseline> {
    let mut all = Vec::new();
    let Ok(benchmarks) = fs::read_dir(root) else { return all };
    for folder in benchmarks.flatten() {
        let Ok(entries) = fs::read_dir(folder.path()) else { continue };
        let benchmark = folder.file_name().to_string_lossy().into_owned();
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
