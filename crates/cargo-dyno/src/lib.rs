//! `cargo dyno`: run, list, start and show benchmarks of any cargo package.
//!
//! This crate knows other people's benchmarks only by their command line, their exit code and the
//! files that they leave; those that it has itself are `exec`, `pipe` and `http`. It finds targets by
//! cargo's own JSON and builds them by cargo, so that a feature, a profile or a compile error means
//! here what it means in cargo.
//!
//! Each refusal is one line on stderr that names the input and the way out, with exit code 2.
//! Where cargo itself refuses, cargo prints its own message, and the exit code is cargo's 101.

#[cfg(not(unix))]
compile_error!("cargo-dyno needs Unix: a benchmark takes its place in the process, which is exec");

mod ab;
mod args;
mod baselines;
mod columns;
mod command;
mod compare;
mod completions;
mod containerfile;
mod exec;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod init;
mod launch;
mod links;
mod manifest;
mod merge;
mod nearest;
mod pipe;
mod report;
mod runs;
mod targets;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use dyno::Comparison;
use dyno::internal::render_comparison;

use crate::args::{Cli, CompareFigures, DynoCommand};

/// The exit code of clap and of dyno's benchmarks for a command line that they refuse.
const EXIT_USAGE: u8 = dyno_summary::REFUSED_EXIT as u8;
/// The exit code of cargo for all that it refuses, a compile error among them.
const EXIT_CARGO: u8 = 101;

/// Runs the command line `args`, whose first word is the program's name; returns the exit code.
///
/// A benchmark that is run replaces this process: then this function does not return.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = args::arrange(args);
    if args.get(1).is_some_and(|word| word == exec::NAME) {
        // This comes before anything else of the line is read: it may be a worker of `exec`, `pipe`
        // or `http`.
        return exec::run(args);
    }
    if args.get(1).is_some_and(|word| word == pipe::NAME) {
        return pipe::run(args);
    }
    if args.get(1).is_some_and(|word| word == http::NAME) {
        return http::run(args);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(refusal) => {
            // Where the help can't be written, nobody reads it.
            let _unread = refusal.print();
            return if refusal.use_stderr() { EXIT_USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match perform(cli.command) {
        Ok(code) => code,
        Err(error) if error.is::<targets::CargoRefused>() => EXIT_CARGO.into(),
        Err(error) => {
            note(&format!("error: {error:#}"));
            EXIT_USAGE.into()
        }
    }
}

fn perform(command: DynoCommand) -> anyhow::Result<ExitCode> {
    let text = match command {
        DynoCommand::Run(run) => match launch::run(&run)? {},
        DynoCommand::Exec(_) | DynoCommand::Pipe(_) | DynoCommand::Http { .. } => {
            unreachable!("`exec`, `pipe` and `http` read their own command lines")
        }
        DynoCommand::List(list) => targets::list(&list)?,
        DynoCommand::Init(init) => init::init(&init)?,
        DynoCommand::Runs(which) => runs::list(&which)?,
        DynoCommand::Show(show) => runs::show(&show)?,
        DynoCommand::Report(which) => report::write(&which)?,
        DynoCommand::Ab(line) => return answer(&line.figures, || ab::ab(&line)),
        DynoCommand::Baselines(line) => baselines::baselines(&line)?,
        DynoCommand::Compare(line) => {
            return answer(&line.figures, || compare::compare(&line));
        }
        DynoCommand::Merge(line) => {
            let merge::Merged { text, exit_code } = merge::merge(&line)?;
            print(&text)?;
            return Ok(u8::try_from(exit_code).unwrap_or(u8::MAX).into());
        }
        DynoCommand::Manifest(line) => manifest::manifest(&line)?,
        DynoCommand::Containerfile(line) => containerfile::containerfile(&line)?,
        DynoCommand::Completions { shell } => completions::script(shell),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a comparison, prints it, writes its page if that is requested, and returns its exit code.
fn answer(
    figures: &CompareFigures,
    compare: impl FnOnce() -> anyhow::Result<Comparison>,
) -> anyhow::Result<ExitCode> {
    let page = figures.report.as_deref().map(report::ComparisonPage::at).transpose()?;
    let comparison = compare()?;
    print(&render_comparison(&comparison, figures.format))?;
    if let Some(page) = page {
        // The answer is known, so that its exit code stays.
        note(&match page.write(&comparison) {
            Ok(path) => format!("page: {}", path.display()),
            Err(error) => format!("warning: {error:#}"),
        });
    }
    Ok(u8::try_from(comparison.exit_code).unwrap_or(u8::MAX).into())
}

/// Writes a line to stderr for the user. Where stderr is closed, the exit code still reports the
/// result. The text may quote words of the command line and names of files, so control characters,
/// which a terminal would obey, are replaced.
fn note(text: &str) {
    let is_obeyed = |c: char| c.is_control() && c != '\n';
    let _unread = writeln!(std::io::stderr(), "{}", text.replace(is_obeyed, "?"));
}

/// Writes to stdout. A reader that closes it early, as in `cargo dyno runs | head`, is not an
/// error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("can't write to stdout")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
