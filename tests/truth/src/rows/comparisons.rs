//! Comparisons of programs whose difference is known: the same program against itself, and against
//! one with 5 % more work. Next to dyno's own, two usual methods judge the same programs.
//!
//! Wrong is a comparison that finds a difference between equal programs, or the wrong one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use dyno::{Ab, ComparisonFinding, Summary};
use dyno_bus::clock;

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

/// The findings of one method about one pair of programs.
#[derive(Debug, Default)]
struct Findings {
    same: usize,
    better: usize,
    worse: usize,
    unclear: usize,
    /// The runs of a side.
    runs: u64,
    time: Duration,
}

impl Findings {
    fn add(&mut self, finding: &ComparisonFinding, runs: u64, time: Duration) {
        match finding {
            ComparisonFinding::Same => self.same += 1,
            ComparisonFinding::Better => self.better += 1,
            ComparisonFinding::Worse => self.worse += 1,
            _ => self.unclear += 1,
        }
        self.runs += runs;
        self.time += time;
    }

    /// Returns the findings that are wrong: any difference between equal programs; anything but
    /// *worse* and *unclear* if one is slower.
    fn wrong(&self, slower: bool) -> usize {
        self.better + if slower { self.same } else { self.worse }
    }

    fn row(&self, method: &str) -> [String; 7] {
        let all = (self.same + self.better + self.worse + self.unclear).max(1) as f64;
        [
            method.to_owned(),
            self.worse.to_string(),
            self.better.to_string(),
            self.same.to_string(),
            self.unclear.to_string(),
            format!("{:.1}", self.runs as f64 / all),
            format!("{:.1}", self.time.as_secs_f64() / all),
        ]
    }
}

/// Compares fixed work with itself.
///
/// # Errors
/// If a program can't be run.
pub fn fixed(options: &Options) -> Result<Told> {
    let system = System::fixed(STEPS);
    compared(&system, &system, SAME_TIME, options)
}

/// Compares the pool with itself.
///
/// # Errors
/// If a program can't be run.
pub fn pool(options: &Options) -> Result<Told> {
    compared(&System::pool(), &System::pool(), SAME_TIME, options)
}

/// Compares Redis with itself.
///
/// # Errors
/// If Redis does not start, or a program can't be run.
pub fn redis(options: &Options) -> Result<Told> {
    let server = Server::start()?;
    compared(&System::redis(&server), &System::redis(&server), SAME_TIME, options)
}

/// Compares fixed work with 5 % more of it.
///
/// # Errors
/// If a program can't be run.
pub fn slower(options: &Options) -> Result<Told> {
    compared(&System::fixed(STEPS), &System::fixed(STEPS + STEPS / 20), MORE_TIME, options)
}

/// Compares two programs several times: by dyno, for at most `time`, and by each of the other
/// methods. They are in turn, so that a noisy hour is one for all of them.
#[expect(clippy::print_stderr, reason = "progress of a tool, beside its results")]
fn compared(base: &System, new: &System, time: Duration, options: &Options) -> Result<Told> {
    let program = program()?;
    let slower = base.run.work.ns != new.run.work.ns;
    let count = options.comparisons();
    let mut ours = Findings::default();
    let mut others = METHODS.map(|_| Findings::default());
    for number in 1..=count {
        let ab = Ab::new(command(&program, &base.run)?, command(&program, &new.run)?).time(time);
        let comparison = ab.run().context("a comparison failed")?;
        let (pairs, elapsed) =
            (comparison.pairs.unwrap_or_default(), Duration::from_nanos(comparison.elapsed_ns));
        ours.add(&comparison.finding, pairs, elapsed);
        let mut line = format!(
            "{}, {number}: {pairs} pairs, {:.0} s, {}",
            base.name,
            elapsed.as_secs_f64(),
            comparison.answer
        );
        for ((name, runs, values), findings) in METHODS.iter().zip(&mut others) {
            let begun = clock::now();
            let finding = by(*values, &program, &base.run, &new.run)?;
            findings.add(&finding, *runs, clock::now() - begun);
            line.push_str(&format!("; {name}: {finding}"));
        }
        // Each as soon as it has ended: a row takes hours.
        eprintln!("{line}");
    }
    let mut table =
        Table::new(&["method", "worse", "better", "same", "unclear", "runs", "seconds"]);
    table.row(ours.row("dyno"));
    for ((name, ..), findings) in METHODS.iter().zip(&others) {
        table.row(findings.row(name));
    }
    let wrong = ours.wrong(slower);
    let allowed = (WRONG_MAX * count as f64).ceil() as usize;
    let text = format!("{}: {wrong} of {count} wrong.\n\n{table}", base.name);
    Ok(Told { text, is_true: wrong <= allowed })
}

fn command(program: &Path, run: &Run) -> Result<Command> {
    let mut command = Command::new(program);
    command.env(crate::run::PROGRAM_VARIABLE, serde_json::to_string(run)?);
    Ok(command)
}

/// A method that others use: the values of one side.
type Values = fn(&Path, &Run) -> Result<Vec<f64>>;

/// The methods that others use, one side after the other, each with its runs of a side.
const METHODS: [(&str, u64, Values); 2] =
    [("as criterion", 1, parts_of_a_run), ("as hyperfine", RUNS as u64, runs)];

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
fn by(values: Values, program: &Path, base: &Run, new: &Run) -> Result<ComparisonFinding> {
    let (base, new) = (values(program, base)?, values(program, new)?);
    Ok(match difference(&base, &new) {
        Some(difference) if difference > 0.0 => ComparisonFinding::Worse,
        Some(_) => ComparisonFinding::Better,
        None => ComparisonFinding::Same,
    })
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
