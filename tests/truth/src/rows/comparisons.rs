//! Comparisons of programs whose difference is known: the same program against itself, and against
//! one with 5 % more work. Next to dyno's own, two usual methods judge the same programs.
//!
//! Wrong is a comparison that finds a difference between equal programs, or the wrong one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use dyno::{Ab, Comparison, ComparisonFinding, Summary};

use super::{Options, Told, program};
use crate::pool::Service;
use crate::redis::Server;
use crate::run::Run;
use crate::table::Table;
use crate::task::How;

/// The longest time of a comparison of the same program, and of one with more work.
const SAME_TIME: Duration = Duration::from_secs(30);
const MORE_TIME: Duration = Duration::from_secs(120);
/// The steps of fixed work: about half a millisecond.
const STEPS: u64 = 400_000;
/// The rate of the fixed work, of the pool, and of Redis: well below their capacities.
const RATES: [f64; 3] = [200.0, 150.0, 150.0];
/// The time of a cycle of the pool, and of a command of Redis.
const PERMIT: Duration = Duration::from_millis(20);
const COMMAND: Duration = Duration::from_millis(4);
/// The part of comparisons of the same program that may be wrong.
const WRONG_MAX: f64 = 0.01;
/// The runs of a side in the method of hyperfine, by default at least ten.
const RUNS: usize = 10;
/// The window of a side in the method of criterion, whose default is five seconds.
const WINDOW: Duration = Duration::from_secs(5);
/// The difference that criterion takes for noise.
const NOISE: f64 = 0.01;
/// The points of Student's t for 5 % on both sides: for 18 degrees of freedom, and for about 90.
const T_FEW: f64 = 2.101;
const T_MANY: f64 = 1.987;

/// A program with its known work.
struct System {
    name: &'static str,
    run: Run,
}

impl System {
    fn fixed(steps: u64) -> Self {
        let mut run = Run::new(How::Steps, Duration::ZERO, RATES[0]);
        run.work.ns = steps;
        Self { name: "fixed work", run }
    }

    fn pool() -> Self {
        let run = Run::new(How::Pool(Service::Exponential), PERMIT, RATES[1]);
        Self { name: "pool, exponential", run: Run { workers: 2, ..run } }
    }

    fn redis(server: &Server) -> Self {
        let mut run = Run::new(How::Redis, COMMAND, RATES[2]);
        run.work.url = server.url();
        Self { name: "Redis", run }
    }
}

/// The number of comparisons with each finding.
#[derive(Debug, Default)]
struct Counts {
    same: usize,
    better: usize,
    worse: usize,
    unclear: usize,
    pairs: u64,
    seconds: f64,
}

impl Counts {
    fn add(&mut self, comparison: &Comparison) {
        self.pairs += comparison.pairs.unwrap_or_default();
        self.seconds += comparison.elapsed_ns as f64 / 1e9;
        match comparison.finding {
            ComparisonFinding::Same => self.same += 1,
            ComparisonFinding::Better => self.better += 1,
            ComparisonFinding::Worse => self.worse += 1,
            _ => self.unclear += 1,
        }
    }

    fn row(&self, name: &str, method: &str, slower: &str) -> [String; 9] {
        let all = (self.same + self.better + self.worse + self.unclear).max(1);
        [
            name.to_owned(),
            slower.to_owned(),
            method.to_owned(),
            self.worse.to_string(),
            self.better.to_string(),
            self.same.to_string(),
            self.unclear.to_string(),
            format!("{:.1}", self.pairs as f64 / all as f64),
            format!("{:.1}", self.seconds / all as f64),
        ]
    }
}

