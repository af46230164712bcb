//! The reports of a study: a line on stderr as each trial ends, `study.json` in the study's folder,
//! and the result on stdout. The trials themselves report their faults alone.

use std::path::PathBuf;

use console::Term;
use dyno_bus::clock;
use dyno_summary::{STUDY_FILE, Study};

use super::dashboard::Board;
use super::error::ReportError;
use super::files::folder::{self, Folder};
use super::formats::human::{Kept, Look};
use super::formats::palette::Palette;
use super::formats::study;
use super::live::bracket::BracketHistory;
use super::options::{Format, PageChoice, Progress, RunFolder};
use super::page::{self, PageFile};
use super::reporter::{
    announcement, look, open_folder, print, print_error, print_note, unless_unread,
};
use crate::plan::{Plan, Rate};

/// The reporter of one study.
#[derive(Debug)]
pub(crate) struct StudyReporter {
    format: Format,
    progress: Progress,
    page: PageChoice,
    /// `true` if the folder has a page.
    has_page: bool,
    /// `None` if the default folder can't be made.
    folder: Option<Folder>,
    /// The name of the baseline that the study is kept as.
    save: Option<String>,
    /// The current folder at the start.
    here: PathBuf,
    warnings: Vec<String>,
    /// The course of a search, for the live view.
    brackets: BracketHistory,
    /// The board of the dashboard, if there is one.
    board: Option<Board>,
}

impl StudyReporter {
    /// Makes the folder, and prints the question with the settings that all trials share.
    ///
    /// # Errors
    /// If the folder that the user named can't be written.
    pub(crate) fn start(
        format: Format,
        (progress, page): (Progress, PageChoice),
        files: &RunFolder,
        plan: &Plan,
        title: &str,
        (save, board): (Option<String>, Option<Board>),
    ) -> Result<Self, ReportError> {
        let mut warnings = Vec::new();
        let here = std::env::current_dir().unwrap_or_default();
        let folder = open_folder(files, &here, plan, clock::wall(), &mut warnings)?;
        let (has_page, brackets) = (false, BracketHistory::default());
        let reporter = Self {
            format,
            progress,
            page,
            has_page,
            folder,
            save,
            here,
            warnings,
            brackets,
            board,
        };
        // The title has the rates.
        let words = plan.words().into_iter().filter(|word| !word.starts_with("rate "));
        let words: Vec<_> = std::iter::once(title.to_owned()).chain(words).collect();
        reporter.note(announcement(&plan.benchmark, &words).trim_end());
        Ok(reporter)
    }

    /// Returns the place of a trial's files.
    pub(crate) fn trial_folder(&self, name: &str) -> RunFolder {
        match &self.folder {
            Some(folder) => RunFolder::In(folder.path.join(name)),
            None => RunFolder::Nowhere,
        }
    }

    /// Returns the output of a trial while it goes on.
    pub(crate) fn progress_of_trials(&self) -> Progress {
        match self.progress {
            Progress::Shown | Progress::Trial => Progress::Trial,
            Progress::Quiet | Progress::Elsewhere => Progress::Quiet,
        }
    }

    /// Returns the lines above the live view of a trial: the course of the study so far.
    pub(crate) fn above(&self, trial: &str, rate: Rate) -> Vec<String> {
        let term = Term::stderr();
        let (palette, (rows, columns)) = (Palette::of(&term), term.size());
        let mut lines = self.brackets.lines(columns.into(), rows.into(), palette);
        lines.push(palette.bold(&format!("trial {trial}: {rate}")));
        lines
    }

    /// Writes the study after a trial, so that a study that is killed keeps what it knows.
    pub(crate) fn ended(&mut self, study: &Study) {
        self.store(study);
        self.brackets.note(study);
        if let Some(line) = study::progress(study) {
            self.note(&line);
        }
    }

    /// Removes the folder of a study whose first trial could not be started.
    pub(crate) fn discard(self) {
        if let Some(folder) = self.folder {
            folder.discard();
        }
    }

    /// Writes the result. Returns the exit code: a result that can't be written is an error.
    pub(crate) fn finish(mut self, mut study: Study) -> i32 {
        self.store(&study);
        // The exit codes of an error, and of a signal.
        let is_whole = !matches!(study.exit_code, 4 | 5 | 128..);
        self.warnings.extend(folder::save(self.save.as_deref(), self.folder.as_ref(), is_whole));
        study.warnings.append(&mut self.warnings);
        let kept = self.folder.as_ref().map(|folder| &*folder.path);
        let kept = kept.map(|kept| kept.strip_prefix(&self.here).unwrap_or(kept));
        let text = match self.format {
            Format::Human => {
                let kept = kept.map(|folder| Kept { folder, has_page: self.has_page });
                study::human(&study, kept, look(&Term::stdout()))
            }
            format => render_study(&study, format),
        };
        if self.format == Format::Csv && self.progress == Progress::Shown {
            for warning in &study.warnings {
                print_note(&format!("warning: {warning}"));
            }
        }
        match unless_unread(print(std::io::stdout(), &text)) {
            Ok(()) => study.exit_code,
            Err(fault) => {
                print_error(&fault);
                dyno_summary::Verdict::Error.exit_code(None)
            }
        }
    }

    fn store(&mut self, study: &Study) {
        if let Some(board) = &self.board {
            board.study(study, self.folder.as_ref().map(|folder| &*folder.path));
        }
        let Some(folder) = &self.folder else { return };
        let mut failed = Vec::new();
        if let Err(error) = folder.complete(STUDY_FILE, &study::json(study)) {
            failed.push(format!("this study is not kept: {}: {error}", folder.path.display()));
        }
        if self.page.is_written() {
            let shown = study.clone();
            let written = PageFile::start(&folder.path, move || page::of_study(&shown)).finish();
            self.has_page = written.is_ok();
            failed.extend(written.err());
        }
        failed.retain(|warning| !self.warnings.contains(warning));
        self.warnings.extend(failed);
    }

    fn note(&self, line: &str) {
        if self.progress == Progress::Shown {
            print_note(line);
        }
    }
}

/// Returns the result of a study in a format, as it is written without a terminal.
#[must_use]
pub fn render_study(of: &Study, format: Format) -> String {
    match format {
        Format::Human => study::human(of, None, Look { palette: Palette::Plain, width: None }),
        Format::Json => study::json(of),
        Format::Csv => study::csv(of),
        Format::Markdown => study::markdown(of),
    }
}
