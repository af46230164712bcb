//! `cargo xtask test`: unit tests, then doctests, then the integration tests, each as a step with
//! its time.

use anyhow::Result;
use cargo_metadata::{Package, TargetKind};

use crate::command::{self, cargo, metadata};
use crate::steps::Steps;
use crate::tools;

/// Further arguments for `cargo test`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Filters and flags for `cargo test`
    #[arg(allow_hyphen_values = true)]
    cargo: Vec<String>,
    /// Flags for the test programs, as `-- --nocapture`
    #[arg(last = true)]
    program: Vec<String>,
}

impl Arguments {
    /// Returns the arguments as they were typed. Clap keeps a `--` that follows other arguments in
    /// `cargo`, but drops one that comes first, so that it is put back here.
    fn line(&self) -> impl Iterator<Item = &str> {
        let dashes = (!self.program.is_empty()).then_some("--");
        let (cargo, program) = (self.cargo.iter(), self.program.iter());
        cargo.map(String::as_str).chain(dashes).chain(program.map(String::as_str))
    }
}

/// Runs all tests.
///
/// # Errors
/// At the first kind of test that fails, or if a tool is missing.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::ensure()?;
    let mut steps = Steps::default();
    // The same packages each time: with another choice, cargo would build the dependencies again
    // with other features.
    let test = |kind: &str| {
        let mut command = cargo("test --quiet --workspace");
        command::run(command.args(kind.split_whitespace()).args(arguments.line()))
    };
    steps.step("unit tests", || test("--lib --bins"))?;
    steps.step("doctests", || test("--doc"))?;
    let integration = integration(&metadata()?.packages);
    if !integration.is_empty() {
        steps.step("integration tests", || test(&integration))?;
    }
    Ok(())
}

/// Returns the flags that name all integration tests. Empty if the workspace has none: the caller
/// then skips the step, because cargo would report an error.
fn integration(packages: &[Package]) -> String {
    let targets = packages.iter().flat_map(|package| &package.targets);
    let tests = targets.filter(|target| target.kind.contains(&TargetKind::Test));
    tests.map(|target| format!("--test {} ", target.name)).collect()
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    #[test]
    fn arguments_reach_cargo_as_they_were_typed() {
        for typed in [
            vec![],
            vec!["filter"],
            vec!["--release", "filter"],
            vec!["--", "--nocapture"],
            vec!["filter", "--", "--nocapture", "--test-threads", "1"],
        ] {
            let command = Arguments::augment_args(Command::new("test").no_binary_name(true));
            let matches = command.try_get_matches_from(&typed).expect("accepted");
            let arguments = Arguments::from_arg_matches(&matches).expect("of its form");
            assert_eq!(arguments.line().collect::<Vec<_>>(), typed);
        }
    }
}
