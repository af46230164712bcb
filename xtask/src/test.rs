//! `cargo xtask test`: unit tests, then doctests, then the integration tests, each shown apart with
//! its time.

use anyhow::Result;
use cargo_metadata::{Package, TargetKind};

use crate::command::{self, cargo, metadata};
use crate::steps::Steps;
use crate::tools;

/// What `cargo test` is given besides.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Filters and flags for `cargo test`
    #[arg(allow_hyphen_values = true)]
    cargo: Vec<String>,
    /// Flags for the test programs, as `-- --nocapture`
    #[arg(last = true)]
    program: Vec<String>,
}

/// Runs all tests.
///
/// # Errors
/// At the first kind of test that fails, and where a tool is missing.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::ensure()?;
    let mut steps = Steps::default();
    // The same packages each time: another choice would build the dependencies anew with other
    // features.
    let test = |kind: &str| {
        let mut command = cargo("test --quiet --workspace");
        command.args(kind.split_whitespace()).args(&arguments.cargo);
        command::run(command.arg("--").args(&arguments.program))
    };
    steps.step("unit tests", || test("--lib --bins"))?;
    steps.step("doctests", || test("--doc"))?;
    let integration = integration(&metadata()?.packages);
    if !integration.is_empty() {
        steps.step("integration tests", || test(&integration))?;
    }
    Ok(())
}

/// The flags that name all integration tests; none where there are none, which cargo calls an
/// error.
fn integration(packages: &[Package]) -> String {
    let targets = packages.iter().flat_map(|package| &package.targets);
    let tests = targets.filter(|target| target.kind.contains(&TargetKind::Test));
    tests.map(|target| format!("--test {} ", target.name)).collect()
}
