//! `cargo dyno report`: the page of a saved run or study, written again next to its result, and
//! opened if that is requested; and the page of a comparison, which has no folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use dyno::internal::{self, PAGE};
use dyno_summary::{Comparison, Intervals, SUMMARY_FILE, Study, Summary};

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

/// The file of a comparison's page, which can be written as far as can be known before.
pub(crate) struct ComparisonPage<'a> {
    path: &'a Path,
    folder: PathBuf,
    name: &'a str,
}

impl<'a> ComparisonPage<'a> {
    /// Checks a place for a page.
    ///
    /// # Errors
    /// If no file can be written there.
    pub(crate) fn at(path: &'a Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        // A link or a device would be replaced by the page.
        let is_other = path.symlink_metadata().is_ok_and(|there| !there.is_file());
        let name = path.file_name().and_then(|name| name.to_str()).filter(|_| !is_other);
        let name = name.with_context(|| {
            format!("invalid --report `{shown}`: expected a file, such as comparison.html")
        })?;
        ensure!(
            folder.is_dir(),
            "invalid --report `{shown}`: there is no folder `{}`; create it first",
            folder.display()
        );
        Ok(Self { path, folder, name })
    }

    /// Writes the page, and returns its path.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn write(&self, comparison: &Comparison) -> anyhow::Result<&'a Path> {
        let page = internal::page_of_comparison(comparison);
        internal::write_whole(&self.folder, self.name, &page)
            .with_context(|| format!("can't write {}", self.path.display()))?;
        Ok(self.path)
    }
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
