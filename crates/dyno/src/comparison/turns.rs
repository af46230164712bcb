//! Two programs in turn: pairs of short runs, until every figure is decided or the time is over.
//!
//! Each turn is a whole run of its program, with new processes: so what differs from process to
//! process, such as the place of its memory, is part of the spread that an answer has to overcome.
//! Both programs get the same environment and folder, so that only the program differs.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dyno_bus::clock::{self, nanos};
use dyno_summary::{COMPARISON_SCHEMA, Comparison, ReadError, Summary, Unit, Verdict};

use super::answer;
use super::evidence::{SideEvidence, TrialFigures, differences};
use super::options::ComparisonOptions;
use crate::primary::{ProcessOwnership, SignalWatch, StartError};
use crate::settings::STAGES_SET_THE_TIME;
use crate::study::compare::{
    CompareEnd, CompareSettings, CompareStep, ComparedFigure, PairOrder, PairOrders, PairSide,
    PairedStudy,
};
use crate::study::trial::TrialVerdict;

/// The warm-up and the window of a turn. Short pairs are many pairs, and the machine changes little
/// within one.
const WARMUP: Duration = Duration::from_millis(200);
const WINDOW: Duration = Duration::from_millis(800);
/// The cycles that a requested percentile of the tail needs in each trial.
const TAIL_CYCLES: f64 = 1_000.0;
/// The longest window, for a slow rate.
const WINDOW_MAX: Duration = Duration::from_secs(60);
/// The variable that makes both commands equally large.
const PADDING: &str = "AB_PADDING";
/// The time for a comparison, unless another is set.
const TIME: Duration = Duration::from_secs(120);

/// The settings of a comparison of two programs in turn.
///
/// ```no_run
/// use std::process::Command;
/// use std::time::Duration;
///
/// let base = Command::new("target/base/release/shop");
/// let new = Command::new("target/release/shop");
/// let comparison = dyno::Ab::new(base, new).time(Duration::from_secs(60)).run()?;
/// println!("{}", comparison.answer);
/// # Ok::<(), dyno::AbError>(())
/// ```
#[derive(Debug)]
pub struct Ab {
    base: Command,
    new: Command,
    names: [String; 2],
    options: ComparisonOptions,
    time: Duration,
    reach: ProcessOwnership,
}

