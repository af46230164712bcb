//! The choices that a report has: its format, its files, its progress. They change nothing that a
//! run does.

use std::path::PathBuf;

use super::dashboard::Board;
use super::otlp::OtlpMailbox;
use crate::primary::Remote;

/// The settings of a run's reports.
#[derive(Debug, Clone)]
pub(crate) struct ReportOptions {
    /// The format of the result on stdout; `None` writes no result.
    pub format: Option<Format>,
    /// The output on stderr while the run goes on.
    pub progress: Progress,
    /// The folder for the run's files.
    pub files: RunFolder,
    /// A log file in addition to the log in the run's folder.
    pub log_file: Option<PathBuf>,
    /// The name of the baseline that the run is kept as.
    pub save: Option<String>,
    /// The names of metrics whose course is drawn at the end.
    pub plot: Vec<String>,
    /// The lines above the live view, about the study that the run belongs to.
    pub above: Vec<String>,
    /// The page in the run's folder.
    pub page: PageChoice,
    /// Those who look at the run while it goes on.
    pub onlookers: Onlookers,
    /// The handle that the keys of a live view steer the run with; `None` for no keys.
    pub keys: Option<Remote>,
}

/// Those who look at a run or a study while it goes on, from other processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Onlookers {
    /// The board of the dashboard, if there is one.
    pub board: Option<Board>,
    /// The mailbox of the export, if there is one.
    pub mailbox: Option<OtlpMailbox>,
}

/// The choice of a page in the folder of a run or a study.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum PageChoice {
    /// The folder has a page.
    #[default]
    Written,
    /// `--no-report`: it has none.
    LeftOut,
}

/// The format of the result on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables, and the verdict last.
    #[default]
    #[value(help = None)]
    Human,
    /// One object, by the contract of [`Summary`](dyno_summary::Summary).
    #[value(help = None)]
    Json,
    /// A line of names and one row.
    #[value(help = None)]
    Csv,
    /// A table for the comment of a pull request.
    #[value(help = None)]
    Markdown,
}

impl PageChoice {
    pub(super) fn is_written(self) -> bool {
        self == Self::Written
    }
}

/// The output on stderr while the run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The live view on a terminal, lines elsewhere.
    #[default]
    Shown,
    /// The live view on a terminal, faults alone elsewhere: for a trial of a study, whose own lines
    /// are around it.
    Trial,
    /// Faults alone: no view, no warnings, no output of workers.
    Quiet,
}

/// The folder for a run's files: its summary, its histograms, its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum RunFolder {
    /// A new folder in cargo's target folder, or in `./dyno-runs` outside of cargo.
    #[default]
    Default,
    /// This folder, which belongs to this run alone.
    In(PathBuf),
    /// No folder: the run leaves no files.
    Nowhere,
}
