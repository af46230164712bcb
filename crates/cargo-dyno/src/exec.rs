//! `cargo dyno exec`: any command as the task, a process for each cycle.
//!
//! It is a benchmark of dyno's like any other, whose task starts the command and waits for it.
//! What stands before `--` are therefore the flags of every benchmark, read by dyno itself, and
//! what stands behind is the command. No shell comes between: who wants one starts it.
//!
//! Workers are this executable again, with the same command line. So the benchmark is declared
//! before anything of that line is read: in a worker, that never returns.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio, Termination};

use anyhow::{Context, bail, ensure};
use dyno::parameters::{Settings, TaskParameters};
use serde::{Deserialize, Serialize};

use crate::launch::TARGET_VARIABLE;
use crate::{EXIT_USAGE, print, targets};

/// The word on the command line, and the benchmark's name.
pub(crate) const NAME: &str = "exec";
/// Its own flag: the benchmark's flags know nothing of it.
const OUTPUT: &str = "--output";
const USAGE: &str = "cargo dyno exec [OPTIONS] -- COMMAND [ARGS]...";
const ABOUT: &str = "Does this command sustain this rate?";
const MORE: &str = "\
Each cycle is one process. Its exit code other than 0, or a signal, makes the cycle a failed one.
In ARGS, {cycle} stands for the cycle's number and {worker} for the worker's.
There is no shell between: `-- sh -c 'one | two'` starts one.";

/// The command, as the parameters of the task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Parameters {
    /// The command and its arguments.
    argv: Vec<String>,
    /// Whether what it prints is shown.
    output: bool,
}

/// What a worker knows of the command.
struct Exec {
    program: PathBuf,
    argv: Vec<String>,
    output: bool,
}

impl dyno::Task for Exec {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let Parameters { argv, output } = context.parameters::<Parameters>().clone();
        let name = argv.first().ok_or("the parameter `argv` is empty")?;
        Ok(Self { program: find(name).map_err(|error| error.to_string())?, argv, output })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let stream = || if self.output { Stdio::inherit() } else { Stdio::null() };
        let mut command = tokio::process::Command::new(&self.program);
        command
            .arg0(&self.argv[0])
            .args(self.argv[1..].iter().map(|word| substituted(word, cycle)))
            .stdin(Stdio::null())
            .stdout(stream())
            .stderr(stream())
            // A cycle that is abandoned ends with its process.
            .kill_on_drop(true);
        match command.status().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failure(status).into()),
            Err(error) => Err(format!("can't be started: {error}").into()),
        }
    }
}

/// An argument with what stands for the cycle and for its worker.
fn substituted(word: &str, cycle: &dyno::Cycle) -> String {
    let word = word.replace("{cycle}", &cycle.index().to_string());
    word.replace("{worker}", &cycle.worker().to_string())
}

/// Why a cycle failed: the same words for the same ending, so that they are counted together.
fn failure(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exited with code {code}"),
        None => format!("killed by {}", status.to_string().replace("signal: ", "signal ")),
    }
}

/// Runs `args`, whose first two words are this program and `exec`; in a worker of such a run, runs
/// the task and never returns.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let benchmark = dyno::bench(NAME, dyno::task::<Exec>());
    let line = Line::of(args);
    if line.flags.iter().any(|flag| flag == "--help" || flag == "-h") {
        return match print(&help()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&error),
        };
    }
    if let Some(error) = know_target_folder() {
        return refuse(&error);
    }
    match line.parameters() {
        Ok(parameters) => benchmark.parameters(parameters).main_with(line.flags).report(),
        Err(error) => refuse(&error),
    }
}

/// Starts this program again with the folder of runs in its environment, where cargo knows it:
/// only so is a run saved where `cargo dyno runs` looks. Returns why that is not possible.
fn know_target_folder() -> Option<anyhow::Error> {
    let here = targets::current_folder().ok()?;
    if std::env::var_os(TARGET_VARIABLE).is_some() || targets::manifest_above(&here).is_none() {
        return None;
    }
    // A command can be run in a package that cargo can't read.
    let metadata = targets::metadata(None).ok()?;
    let program = std::env::current_exe().ok()?;
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1)).env(TARGET_VARIABLE, metadata.target_directory);
    Some(anyhow::Error::new(again.exec()).context("can't start this program again"))
}

