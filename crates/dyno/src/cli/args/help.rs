//! The command that clap parses and prints: a flag for each row of the table of settings, the flags
//! of the output, the benchmark's name, its own defaults and its task's parameters.

use clap::builder::{PossibleValuesParser, Resettable};
use clap::{Arg, ArgAction, Args, Command};

use super::study::StudyFlags;
use super::{HostFlags, OutputFlags, Selection};
use crate::result::redact;
use crate::settings::{DEADLINES, Setting, Settings, TaskParameters};

/// The longest line of the help, in columns: longer lines are hard to read.
const LINE_MAX: usize = 100;

/// Returns the same command without variables: clap would read an empty variable as a value.
pub(crate) fn without_environment(command: Command) -> Command {
    command.mut_args(|arg| arg.env(Resettable::<clap::builder::OsStr>::Reset))
}

/// Returns the command line of one benchmark. Its help shows the value that each setting has if
/// neither a flag nor a variable gives one: the value in the code, or else the default.
///
/// It is for programs that have their own flags in addition to a benchmark's.
#[must_use]
pub fn command(name: &str, code: &Settings, task: &TaskParameters) -> Command {
    // The help lists the headings in the order of their first flags. Deadlines are rarely changed.
    let (deadlines, load): (Vec<_>, Vec<_>) =
        Setting::ALL.into_iter().partition(|setting| setting.row().heading == DEADLINES);
    let flag = |setting: Setting| flag(setting, code.text(setting));
    let command = Command::new(name.to_owned()).args(load.into_iter().map(flag));
    let command = StudyFlags::augment_args(command);
    let command = HostFlags::augment_args(command);
    let command = OutputFlags::augment_args(command).args(deadlines.into_iter().map(flag));
    // After the derived flags, which bring descriptions of their types.
    Selection::augment_args(command)
        .version(concat!("(dyno ", env!("CARGO_PKG_VERSION"), ")"))
        .about("Does this code sustain this rate?")
        .override_usage(format!("{name} [OPTIONS]"))
        .after_help(parameters(task))
        .disable_help_subcommand(true)
        .max_term_width(LINE_MAX)
        // A script's default is followed by what its caller wants.
        .args_override_self(true)
}

/// Returns the flag of a setting. Its default is the value in the code, if there is one.
fn flag(setting: Setting, in_code: Option<&str>) -> Arg {
    let row = setting.row();
    let choices = setting.choices();
    let arg = Arg::new(row.name)
        .long(row.name)
        .short(row.short)
        .help_heading(row.heading)
        .help(row.help)
        .value_name(row.value_name)
        .env(setting.variable())
        .hide_env_values(true)
        .allow_hyphen_values(row.may_be_negative && choices.is_empty())
        .action(if row.repeats { ArgAction::Append } else { ArgAction::Set });
    let arg = match choices.as_slice() {
        [] => arg,
        _ => arg.value_parser(PossibleValuesParser::new(choices)).ignore_case(true),
    };
    match in_code.or(setting.default_text()) {
        Some(default) => arg.default_value(default.to_owned()),
        None => arg,
    }
}

/// Returns the task's parameters with their defaults, for the end of the help.
fn parameters(task: &TaskParameters) -> String {
    // A default may come from the environment, such as a server's URL, and hold a secret.
    let word = |(name, value): (&String, &_)| redact::word(&format!("{name}={value}"));
    let rows = task.values().iter().map(|row| format!("\n  -P {}", word(row)));
    match rows.collect::<String>().as_str() {
        "" => "The task has no parameters of its own.".to_owned(),
        rows => {
            let variable = Setting::Param.variable();
            format!("Parameters of the task (also {variable}=\"NAME=VALUE …\"):{rows}")
        }
    }
}
