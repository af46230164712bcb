//! The command line of `pipe`: a benchmark's flags, the flags of `pipe` itself, and the command.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::{Context, ensure};
use clap::{Arg, ArgAction, ValueEnum};

use super::dialogue::{Dialogue, set_client};
use super::{NAME, PipeParameters, StderrTarget};
use crate::command::{self, halves};
use crate::init::check_name;

const EXAMPLE: &str = "cargo dyno pipe --rate 5k -- cat";

/// A flag of `pipe` itself.
struct OwnFlag {
    name: &'static str,
    /// The name of its value; `None` for a switch.
    value: Option<&'static str>,
    help: &'static str,
}

const FLAGS: [OwnFlag; 11] = [
    OwnFlag {
        name: "name",
        value: Some("NAME"),
        help: "The name that `runs` lists and `show` takes; pipe unless given",
    },
    OwnFlag {
        name: "line",
        value: Some("TEMPLATE"),
        help: "The line that each cycle sends; {cycle} unless given",
    },
    OwnFlag {
        name: "lines",
        value: Some("FILE"),
        help: "A file: each cycle sends the line of its number, from the first again behind the last",
    },
    OwnFlag {
        name: "mark",
        value: Some("TEMPLATE"),
        help: "A second line that makes the command print ={cycle}, which ends the reply, as in \
               `ECHO ={cycle}`",
    },
    OwnFlag {
        name: "reply-lines",
        value: Some("N"),
        help: "The number of lines of a reply; 1 unless given",
    },
    OwnFlag {
        name: "reply-until",
        value: Some("REGEX"),
        help: "A pattern of the last line of a reply",
    },
    OwnFlag {
        name: "fail-if",
        value: Some("REGEX"),
        help: "A pattern; a cycle fails if a line of its reply matches",
    },
    OwnFlag {
        name: "matched",
        value: None,
        help: "Replies are lines that begin with their cycle's number, in any order",
    },
    OwnFlag {
        name: "client",
        value: Some("CLIENT"),
        help: "Sets --line, --mark and --fail-if for redis-cli, psql or sqlite3",
    },
    OwnFlag {
        name: "stderr",
        value: Some("TARGET"),
        help: "Where standard error goes: `worker` shows it, `reply` joins it to the replies, as \
               --mark does by default",
    },
    OwnFlag {
        name: "ipc",
        value: None,
        help: "The command speaks Node's channel: process.on('message') and process.send()",
    },
];

/// A command line in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PipeLine {
    /// A program's name, and the benchmark's flags.
    pub(super) flags: Vec<OsString>,
    /// The last value of each flag of `pipe` itself; empty for a switch.
    own: BTreeMap<&'static str, OsString>,
    /// Empty without `--`.
    command: Vec<OsString>,
}

/// Returns the flags that only `pipe` has, for its help.
pub(super) fn own_flags() -> Vec<Arg> {
    let flag = |own: &OwnFlag| {
        let flag = Arg::new(own.name).long(own.name).help_heading("Task").help(own.help);
        match own.value {
            Some(value) => flag.value_name(value),
            None => flag.action(ArgAction::SetTrue),
        }
    };
    FLAGS.iter().map(flag).collect()
}

impl PipeLine {
    pub(super) fn of(args: Vec<OsString>) -> Self {
        let mut words = args.into_iter().skip(2);
        let mut before = words.by_ref().take_while(|word| word != "--").collect::<Vec<_>>();
        before.reverse();
        let (mut flags, mut own) = (vec![NAME.into()], BTreeMap::new());
        while let Some(word) = before.pop() {
            let (name, value) = halves(&word);
            let known = name.and_then(|name| name.strip_prefix("--"));
            match FLAGS.iter().find(|flag| Some(flag.name) == known) {
                Some(OwnFlag { name, value: None, .. }) => {
                    own.insert(*name, value.unwrap_or_default());
                }
                Some(OwnFlag { name, .. }) => {
                    own.insert(*name, value.or_else(|| before.pop()).unwrap_or_default());
                }
                None => flags.push(word),
            }
        }
        Self { flags, own, command: words.collect() }
    }

