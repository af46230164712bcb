//! The command line that every benchmark has: flags, variables, help.
//!
//! It reads [`Settings`] and [`OutputFlags`], and judges neither rates nor times: that is done once,
//! in [`Settings::plan`], for all layers alike. The flags of the settings are made from their table.
//! It refuses, before anything is started, a flag that does not exist, a word that means nothing,
//! and a place for output that can't be written to.

mod baseline;
mod dashboard;
mod environment;
mod filter;
mod help;
mod hosts;
mod otlp;
mod place;
mod study;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};

pub(crate) use self::dashboard::{DashboardChoice, DashboardFlagError};
use self::environment::Variables;
use self::filter::Selection;
pub use self::help::command;
pub(crate) use self::hosts::HostFlags;
pub(crate) use self::otlp::OtlpFlagError;
use self::study::StudyFlags;
pub(crate) use crate::report::Format;
use crate::report::{OtlpPlace, PageChoice};
use crate::result::redacted;
use crate::settings::{Setting, SettingSource, Settings, StudySettings, TaskParameters};

/// The exit code of what was refused before anything was started.
pub(crate) const USAGE_EXIT: i32 = dyno_summary::REFUSED_EXIT;

/// The contents of a benchmark's command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    /// The settings of the environment and of flags, to be layered over those of the code.
    pub settings: Settings,
    /// The settings that steer a study, to be layered over those of the code.
    pub study: StudySettings,
    /// The places and the form of the results.
    pub output: OutputFlags,
    /// The hosts that share the run.
    pub(crate) hosts: HostFlags,
    /// The filter of `cargo bench FILTER` that leaves this benchmark out, if one does.
    pub left_out_by: Option<String>,
    /// Variables that look like dyno's and are not.
    pub warnings: Vec<String>,
}

impl Arguments {
    /// Reads the command line of the benchmark `name`; it begins with the program's name. The help
    /// shows the settings in the code and the task's parameters as defaults.
    ///
    /// # Errors
    /// If it requests help or the version, or is not valid.
    pub fn read(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
        name: &str,
        code: &Settings,
        task: &TaskParameters,
    ) -> Result<Self, UsageError> {
        Self::read_with(line, name, code, task, &Variables::of_this_process())
    }

    fn read_with(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
        name: &str,
        code: &Settings,
        task: &TaskParameters,
        environment: &Variables,
    ) -> Result<Self, UsageError> {
        let line: Vec<OsString> = line.into_iter().map(Into::into).collect();
        let command = help::command(name, code, task);
        let mut parser = help::without_environment(command.clone());
        let matches = match parser.try_get_matches_from_mut(&line) {
            Ok(matches) => matches,
            // The help names the variables, which the parser itself does not read.
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                return Err(UsageError::Clap(
                    command.try_get_matches_from(line).err().unwrap_or(error),
                ));
            }
            Err(error) => return Err(UsageError::Clap(error)),
        };
        let selection = Selection::from_arg_matches(&matches).map_err(UsageError::Clap)?;
        selection.check(environment.is_started_by_cargo_dyno()).map_err(UsageError::Refused)?;
        let mut output = OutputFlags::from_arg_matches(&matches).map_err(UsageError::Clap)?;
        environment.complete(&mut output, &matches).map_err(UsageError::Refused)?;
        let said = environment.settings().map_err(UsageError::Refused)?;
        let study = StudyFlags::settings(&matches, environment).map_err(UsageError::Refused)?;
        let hosts = HostFlags::read(&matches, environment).map_err(UsageError::Refused)?;
        let left_out_by = selection.left_out_by(name);
        if left_out_by.is_none() {
            place::check(&output).map_err(|error| UsageError::Refused(error.to_string()))?;
            baseline::check(&output).map_err(|error| UsageError::Refused(error.to_string()))?;
            dashboard::read(&output).map_err(|error| UsageError::Refused(error.to_string()))?;
            otlp::read(&output).map_err(|error| UsageError::Refused(error.to_string()))?;
        }
        let settings = said.layered_with(settings(&matches));
        let warnings = environment.unknown();
        Ok(Self { settings, study, output, hosts, left_out_by, warnings })
    }
}

/// Returns the settings of the flags. Values that are only shown as defaults are left to the layer
/// that they come from.
fn settings(matches: &ArgMatches) -> Settings {
    let mut settings = Settings::default();
    for setting in Setting::ALL {
        if matches.value_source(setting.flag()) == Some(ValueSource::CommandLine) {
            for text in matches.get_many::<String>(setting.flag()).unwrap_or_default() {
                settings.say(setting, text.clone(), SettingSource::Flag);
            }
        }
    }
    settings
}

