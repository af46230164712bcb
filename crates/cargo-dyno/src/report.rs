//! `cargo dyno report`: the page of a saved run or study, written again next to its result, and
//! opened if that is requested.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use dyno::internal::{self, PAGE};
use dyno_summary::{Intervals, SUMMARY_FILE, Study, Summary};

use crate::args::PageArguments;
use crate::runs;

/// The program that opens a file in the program that the user has chosen for it.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Writes the page, and returns its path as a line.
pub(crate) fn write(report: &PageArguments) -> anyhow::Result<String> {
    let file = runs::locate(report.run.as_deref(), &report.place)?;
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let page = match runs::study_at(&file) {
        Some(file) => {
            let study = Study::read(&file)?;
            trials(&folder, &study)?;
            internal::page_of_study(&study)
        }
        None => of_run(&file, &folder)?,
    };
    let path = store(&folder, &page)?;
    if report.open {
        open(&path)?;
    }
    Ok(format!("{}\n", path.display()))
}

/// Writes the pages of a study's trials, to which its own page has links.
fn trials(folder: &Path, study: &Study) -> anyhow::Result<()> {
    for trial in &study.trials {
        // The file may be damaged: a name that is a path leads out of the study.
        let is_plain = trial.folder.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let folder = folder.join(&trial.folder);
        if is_plain && folder.join(SUMMARY_FILE).is_file() {
            store(&folder, &of_run(&folder, &folder)?)?;
        }
    }
    Ok(())
}

/// Returns the page of a run. A run of an earlier version has no intervals, and so no heat map.
fn of_run(summary: &Path, folder: &Path) -> anyhow::Result<String> {
    let intervals = Intervals::read(folder).ok();
    Ok(internal::page_of_run(&Summary::read(summary)?, intervals.as_ref()))
}

fn store(folder: &Path, page: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(PAGE);
    internal::write_whole(folder, PAGE, page)
        .with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

fn open(page: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(OPENER);
    // A browser that it starts may write much.
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let way = format!("open {} in a browser by hand", page.display());
    let status = command.status().with_context(|| format!("no {OPENER} here: {way}"))?;
    ensure!(status.success(), "{OPENER} failed ({status}): {way}");
    Ok(())
}
