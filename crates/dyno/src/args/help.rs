//! The command that clap parses and prints: the flags of [`super::Flags`], with what only this
//! benchmark knows filled in.

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};

use super::Flags;
use crate::parameters::{PARAMETER_VARIABLE, Setting, Settings, TaskParameters};

/// The id of `-P`.
pub(super) const PARAM: &str = "param";

/// A setting's id among the arguments: the name of its field.
pub(super) fn id(setting: Setting) -> String {
    setting.flag().replace('-', "_")
}

/// The command line of one benchmark. Each setting shows what it is when neither a flag nor a
/// variable says it: what the code says, or else the default.
pub(super) fn command(name: &str, code: &Settings, task: &TaskParameters) -> Command {
    let mut command = Flags::command()
        .name(name.to_owned())
        .version(concat!("(dyno ", env!("CARGO_PKG_VERSION"), ")"))
        .about("Does this code sustain this rate?")
        .override_usage(format!("{name} [OPTIONS]"))
        .after_help(parameters(task));
    for setting in Setting::ALL {
        let default = code.text(setting).map(str::to_owned).or_else(|| setting.default_text());
        command = command.mut_arg(id(setting), |arg| {
            let arg = arg.env(setting.variable()).hide_env_values(true);
            let arg = match setting.choices().as_slice() {
                [] => arg,
                choices => arg.value_parser(PossibleValuesParser::new(choices.to_vec())),
            };
            match default {
                Some(default) => arg.default_value(default),
                None => arg,
            }
        });
    }
    command
}

/// The task's own parameters with their defaults, for the help's end.
fn parameters(task: &TaskParameters) -> String {
    let rows = task.values().iter().map(|(name, value)| format!("\n  -P {name}={value}"));
    let rows = rows.collect::<String>();
    match rows.as_str() {
        "" => "The task has no parameters of its own.".to_owned(),
        rows => {
            format!("Parameters of the task (also {PARAMETER_VARIABLE}=\"NAME=VALUE …\"):{rows}")
        }
    }
}
