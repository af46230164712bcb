//! `cargo dyno baselines`: the results that `--save NAME` keeps, as links next to the runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::args::Baselines;
use crate::links::{self, Baseline};
use crate::nearest::did_you_mean;
use crate::{columns, runs};

/// Lists the baselines, or removes one.
pub(crate) fn baselines(line: &Baselines) -> anyhow::Result<String> {
    let root = runs::root(&line.place)?;
    let mut all = links::below(&root);
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
