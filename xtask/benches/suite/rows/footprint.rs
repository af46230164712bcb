//! S12: the cost of having a benchmark: its dependencies, a clean build, its binary.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dyno_bus::clock;

use crate::build::cargo;
use crate::figure::Figure;
use crate::options::Options;

/// The smallest example.
const EXAMPLE: &str = "fibonacci";

pub(crate) fn measure(_options: &Options) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (features, flags) in [("", ""), (", without features", " --no-default-features")] {
        let mut count = Figure::reported(format!("dependencies{features}"), "crates");
        count.push(dependencies(flags)?);
        figures.push(count);
    }
    let target = tempfile::tempdir()?;
    let mut time = Figure::reported("clean release build", "s");
    let start = clock::now();
    let line = format!("build --quiet --release --package dyno-examples --example {EXAMPLE}");
    let status = cargo(&line).env("CARGO_TARGET_DIR", target.path()).status()?;
    ensure!(status.success(), "`cargo {line}` failed");
    time.push((clock::now() - start).as_secs_f64());
    time.note("one round, of an example that shares its dependencies with the other examples");
    let mut size = Figure::reported("binary", "MB");
    let binary = target.path().join("release/examples").join(EXAMPLE);
    size.push(std::fs::metadata(binary)?.len() as f64 / 1e6);
    let mut stripped = Figure::reported("binary, stripped", "MB");
    match strip(&target.path().join("release/examples").join(EXAMPLE)) {
        Ok(bytes) => stripped.push(bytes as f64 / 1e6),
        Err(error) => stripped.note(format!("missing: {error:#}")),
    }
    figures.extend([time, size, stripped]);
    Ok(figures)
}

/// Returns the number of crates that a benchmark is built from, in addition to itself.
fn dependencies(flags: &str) -> Result<f64> {
    let line = format!(
        "tree --package dyno-bench --edges normal,build --prefix none --format {{p}}{flags}"
    );
    let output = cargo(&line).output()?;
    ensure!(output.status.success(), "`cargo {line}` failed");
    let text = String::from_utf8(output.stdout)?;
    // Cargo marks a crate that it has listed before with `(*)`.
    let mut crates: Vec<_> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    crates.sort_unstable();
    crates.dedup();
    Ok(crates.len() as f64)
}

fn strip(binary: &Path) -> Result<u64> {
    let status = Command::new("strip").arg(binary).status().context("`strip` did not start")?;
    ensure!(status.success(), "`strip` failed: {status}");
    Ok(std::fs::metadata(binary)?.len())
}