/// The reason why two programs could not be compared.
///
/// ```
/// use std::process::Command;
///
/// let missing = || Command::new("/nowhere/at/all");
/// let error: dyno::AbError = dyno::ab(missing(), missing()).expect_err("it is missing");
/// assert!(error.to_string().starts_with("can't start BASE: /nowhere/at/all: "), "{error}");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AbError {
    /// A program could not be started.
    #[error("can't start {side}: {program}: {source}")]
    Start {
        /// `BASE` or `NEW`.
        side: &'static str,
        /// The program as it was to be started.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program left no result of a single run.
    #[error("{side} left no result (exit code {code}): {detail}")]
    NoResult {
        /// `BASE` or `NEW`.
        side: &'static str,
        /// Its exit code, or `signal`.
        code: String,
        /// The last line on stderr, or the reason why the result can't be read.
        detail: String,
    },
    /// A run ended in an error.
    #[error("a run of {side} failed: {reason}")]
    Failed {
        /// `BASE` or `NEW`.
        side: &'static str,
        /// The reason of its verdict.
        reason: String,
    },
    /// The folder for results can't be used.
    #[error("can't use a folder for the results: {0}; set TMPDIR to one that can be written")]
    Folder(io::Error),
    /// The signals could not be watched.
    #[error(transparent)]
    Signals(#[from] StartError),
}

/// Compares two programs by runs in turn. Each is a benchmark at one rate.
///
/// The commands get variables for the length and the result of a run, which their own flags override.
/// Their standard input is empty, and their output is not shown.
///
/// ```no_run
/// use std::process::Command;
///
/// let comparison = dyno::ab(Command::new("before/shop"), Command::new("after/shop"))?;
/// std::process::exit(comparison.exit_code);
/// # Ok::<(), dyno::AbError>(())
/// ```
///
/// # Errors
/// If a program can't be started, or ends without a result.
pub fn ab(base: Command, new: Command) -> Result<Comparison, AbError> {
    Ab::new(base, new).run()
}

impl Ab {
    /// Creates a comparison of two commands, with the usual settings.
    #[must_use]
    pub fn new(base: Command, new: Command) -> Self {
        Self {
            base,
            new,
            names: ["BASE".to_owned(), "NEW".to_owned()],
            options: ComparisonOptions::default(),
            time: TIME,
            reach: ProcessOwnership::Guest,
        }
    }

    /// Sets the longest time of the comparison; two minutes unless set.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets the figures and their tolerances.
    #[must_use]
    pub fn options(mut self, options: ComparisonOptions) -> Self {
        self.options = options;
        self
    }

    /// Gives both sides the names that the user wrote.
    #[must_use]
    pub fn named(mut self, base: impl Into<String>, new: impl Into<String>) -> Self {
        self.names = [base.into(), new.into()];
        self
    }

    /// Runs the comparison.
    ///
    /// # Errors
    /// If a program can't be started, or ends without a result.
    pub fn run(self) -> Result<Comparison, AbError> {
        self.run_with(|_| {})
    }

    /// Lets signals of this process end the comparison, whose result then is what is known so far.
    #[must_use]
    pub(crate) fn owning_process(mut self) -> Self {
        self.reach = ProcessOwnership::Process;
        self
    }

    /// Runs the comparison, and passes the state after each pair to a function.
    ///
    /// # Errors
    /// If a program can't be started, or ends without a result.
    pub fn run_with(self, mut ended: impl FnMut(&Comparison)) -> Result<Comparison, AbError> {
        let Self { base, new, names, options, time, reach } = self;
        let signals = SignalWatch::begin(reach)?;
        let folder = Scratch::new().map_err(AbError::Folder)?;
        let programs = level([TurnProgram::new("BASE", &base), TurnProgram::new("NEW", &new)]);
        let begun = clock::now();
        // The first pair counts for nothing: it shows the rate and the figures, and warms the caches.
        let mut window = WINDOW;
        let first = pair(&programs, &folder.path, window, PairOrder::BaseFirst)?;
        let figures =
            options.compared(|name| first[1].value(name).is_some() || options.requests(name));
        if let Some(longer) = longer_window(&figures, &first) {
            window = longer;
        }
        let spent = clock::now() - begun;
        let expected = spent + 2 * (window - WINDOW);
        let settings = CompareSettings {
            figures: figures.clone(),
            time: time.saturating_sub(spent),
            pair: expected,
        };
        let mut compare = PairedStudy::new(settings);
        let mut state = PairsSoFar::new(names, &first, &figures);
        let (mut coin, mut orders) = (Coin::new(), PairOrders::default());
        let paired = clock::now();
        let end = loop {
            if signals.signal().is_some() {
                compare.interrupt();
            }
            if let CompareStep::Done(end) = compare.next() {
                break end;
            }
            match pair(&programs, &folder.path, window, orders.next(coin.is_heads())) {
                Ok(summaries) => {
                    state.add(&summaries);
                    let sides = summaries.each_ref().map(|trial| trial.side(&figures));
                    compare.take(&sides[0], &sides[1], clock::now() - paired);
                }
                // The signal reached the runs too, which may have left no result.
                Err(_) if signals.signal().is_some() => {}
                Err(error) => return Err(error),
            }
            ended(&state.comparison(&compare, None, clock::now() - begun));
        };
        let mut comparison = state.comparison(&compare, Some(end), clock::now() - begun);
        if let (CompareEnd::Interrupted, Some(signal)) = (end, signals.signal()) {
            comparison.exit_code = Verdict::Interrupted.exit_code(Some(signal));
        }
        Ok(comparison)
    }
}

/// A fair coin, by xorshift (Marsaglia, 2003).
struct Coin(u64);

impl Coin {
    fn new() -> Self {
        Self(u64::from(clock::wall().subsec_nanos()) << 16 | u64::from(std::process::id()) | 1)
    }

    fn is_heads(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The lowest bits of this stream are its weakest.
        self.0 >> 40 & 1 == 0
    }
}

/// A folder for the results of turns, which is removed at the end.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!(
            "dyno-ab-{}-{}",
            std::process::id(),
            clock::wall().subsec_nanos()
        ));
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is left to the system, whose folder it is.
        let _removed = fs::remove_dir_all(&self.path);
    }
}