fn refuse(error: &anyhow::Error) -> ExitCode {
    // Where stderr is closed, the exit code still says it.
    let _unread = writeln!(std::io::stderr(), "error: {error:#}");
    EXIT_USAGE.into()
}

/// The benchmark's help, with what only `exec` has.
fn help() -> String {
    let output = clap::Arg::new("output")
        .long("output")
        .action(clap::ArgAction::SetTrue)
        .help_heading("Task")
        .help("Shows what the command prints; it is discarded unless asked for.");
    let command = dyno::args::command(NAME, &Settings::default(), &TaskParameters::default());
    let mut command = command.about(ABOUT).override_usage(USAGE).arg(output).after_help(MORE);
    command.render_long_help().to_string()
}

/// The two halves of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    /// A program's name, and the benchmark's flags.
    flags: Vec<OsString>,
    output: bool,
    /// Empty without `--`.
    command: Vec<OsString>,
}

impl Line {
    fn of(args: Vec<OsString>) -> Self {
        let mut words = args.into_iter().skip(2);
        let mut flags: Vec<OsString> = vec![NAME.into()];
        flags.extend(words.by_ref().take_while(|word| word != "--"));
        let command: Vec<_> = words.collect();
        let before = flags.len();
        flags.retain(|flag| flag != OUTPUT);
        Self { output: flags.len() < before, flags, command }
    }

    /// The task's parameters; refuses a command that could not be started.
    fn parameters(&self) -> anyhow::Result<Parameters> {
        let argv = self.command.iter().map(|word| {
            let text = word.to_str().map(str::to_owned);
            text.with_context(|| format!("`{}` is not UTF-8", word.display()))
        });
        let argv = argv.collect::<anyhow::Result<Vec<_>>>()?;
        let Some(name) = argv.first() else {
            bail!("no command: put it behind `--`, as in `cargo dyno exec --rate 50 -- true`");
        };
        find(name)?;
        Ok(Parameters { argv, output: self.output })
    }
}

/// The executable that a command's name means, as a shell would find it.
fn find(name: &str) -> anyhow::Result<PathBuf> {
    if name.contains('/') {
        let path = Path::new(name);
        let metadata = path.metadata().with_context(|| format!("can't start `{name}`"))?;
        ensure!(is_executable(&metadata), "can't start `{name}`: it is no executable file");
        return Ok(path.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates
        .find(|path| path.metadata().is_ok_and(|metadata| is_executable(&metadata)))
        .with_context(|| format!("command not found: `{name}` is in no folder of PATH"))
}

fn is_executable(metadata: &std::fs::Metadata) -> bool {
    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn line(words: &str) -> Line {
        Line::of(words.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn what_is_behind_the_dashes_is_the_commands() {
        let line = line("cargo-dyno exec -R 50 --output -w 4 -- sh -c --output -- x");
        assert!(line.output);
        assert_eq!(line.flags, ["exec", "-R", "50", "-w", "4"]);
        assert_eq!(line.command, ["sh", "-c", "--output", "--", "x"]);
    }

    #[test]
    fn a_command_that_can_not_be_started_is_named() {
        let refusal = |words: &str| line(words).parameters().unwrap_err().to_string();
        assert!(refusal("cargo-dyno exec true").starts_with("no command: put it behind `--`"));
        assert!(refusal("cargo-dyno exec --").starts_with("no command: put it behind `--`"));
        let missing = "command not found: `no-such-command` is in no folder of PATH";
        assert_eq!(refusal("cargo-dyno exec -- no-such-command"), missing);
        assert_eq!(refusal("cargo-dyno exec -- /nowhere/x"), "can't start `/nowhere/x`");
        assert!(refusal("cargo-dyno exec -- /").ends_with("it is no executable file"));
    }

    #[test]
    fn endings_are_said_in_the_same_words_each_time() {
        assert_eq!(failure(ExitStatus::from_raw(7 << 8)), "exited with code 7");
        assert_eq!(failure(ExitStatus::from_raw(9)), "killed by signal 9 (SIGKILL)");
    }

    #[test]
    fn its_own_flag_is_none_of_a_benchmarks() {
        let command = dyno::args::command(NAME, &Settings::default(), &TaskParameters::default());
        assert!(command.get_arguments().all(|arg| arg.get_long() != Some("output")));
        assert!(help().contains("--output") && help().contains("--rate"));
    }
}
