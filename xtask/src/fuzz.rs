//! `cargo xtask fuzz`: feeds a fuzzer's inputs to every parser of bytes or text that may come from
//! elsewhere.
//!
//! The targets are the files in `tests/fuzz/targets`; each states what must hold. Builds, corpora
//! and findings are kept in `target/fuzz`: later runs start from the corpus.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use dyno_bus::{Time, clock};

use crate::command::{self, find, root};

/// The folder of a separate package, which only cargo-fuzz builds.
const FOLDER: &str = "tests/fuzz";
/// The start of the line on which libFuzzer reports, at its end, how often it ran the target.
const EXECUTIONS: &str = "stat::number_of_executed_units:";
/// The text before the path of the input at which libFuzzer stopped.
const FINDING: &str = "Test unit written to ";
/// The number of lines of libFuzzer's output that are printed at a finding: enough for the panic's
/// message and its trace.
const LINES_SHOWN: usize = 60;

/// The targets to fuzz, and the time for each.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Targets by name, all unless named
    targets: Vec<String>,
    /// Seconds that each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

/// The result of fuzzing one target.
struct Fuzzed {
    target: String,
    executions: u64,
    seconds: f64,
    /// Paths of the inputs that broke an invariant; libFuzzer stops at the first.
    findings: Vec<PathBuf>,
}

/// Runs each target for its time, and prints a table.
///
/// # Errors
/// At a finding, once all targets have run; if a target is unknown, if what fuzzing needs is
/// missing, or if a target can't be built.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let targets = chosen(&arguments.targets, &targets()?)?;
    ensure_tools()?;
    for target in &targets {
        command::run(&mut cargo_fuzz(&["build", "--fuzz-dir", FOLDER, target]))?;
    }
    let mut all = Vec::new();
    for target in targets {
        println!("fuzzing {target} for {} s", arguments.seconds);
        all.push(fuzz(target, arguments.seconds)?);
    }
    print!("\n{}", table(&all));
    match all.iter().map(|fuzzed| fuzzed.findings.len()).sum() {
        0 => Ok(()),
        1 => bail!("one finding"),
        count => bail!("{count} findings"),
    }
}

