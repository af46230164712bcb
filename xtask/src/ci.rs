//! `cargo xtask ci` *is* CI: `.ci/run` and the workflow files only call it. It stops at the first
//! step that fails.

use std::fs;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Package, TargetKind};

use crate::command::{self, cargo, metadata, root, run_quietly};
use crate::steps::Steps;
use crate::{api, deny, tidy};

/// The README's command for all tests; the same command is a step here.
const TEST: &str = "cargo xtask test";
/// The manifest of a separate workspace, which the tests build.
const SAMPLE: &str = "tests/workspace/Cargo.toml";
/// The flags that every example runs with: enough for every part of a run to happen, and for a
/// verdict.
const EXAMPLE: &str = "--duration 3s --warmup 200ms";

/// Runs every step.
///
/// # Errors
/// The error of the first step that fails.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.step("format", || {
        command::run(&mut cargo("fmt --all --check"))?;
        command::run(&mut cargo(&format!("fmt --all --check --manifest-path {SAMPLE}")))
    })?;
    steps.step("tidy", || tidy::run(&tidy::Arguments::default()))?;
    for selection in
        ["--workspace", "--workspace --all-features", "-p dyno-bench --no-default-features"]
    {
        let line = format!("clippy --quiet {selection} --all-targets -- -D warnings");
        steps.step(&format!("clippy {selection}"), || command::run(&mut cargo(&line)))?;
    }
    steps.step("rustdoc", || {
        let mut doc = cargo("doc --quiet --workspace --no-deps --document-private-items");
        command::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.step("public names", || api::run(&api::Arguments::default()))?;
    steps.step("tests", test)?;
    for name in examples(&metadata()?.packages) {
        let line = format!("run --quiet --release --example {name} -- {EXAMPLE}");
        steps.step(&format!("example {name}"), || run_quietly(&mut cargo(&line)))?;
    }
    steps.step("licences, bans, sources", deny::run)?;
    println!("\n{}", steps.summary());
    Ok(())
}

/// Runs the tests by the README's command, after a check that the README does contain it.
fn test() -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md")).context("README.md can't be read")?;
    ensure!(
        readme.contains(TEST),
        "README.md does not say `{TEST}`, which is how the tests are run"
    );
    command::run(&mut cargo(TEST.trim_start_matches("cargo ")))
}

/// The names of all examples, in order.
fn examples(packages: &[Package]) -> Vec<&str> {
    let targets = packages.iter().flat_map(|package| &package.targets);
    let examples = targets.filter(|target| target.kind.contains(&TargetKind::Example));
    let mut names: Vec<_> = examples.map(|target| target.name.as_str()).collect();
    names.sort_unstable();
    names
}
