//! The cost and the accuracy of a search, next to the script `examples/redis.sh`, which doubles the
//! rate until one is not sustained. Both drive the example `redis` against the same server, in turn.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use dyno::Summary;
use dyno::summary::Study;
use dyno_bus::clock;

use super::super::{Options, Told};
use super::outcome::{Outcome, Tally};
use crate::redis::Server;

/// The comparisons of a row.
const COMPARISONS: usize = 3;
/// One worker with one cycle in flight, so that a closed loop has the same capacity.
const FLAGS: &str = "-w 1 --in-flight 1";
const SCRIPT: &str = "script, doubling";
const SEARCH: &str = "search";

/// Runs the script and a search in turn, with a closed loop before and after each.
pub(in crate::rows) fn measure(options: &Options) -> Result<Told> {
    let example = Example::build()?;
    let searches = options.searches(COMPARISONS);
    let mut tally = Tally::default();
    let mut before = example.closed_loop()?;
    for number in 1..=searches {
        for method in [SCRIPT, SEARCH] {
            let mut outcome = match method {
                SCRIPT => example.script(number, before)?,
                _ => example.search(number, before)?,
            };
            let after = example.closed_loop()?;
            outcome.loops[1] = after;
            outcome.show(true);
            tally.judged(outcome);
            before = after;
        }
    }
    for method in [SCRIPT, SEARCH] {
        tally.ended(method, searches, 0);
    }
    // The loops of a real server differ by more than the interval of a search is wide, so that a
    // miss here proves nothing: the row about Redis repeats such searches.
    Ok(Told { is_true: true, ..tally.told() })
}

/// The example `redis`, built as the script builds it, and a server for it.
struct Example {
    workspace: PathBuf,
    program: PathBuf,
    server: Server,
}

impl Example {
    fn build() -> Result<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(&workspace).args(["build", "--quiet", "--release", "--example", "redis"]);
        ensure!(build.status()?.success(), "the example `redis` was not built");
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| workspace.join("target"));
        let program = target.join("release/examples/redis");
        Ok(Self { workspace, program, server: Server::start()? })
    }

    /// Runs the example or the script against the server. Any exit code is an answer.
    fn output(&self, program: &Path, words: &[&str]) -> Result<Output> {
        let mut command = Command::new(program);
        command.args(words).env("REDIS_URL", self.server.url()).env("FLAGS", FLAGS);
        command.output().with_context(|| format!("{} did not start", program.display()))
    }

    /// Runs the example, whose result is JSON.
    fn result<R: serde::de::DeserializeOwned>(&self, rate: &str) -> Result<R> {
        let shown = ["--format", "json", "--quiet"];
        let words: Vec<_> = FLAGS.split(' ').chain(["-R", rate]).chain(shown).collect();
        let output = self.output(&self.program, &words)?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        serde_json::from_slice(&output.stdout).with_context(|| format!("no result: {said}"))
    }

    fn closed_loop(&self) -> Result<f64> {
        Ok(self.result::<Summary>("max")?.rate.delivered)
    }

    fn search(&self, number: usize, before: f64) -> Result<Outcome> {
        let study: Study = self.result("search")?;
        Ok(Outcome::of_study(SEARCH, number, &study, [before; 2]))
    }

    fn script(&self, number: usize, before: f64) -> Result<Outcome> {
        let begun = clock::now();
        let output = self.output(&self.workspace.join("examples/redis.sh"), &[])?;
        let seconds = (clock::now() - begun).as_secs_f64();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rows = verdicts(&text);
        let interval = interval(&rows);
        Ok(Outcome {
            system: SCRIPT.to_owned(),
            number,
            interval,
            is_confirmed: interval.is_some(),
            loops: [before; 2],
            trials: rows.len(),
            seconds,
            answer: text.lines().last().unwrap_or("no answer").trim().to_owned(),
            course: String::new(),
        })
    }
}

/// Returns the rate and the verdict of each row that the script prints below its head.
fn verdicts(text: &str) -> Vec<(f64, &str)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next_back()?))
        })
        .collect()
}

/// Returns the last rate that was sustained and the first that was not.
fn interval(rows: &[(f64, &str)]) -> Option<(f64, f64)> {
    let not_sustained = rows.iter().find(|(_, verdict)| *verdict == "unsustained")?.0;
    let sustained = rows.iter().rev().find(|(_, verdict)| *verdict == "sustained")?.0;
    Some((sustained, not_sustained))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_script_are_an_interval() {
        let text = "      rate    delivered          p50  verdict\n\
                    1000       1000.0     0.100 ms          3  sustained\n\
                    2000       2000.0     0.100 ms          3  sustained\n\
                    4000       2500.0     0.100 ms       4000  unsustained\n";
        let rows = verdicts(text);
        assert_eq!(rows.len(), 3);
        assert_eq!(interval(&rows), Some((2_000.0, 4_000.0)));
        assert_eq!(interval(&rows[..2]), None);
    }
}
