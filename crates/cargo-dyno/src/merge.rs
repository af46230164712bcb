//! `cargo dyno merge`: the result of a run over several hosts, from the folders of their shares. The
//! exit code is that of the verdict.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use dyno::internal::{self, Format, MergedRun, PAGE};
use dyno_summary::{INTERVALS_FILE, SUMMARY_FILE};

use crate::args::MergeArguments;

/// The result as text, and its exit code.
pub(crate) struct Merged {
    pub(crate) text: String,
    pub(crate) exit_code: i32,
}

/// Merges the records of all hosts, and writes the folder of the result if one is named.
pub(crate) fn merge(line: &MergeArguments) -> anyhow::Result<Merged> {
    if let Some(out) = &line.out {
        // Found before anything is merged.
        let is_own = line.folders.iter().any(|folder| is_same(folder, out));
        ensure!(!is_own, "--out {}: name a folder that is not one of a host", out.display());
        let is_free = !out.exists() || out.is_dir();
        ensure!(is_free, "--out {}: it is a file: name a folder", out.display());
    }
    let merged = internal::merge(&line.folders)?;
    if let Some(out) = &line.out {
        store(out, &merged).with_context(|| format!("--out {}", out.display()))?;
    }
    let exit_code = merged.summary.exit_code;
    Ok(Merged { text: internal::render(&merged.summary, line.format), exit_code })
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

/// Writes the files that a run's folder has. The summary is the last: a folder that has it is whole.
fn store(out: &Path, merged: &MergedRun) -> anyhow::Result<()> {
    fs::create_dir_all(out)?;
    let MergedRun { summary, intervals } = merged;
    internal::write_whole(out, INTERVALS_FILE, &internal::intervals_text(intervals))?;
    internal::write_whole(out, PAGE, &internal::page_of_run(summary, Some(intervals)))?;
    internal::write_whole(out, SUMMARY_FILE, &internal::render(summary, Format::Json))?;
    Ok(())
}
