//! The choices that a report has: its format, its files, its progress. They change nothing that a
//! run does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dyno_bus::Time;

use super::dashboard::Board;
use super::otlp::OtlpMailbox;
use crate::primary::Remote;
use crate::primary::run::Interim;

/// The time between two results so far while somebody looks.
const WATCHED_PERIOD: Duration = Duration::from_secs(1);
/// The time between two results so far while nobody looks: they take time to make, and the first
/// who looks gets a newer one within a beat. It is also the time between two pushes of the export.
const UNWATCHED_PERIOD: Duration = Duration::from_secs(10);

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

impl Onlookers {
    /// Returns the time between two results so far; `None` if nobody gets them.
    pub(super) fn period(&self, now: Time) -> Option<Duration> {
        let Self { board, mailbox } = self;
        let is_watched = board.as_ref().is_some_and(|board| board.is_watched(now));
        let is_there = board.is_some() || mailbox.is_some();
        is_there.then_some(if is_watched { WATCHED_PERIOD } else { UNWATCHED_PERIOD })
    }

    /// Hands over the result so far. Returns a warning, if there is a new one.
    pub(super) fn interim(&self, interim: Interim, now: Time) -> Option<String> {
        let interim = Arc::new(interim);
        if let Some(board) = &self.board {
            board.interim(Arc::clone(&interim));
        }
        let mailbox = self.mailbox.as_ref()?;
        mailbox.interim(&interim, now);
        mailbox.warning()
    }
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
    /// Nothing: another process shows it.
    Elsewhere,
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
