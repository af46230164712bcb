//! The parts that the benchmarks of this program share, `exec`, `pipe` and `http`: the check of a
//! command, the split of a flag from its value, their help, and the folder of their runs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, bail};
use dyno::internal::{Settings, TaskParameters};

use crate::launch::TARGET_VARIABLE;
use crate::{EXIT_USAGE, note, print, targets};

pub(crate) mod program;

/// The variable that marks a process as a worker of dyno. A command is not one, though its parent
/// is.
pub(crate) const WORKER_VARIABLE: &str = "DYNO_WORKER";
/// Words that mean something to a shell, and nothing to a program.
const SHELL_WORDS: [&str; 12] =
    ["|", "||", "&", "&&", ";", "<", "<<", "<<<", ">", ">>", "2>", "2>&1"];

/// Returns the words of a command, if the kernel would start it.
///
/// # Errors
/// If the command is missing, or it can't be started; `example` is the line to show.
pub(crate) fn loadable(command: &[OsString], example: &str) -> anyhow::Result<Vec<String>> {
    let argv = command.iter().map(|word| {
        let text = word.to_str().map(str::to_owned);
        text.with_context(|| format!("`{}` is not UTF-8", word.display()))
    });
    let argv = argv.collect::<anyhow::Result<Vec<_>>>()?;
    let Some(name) = argv.first() else {
        bail!("no command: put it behind `--`, as in `{example}`");
    };
    program::try_to_load(&program::find(name)?, &argv)?;
    Ok(argv)
}

/// Returns a warning if a word of the command is an operator of a shell.
pub(crate) fn shell_warning(command: &[OsString]) -> Option<String> {
    let is_shells = |word: &&OsString| SHELL_WORDS.iter().any(|shells| word == shells);
    let word = command.iter().find(is_shells)?.display();
    Some(format!(
        "the command gets `{word}` as an argument, since there is no shell between; to use a \
         shell: `-- sh -c 'one {word} two'`"
    ))
}

/// Splits a word such as `--stdin=FILE` into the flag's name and its value.
pub(crate) fn halves(word: &OsString) -> (Option<&str>, Option<OsString>) {
    let Some(text) = word.to_str() else { return (None, None) };
    match text.split_once('=') {
        Some((name, value)) => (Some(name), Some(value.into())),
        None => (Some(text), None),
    }
}

/// The texts of a benchmark's help.
pub(crate) struct HelpTexts {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) usage: &'static str,
    /// The text after the flags.
    pub(crate) more: &'static str,
}

impl HelpTexts {
    /// Returns the help: these texts, and the flags of every benchmark and its own.
    pub(crate) fn with_flags(&self, own: impl IntoIterator<Item = clap::Arg>) -> String {
        let (settings, parameters) = (Settings::default(), TaskParameters::default());
        let command = dyno::internal::command(self.name, &settings, &parameters);
        let mut command = command.about(self.about).override_usage(self.usage).args(own);
        command = command.after_help(self.more);
        command.render_long_help().to_string()
    }
}

/// Prints the help, if a flag requests it; otherwise makes the folder of runs known. Returns an exit
/// code if there is nothing to run.
pub(crate) fn without_a_run(flags: &[OsString], help: impl FnOnce() -> String) -> Option<ExitCode> {
    if flags.iter().any(|flag| flag == "--help" || flag == "-h") {
        return Some(match print(&help()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&error),
        });
    }
    know_target_folder().map(|error| refuse(&error))
}

/// Starts this program again with the folder of runs in its environment, if cargo knows that
/// folder: only then is a run saved where `cargo dyno runs` looks. Returns the error if the start
/// fails; `None` if the folder is set already or cargo does not know it.
fn know_target_folder() -> Option<anyhow::Error> {
    let here = targets::current_folder().ok()?;
    let known = std::env::var_os(TARGET_VARIABLE);
    let is_known = known.is_some_and(|folder| !folder.to_string_lossy().trim().is_empty());
    if is_known || targets::manifest_above(&here).is_none() {
        return None;
    }
    // A command can be run in a package that cargo can't read.
    let metadata = targets::metadata(None).ok()?;
    let program = std::env::current_exe().ok()?;
    let mut again = std::process::Command::new(program);
    if let Some((name, arguments)) = command_line().split_first() {
        again.arg0(name).args(arguments);
    }
    again.env(TARGET_VARIABLE, metadata.target_directory);
    Some(anyhow::Error::new(again.exec()).context("can't start this program again"))
}

/// Returns the command line of this process as the kernel knows it. If a dynamic loader started this
/// program, the executable of the process is the loader, which needs its own arguments again.
fn command_line() -> Vec<OsString> {
    let own: Vec<OsString> = std::env::args_os().collect();
    let whole = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let words = whole.strip_suffix(b"\0").unwrap_or_default().split(|byte| *byte == 0);
    let words: Vec<OsString> = words.map(|word| OsStr::from_bytes(word).to_owned()).collect();
    if words.ends_with(own.get(1..).unwrap_or_default()) && words.len() >= own.len() {
        words
    } else {
        own
    }
}

/// Prints why nothing was started, and returns the exit code for it.
pub(crate) fn refuse(error: &anyhow::Error) -> ExitCode {
    note(&format!("error: {error:#}"));
    EXIT_USAGE.into()
}

/// Returns how a process has ended. Equal endings give equal texts, so that they are counted
/// together.
pub(crate) fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => format!("killed by {}", status.to_string().replace("signal: ", "signal ")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn an_ending_has_the_same_text_each_time() {
        assert_eq!(ending(ExitStatus::from_raw(7 << 8)), "exited with code 7");
        assert_eq!(ending(ExitStatus::from_raw(9)), "killed by signal 9 (SIGKILL)");
    }
}
