//! `cargo dyno exec`: any command as the task, a process for each cycle.
//!
//! It is a benchmark of dyno like any other; its task starts the command and waits for it. The
//! flags before `--` are therefore those of every benchmark, read by dyno itself, and the words
//! behind it are the command. No shell comes between: a user who wants one starts it.
//!
//! Each worker is this executable again, with the same command line. So the benchmark is declared
//! before anything but its name is read from that line: in a worker, the declaration never returns.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio, Termination};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncRead;
use tokio::process::{Child, Command};

use self::line::CommandLine;
use crate::command::{HelpTexts, WORKER_VARIABLE, ending, program, refuse, without_a_run};
use crate::note;

mod line;

/// The name of the subcommand, and of its benchmark unless `--name` gives another.
pub(crate) const NAME: &str = "exec";
const USAGE: &str = "cargo dyno exec [OPTIONS] -- COMMAND [ARGS]...";
const ABOUT: &str = "Does this command sustain this rate?";
const MORE: &str = "\
Each cycle is one process. A cycle fails if its command exits non-zero or is killed by a signal.
In ARGS, {cycle} stands for the cycle's number and {worker} for the worker's.
There is no shell between: `-- sh -c 'one | two'` starts one.
The command reads /dev/null, or --stdin FILE from its beginning, and has no terminal.";

/// The command, as the parameters of the task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct CommandParameters {
    /// The command and its arguments.
    argv: Vec<String>,
    output: CommandOutput,
    /// The file that each command reads.
    stdin: String,
}

/// The destination of the text that a command prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum CommandOutput {
    /// It goes to /dev/null. Some programs notice, and do less: grep stops at its first match
    #[default]
    Null,
    /// It is read and thrown away: the program does all that it does on a pipe
    Discard,
    /// It is shown, with the worker's number before each line
    Show,
}

/// The state of one worker: the program's file, found once, and the parameters of the task.
struct CommandTask {
    program: PathBuf,
    parameters: CommandParameters,
}

impl dyno::Task for CommandTask {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let parameters = context.parameters::<CommandParameters>().clone();
        let name = parameters.argv.first().ok_or("the parameter `argv` is empty")?;
        let program = program::find(name).map_err(|error| error.to_string())?;
        Ok(Self { program, parameters })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let CommandParameters { argv, output, stdin } = &self.parameters;
        let stream = || match output {
            CommandOutput::Null => Stdio::null(),
            CommandOutput::Discard => Stdio::piped(),
            CommandOutput::Show => Stdio::inherit(),
        };
        let input = File::open(stdin).map_err(|error| format!("can't read `{stdin}`: {error}"))?;
        let child = Command::new(&self.program)
            .arg0(&argv[0])
            .args(argv[1..].iter().map(|word| substituted(word, cycle)))
            .env_remove(WORKER_VARIABLE)
            .stdin(input)
            .stdout(stream())
            .stderr(stream())
            // When a cycle is abandoned, its process is killed.
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| format!("can't be started: {error}"))?;
        let status = if *output == CommandOutput::Discard {
            ended_and_read(&mut child).await
        } else {
            child.wait().await
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(ending(status).into()),
            Err(error) => Err(format!("can't be waited for: {error}").into()),
        }
    }
}

/// Waits for the end of a process, and reads its output until then.
async fn ended_and_read(child: &mut Child) -> std::io::Result<ExitStatus> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    tokio::select! {
        // Its output may end later: a process that it leaves behind may keep that open.
        status = child.wait() => status,
        never = async {
            tokio::join!(discard(stdout), discard(stderr));
            std::future::pending().await
        } => never,
    }
}

/// Reads a stream to its end, and keeps nothing.
async fn discard(stream: Option<impl AsyncRead + Unpin>) {
    if let Some(mut stream) = stream {
        // A stream that can't be read counts as ended.
        let _ended = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
}

/// Replaces `{cycle}` and `{worker}` in an argument by the numbers of the cycle and its worker.
fn substituted(word: &str, cycle: &dyno::Cycle) -> String {
    let word = word.replace("{cycle}", &cycle.index().to_string());
    word.replace("{worker}", &cycle.worker().to_string())
}

/// Returns the command of a saved run; empty if the run is not one of `exec`.
pub(crate) fn command_of(summary: &dyno::Summary) -> Vec<String> {
    let has = |name| summary.parameter::<String>(name).is_some();
    let argv = summary.parameter("argv").filter(|_| has("output") && has("stdin"));
    argv.unwrap_or_default()
}

/// Runs `args`, whose first two words are this program and `exec`; in a worker of such a run, runs
/// the task and never returns.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let line = CommandLine::of(args);
    let benchmark = dyno::bench(line.name(), dyno::task::<CommandTask>());
    if dyno::internal::is_agent() {
        return benchmark.parameters(CommandParameters::default()).main().report();
    }
    if let Some(code) = without_a_run(&line.flags, help) {
        return code;
    }
    let parameters = match line.parameters() {
        Ok(parameters) => parameters,
        Err(error) => return refuse(&error),
    };
    for warning in line.warnings(line::kind_of_stdin()) {
        note(&format!("warning: {warning}"));
    }
    let is_shown = parameters.output == CommandOutput::Show;
    let benchmark = benchmark.reached_by([NAME, "--name", &line.name()]);
    let outcome = benchmark.parameters(parameters).main_with(line.flags);
    if i32::from(outcome.exit_code()) == dyno::Verdict::Failed.exit_code(None) && !is_shown {
        note("to see what the command prints: --output show");
    }
    outcome.report()
}

/// Returns the benchmark's help, with the flags and the text that only `exec` has.
fn help() -> String {
    let texts = HelpTexts { name: NAME, about: ABOUT, usage: USAGE, more: MORE };
    texts.with_flags(line::own_flags())
}

#[cfg(test)]
mod tests {
    use dyno::internal::{Settings, TaskParameters};

    use super::*;

    #[test]
    fn flags_of_exec_differ_from_those_of_a_benchmark() {
        let command =
            dyno::internal::command(NAME, &Settings::default(), &TaskParameters::default());
        let mut names = command.get_arguments().filter_map(clap::Arg::get_long);
        assert!(names.all(|name| !["name", "output", "stdin"].contains(&name)));
        let help = help();
        for flag in ["--name", "--output", "--stdin", "--rate"] {
            assert!(help.contains(flag), "{flag}: {help}");
        }
    }
}