/// A program, and how it is started.
struct TurnProgram {
    side: &'static str,
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, Option<OsString>)>,
    folder: Option<PathBuf>,
    /// The length of a variable that means nothing.
    padding: usize,
}

/// Makes both commands equally large: the size of arguments and variables moves the stack of a process,
/// and with it the times (Mytkowicz and others, 2009).
fn level(mut turns: [TurnProgram; 2]) -> [TurnProgram; 2] {
    let sizes = turns.each_ref().map(TurnProgram::stack_size);
    let most = sizes.into_iter().max().unwrap_or(0);
    for (turn, size) in turns.iter_mut().zip(sizes) {
        turn.padding = most - size;
    }
    turns
}

impl TurnProgram {
    fn new(side: &'static str, command: &Command) -> Self {
        let owned = |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
            (name.to_owned(), value.map(ToOwned::to_owned))
        };
        Self {
            side,
            program: command.get_program().to_owned(),
            arguments: command.get_args().map(ToOwned::to_owned).collect(),
            variables: command.get_envs().map(owned).collect(),
            folder: command.get_current_dir().map(Path::to_owned),
            padding: 0,
        }
    }

    /// Returns the bytes that the command takes on the stack of its process.
    fn stack_size(&self) -> usize {
        let size = |text: &OsString| text.len() + 1 + size_of::<usize>();
        let variables = self
            .variables
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| size(name) + value.len() + 1));
        // The program's path is there twice: as itself and as the first argument.
        2 * size(&self.program)
            + self.arguments.iter().map(size).sum::<usize>()
            + variables.sum::<usize>()
            + self.padding
    }

    /// Runs the program once. `out` has the same length for both sides, since the size of the
    /// environment moves a program's stack.
    fn run(&self, out: &Path, window: Duration) -> Result<TurnSummary, AbError> {
        let mut command = Command::new(&self.program);
        // Variables, since flags of the user override them. The shell's own would be others.
        let time = |time: Duration| humantime::format_duration(time).to_string();
        command.args(&self.arguments).env("DYNO_OUT", out).env("DYNO_QUIET", "true");
        command.env("DYNO_WARMUP", time(WARMUP)).env("DYNO_DURATION", time(window));
        for name in ["DYNO_FORMAT", "DYNO_LOG_FILE", "DYNO_PLOT", "DYNO_PROMPT", "DYNO_SAVE"] {
            command.env_remove(name);
        }
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env(PADDING, "x".repeat(self.padding));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let started = command.stdin(Stdio::null()).output();
        let output = started.map_err(|source| AbError::Start {
            side: self.side,
            program: self.program.display().to_string(),
            source,
        })?;
        let code = output.status.code();
        let code = code.map_or_else(|| "of a signal".to_owned(), |code| code.to_string());
        let no_result = |detail: String| AbError::NoResult { side: self.side, code, detail };
        match Summary::read(out) {
            Ok(summary) if summary.verdict == Verdict::Error => Err(AbError::Failed {
                side: self.side,
                reason: summary.reasons.first().cloned().unwrap_or_default(),
            }),
            Ok(summary) => Ok(TurnSummary(summary)),
            Err(ReadError::Missing { .. }) => {
                let stderr = String::from_utf8_lossy(&output.stderr);
                let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
                let last = last.unwrap_or("it printed no error; is it a benchmark?");
                let detail = if out.join(dyno_summary::STUDY_FILE).is_file() {
                    "it was a study; compare at one --rate"
                } else if last.contains(STAGES_SET_THE_TIME) {
                    "its stages set its time; compare at one rate, such as --rate 500"
                } else {
                    last
                };
                Err(no_result(detail.to_owned()))
            }
            Err(error) => Err(no_result(error.to_string())),
        }
    }
}

/// A trial of one side.
struct TurnSummary(Summary);

impl TurnSummary {
    fn value(&self, name: &str) -> Option<f64> {
        TrialFigures::from(&self.0).value(name)
    }

