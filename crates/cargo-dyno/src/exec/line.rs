//! The command line of `exec`: a benchmark's flags, the three flags of `exec` itself, and the
//! command.

use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context, ensure};
use clap::{Arg, ValueEnum};

use super::{CommandOutput, CommandParameters, NAME};
use crate::command::{self, halves};
use crate::init::check_name;

const RUN_NAME: &str = "--name";
const OUTPUT: &str = "--output";
const STDIN: &str = "--stdin";
/// The file that a command reads unless `--stdin` names another.
const NO_INPUT: &str = "/dev/null";
/// A command line in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// A program's name, and the benchmark's flags.
    pub(super) flags: Vec<OsString>,
    /// The value of the last `--name`.
    name: Option<OsString>,
    /// The value of the last `--output`; empty for the flag without a value.
    output: Option<OsString>,
    /// The value of the last `--stdin`, which is a path.
    stdin: Option<OsString>,
    /// Empty without `--`.
    command: Vec<OsString>,
}

/// The kind of this process's standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stdin {
    File,
    Pipe,
    /// A terminal, `/dev/null`, or closed: nobody expects the command to read it.
    Other,
}

/// Returns the kind of this process's standard input.
pub(super) fn kind_of_stdin() -> Stdin {
    match std::fs::metadata("/dev/stdin").map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_file() => Stdin::File,
        Ok(kind) if kind.is_fifo() => Stdin::Pipe,
        _ => Stdin::Other,
    }
}

/// Returns the three flags that only `exec` has, for its help.
pub(super) fn own_flags() -> [Arg; 3] {
    let name = Arg::new("name")
        .long("name")
        .value_name("NAME")
        .help_heading("Task")
        .help("The name that `runs` lists and `show` takes; exec unless given.");
    let output = Arg::new("output")
        .long("output")
        .value_name("WHERE")
        .num_args(0..=1)
        .value_parser(clap::value_parser!(CommandOutput))
        .help_heading("Task")
        .help("What becomes of the text that the command prints; --output alone shows it.");
    let stdin = Arg::new("stdin")
        .long("stdin")
        .value_name("FILE")
        .help_heading("Task")
        .help("The file that each command reads on its standard input, from the beginning.");
    [name, output, stdin]
}

impl CommandLine {
    pub(super) fn of(args: Vec<OsString>) -> Self {
        let mut words = args.into_iter().skip(2);
        let mut before: Vec<OsString> = words.by_ref().take_while(|word| word != "--").collect();
        before.reverse();
        let mut line = Self {
            flags: vec![NAME.into()],
            name: None,
            output: None,
            stdin: None,
            command: words.collect(),
        };
        while let Some(word) = before.pop() {
            let (name, value) = halves(&word);
            match name {
                Some(OUTPUT) => {
                    let follows = || before.pop_if(|next| output_of(next).is_some());
                    line.output = Some(value.or_else(follows).unwrap_or_default());
                }
                Some(STDIN) => {
                    line.stdin = Some(value.or_else(|| before.pop()).unwrap_or_default());
                }
                Some(RUN_NAME) => {
                    line.name = Some(value.or_else(|| before.pop()).unwrap_or_default());
                }
                _ => line.flags.push(word),
            }
        }
        line
    }

    /// Returns the benchmark's name, which need not be a valid one.
    pub(super) fn name(&self) -> String {
        let name = self.name.as_ref().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| NAME.to_owned())
    }

    /// Returns the task's parameters.
    ///
    /// # Errors
    /// If the name, the command, or the file that it is to read can't be used.
    pub(super) fn parameters(&self) -> anyhow::Result<CommandParameters> {
        if self.name.is_some() {
            check_name(&self.name()).context("invalid --name")?;
        }
        let argv = command::loadable(&self.command, "cargo dyno exec --rate 50 -- true")?;
        let output = match &self.output {
            None => CommandOutput::Null,
            Some(value) if value.is_empty() => CommandOutput::Show,
            Some(value) => output_of(value).with_context(|| {
                format!(
                    "invalid {OUTPUT} `{}`: expected `show`, `discard` or `null`",
                    value.display()
                )
            })?,
        };
        let stdin = match &self.stdin {
            None => NO_INPUT.to_owned(),
            Some(path) => readable(Path::new(path))?,
        };
        Ok(CommandParameters { argv, output, stdin })
    }

    /// Returns a warning for each part that the user may have meant otherwise: a shell's operator
    /// among the command's words, and standard input, which the command does not get.
    pub(super) fn warnings(&self, stdin: Stdin) -> Vec<String> {
        let mut warnings: Vec<String> = command::shell_warning(&self.command).into_iter().collect();
        let given = match stdin {
            Stdin::File => "a file",
            Stdin::Pipe => "a pipe",
            Stdin::Other => return warnings,
        };
        if self.stdin.is_none() {
            warnings.push(format!(
                "standard input is {given}, which the command does not get: it reads /dev/null; \
                 to give each command a file: {STDIN} FILE"
            ));
        }
        warnings
    }
}

