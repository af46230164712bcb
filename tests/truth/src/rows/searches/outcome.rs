//! The outcome of one search next to its closed loops, and the tables of many.

use dyno::summary::{Study, StudyTrial};

use super::Told;
use crate::table::Table;

/// The share of searches whose interval may miss the figure of the loops.
const MISSED_MAX: f64 = 0.05;

/// An interval of the capacity, next to the closed loops before and after it.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) system: String,
    pub(super) number: usize,
    /// The highest rate that was sustained, and the lowest that was not, in cycles a second.
    pub(super) interval: Option<(f64, f64)>,
    /// `true` if both ends were confirmed, or the lower one in time: a search's exit code is 0.
    pub(super) is_confirmed: bool,
    /// The rates of the closed loops before and after.
    pub(super) loops: [f64; 2],
    pub(super) trials: usize,
    pub(super) seconds: f64,
    /// The answer in a sentence.
    pub(super) answer: String,
    /// The rate and the verdict of each trial; empty if they are not known.
    pub(super) course: String,
}

impl Outcome {
    /// Returns the outcome of a search. Only a search that found both ends has an interval.
    pub(super) fn of_study(system: &str, number: usize, study: &Study, loops: [f64; 2]) -> Self {
        let ends = study.search.as_ref().map(|found| (found.lower.as_ref(), found.upper.as_ref()));
        let interval = ends.and_then(|(lower, upper)| Some((lower?.rate, upper?.rate)));
        Self {
            system: system.to_owned(),
            number,
            interval,
            is_confirmed: study.exit_code == 0,
            loops,
            trials: study.trials.len(),
            seconds: study.elapsed_ns as f64 / 1e9,
            answer: study.answer.clone(),
            course: study.trials.iter().map(trial).collect::<Vec<_>>().join(", "),
        }
    }

    /// Returns the figure of both loops: their mean.
    fn figure(&self) -> f64 {
        f64::midpoint(self.loops[0], self.loops[1])
    }

    /// Returns the difference of the loops, as a share of their mean.
    pub(super) fn loops_differ_by(&self) -> f64 {
        (self.loops[1] - self.loops[0]).abs() / self.figure()
    }

    /// Returns `true` if the interval contains the figure of the loops.
    fn holds(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low <= self.figure() && self.figure() <= high)
    }

    fn width(&self) -> Option<f64> {
        self.interval.map(|(low, high)| high / low)
    }

    fn held(&self) -> String {
        match self.interval {
            None => "no answer".to_owned(),
            Some(_) if self.holds() => "yes".to_owned(),
            Some((low, high)) => {
                let end = if self.figure() < low { low } else { high };
                let off = 100.0 * (self.figure() / end - 1.0);
                format!("no: the loops are {off:+.1} % off")
            }
        }
    }

    /// Shows a search as soon as it has ended: a row takes half an hour.
    #[expect(clippy::print_stderr, reason = "progress of a tool, beside its results")]
    pub(super) fn show(&self, is_judged: bool) {
        let [before, after] = self.loops;
        let judged = if is_judged { String::new() } else { ", to be repeated".to_owned() };
        eprintln!(
            "{}, {}: {}; loops {before:.1} and {after:.1}; held: {}; {} trials, {:.0} s{judged}\n    {}",
            self.system,
            self.number,
            self.answer,
            self.held(),
            self.trials,
            self.seconds,
            self.course
        );
    }

    fn row(&self) -> [String; 8] {
        let [before, after] = self.loops;
        let interval = self.interval.map(|(low, high)| format!("{low} – {high}"));
        [
            self.system.clone(),
            self.number.to_string(),
            interval.unwrap_or_else(|| self.answer.clone()),
            format!("{before:.1}, {after:.1}"),
            self.held(),
            self.width().map_or_else(|| "–".to_owned(), |width| format!("{width:.3}")),
            self.trials.to_string(),
            format!("{:.0}", self.seconds),
        ]
    }
}

/// Describes a trial, such as `372/s 4.0 s sustained`.
fn trial(trial: &StudyTrial) -> String {
    let rate = trial.rate.map_or_else(|| "max".to_owned(), |rate| format!("{rate:.0}/s"));
    format!("{rate} {:.1} s {}", trial.window_ns as f64 / 1e9, trial.verdict)
}

/// The outcomes of all systems of a row.
#[derive(Debug, Default)]
pub(super) struct Tally {
    outcomes: Vec<Outcome>,
    /// The systems that are complete: the name, the requested searches and the repeated ones.
    systems: Vec<(String, usize, usize)>,
}