    /// Returns the benchmark's name, which need not be a valid one.
    pub(super) fn name(&self) -> String {
        let name = self.own.get("name").map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| NAME.to_owned())
    }

    /// Returns the task's parameters.
    ///
    /// # Errors
    /// If the name, the command, a template or a pattern can't be used, or two flags exclude each
    /// other.
    pub(super) fn parameters(&self) -> anyhow::Result<PipeParameters> {
        if self.own.contains_key("name") {
            check_name(&self.name()).context("invalid --name")?;
        }
        let mut parameters = PipeParameters {
            argv: command::loadable(&self.command, EXAMPLE)?,
            line: "{cycle}".to_owned(),
            lines: String::new(),
            mark: String::new(),
            reply_lines: 1,
            reply_until: String::new(),
            fail_if: String::new(),
            matched: self.own.contains_key("matched"),
            ipc: self.own.contains_key("ipc"),
            stderr: StderrTarget::Worker,
            seed: 0,
            start_deadline_ms: 0,
            after_deadline_ms: 0,
        };
        if parameters.ipc {
            let with = |flag: &&OwnFlag| !["name", "ipc"].contains(&flag.name);
            let other = FLAGS.iter().filter(with).find(|flag| self.own.contains_key(flag.name));
            if let Some(flag) = other {
                anyhow::bail!("--ipc has messages of its own: leave out --{}", flag.name);
            }
        }
        if let Some(client) = self.text("client")? {
            set_client(&mut parameters, client)?;
            let forms = ["reply-lines", "reply-until", "matched"];
            if forms.iter().any(|form| self.own.contains_key(form))
                && !self.own.contains_key("mark")
            {
                parameters.mark.clear();
            }
        }
        if let Some(file) = self.text("lines")? {
            let path = std::path::absolute(file)?;
            parameters.lines = path.to_str().context("--lines is not UTF-8")?.to_owned();
            parameters.line = "{line}".to_owned();
        }
        let texts: [(&str, &mut String); 4] = [
            ("line", &mut parameters.line),
            ("mark", &mut parameters.mark),
            ("reply-until", &mut parameters.reply_until),
            ("fail-if", &mut parameters.fail_if),
        ];
        for (flag, place) in texts {
            if let Some(text) = self.text(flag)? {
                text.clone_into(place);
            }
        }
        if let Some(lines) = self.text("reply-lines")? {
            let number = lines.parse().ok().filter(|lines| *lines > 0);
            parameters.reply_lines = number.with_context(|| {
                format!("invalid --reply-lines `{lines}`: expected a whole number from 1")
            })?;
        }
        parameters.stderr = match self.text("stderr")? {
            None if parameters.mark.is_empty() => StderrTarget::Worker,
            None => StderrTarget::Reply,
            Some(text) => StderrTarget::from_str(text, false).map_err(|_| {
                anyhow::anyhow!("invalid --stderr `{text}`: expected `worker` or `reply`")
            })?,
        };
        Dialogue::read(&parameters)?;
        Ok(parameters)
    }

    /// Returns a warning about a shell's operator among the command's words.
    pub(super) fn warning(&self) -> Option<String> {
        command::shell_warning(&self.command)
    }

    /// Returns the value of a flag of `pipe` itself, if the flag is given.
    fn text(&self, flag: &str) -> anyhow::Result<Option<&str>> {
        let Some(value) = self.own.get(flag) else { return Ok(None) };
        let text = value.to_str().with_context(|| format!("--{flag} is not UTF-8"))?;
        ensure!(!text.is_empty() || flag == "line", "--{flag} needs a value");
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> PipeLine {
        let words = ["cargo-dyno", "pipe"].iter().chain(words).map(OsString::from);
        PipeLine::of(words.collect())
    }

    #[track_caller]
    fn parameters(words: &[&str]) -> PipeParameters {
        line(&[words, &["--", "cat"]].concat()).parameters().expect("valid")
    }

    #[track_caller]
    fn refusal(words: &[&str]) -> String {
        format!("{:#}", line(&[words, &["--", "cat"]].concat()).parameters().unwrap_err())
    }

    #[test]
    fn its_own_flags_are_taken_out_and_the_others_are_the_benchmarks() {
        let line = line(&[
            "-R",
            "5k",
            "--line",
            "a {cycle}",
            "--matched",
            "-w",
            "4",
            "--",
            "cat",
            "--line",
        ]);
        assert_eq!(line.flags, ["pipe", "-R", "5k", "-w", "4"]);
        assert_eq!(line.command, ["cat", "--line"]);
        let parameters = line.parameters().expect("valid");
        assert_eq!((parameters.line.as_str(), parameters.matched), ("a {cycle}", true));
    }

    #[test]
    fn standard_error_joins_the_replies_if_there_is_a_mark() {
        assert_eq!(parameters(&[]).stderr, StderrTarget::Worker);
        assert_eq!(parameters(&["--mark", "ECHO ={cycle}"]).stderr, StderrTarget::Reply);
        let shown = parameters(&["--mark", "ECHO ={cycle}", "--stderr", "worker"]);
        assert_eq!(shown.stderr, StderrTarget::Worker);
    }

    #[test]
    fn a_client_sets_what_no_flag_sets() {
        for client in ["redis-cli", "psql", "sqlite3"] {
            let parameters = parameters(&["--client", client, "--line", "x {cycle}"]);
            assert_eq!(parameters.line, "x {cycle}");
            assert!(parameters.mark.contains("={cycle}") && !parameters.fail_if.is_empty());
        }
        assert_eq!(parameters(&["--client", "psql", "--reply-lines", "2"]).mark, "");
        assert_eq!(parameters(&["--client", "psql", "--lines", "Cargo.toml"]).line, "{line}");
    }

    #[test]
    fn flags_that_cannot_be_used_are_refused_with_the_way_out() {
        for (words, reason) in [
            (&["--line", "{x}"][..], "invalid --line: unknown name `{x}`: expected `{cycle}`"),
            (
                &["--mark", "ECHO {cycle}"],
                "invalid --mark `ECHO {cycle}`: expected a command that prints",
            ),
            (&["--mark", "={cycle}{"], "invalid --mark: the brace before"),
            (&["--reply-until", "("], "invalid --reply-until `(`: unclosed group"),
            (&["--fail-if", "["], "invalid --fail-if `[`: unclosed character class"),
            (&["--reply-lines", "0"], "invalid --reply-lines `0`: expected a whole number from 1"),
            (&["--reply-lines", "2", "--matched"], "--reply-lines and --matched are two forms"),
            (
                &["--reply-until", "x", "--mark", "={cycle}"],
                "--mark and --reply-until are two forms",
            ),
            (&["--lines", "/no/file"], "can't read --lines `/no/file`"),
            (&["--line", "{line}"], "`{line}` in --line and --lines FILE need each other"),
            (&["--lines", "Cargo.toml", "--line", "x"], "`{line}` in --line and --lines FILE"),
            (&["--client", "mysql"], "invalid --client `mysql`: expected redis-cli, psql, sqlite3"),
            (&["--stderr", "x"], "invalid --stderr `x`: expected `worker` or `reply`"),
            (&["--ipc", "--line", "x"], "--ipc has messages of its own: leave out --line"),
            (&["--name", "a/b"], "invalid --name: `a/b` can't be a benchmark's name"),
            (&["--fail-if="], "--fail-if needs a value"),
        ] {
            let refusal = refusal(words);
            assert!(refusal.starts_with(reason), "{words:?}: {refusal}");
            assert!(!refusal.contains('\n'), "{refusal}");
        }
        let missing = format!("{:#}", line(&["-R", "5"]).parameters().unwrap_err());
        assert!(missing.starts_with("no command: put it behind `--`"), "{missing}");
    }
}
