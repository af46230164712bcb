//! The reporter: it opens a run's outputs before the run begins, and closes them with the summary.

mod log_file;
mod print;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use console::Term;
use dyno_bus::{Time, clock};
use dyno_observer::Interval;
use dyno_summary::{Environment, Intervals, Summary};

use self::log_file::{LogLock, open_log_file};
pub(super) use self::print::{look, print};
pub(crate) use self::print::{print_error, print_line, print_note, table};
use super::error::ReportError;
use super::files;
use super::files::folder::{self, Folder};
use super::files::intervals::{intervals_of, render as render_intervals};
use super::files::log::{Log, LogEntry};
use super::formats::human::{self, Kept, Look};
use super::formats::palette::{self, Palette};
use super::formats::{csv, json, markdown, plot};
use super::live::Live;
use super::live::frame::LiveCourse;
use super::live::keys::KeyTerminal;
use super::live::plain::{Chatter, Plain};
use super::live::screen::{Screen, View};
use super::options::{Format, PageChoice, Progress, ReportOptions, RunFolder};
use super::page::{self, PageFile};
use crate::plan::Plan;
use crate::primary::RunPhase;
use crate::primary::run::{Interim, OnTick, Run, Sink, Update};
use crate::result::host::record_bytes;
use crate::result::{environment, fail, redact, summary_of};

/// The time between two ticks for the live view and `on_tick`: nobody reads a number that changes
/// more often.
const TICK: Duration = Duration::from_millis(200);
/// The text between the parameters of a plan.
const SEPARATOR: &str = " · ";
/// The time between two ticks that are written as a line or logged.
const SLOW_TICK: Duration = Duration::from_secs(1);

/// The reporter of one run.
#[derive(Debug)]
pub(crate) struct Reporter {
    settings: ReportOptions,
    tick_period: Option<Duration>,
    /// The keys of a live view; dropped first, so that the terminal is restored even by a panic.
    keys: OpenKeys,
    screen: Screen,
    files: files::FileWriter,
    folder: Option<Folder>,
    _log_lock: LogLock,
    /// The run's time at the last tick that was logged.
    logged: Option<Duration>,
    warnings: Vec<String>,
    /// Warnings that were shown while the run went on.
    shown: Vec<String>,
    /// The environment, read at the start: a hook may change the current folder.
    environment: Environment,
    /// The current folder at the start.
    here: PathBuf,
}

/// The keys of a live view, if it has any. The terminal is restored when this is dropped.
#[derive(Debug)]
struct OpenKeys(Option<KeyTerminal>);

impl Drop for OpenKeys {
    fn drop(&mut self) {
        if let Some(keys) = &self.0 {
            keys.close();
        }
    }
}

/// The files that are written while a run goes on.
struct Opened {
    histograms: Option<File>,
    log: Option<Log>,
    lock: LogLock,
}

/// Opens all files, prints the settings of the run, and starts the threads that report it.
///
/// # Errors
/// Fails if a file or folder that the user named can't be written. If the default folder can't be
/// written, the summary has a warning.
pub(crate) fn start(
    settings: ReportOptions,
    plan: &Plan,
    on_tick: Option<OnTick>,
) -> Result<Reporter, ReportError> {
    let begun = (clock::now(), clock::wall());
    let mut warnings = Vec::new();
    let here = std::env::current_dir().unwrap_or_default();
    let folder = open_folder(&settings.files, &here, plan, begun.1, &mut warnings)?;
    let Opened { histograms, log, lock } = match open_files(&settings, folder.as_ref()) {
        Ok(files) => files,
        Err(error) => {
            if let Some(folder) = folder {
                folder.discard();
            }
            return Err(error);
        }
    };
    let mut files = files::FileWriter::start(histograms, log, begun)?;
    files.entry(LogEntry::parameters(plan));

    let is_live = !matches!(settings.progress, Progress::Quiet | Progress::Elsewhere) && is_drawn();
    let tick_period = match settings.progress {
        _ if on_tick.is_some() || is_live => Some(TICK),
        Progress::Shown => Some(SLOW_TICK),
        Progress::Trial | Progress::Quiet | Progress::Elsewhere => {
            files.has_log().then_some(SLOW_TICK)
        }
    };
    if settings.progress == Progress::Shown {
        // If the user closed stderr, this text is not needed.
        let _written = print(io::stderr(), &announcement(&plan.benchmark, &plan.words()));
    }
    let keys = settings.keys.clone().filter(|_| is_live).and_then(KeyTerminal::of);
    let view = view(is_live, settings.progress, plan, settings.above.clone(), keys.clone());
    let screen = Screen::start(view, on_tick)?;
    let environment = environment::here();
    if let Some(board) = &settings.onlookers.board {
        board.begin_run(plan, &environment, begun.1);
    }
    if let Some(mailbox) = &settings.onlookers.mailbox {
        mailbox.begin_run(plan, begun.1);
    }
    Ok(Reporter {
        settings,
        tick_period,
        keys: OpenKeys(keys),
        screen,
        files,
        folder,
        _log_lock: lock,
        logged: None,
        warnings,
        shown: Vec::new(),
        environment,
        here,
    })
}

