//! `cargo dyno pipe`: a command that stays as the task: one process for each worker, a line for each
//! cycle in, a reply for each cycle out.
//!
//! It is a benchmark of dyno, as `exec` is: the flags before `--` are those of every benchmark and
//! its own, and the words behind it are the command. The worker starts the command once; a command
//! that ends before the run does is a fault, since no cycle could be answered any more.

use std::ffi::OsString;
use std::process::{ExitCode, Termination};

use serde::{Deserialize, Serialize};

use self::line::PipeLine;
use self::task::PipeTask;
use crate::command::{HelpTexts, refuse, without_a_run};
use crate::note;

mod buffering;
mod channel;
mod dialogue;
mod exchange;
mod line;
mod lines;
mod loops;
mod process;
mod replies;
mod task;
mod template;

/// The name of the subcommand, and of its benchmark unless `--name` gives another.
pub(crate) const NAME: &str = "pipe";
const USAGE: &str = "cargo dyno pipe [OPTIONS] -- COMMAND [ARGS]...";
const ABOUT: &str = "Does this command, which stays, sustain this rate?";
const MORE: &str = "\
Each worker starts the command once, and sends it a line for each cycle. A cycle starts when its
line is written, and ends when the last line of its reply has been read.
In a TEMPLATE, {cycle} and {worker} are the numbers of the cycle and its worker, {random N} is a
number below N that follows from --seed and the cycle, {line} is the cycle's line of the file of
--lines, {{ is a brace and \\n a line break. In ARGS, {worker} is the worker's number.
A command that works on one line at a time, as most do, gains nothing from --in-flight, which is 1
unless given: more lines wait in the pipe, and `service` counts that wait.
A line `#metric NAME VALUE [UNIT]` records a value, and is no part of a reply.
With --ipc the command speaks Node's channel instead: process.on('message', …) receives
{name: 'cycle:start', cycle}, and process.send({name: 'cycle:completed', cycle}) ends the cycle.
There is no shell between: `-- sh -c 'one | two'` starts one.";

/// The command and its dialogue, as the parameters of the task.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PipeParameters {
    /// The command and its arguments.
    argv: Vec<String>,
    /// The template of a cycle's line.
    line: String,
    /// The file whose lines `{line}` in a template names; empty without one.
    #[serde(default)]
    lines: String,
    /// The template of the line whose echo ends a reply; empty without a mark.
    mark: String,
    /// The number of lines of a reply.
    reply_lines: u64,
    /// The pattern of a reply's last line; empty if a reply ends otherwise.
    reply_until: String,
    /// The pattern of a line that makes the cycle a failed one; empty if no line does.
    fail_if: String,
    /// `true` if replies begin with their cycle's number.
    matched: bool,
    /// `true` if the command speaks Node's channel.
    ipc: bool,
    stderr: StderrTarget,
    /// The seed of the run.
    seed: u64,
    /// The start deadline of the run, in milliseconds.
    start_deadline_ms: u64,
    /// The deadline of `after`, in milliseconds.
    after_deadline_ms: u64,
}

/// The destination of a command's standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StderrTarget {
    /// It is shown, with the worker's number before each line; the default without --mark
    #[default]
    Worker,
    /// It joins standard output, as a part of the replies; the default with --mark
    Reply,
}

/// Returns the command of a saved run; empty if the run is not one of `pipe`.
pub(crate) fn command_of(summary: &dyno::Summary) -> Vec<String> {
    let is_of_pipe = summary.parameter::<u64>("reply_lines").is_some();
    summary.parameter("argv").filter(|_| is_of_pipe).unwrap_or_default()
}

/// Runs `args`, whose first two words are this program and `pipe`; in a worker of such a run, runs
/// the task and never returns.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let line = PipeLine::of(args);
    let benchmark = dyno::bench(line.name(), dyno::task::<PipeTask>());
    if dyno::internal::is_agent() {
        return benchmark.parameters(PipeParameters::default()).main().report();
    }
    if let Some(code) = without_a_run(&line.flags, help) {
        return code;
    }
    let parameters = match line.parameters() {
        Ok(parameters) => parameters,
        Err(error) => return refuse(&error),
    };
    if let Some(warning) = line.warning() {
        note(&format!("warning: {warning}"));
    }
    let benchmark = benchmark.reached_by([NAME, "--name", &line.name()]);
    let prepared = benchmark.parameters(parameters).in_flight(1).prepare(|run| {
        run.set("seed", run.seed())?;
        run.set("start_deadline_ms", run.start_deadline().as_millis())?;
        run.set("after_deadline_ms", run.after_deadline().as_millis())?;
        Ok(())
    });
    prepared.main_with(line.flags).report()
}

/// Returns the benchmark's help, with the flags and the text that only `pipe` has.
fn help() -> String {
    let texts = HelpTexts { name: NAME, about: ABOUT, usage: USAGE, more: MORE };
    texts.with_flags(line::own_flags())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_help_has_its_own_flags_and_those_of_every_benchmark() {
        let help = help();
        let own =
            line::own_flags().into_iter().filter_map(|flag| flag.get_long().map(str::to_owned));
        for flag in own.chain(["rate".to_owned(), "in-flight".to_owned()]) {
            assert!(help.contains(&format!("--{flag}")), "{flag}: {help}");
        }
    }
}