fn output_of(word: &OsString) -> Option<CommandOutput> {
    CommandOutput::from_str(word.to_str()?, false).ok()
}

/// Returns the whole path of a file, if each command can read the file from its beginning.
fn readable(path: &Path) -> anyhow::Result<String> {
    ensure!(!path.as_os_str().is_empty(), "{STDIN} names no file");
    let shown = path.display();
    let whole = path.canonicalize().with_context(|| format!("can't read {STDIN} `{shown}`"))?;
    let kind =
        whole.metadata().with_context(|| format!("can't read {STDIN} `{shown}`"))?.file_type();
    ensure!(
        kind.is_file() || kind.is_char_device(),
        "can't use {STDIN} `{shown}`: it is not a regular file, and each command reads it from its beginning"
    );
    std::fs::File::open(&whole).with_context(|| format!("can't read {STDIN} `{shown}`"))?;
    let text = whole.to_str().with_context(|| format!("{STDIN} `{shown}` is not UTF-8"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> CommandLine {
        CommandLine::of(words.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn words_behind_the_dashes_belong_to_the_command() {
        let line = line("cargo-dyno exec -R 50 --output -w 4 -- sh -c --output -- x");
        assert_eq!(line.output, Some(OsString::new()));
        assert_eq!(line.flags, ["exec", "-R", "50", "-w", "4"]);
        assert_eq!(line.command, ["sh", "-c", "--output", "--", "x"]);
    }

    #[test]
    fn flags_of_exec_take_a_value_in_either_form_and_the_last_one_counts() {
        for (words, output, flags) in [
            ("--output discard -w 4", CommandOutput::Discard, &["exec", "-w", "4"][..]),
            ("--output=null -w 4", CommandOutput::Null, &["exec", "-w", "4"]),
            ("-w 4 --output", CommandOutput::Show, &["exec", "-w", "4"]),
            ("--output=null --output -w 4", CommandOutput::Show, &["exec", "-w", "4"]),
            // The value is not a destination of output, so that it goes to the benchmark.
            ("--output shown", CommandOutput::Show, &["exec", "shown"]),
        ] {
            let line = line(&format!("cargo-dyno exec {words} -- true"));
            assert_eq!(line.parameters().expect("fine").output, output, "{words}");
            assert_eq!(line.flags, flags, "{words}");
        }
        let line = line("cargo-dyno exec --stdin /dev/zero --stdin=/dev/null -- true");
        assert_eq!(line.parameters().expect("fine").stdin, "/dev/null");
    }

    #[test]
    fn a_run_has_the_name_that_is_given_last() {
        let line = |words: &str| line(&format!("cargo-dyno exec {words}-- true"));
        assert_eq!(line("").name(), "exec");
        assert_eq!(line("--name a --name=b -w 4 ").name(), "b");
        assert_eq!(line("--name a -w 4 ").flags, ["exec", "-w", "4"]);
        for name in ["", "-x", "a/b", "..", "tab\there", "größe", &"x".repeat(300)] {
            let error = line(&format!("--name={name} ")).parameters().unwrap_err();
            let error = format!("{error:#}");
            let expected = format!("invalid --name: `{name}` can't be a benchmark's name: ");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_line_that_can_not_be_used_is_refused_by_name() {
        let refusal = |words: &str| {
            format!("{:#}", line(&format!("cargo-dyno exec {words}")).parameters().unwrap_err())
        };
        assert!(refusal("true").starts_with("no command: put it behind `--`"));
        assert!(refusal("--").starts_with("no command: put it behind `--`"));
        let output = "invalid --output `true`: expected `show`, `discard` or `null`";
        assert_eq!(refusal("--output=true -- true"), output);
        assert_eq!(refusal("--stdin -- true"), "--stdin names no file");
        let missing = "can't read --stdin `/nowhere/x`: No such file or directory (os error 2)";
        assert_eq!(refusal("--stdin /nowhere/x -- true"), missing);
        assert!(refusal("--stdin / -- true").contains("it is not a regular file"));
    }

    #[test]
    fn a_word_for_a_shell_is_noticed() {
        let warnings = |words: &str| line(words).warnings(Stdin::Other);
        let [warning] = &warnings("cargo-dyno exec -- ls | wc")[..] else { panic!("one warning") };
        assert!(warning.contains("`-- sh -c 'one | two'`"), "{warning}");
        assert_eq!(warnings("cargo-dyno exec -- sh -c 'ls|wc'"), [""; 0]);
    }

    #[test]
    fn input_that_the_command_does_not_get_is_noticed() {
        let line = |words: &str| line(&format!("cargo-dyno exec {words}-- true"));
        for (stdin, kind) in [(Stdin::File, "a file"), (Stdin::Pipe, "a pipe")] {
            let warnings = line("").warnings(stdin);
            assert!(warnings[0].starts_with(&format!("standard input is {kind}")), "{warnings:?}");
            assert_eq!(line("--stdin x ").warnings(stdin), [""; 0]);
        }
        assert_eq!(line("").warnings(Stdin::Other), [""; 0]);
    }
}