/// Returns the settings of a run: in one line, or in as many as a terminal needs.
pub(super) fn announcement(benchmark: &str, words: &[String]) -> String {
    let parameters: Vec<_> = words.iter().map(|word| redact::word(word)).collect();
    let look = look(&Term::stderr());
    match look.width {
        Some(_) => human::wrapped(benchmark, &parameters, look),
        None => format!("{benchmark}{SEPARATOR}{}\n", parameters.join(SEPARATOR)),
    }
}

/// Returns `true` if a live view can be drawn on stderr.
fn is_drawn() -> bool {
    io::stderr().is_terminal() && palette::draws()
}

fn view(
    is_live: bool,
    progress: Progress,
    plan: &Plan,
    above: Vec<String>,
    keys: Option<KeyTerminal>,
) -> View {
    let chatter = match progress {
        Progress::Shown => Chatter::All,
        Progress::Trial | Progress::Quiet => Chatter::Faults,
        Progress::Elsewhere => Chatter::Nothing,
    };
    if !is_live {
        return View::Plain(Plain::new(io::stderr(), chatter));
    }
    let course = LiveCourse::new(plan).below(above);
    let course = if keys.is_some() { course.with_keys(plan) } else { course };
    View::Live(Live::new(course, chatter, keys))
}

pub(super) fn open_folder(
    files: &RunFolder,
    here: &Path,
    plan: &Plan,
    started_at: Duration,
    warnings: &mut Vec<String>,
) -> Result<Option<Folder>, ReportError> {
    let mut folder = match files {
        RunFolder::Nowhere => return Ok(None),
        RunFolder::In(path) => {
            Folder::named(path).map_err(|source| ReportError::Out { path: path.clone(), source })?
        }
        RunFolder::Default => match Folder::default_of(&plan.benchmark, started_at) {
            Ok(folder) => folder,
            Err(error) => {
                warnings.push(format!(
                    "this run is not kept, since its folder can't be made: {error}; name one \
                     with --out"
                ));
                return Ok(None);
            }
        },
    };
    // A hook may change the current folder, so the path is made absolute.
    folder.path = here.join(&folder.path);
    Ok(Some(folder))
}

fn open_files(settings: &ReportOptions, folder: Option<&Folder>) -> Result<Opened, ReportError> {
    let histograms = folder.map(|folder| create(folder, folder::HISTOGRAMS)).transpose()?;
    let (log, lock) = open_log(settings, folder)?;
    Ok(Opened { histograms, log, lock })
}

fn create(folder: &Folder, name: &str) -> Result<File, ReportError> {
    folder.create(name).map_err(|source| ReportError::Out { path: folder.path.join(name), source })
}

fn open_log(
    settings: &ReportOptions,
    folder: Option<&Folder>,
) -> Result<(Option<Log>, LogLock), ReportError> {
    let mut lock = None;
    let mut files = Vec::new();
    if let Some(folder) = folder {
        files.push(create(folder, folder::LOG)?);
    }
    if let Some(path) = &settings.log_file {
        let failed = |source| ReportError::LogFile { path: path.clone(), source };
        let (file, locked) = open_log_file(path, folder).map_err(failed)?;
        files.push(file);
        lock = locked;
    }
    let log = if files.is_empty() { None } else { Some(Log::over(files)) };
    Ok((log, lock))
}

impl Sink for Reporter {
    fn tick_period(&self) -> Option<Duration> {
        self.tick_period
    }

    fn update(&mut self, update: Update) {
        if let (Update::Entered(phase), Some(keys)) = (&update, &self.keys.0) {
            match phase {
                RunPhase::Measuring => keys.open(),
                _ => keys.close(),
            }
        }
        if let Update::Warning(text) = &update
            && self.settings.progress == Progress::Shown
        {
            self.shown.push(redact::text(text));
        }
        if self.files.has_log() && self.is_to_be_logged(&update) {
            self.files.entry(LogEntry::of(&update));
        }
        self.screen.push(update);
    }

