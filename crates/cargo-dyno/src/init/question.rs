//! The question for the task of a new benchmark. It is asked on a terminal only: a script gets the
//! blank task.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::ensure;
use clap::ValueEnum;

use crate::args::Template;

/// Returns the task that the user names.
///
/// # Errors
/// If the terminal can't be used, or its input ends.
pub(super) fn ask() -> anyhow::Result<Template> {
    let (input, output) = (io::stdin(), io::stderr());
    if input.is_terminal() && output.is_terminal() {
        asked(&mut input.lock(), &mut output.lock())
    } else {
        Ok(Template::Blank)
    }
}

/// Lists the tasks, and asks until one of them is named. An empty answer is the blank task.
fn asked(input: &mut impl BufRead, output: &mut impl Write) -> anyhow::Result<Template> {
    for value in Template::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(output, "  {:<10}{help}", value.get_name())?;
    }
    loop {
        write!(output, "task [blank]: ")?;
        output.flush()?;
        let mut line = String::new();
        ensure!(input.read_line(&mut line)? > 0, "no task was chosen, and nothing was written");
        match line.trim() {
            "" => return Ok(Template::Blank),
            word => match Template::from_str(word, true) {
                Ok(task) => return Ok(task),
                Err(_) => writeln!(output, "invalid task `{word}`: expected one of those above")?,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(typed: &str) -> (anyhow::Result<Template>, String) {
        let mut output = Vec::new();
        let task = asked(&mut typed.as_bytes(), &mut output);
        (task, String::from_utf8(output).expect("UTF-8"))
    }

    #[test]
    fn the_task_is_the_one_that_is_named_and_enter_takes_the_blank_one() {
        for (typed, task) in [
            ("\n", Template::Blank),
            ("http\n", Template::Http),
            (" Postgres \n", Template::Postgres),
            ("redis", Template::Redis),
        ] {
            assert_eq!(answer(typed).0.expect("a task"), task);
        }
        let (_, asked) = answer("\n");
        assert!(asked.contains("  postgres  Prepared queries to a Postgres server\n"), "{asked}");
    }

    #[test]
    fn an_unknown_task_repeats_the_question_and_the_end_of_input_writes_nothing() {
        let (task, asked) = answer("mysql\nredis\n");
        assert_eq!(task.expect("a task"), Template::Redis);
        assert_eq!(asked.matches("task [blank]: ").count(), 2, "{asked}");
        assert!(asked.contains("invalid task `mysql`"), "{asked}");
        let error = answer("mysql\n").0.expect_err("no task");
        assert_eq!(error.to_string(), "no task was chosen, and nothing was written");
    }
}