/// Lists the names of all targets, in order.
fn targets() -> Result<Vec<String>> {
    let folder = root().join(FOLDER).join("targets");
    let unreadable = || format!("{} can't be read", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the requested targets in the order of the command line, or all targets if none is named.
fn chosen(asked: &[String], known: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = asked.iter().find(|name| !known.contains(name)) {
        bail!("there is no fuzz target `{unknown}`; there are {}", known.join(", "));
    }
    Ok(if asked.is_empty() { known } else { asked }.to_vec())
}

/// Checks for a nightly toolchain and cargo-fuzz, which nothing else needs. Both are large, so that
/// the error tells how to install them, and nothing is installed unasked.
fn ensure_tools() -> Result<()> {
    ensure!(find("rustup").is_some(), "fuzzing needs rustup, for a nightly toolchain beside yours");
    let nightly = Command::new("rustup").args(["run", "nightly", "rustc", "--version"]).output();
    ensure!(
        nightly.is_ok_and(|output| output.status.success()),
        "fuzzing needs the nightly toolchain: rustup toolchain install nightly --profile minimal"
    );
    ensure!(
        find("cargo-fuzz").is_some(),
        "fuzzing needs cargo-fuzz: cargo install cargo-fuzz --locked"
    );
    Ok(())
}

/// Fuzzes one target for `seconds`.
fn fuzz(target: String, seconds: u64) -> Result<Fuzzed> {
    let folder = folder();
    let corpus = folder.join("corpus").join(&target);
    let artifacts = folder.join("artifacts").join(&target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
    }
    let mut fuzz = cargo_fuzz(&["run", "--fuzz-dir", FOLDER, &target]);
    fuzz.arg(&corpus).arg("--").arg(format!("-max_total_time={seconds}"));
    // The slash makes it a folder rather than the beginning of a name.
    fuzz.arg("-print_final_stats=1").arg(format!("-artifact_prefix={}/", artifacts.display()));
    let start: Time = clock::now();
    let output = fuzz.output().context("`cargo fuzz` did not start")?;
    let took = clock::now() - start;
    let said = String::from_utf8_lossy(&output.stderr);
    let (executions, findings) = read(&said);
    if !output.status.success() {
        println!("{}", tail(&said));
        ensure!(!findings.is_empty(), "`{target}` ended without a finding: {}", output.status);
    }
    Ok(Fuzzed { target, executions, seconds: took.as_secs_f64(), findings })
}

/// `cargo fuzz` on the nightly toolchain, where this repository's targets are built.
fn cargo_fuzz(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz"]).args(arguments).current_dir(root());
    // Otherwise cargo would use the toolchain that started this task, which is not the nightly one.
    command.env_remove("CARGO").env("CARGO_TARGET_DIR", folder());
    command
}

/// The folder of builds, corpora and findings. It does not follow `CARGO_TARGET_DIR`, so that a
/// later run finds the corpus again.
fn folder() -> PathBuf {
    root().join("target/fuzz")
}

/// Reads, from libFuzzer's output, the number of executions and the paths of the inputs that it
/// wrote.
fn read(said: &str) -> (u64, Vec<PathBuf>) {
    let executions = said.lines().find_map(|line| line.strip_prefix(EXECUTIONS));
    let executions = executions.and_then(|number| number.trim().parse().ok());
    let findings = said.lines().filter_map(|line| line.split_once(FINDING));
    let findings = findings.map(|(_, path)| PathBuf::from(path.trim()));
    (executions.unwrap_or_default(), findings.collect())
}

/// Returns the last [`LINES_SHOWN`] lines of libFuzzer's output.
fn tail(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

/// Formats one row for each target; paths of findings are relative to the root, as one would type
/// them.
fn table(all: &[Fuzzed]) -> String {
    let mut table = format!("{:<12}{:>14}{:>9}  findings\n", "target", "executions", "seconds");
    for Fuzzed { target, executions, seconds, findings } in all {
        let shown = |path: &PathBuf| {
            path.strip_prefix(root()).unwrap_or(path as &Path).display().to_string()
        };
        let findings = match findings.is_empty() {
            true => "none".to_owned(),
            false => findings.iter().map(shown).collect::<Vec<_>>().join(", "),
        };
        let _to_a_string =
            writeln!(table, "{target:<12}{executions:>14}{seconds:>9.0}  {findings}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_target_is_refused_with_the_known_ones() {
        let known = targets().expect("the repository's");
        assert!(known.contains(&"codec".to_owned()));
        assert_eq!(chosen(&[], &known).expect("all"), known);
        let codec = ["codec".to_owned()];
        assert_eq!(chosen(&codec, &known).expect("it is there"), codec);
        let error = chosen(&["codecs".to_owned()], &["codec".to_owned(), "hlog".to_owned()]);
        let message = "there is no fuzz target `codecs`; there are codec, hlog";
        assert_eq!(error.expect_err("unknown").to_string(), message);
    }

    #[test]
    fn executions_and_findings_are_read_from_libfuzzers_output() {
        let said = "#8\tpulse\nDone 1551693 runs in 601 second(s)\n\
                    stat::number_of_executed_units: 1551693\nstat::average_exec_per_sec: 2581\n";
        assert_eq!(read(said), (1_551_693, vec![]));
        let said = "SUMMARY: libFuzzer: deadly signal\n\
                    artifact_prefix='/a/'; Test unit written to /a/crash-1\n\
                    stat::number_of_executed_units: 7\n";
        assert_eq!(read(said), (7, vec!["/a/crash-1".into()]));
    }

    #[test]
    fn a_finding_is_shown_with_its_target() {
        let fuzzed = |target: &str, findings| Fuzzed {
            target: target.to_owned(),
            executions: 12,
            seconds: 60.4,
            findings,
        };
        let crash = root().join("target/fuzz/artifacts/hlog/crash-1");
        let all = [fuzzed("codec", vec![]), fuzzed("hlog", vec![crash])];
        let rows = "target          executions  seconds  findings\n\
                    codec                   12       60  none\n\
                    hlog                    12       60  target/fuzz/artifacts/hlog/crash-1\n";
        assert_eq!(table(&all), rows);
    }
}