    fn interval(&mut self, interval: &Interval<'_>) {
        self.files.interval(interval);
    }

    fn rotated(&mut self, at: Time) {
        self.files.rotated(at);
    }

    fn pausing(&mut self) {
        if let Some(keys) = &self.keys.0 {
            keys.pausing();
        }
    }

    fn continued(&mut self) {
        if let Some(keys) = &self.keys.0 {
            keys.continued();
        }
    }

    fn record(&mut self, host: &str, bytes: &[u8]) {
        let stored = self.folder.as_ref().map(|folder| folder.write_record(host, bytes));
        if let Some(Err(error)) = stored {
            self.warnings.push(format!("the record of a host is not kept: {error}"));
        }
    }

    fn interim_period(&self) -> Option<Duration> {
        self.settings.onlookers.period(clock::now())
    }

    fn interim(&mut self, interim: Interim) {
        if let Some(warning) = self.settings.onlookers.interim(interim, clock::now()) {
            self.warnings.push(warning.clone());
            self.update(Update::Warning(warning));
        }
    }
}

impl Reporter {
    /// Returns the folder of the run's files, if it has one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(|folder| &*folder.path)
    }

    /// Closes everything and writes the result.
    ///
    /// `after` receives the summary before anyone else, and may change it. The terminal and the
    /// disk are waited for, but for no longer than some seconds. Only a result that goes to the
    /// view's own terminal waits for as long as that is stopped. A reader of stdout that has gone
    /// away is not an error; any other failure to write the result is.
    pub(crate) fn finish(mut self, run: &mut Run, after: impl FnOnce(&mut Summary)) -> Summary {
        // The gathered rows are written even if `after` panics or never returns.
        self.files.hand_over();
        self.screen.finish(run.observer.list());
        run.warnings.append(&mut self.warnings);
        let command: Vec<_> =
            std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        let mut summary = summary_of(run, &command, self.environment.clone());
        after(&mut summary);
        // `after` may change the verdict, so the log receives it only now.
        self.files.entry(LogEntry::verdict(&summary));
        summary.warnings.extend(self.files.finish());
        let intervals = intervals_of(run);
        if let Some(folder) = &self.folder
            && let Err(error) = folder.write(folder::INTERVALS, render_intervals(&intervals))
        {
            summary.warnings.push(format!("{} is not kept: {error}", folder::INTERVALS));
        }
        if let (Some(folder), Some(record)) = (&self.folder, run.record.take()) {
            let bytes = record_bytes(&record, &command, self.environment.clone());
            let written = bytes.and_then(|bytes| {
                folder.write(folder::RECORD, bytes).map_err(|error| error.to_string())
            });
            if let Err(error) = written {
                summary.warnings.push(format!("{} is not kept: {error}", folder::RECORD));
            }
        }
        let no_plot = plot::missing(&summary, &self.settings.plot);
        summary.warnings.extend(no_plot.clone());
        // The summary is written after the other files: a run that has it is whole.
        if let Some(folder) = &self.folder
            && let Err(error) = folder.complete(folder::SUMMARY, &json::render(&summary))
        {
            let path = folder.path.display();
            summary.warnings.push(format!("this run is not kept: {path}: {error}"));
        }
        // The exit codes of an invalid run, of an error, and of a signal.
        let is_whole = !matches!(summary.exit_code, 4 | 5 | 128..);
        let saved = folder::save(self.settings.save.as_deref(), self.folder.as_ref(), is_whole);
        summary.warnings.extend(saved);
        if let Some(mailbox) = &self.settings.onlookers.mailbox {
            mailbox.end_run(&summary, run.observer.merged_values());
        }
        if let Some(board) = &self.settings.onlookers.board {
            let folder = self.folder.as_ref().map(|folder| &*folder.path);
            board.end_run(&summary, &intervals, run.observer.merged_values(), folder);
        }
        let has_page =
            write_page(self.folder.as_ref(), self.settings.page, &mut summary, &intervals);
        if let Some(format) = self.settings.format {
            let kept = self.folder.as_ref().map(|folder| &*folder.path);
            let kept = kept.map(|kept| kept.strip_prefix(&self.here).unwrap_or(kept));
            let kept = kept.map(|folder| Kept { folder, has_page });
            self.screen.clear_for_stdout();
            // A quiet run writes nothing but faults to stderr, where these plots would go.
            let is_quiet = self.settings.progress != Progress::Shown && format != Format::Human;
            let plots: &[String] = if is_quiet { &[] } else { &self.settings.plot };
            if let Err(fault) = write(&summary, &intervals, (format, kept), plots) {
                print_error(&fault);
                fail(&mut summary, &fault);
            }
            let shown = (self.settings.progress == Progress::Shown).then_some(&*self.shown);
            for warning in unsaid(&summary, format, shown, no_plot.as_ref()) {
                print_note(&format!("warning: {warning}"));
            }
        }
        summary
    }

    /// Returns `true` for every update, except ticks that come more often than the log needs.
    fn is_to_be_logged(&mut self, update: &Update) -> bool {
        let Update::Tick(tick) = update else { return true };
        // The tick nearest to a second: one may come a little early after one that was late.
        let due = self.logged.is_none_or(|logged| tick.elapsed + TICK / 2 >= logged + SLOW_TICK);
        if due {
            self.logged = Some(tick.elapsed);
        }
        due
    }
}

