//! `cargo dyno http`: requests to a URL as the task, without a program.
//!
//! It is a benchmark of dyno, as `exec` and `pipe` are: its flags are those of every benchmark and
//! its own. Each cycle is one request, and ends when the whole reply has arrived. A status of 400
//! or more, a reply that is late, and a connection that breaks are failed cycles. Redirects are not
//! followed: the reply that the server gives is the one that is measured.

use std::ffi::OsString;
use std::process::{ExitCode, Termination};

use serde::{Deserialize, Serialize};

use self::line::HttpLine;
use self::task::HttpTask;
use crate::command::{HelpTexts, refuse, without_a_run};

mod connections;
mod line;
mod task;

/// The name of the subcommand, and of its benchmark unless `--name` gives another.
pub(crate) const NAME: &str = "http";
const USAGE: &str = "cargo dyno http URL [OPTIONS]";
const ABOUT: &str = "Does this server sustain this rate of requests?";
const MORE: &str = "\
Each cycle is one request over HTTP/1.1, and ends when its whole reply has arrived. A status of 400
or more, a late reply and a broken connection are failed cycles. Redirects are not followed.
Connections stay open for further requests. A worker opens one more when all that it has are in
use, up to --in-flight. For `https`, the certificates are those that this system trusts.
The metric `connect` has the time of each new connection, TLS included, and `first_byte` the time
until the head of a reply has arrived.";

/// The request, as the parameters of the task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct HttpParameters {
    url: String,
    method: String,
    /// The header fields, each as `NAME: VALUE`.
    headers: Vec<String>,
    /// The file with the body of each request; empty without a body.
    body: String,
    /// The longest time until the whole reply has arrived, in milliseconds.
    timeout_ms: u64,
}

/// Returns the request of a saved run, as the words that name it; empty if the run is not one of
/// `http`.
pub(crate) fn command_of(summary: &dyno::Summary) -> Vec<String> {
    let parameters = (summary.parameter("method"), summary.parameter("url"));
    match (summary.parameter::<Vec<String>>("headers"), parameters) {
        (Some(_), (Some(method), Some(url))) => vec![method, url],
        _ => Vec::new(),
    }
}

/// Runs `args`, whose first two words are this program and `http`; in a worker of such a run, runs
/// the task and never returns.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let line = HttpLine::of(args);
    let benchmark = dyno::bench(line.name(), dyno::task::<HttpTask>());
    if dyno::internal::is_agent() {
        return benchmark.parameters(HttpParameters::default()).main().report();
    }
    let benchmark = benchmark.reached_by([NAME, "--name", &line.name()]);
    if let Some(code) = without_a_run(&line.flags, help) {
        return code;
    }
    match line.parameters() {
        Ok(parameters) => benchmark.parameters(parameters).main_with(line.flags).report(),
        Err(error) => refuse(&error),
    }
}

/// Returns the benchmark's help, with the flags and the text that only `http` has.
fn help() -> String {
    let texts = HelpTexts { name: NAME, about: ABOUT, usage: USAGE, more: MORE };
    texts.with_flags(line::own_flags())
}

#[cfg(test)]
mod tests {
    use dyno::internal::{Settings, TaskParameters};

    use super::*;

    #[test]
    fn flags_of_http_differ_from_those_of_a_benchmark() {
        let command =
            dyno::internal::command(NAME, &Settings::default(), &TaskParameters::default());
        for own in line::own_flags() {
            let mut others = command.get_arguments();
            assert!(
                others.all(|other| own.get_long() != other.get_long()
                    && (own.get_short().is_none() || own.get_short() != other.get_short())),
                "{own:?}"
            );
        }
        let help = help();
        for flag in ["--method", "--header", "--body", "--timeout", "--rate"] {
            assert!(help.contains(flag), "{flag}: {help}");
        }
    }
}
