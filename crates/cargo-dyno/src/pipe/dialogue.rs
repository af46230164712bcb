//! The dialogue with a command: the text of a cycle and the form of its reply, checked.
//!
//! The primary checks it before anything starts, and each worker reads it again.

use anyhow::{Context, bail, ensure};
use regex::bytes::Regex;

use super::PipeParameters;
use super::channel;
use super::lines::FileLines;
use super::replies::{Replies, ReplyForm};
use super::template::{CycleNumbers, LineTemplate};

/// The text that a mark must contain: its echo is the line that ends a reply.
const MARK_ECHO: &str = "={cycle}";

/// A client program whose dialogue is known.
struct Client {
    name: &'static str,
    line: &'static str,
    mark: &'static str,
    fail_if: &'static str,
}

const CLIENTS: [Client; 3] = [
    Client {
        name: "redis-cli",
        line: "PING",
        mark: "ECHO ={cycle}",
        // The codes with which Redis begins an error, and the complaints of redis-cli itself.
        fail_if: "^(ERR|WRONGTYPE|NOAUTH|NOPERM|WRONGPASS|MOVED|ASK|CLUSTERDOWN|CROSSSLOT|TRYAGAIN|\
                  LOADING|BUSY|BUSYKEY|BUSYGROUP|NOGROUP|OOM|READONLY|NOSCRIPT|MISCONF|MASTERDOWN|\
                  NOREPLICAS|EXECABORT) |^Could not connect|^Error: |^Invalid argument",
    },
    Client {
        name: "psql",
        line: "SELECT 1;",
        mark: r"\echo ={cycle}",
        fail_if: "^(psql:.*)?(ERROR|FATAL|PANIC): |^psql: error|^invalid command",
    },
    Client {
        name: "sqlite3",
        line: "SELECT 1;",
        mark: ".print ={cycle}",
        fail_if: "^((Parse|Runtime) error|Error)",
    },
];

/// The dialogue with one command.
#[derive(Debug)]
pub(super) struct Dialogue {
    line: LineTemplate,
    mark: Option<LineTemplate>,
    lines: FileLines,
}

impl Dialogue {
    /// Reads the dialogue of a task's parameters, and the replies that it expects.
    ///
    /// # Errors
    /// If a template or a pattern can't be read, or there are two forms of a reply.
    pub(super) fn read(parameters: &PipeParameters) -> anyhow::Result<(Self, Replies)> {
        let PipeParameters { line, mark, reply_lines, reply_until, fail_if, .. } = parameters;
        let given = [
            ("--mark", !mark.is_empty()),
            ("--reply-lines", *reply_lines != 1),
            ("--reply-until", !reply_until.is_empty()),
            ("--matched", parameters.matched),
            ("--ipc", parameters.ipc),
        ];
        let given: Vec<_> = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        if let [one, another, ..] = given[..] {
            bail!("{one} and {another} are two forms of a reply: leave one of them out");
        }
        if parameters.ipc {
            let line = LineTemplate::read(channel::START)?;
            let (mark, lines) = (None, FileLines::default());
            return Ok((Self { line, mark, lines }, Replies::new(ReplyForm::Messages, None)));
        }
        let line = LineTemplate::read(line).context("invalid --line")?;
        let form = match given.first().copied() {
            Some("--mark") => ReplyForm::Mark,
            Some("--reply-until") => ReplyForm::Until(pattern("--reply-until", reply_until)?),
            Some("--matched") => ReplyForm::Matched,
            _ => ReplyForm::Lines(*reply_lines),
        };
        ensure!(*reply_lines > 0, "invalid --reply-lines 0: a reply has at least one line");
        ensure!(
            mark.is_empty() || mark.contains(MARK_ECHO),
            "invalid --mark `{mark}`: expected a command that prints `{MARK_ECHO}`, such as `ECHO \
             {MARK_ECHO}`"
        );
        let mark = match mark.as_str() {
            "" => None,
            text => Some(LineTemplate::read(text).context("invalid --mark")?),
        };
        let fail_if = match fail_if.as_str() {
            "" => None,
            text => Some(pattern("--fail-if", text)?),
        };
        let lines = FileLines::read(&parameters.lines)?;
        ensure!(
            lines.is_empty() != line.has_file_line(),
            "`{{line}}` in --line and --lines FILE need each other"
        );
        Ok((Self { line, mark, lines }, Replies::new(form, fail_if)))
    }

    /// Appends all that a cycle sends.
    pub(super) fn write(&self, numbers: CycleNumbers, text: &mut Vec<u8>) {
        self.line.write(numbers, &self.lines, text);
        if let Some(mark) = &self.mark {
            mark.write(numbers, &self.lines, text);
        }
    }
}

/// Sets the dialogue of a client program by its name.
///
/// # Errors
/// If no client of this name is known.
pub(super) fn set_client(parameters: &mut PipeParameters, name: &str) -> anyhow::Result<()> {
    let Some(client) = CLIENTS.iter().find(|client| client.name == name) else {
        let names: Vec<_> = CLIENTS.iter().map(|client| client.name).collect();
        bail!("invalid --client `{name}`: expected {}", names.join(", "));
    };
    parameters.line = client.line.to_owned();
    parameters.mark = client.mark.to_owned();
    parameters.fail_if = client.fail_if.to_owned();
    Ok(())
}

fn pattern(flag: &str, text: &str) -> anyhow::Result<Regex> {
    Regex::new(text).map_err(|error| {
        // The error draws the pattern over several lines; the last one is the reason.
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        anyhow::anyhow!("invalid {flag} `{text}`: {reason}")
    })
}