impl Tally {
    pub(super) fn judged(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    pub(super) fn ended(&mut self, system: &str, searches: usize, repeated: usize) {
        self.systems.push((system.to_owned(), searches, repeated));
    }

    /// Returns the tables: a row for each system, and one for each search. They are true if at most
    /// one of 20 intervals of a system misses the figure of its loops.
    pub(super) fn told(&self) -> Told {
        let heads =
            ["system", "searches", "repeated", "held", "confirmed", "width", "trials", "seconds"];
        let mut systems = Table::new(&heads);
        let mut is_true = true;
        for (name, searches, repeated) in &self.systems {
            let of: Vec<_> = self.outcomes.iter().filter(|one| one.system == *name).collect();
            let held = of.iter().filter(|one| one.holds()).count();
            let missed_max = (*searches as f64 * MISSED_MAX).ceil() as usize;
            is_true &= of.len() == *searches && of.len() - held <= missed_max;
            let widths = of.iter().filter_map(|one| one.width());
            systems.row([
                name.clone(),
                of.len().to_string(),
                repeated.to_string(),
                held.to_string(),
                of.iter().filter(|one| one.is_confirmed).count().to_string(),
                spread(widths, 3),
                spread(of.iter().map(|one| one.trials as f64), 0),
                spread(of.iter().map(|one| one.seconds), 0),
            ]);
        }
        let heads =
            ["system", "", "interval", "closed loops", "held", "width", "trials", "seconds"];
        let mut searches = Table::new(&heads);
        for outcome in &self.outcomes {
            searches.row(outcome.row());
        }
        Told { text: format!("{systems}\n{searches}"), is_true }
    }
}

/// Returns the median of some numbers, with the least and the most in parentheses.
fn spread(numbers: impl Iterator<Item = f64>, decimals: usize) -> String {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (numbers.first(), numbers.last()) else {
        return "–".to_owned();
    };
    let median = numbers[numbers.len() / 2];
    format!("{median:.decimals$} ({least:.decimals$} – {most:.decimals$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(number: usize, interval: Option<(f64, f64)>, loops: [f64; 2]) -> Outcome {
        let (system, answer) = ("spins".to_owned(), "no answer".to_owned());
        let course = String::new();
        let (trials, seconds) = (8, 36.4);
        Outcome {
            system,
            number,
            interval,
            is_confirmed: true,
            loops,
            trials,
            seconds,
            answer,
            course,
        }
    }

    fn told(outcomes: &[Outcome], searches: usize) -> Told {
        let mut tally = Tally::default();
        outcomes.iter().for_each(|one| tally.judged(one.clone()));
        tally.ended("spins", searches, 3);
        tally.told()
    }

    #[test]
    fn an_interval_holds_the_mean_of_both_loops_or_misses_it_by_a_share() {
        assert!(outcome(1, Some((490.0, 505.0)), [495.0, 503.0]).holds());
        let low = outcome(1, Some((490.0, 505.0)), [505.0, 525.0]);
        assert_eq!((low.holds(), &*low.held()), (false, "no: the loops are +2.0 % off"));
        let high = outcome(1, Some((500.0, 505.0)), [480.0, 480.0]);
        assert_eq!(high.held(), "no: the loops are -4.0 % off");
        assert!(!outcome(1, None, [495.0, 503.0]).holds());
    }

    #[test]
    fn one_of_twenty_intervals_may_miss_and_no_second_one() {
        let holds = |number| outcome(number, Some((490.0, 505.0)), [499.0, 501.0]);
        let misses = |number| outcome(number, Some((510.0, 520.0)), [499.0, 501.0]);
        let mut outcomes: Vec<_> = (1..=19).map(holds).collect();
        outcomes.push(misses(20));
        assert!(told(&outcomes, 20).is_true);
        outcomes[0] = misses(1);
        assert!(!told(&outcomes, 20).is_true);
        // A machine that was too busy leaves searches without an outcome.
        assert!(!told(&outcomes[1..3], 20).is_true);
    }

    #[test]
    fn a_row_has_the_interval_the_loops_the_width_the_trials_and_the_time() {
        let text = told(&[outcome(1, Some((490.0, 504.7)), [499.0, 501.0])], 1).text;
        let row = "| spins | 1 | 490 – 504.7 | 499.0, 501.0 | yes | 1.030 | 8 | 36 |";
        assert!(text.ends_with(&format!("{row}\n")), "{text}");
        let row = "| spins | 1 | 3 | 1 | 1 | 1.030 (1.030 – 1.030) | 8 (8 – 8) | 36 (36 – 36) |";
        assert!(text.contains(row), "{text}");
    }
}