/// Writes the page of a run. Returns `true` if the folder has one; else the summary may have a
/// warning.
fn write_page(
    folder: Option<&Folder>,
    page: PageChoice,
    summary: &mut Summary,
    intervals: &Intervals,
) -> bool {
    let Some(folder) = folder.filter(|_| page.is_written()) else { return false };
    let (shown, table) = (summary.clone(), intervals.clone());
    let make = move || page::of_run(&shown, Some(&table));
    let written = PageFile::start(&folder.path, make).finish();
    summary.warnings.extend(written.as_ref().err().cloned());
    written.is_ok()
}

/// Returns the warnings that belong on stderr, since the result on stdout is for a program. Most
/// are those that its format has no place for, except the ones that were `shown` (`None` if the run
/// is quiet). The last is that a plot which was requested can't be drawn.
fn unsaid<'a>(
    summary: &'a Summary,
    format: Format,
    shown: Option<&[String]>,
    no_plot: Option<&String>,
) -> Vec<&'a String> {
    let is_unsaid = |warning: &&String| match (format, shown) {
        (Format::Human, _) => false,
        (Format::Csv, Some(shown)) => !shown.contains(warning),
        (Format::Csv | Format::Json | Format::Markdown, _) => Some(*warning) == no_plot,
    };
    summary.warnings.iter().filter(is_unsaid).collect()
}

/// Returns the summary in a format, as it is written without a terminal.
#[must_use]
pub fn render(summary: &Summary, format: Format) -> String {
    rendered(summary, format, None, Look { palette: Palette::Plain, width: None })
}

fn rendered(summary: &Summary, format: Format, kept: Option<Kept<'_>>, look: Look) -> String {
    match format {
        Format::Human => human::render(summary, kept, look),
        Format::Json => json::render(summary),
        Format::Csv => csv::render(summary),
        Format::Markdown => markdown::render(summary),
    }
}

/// Writes the result on stdout, with the plots above it. If stdout is for a program, the plots go
/// to stderr after the result: a terminal that blocks must not hold back the result.
fn write(
    summary: &Summary,
    intervals: &Intervals,
    (format, kept): (Format, Option<Kept<'_>>),
    plots: &[String],
) -> Result<(), String> {
    let plots_to = match format {
        Format::Human => Term::stdout(),
        Format::Json | Format::Csv | Format::Markdown => Term::stderr(),
    };
    let look = look(&plots_to);
    let plots = plot::requested(summary, Some(intervals), plots, look.columns(), look.palette);
    let text = rendered(summary, format, kept, look);
    let written = match format {
        Format::Human => {
            let page = format!("{plots}\n{text}");
            // On a terminal, a blank line separates the page from the text above it.
            let page = if plots_to.is_term() { &page } else { page.trim_start_matches('\n') };
            print(io::stdout(), page)
        }
        Format::Json | Format::Csv | Format::Markdown => print(io::stdout(), &text),
    };
    // Without plots stderr is not even touched: a thread that blocks in a write to it holds its
    // lock.
    if format != Format::Human && !plots.is_empty() && written.is_ok() {
        // If the user closed stderr, the plots are not needed.
        let _written = print(io::stderr(), &plots);
    }
    unless_unread(written)
}

/// Returns an error of writing a result, unless its reader has gone away (`| head -1`): it has read
/// all that it needs. The error is a message for people.
pub(super) fn unless_unread(written: io::Result<()>) -> Result<(), String> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("the result could not be written to standard output: {error}"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
