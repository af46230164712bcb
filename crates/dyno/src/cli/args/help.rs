//! The command that clap parses and prints: the flags of [`super::Flags`], completed by the
//! benchmark's name, its own defaults and its task's parameters.

use clap::builder::{PossibleValuesParser, Resettable};
use clap::{Arg, Command, CommandFactory};

use super::Flags;
use crate::result::redacted;
use crate::settings::{PARAMETER_VARIABLE, Setting, Settings, TaskParameters};

/// Returns the same command without variables: clap would read an empty variable as a value.
pub(crate) fn without_environment(command: Command) -> Command {
    command.mut_args(|arg| arg.env(Resettable::<clap::builder::OsStr>::Reset))
}

/// The id of `-P`.
pub(crate) const PARAM: &str = "param";

/// Returns a setting's id among the arguments: the name of its field.
pub(crate) fn id(setting: Setting) -> String {
    setting.flag().replace('-', "_")
}

/// Returns the command line of one benchmark. Its help shows the value that each setting has if
/// neither a flag nor a variable gives one: the value in the code, or else the default.
///
/// It is for programs that have their own flags in addition to a benchmark's.
#[must_use]
pub fn command(name: &str, code: &Settings, task: &TaskParameters) -> Command {
    let command = Flags::command()
        .name(name.to_owned())
        .version(concat!("(dyno ", env!("CARGO_PKG_VERSION"), ")"))
        .about("Does this code sustain this rate?")
        .override_usage(format!("{name} [OPTIONS]"))
        .after_help(parameters(task));
    // All in one pass: an argument that is changed by itself moves to the end of the help.
    command.mut_args(|arg| {
        let is_it = |setting: &Setting| id(*setting) == arg.get_id().as_str();
        match Setting::ALL.into_iter().find(is_it) {
            Some(setting) => filled(arg, setting, code.text(setting)),
            None => arg,
        }
    })
}

/// Completes a setting's flag by its variable, the values that it may have, and its default.
fn filled(arg: Arg, setting: Setting, said: Option<&str>) -> Arg {
    let arg = arg.env(setting.variable()).hide_env_values(true);
    let arg = match setting.choices().as_slice() {
        [] => arg,
        choices => arg.value_parser(PossibleValuesParser::new(choices.to_vec())).ignore_case(true),
    };
    match said.map(str::to_owned).or_else(|| setting.default_text()) {
        Some(default) => arg.default_value(default),
        None => arg,
    }
}

/// Returns the task's parameters with their defaults, for the end of the help.
fn parameters(task: &TaskParameters) -> String {
    let rows = task.values().iter().map(|(name, value)| format!("\n  -P {name}={value}"));
    // A default may come from the environment, such as a server's URL, and hold a secret.
    let rows = redacted(&rows.collect::<String>());
    match rows.as_str() {
        "" => "The task has no parameters of its own.".to_owned(),
        rows => {
            format!("Parameters of the task (also {PARAMETER_VARIABLE}=\"NAME=VALUE …\"):{rows}")
        }
    }
}