    /// Returns the figures of the trial, in their order.
    fn side(&self, figures: &[ComparedFigure]) -> PairSide {
        let trial = TrialFigures::from(&self.0);
        PairSide {
            verdict: TrialVerdict::of(&self.0.verdict, self.0.signal()),
            values: figures.iter().map(|figure| trial.value(&figure.name)).collect(),
        }
    }
}

/// Runs a pair, and returns the trials of BASE and of NEW.
fn pair(
    programs: &[TurnProgram; 2],
    folder: &Path,
    window: Duration,
    order: PairOrder,
) -> Result<[TurnSummary; 2], AbError> {
    let [base, new] = programs;
    let out = |side: &str| folder.join(side);
    Ok(match order {
        PairOrder::BaseFirst => {
            let base = base.run(&out("a"), window)?;
            [base, new.run(&out("b"), window)?]
        }
        PairOrder::NewFirst => {
            let new = new.run(&out("b"), window)?;
            [base.run(&out("a"), window)?, new]
        }
    })
}

/// Returns the window that a requested percentile of the tail needs; `None` if the usual one is long
/// enough.
fn longer_window(figures: &[ComparedFigure], first: &[TurnSummary; 2]) -> Option<Duration> {
    let is_tail = |figure: &ComparedFigure| {
        figure.is_decisive && [".p99", ".p999"].iter().any(|tail| figure.name.ends_with(tail))
    };
    if !figures.iter().any(is_tail) {
        return None;
    }
    let rate = first.iter().map(|trial| trial.0.rate.delivered).fold(f64::INFINITY, f64::min);
    let needed = Duration::from_secs_f64((TAIL_CYCLES / rate.max(1.0)).min(60.0));
    (needed > WINDOW).then(|| needed.min(WINDOW_MAX))
}

/// The parts of the result that are not figures.
struct PairsSoFar {
    names: [String; 2],
    trials: [Vec<TrialFigures>; 2],
    evidence: [SideEvidence; 2],
    units: Vec<Unit>,
}

impl PairsSoFar {
    fn new(names: [String; 2], first: &[TurnSummary; 2], figures: &[ComparedFigure]) -> Self {
        let [base, new] = first.each_ref().map(|trial| SideEvidence::from(&trial.0));
        let of_new = TrialFigures::from(&first[1].0);
        let units = figures.iter().map(|figure| of_new.unit(&figure.name).unwrap_or_default());
        Self {
            names,
            trials: [Vec::new(), Vec::new()],
            evidence: [base, new],
            units: units.collect(),
        }
    }

    fn add(&mut self, pair: &[TurnSummary; 2]) {
        for (trials, trial) in self.trials.iter_mut().zip(pair) {
            trials.push(TrialFigures::from(&trial.0));
        }
    }

    /// Returns the comparison so far, or at its end.
    fn comparison(
        &self,
        compare: &PairedStudy,
        end: Option<CompareEnd>,
        elapsed: Duration,
    ) -> Comparison {
        let [base, new] = &self.evidence;
        let mut comparison = Comparison::default();
        comparison.schema = COMPARISON_SCHEMA;
        comparison.benchmark.clone_from(&new.benchmark);
        "pairs".clone_into(&mut comparison.evidence);
        end.map_or("", CompareEnd::name).clone_into(&mut comparison.end);
        comparison.differences = differences(base, new);
        let side = |index: usize| {
            let mut side = self.evidence[index].clone().named(self.names[index].clone());
            side.trials.clone_from(&self.trials[index]);
            answer::side(&side)
        };
        (comparison.base, comparison.new) = (side(0), side(1));
        let figures = compare.figures().iter().zip(&self.units);
        comparison.figures =
            figures.map(|(figure, unit)| answer::paired_figure(figure, *unit)).collect();
        comparison.pairs = Some(compare.held().0.count() as u64);
        comparison.repeated = compare.repeated() as u64;
        comparison.finding = compare.finding();
        comparison.exit_code = comparison.finding.exit_code();
        comparison.elapsed_ns = nanos(elapsed);
        answer::paired_sentences(&mut comparison, compare, end);
        comparison
    }
}

#[cfg(test)]
mod tests;