/// Measures the row.
///
/// # Errors
/// If a program can't be run.
pub fn measure(options: &Options) -> Result<Told> {
    let program = program()?;
    let count = options.comparisons();
    let server = Server::start()?;
    let mut table = Table::new(&[
        "program",
        "slower by",
        "method",
        "worse",
        "better",
        "same",
        "unclear",
        "pairs",
        "seconds",
    ]);
    let (mut wrong, mut all) = (0, 0);
    let fixed = System::fixed(STEPS);
    for system in [fixed, System::pool(), System::redis(&server)] {
        let ours = compared(&program, &system.run, &system.run, SAME_TIME, count)?;
        wrong += ours.worse + ours.better;
        all += count;
        table.row(ours.row(system.name, "dyno", "0 %"));
        for (name, method) in METHODS {
            let theirs = by(method, &program, &system.run, &system.run, count)?;
            table.row(theirs.row(system.name, name, "0 %"));
        }
    }
    let (base, more) = (System::fixed(STEPS), System::fixed(STEPS + STEPS / 20));
    let found = compared(&program, &base.run, &more.run, MORE_TIME, count)?;
    wrong += found.better + found.same;
    table.row(found.row(base.name, "dyno", "5 %"));
    for (name, method) in METHODS {
        let theirs = by(method, &program, &base.run, &more.run, count)?;
        table.row(theirs.row(base.name, name, "5 %"));
    }
    let text = format!("{table}\nWrong: {wrong} of {}.\n", all + count);
    let allowed = (WRONG_MAX * (all + count) as f64).ceil() as usize;
    Ok(Told { text, is_true: wrong <= allowed })
}

fn command(program: &Path, run: &Run) -> Result<Command> {
    let mut command = Command::new(program);
    command.env(crate::run::PROGRAM_VARIABLE, serde_json::to_string(run)?);
    Ok(command)
}

/// Compares two programs in turn, several times.
fn compared(program: &Path, base: &Run, new: &Run, time: Duration, count: usize) -> Result<Counts> {
    let mut counts = Counts::default();
    for _ in 0..count {
        let ab = Ab::new(command(program, base)?, command(program, new)?).time(time);
        counts.add(&ab.run().context("a comparison failed")?);
    }
    Ok(counts)
}

/// A method that others use: the values of one side.
type Values = fn(&Path, &Run) -> Result<Vec<f64>>;

/// The methods that others use, one side after the other.
const METHODS: [(&str, Values); 2] = [("as criterion", parts_of_a_run), ("as hyperfine", runs)];

/// Returns the mean times of parts of one run, as criterion times parts of one process.
fn parts_of_a_run(program: &Path, run: &Run) -> Result<Vec<f64>> {
    let summary = Run { window: WINDOW, ..run.clone() }.run(program)?.summary;
    let point = |point: &dyno::summary::SeriesPoint| {
        point.metrics.get("service").and_then(|service| service.p50).map(|value| value as f64)
    };
    Ok(summary.series.iter().filter_map(point).collect())
}

/// Returns the mean time of each of several runs, as hyperfine runs a command again and again.
fn runs(program: &Path, run: &Run) -> Result<Vec<f64>> {
    let short = Run {
        warmup: Duration::from_millis(200),
        window: Duration::from_millis(800),
        ..run.clone()
    };
    let mean = |summary: &Summary| summary.metric("service").map_or(f64::NAN, |all| all.mean);
    (0..RUNS).map(|_| Ok(mean(&short.run(program)?.summary))).collect()
}

/// Compares two programs by the values of both sides and Welch's test at 5 %.
fn by(values: Values, program: &Path, base: &Run, new: &Run, count: usize) -> Result<Counts> {
    let mut counts = Counts::default();
    for _ in 0..count {
        let (base, new) = (values(program, base)?, values(program, new)?);
        match difference(&base, &new) {
            Some(difference) if difference > 0.0 => counts.worse += 1,
            Some(_) => counts.better += 1,
            None => counts.same += 1,
        }
    }
    Ok(counts)
}

/// Returns the difference of two means as a share, if it is significant at 5 % and above the noise.
fn difference(base: &[f64], new: &[f64]) -> Option<f64> {
    let moments = |values: &[f64]| {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (mean, squares / (count - 1.0) / count)
    };
    let ((base_mean, base_square), (new_mean, new_square)) = (moments(base), moments(new));
    let t = (new_mean - base_mean) / (base_square + new_square).sqrt();
    let point = if base.len() > RUNS { T_MANY } else { T_FEW };
    let share = new_mean / base_mean - 1.0;
    let is_found = t.abs() > point && (base.len() <= RUNS || share.abs() > NOISE);
    is_found.then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_significant_difference_has_its_sign_and_noise_has_none() {
        let base = [10.0, 10.1, 9.9, 10.0, 10.1, 9.9, 10.0, 10.1, 9.9, 10.0];
        let slower = base.map(|value| 1.1 * value);
        assert!(difference(&base, &slower).is_some_and(|share| (share - 0.1).abs() < 1e-9));
        assert!(difference(&slower, &base).is_some_and(|share| share < 0.0));
        assert_eq!(difference(&base, &base), None);
    }
}