/// The places and the form of the results: flags that do not change what a run does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputFlags {
    /// Form of the result on stdout: a page for people, one JSON object, one CSV row, or a Markdown
    /// table.
    #[arg(long, value_name = "FORMAT", default_value = "human", ignore_case = true)]
    #[arg(env = "DYNO_FORMAT", hide_env_values = true)]
    pub format: Format,
    /// Folder for the files of a run or a study; target/dyno/NAME/RUN unless given.
    #[arg(long, value_name = "DIR", env = "DYNO_OUT", hide_env_values = true)]
    pub out: Option<PathBuf>,
    /// Keeps the result as the baseline NAME, which `cargo dyno compare` reads.
    #[arg(long, value_name = "NAME", env = "DYNO_SAVE", hide_env_values = true)]
    pub save: Option<String>,
    /// Also write the log as JSON lines to FILE.
    #[arg(long, value_name = "FILE", env = "DYNO_LOG_FILE", hide_env_values = true)]
    pub log_file: Option<PathBuf>,
    /// Metrics to plot over time after the run.
    #[arg(long, value_name = "METRIC", value_delimiter = ',')]
    #[arg(env = "DYNO_PLOT", hide_env_values = true)]
    pub plot: Vec<String>,
    /// Leaves out report.html, the page of the run; so does DYNO_REPORT=0.
    #[arg(long)]
    pub no_report: bool,
    /// Serves the page of the run while it goes on, and prints its address; on this machine, at a
    /// free port and a random path, unless given.
    #[arg(long, value_name = "[ADDR][:PORT][/PATH]", num_args = 0..=1, default_missing_value = "")]
    #[arg(env = "DYNO_DASHBOARD", hide_env_values = true)]
    pub dashboard: Option<String>,
    /// Host that a browser may name to reach the dashboard, in addition to those of this machine.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    #[arg(env = "DYNO_DASHBOARD_HOST", hide_env_values = true)]
    pub dashboard_host: Vec<String>,
    /// Serves the final page after the run, for this time or until Ctrl-C.
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "")]
    #[arg(env = "DYNO_DASHBOARD_KEEP", hide_env_values = true)]
    pub dashboard_keep: Option<String>,
    /// Sends the figures of the run to a collector by OTLP, every 10 seconds and at the end; to
    /// OTEL_EXPORTER_OTLP_ENDPOINT, or else to this machine, unless given.
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    #[arg(env = "DYNO_OTLP", hide_env_values = true)]
    pub otlp: Option<String>,
    /// Shows faults and the result only: no live view, no workers' output.
    #[arg(long, env = "DYNO_QUIET", hide_env_values = true)]
    pub quiet: bool,
    /// Asks for the parameters on the terminal, and offers the values of flags and variables.
    #[arg(long, help_heading = "Task", env = "DYNO_PROMPT", hide_env_values = true)]
    pub prompt: bool,
}

impl OutputFlags {
    /// Returns the choice of a dashboard; `None` if none is requested.
    pub(crate) fn dashboard(&self) -> Result<Option<DashboardChoice>, DashboardFlagError> {
        dashboard::read(self)
    }

    /// Returns the place of a collector; `None` if none is requested.
    pub(crate) fn otlp(&self) -> Result<Option<OtlpPlace>, OtlpFlagError> {
        otlp::read(self)
    }

    /// Returns the choice of a page.
    pub(crate) fn page(&self) -> PageChoice {
        if self.no_report { PageChoice::LeftOut } else { PageChoice::Written }
    }
}

/// A command line after which nothing is started.
#[derive(Debug)]
pub enum UsageError {
    /// Help, the version, or a line that does not parse.
    Clap(clap::Error),
    /// A line that is refused, and why.
    Refused(String),
}

impl UsageError {
    /// Returns 0 for help and the version, and the code of a refusal for all else.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Clap(error) => error.exit_code(),
            Self::Refused(_) => USAGE_EXIT,
        }
    }

    /// Prints help to stdout, and a refusal to stderr, in one line. A closed pipe is not an error,
    /// because its reader has read enough.
    pub fn print(&self) {
        let written = match self {
            Self::Clap(error) if error.use_stderr() => {
                use std::io::Write as _;
                let line = redacted(&one_line(&error.render().to_string()));
                writeln!(std::io::stderr(), "{line}")
            }
            Self::Clap(error) => error.print(),
            Self::Refused(line) => {
                use std::io::Write as _;
                writeln!(std::io::stderr(), "error: {}", redacted(line))
            }
        };
        // An error that can't be printed can't be reported either.
        drop(written);
    }
}

/// Returns clap's error in one line: the fault, a tip, and where to read more, without the usage,
/// which is in the help.
fn one_line(error: &str) -> String {
    let parts = error.lines().map(str::trim);
    let parts = parts.filter(|part| !part.is_empty() && !part.starts_with("Usage:"));
    parts.collect::<Vec<_>>().join("; ").replace("; For more", "; for more")
}

#[cfg(test)]
mod tests;
