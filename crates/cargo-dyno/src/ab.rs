//! `cargo dyno ab`: two versions of a benchmark in turn, as pairs of short runs. The exit code is the
//! answer.
//!
//! The versions are two revisions of the code, two sets of flags, or two programs. dyno's library runs
//! the pairs; this file finds the two commands.

mod words;
mod worktree;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use dyno::internal::{ComparisonProgress, owning_process, redacted_words};
use dyno::{Ab, Comparison};

use crate::args::{AbArguments, RunArguments};
use crate::{compare, exec, http, launch, note, pipe, targets};

/// The shortest and the longest time of a comparison.
const TIMES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(24 * 60 * 60);

/// A side's command, and its name for people.
struct Side {
    name: String,
    command: Command,
}

/// Runs two versions of a benchmark in turn.
pub(crate) fn ab(line: &AbArguments) -> anyhow::Result<Comparison> {
    let options = compare::options(&line.figures)?;
    let time = time(&line.time)?;
    let mut tools = [exec::NAME, pipe::NAME, http::NAME].into_iter();
    let tool = tools.find(|name| line.run.name.as_deref() == Some(name));
    let (base, new) = match (&line.base, line.a_exe.as_deref().zip(line.b_exe.as_deref())) {
        (Some(_), Some(_)) => bail!("--base and --a-exe: give one of them"),
        (Some(_), _) | (None, Some(_)) if tool == Some(http::NAME) => {
            bail!(
                "`ab http` sends requests: give two sets of flags by --a and --b, such as two URLs"
            )
        }
        (Some(_), None) if tool.is_some() => {
            bail!("--base: a command has no revision; give two programs by --a-exe and --b-exe")
        }
        (Some(revision), None) => revisions(line, revision)?,
        (None, Some((a, b))) => programs(line, a, b, tool)?,
        (None, None) => {
            ensure!(
                line.a.is_some() || line.b.is_some(),
                "nothing to compare: give --base REV, --a 'FLAGS' --b 'FLAGS', or --a-exe PROGRAM \
                 --b-exe PROGRAM"
            );
            flags(line, tool)?
        }
    };
    note(&format!(
        "{} against {}: pairs of runs in turn, {} at most",
        new.name,
        base.name,
        humantime::format_duration(time)
    ));
    let mut progress = ComparisonProgress::new();
    let ab = Ab::new(base.command, new.command).named(base.name, new.name);
    let ab = owning_process(ab.time(time).options(options));
    let result = ab.run_with(|state| progress.show(state));
    progress.clear();
    Ok(result?)
}

fn time(text: &str) -> anyhow::Result<Duration> {
    let time = humantime::parse_duration(text).ok().filter(|time| TIMES.contains(time));
    time.with_context(|| format!("invalid --time `{text}`: expected 10s to 24h, such as `2m`"))
}

/// Returns the sides of a comparison with another revision: NEW is the code as it is now.
fn revisions(line: &AbArguments, revision: &str) -> anyhow::Result<(Side, Side)> {
    let metadata = targets::metadata(line.run.place.manifest.path.as_deref())?;
    let target = match &line.run.build.target_dir {
        Some(folder) => targets::current_folder()?.join(folder),
        None => metadata.target_directory.clone().into(),
    };
    let root: PathBuf = metadata.workspace_root.clone().into();
    let manifest = match &line.run.place.manifest.path {
        Some(path) => path.clone(),
        None => targets::manifest_above(&targets::current_folder()?)
            .context("found no Cargo.toml here: name one with --manifest-path")?,
    };
    let base = worktree::Worktree::at(revision, &root, &manifest, &target)?;
    if base.is_dirty {
        note("NEW is the working tree with its uncommitted changes");
    }
    let mut of_base = line.run.clone();
    of_base.place.manifest.path = Some(base.manifest.clone());
    of_base.build.target_dir = Some(base.target.clone());
    note(&format!("building {revision} ({})", base.commit_short()));
    let base_command = command(&of_base, line.a.as_deref())
        .with_context(|| format!("can't build `{revision}`"))?;
    let new_command = command(&line.run, line.b.as_deref())?;
    let base =
        Side { name: format!("{revision} ({})", base.commit_short()), command: base_command };
    Ok((base, Side { name: "the working tree".to_owned(), command: new_command }))
}

/// Returns the sides of a comparison of two sets of flags.
fn flags(line: &AbArguments, tool: Option<&str>) -> anyhow::Result<(Side, Side)> {
    let side = |flags: &Option<String>| {
        let text = flags.as_deref();
        let command = match tool {
            Some(tool) => command_of(tool, &line.run.flags, text, None)?,
            None => command(&line.run, text)?,
        };
        let name = match text {
            Some(text) if !text.trim().is_empty() => format!("`{}`", shown(text)?),
            _ => "no further flags".to_owned(),
        };
        Ok::<_, anyhow::Error>(Side { name, command })
    };
    Ok((side(&line.a)?, side(&line.b)?))
}

/// Returns flags without secrets, as they name a side.
fn shown(flags: &str) -> anyhow::Result<String> {
    let words = words::split(flags)?;
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    Ok(redacted_words(&words).join(" "))
}

/// Returns the sides of a comparison of two programs, which are benchmarks, or commands of `exec` or
/// `pipe`.
fn programs(
    line: &AbArguments,
    a: &Path,
    b: &Path,
    tool: Option<&str>,
) -> anyhow::Result<(Side, Side)> {
    let side = |program: &Path, flags: &Option<String>| {
        let name = format!("`{}`", program.display());
        let flags = flags.as_deref();
        if let Some(tool) = tool {
            let command = command_of(tool, &line.run.flags, flags, Some(program))?;
            return Ok::<_, anyhow::Error>(Side { name, command });
        }
        ensure!(
            line.run.name.is_none(),
            "--a-exe: the programs are benchmarks themselves; leave the name out"
        );
        let whole = program
            .canonicalize()
            .with_context(|| format!("can't use the program `{}`", program.display()))?;
        let mut command = Command::new(whole);
        command.args(&line.run.flags).args(words::split(flags.unwrap_or_default())?);
        Ok(Side { name, command })
    };
    Ok((side(a, &line.a)?, side(b, &line.b)?))
}

/// Builds a benchmark, and returns the command that starts it with these flags.
fn command(run: &RunArguments, flags: Option<&str>) -> anyhow::Result<Command> {
    let mut run = run.clone();
    run.flags.extend(words::split(flags.unwrap_or_default())?);
    launch::command(&run)
}

/// Returns the command of `exec`, `pipe` or `http` with these flags; the program, if there is one,
/// comes before the words of the command.
fn command_of(
    tool: &str,
    line: &[OsString],
    flags: Option<&str>,
    program: Option<&Path>,
) -> anyhow::Result<Command> {
    let mut parts = line.splitn(2, |word| word == "--");
    let (before, behind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut command = Command::new(std::env::current_exe().context("can't find this program")?);
    command.arg(tool).args(before).args(words::split(flags.unwrap_or_default())?);
    if tool != http::NAME {
        command.arg("--").args(program).args(behind);
    }
    Ok(command)
}
