//! The repetition: the same trial several times, to see how far two trials of the same code differ.
//!
//! ```text
//!   trial ─▶ trial ─▶ … ─▶ N ─▶ how many were sustained
//!                               the spread between trials, next to that within one
//! ```
//!
//! Two processes of the same code are not one sample: their memory, their layout and their
//! neighbours differ. A figure of a single run knows nothing of that.

use super::trial::{Trial, TrialVerdict};

/// The fewest trials: a single one has nothing to differ from.
const TRIALS_MIN: usize = 2;
/// The most trials: more of them are a soak test.
const TRIALS_MAX: usize = 1_000;
/// The standard normal's 97.5 % and 99 % points.
const Z975: f64 = 1.96;
const Z99: f64 = 2.326;

/// A number of trials that is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid number of trials `{0}`: expected {TRIALS_MIN} to {TRIALS_MAX}, such as `5`")]
pub(crate) struct RepeatError(usize);

/// The next step of a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepeatStep {
    /// Run the trial with this index, and pass its answer to [`Repeat::take`].
    Trial(usize),
    /// All trials were run, or a signal ended one.
    Done,
}

/// A trial that is run several times.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    count: usize,
    trials: Vec<Trial>,
}

impl Repeat {
    /// Creates a repetition of this many trials.
    ///
    /// # Errors
    ///
    /// If there are fewer than two, or more than a thousand.
    pub(crate) fn new(count: usize) -> Result<Self, RepeatError> {
        Ok(Self { count: checked(count)?, trials: Vec::new() })
    }

    /// Returns the next step. It stays the same until [`take`](Self::take).
    #[must_use]
    pub(crate) fn next(&self) -> RepeatStep {
        let is_cut = self
            .trials
            .last()
            .is_some_and(|last| matches!(last.verdict, TrialVerdict::Interrupted { .. }));
        if is_cut || self.trials.len() >= self.count {
            return RepeatStep::Done;
        }
        RepeatStep::Trial(self.trials.len())
    }

    /// Takes the answer of the trial that was requested last.
    pub(crate) fn take(&mut self, trial: Trial) {
        self.trials.push(trial);
    }

    /// Returns all trials so far.
    #[must_use]
    pub(crate) fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Returns how many trials were sustained, of those with a verdict on the rate.
    #[must_use]
    pub(crate) fn held(&self) -> HeldShare {
        HeldShare::of_trials(&self.trials)
    }
}

/// Checks how often a run, a rate of a sweep or a search is repeated.
///
/// # Errors
///
/// If it is fewer than two times, or more than a thousand.
pub(crate) fn checked(count: usize) -> Result<usize, RepeatError> {
    if (TRIALS_MIN..=TRIALS_MAX).contains(&count) { Ok(count) } else { Err(RepeatError(count)) }
}

/// The share of trials that were sustained, with a 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeldShare {
    /// The trials that were sustained.
    pub(crate) held: usize,
    /// The trials that were sustained or not.
    pub(crate) of: usize,
    /// The least and the largest share that explain it, from 0 to 1.
    pub(crate) interval: (f64, f64),
}

impl HeldShare {
    /// Returns the share of these trials that were sustained, of those with a verdict on the rate.
    pub(super) fn of_trials<'t>(trials: impl IntoIterator<Item = &'t Trial>) -> Self {
        let (mut held, mut judged) = (0, 0);
        for trial in trials {
            held += usize::from(trial.is_held());
            judged += usize::from(trial.is_held() || trial.is_not_held());
        }
        Self::of(held, judged)
    }

    /// Returns a share with its interval (Wilson, 1927), which is right for few trials too.
    fn of(held: usize, of: usize) -> Self {
        if of == 0 {
            return Self { held, of, interval: (0.0, 1.0) };
        }
        let (count, share) = (of as f64, held as f64 / of as f64);
        let square = Z975 * Z975;
        let middle = (share + square / (2.0 * count)) / (1.0 + square / count);
        let half = Z975 / (1.0 + square / count)
            * (share * (1.0 - share) / count + square / (4.0 * count * count)).sqrt();
        Self { held, of, interval: ((middle - half).max(0.0), (middle + half).min(1.0)) }
    }
}

/// A figure of one trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    /// Its value, in the unit of the figure.
    pub(crate) value: f64,
    /// Its standard error within the trial, in the same unit.
    pub(crate) error: f64,
}

/// The spread of a figure over several trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The mean of all trials.
    pub(crate) mean: f64,
    /// The standard deviation between trials.
    pub(crate) between: f64,
    /// The standard error within a trial: the spread between trials that chance alone would make.
    pub(crate) within: f64,
    /// `true` if trials differ by more than chance within them explains, with 99 %.
    pub(crate) differs: bool,
}

impl Spread {
    /// Returns the spread of a figure; `None` for fewer than two trials.
    #[must_use]
    pub(crate) fn of(figures: &[Figure]) -> Option<Self> {
        if figures.len() < TRIALS_MIN {
            return None;
        }
        let count = figures.len() as f64;
        let mean = figures.iter().map(|figure| figure.value).sum::<f64>() / count;
        let squares: f64 = figures.iter().map(|figure| (figure.value - mean).powi(2)).sum();
        let within = figures.iter().map(|figure| figure.error.powi(2)).sum::<f64>() / count;
        let differs = squares > within * chi_square_99(count - 1.0);
        Some(Self {
            mean,
            between: (squares / (count - 1.0)).sqrt(),
            within: within.sqrt(),
            differs,
        })
    }
}

/// Returns the 99 % point of the chi-square distribution (Wilson and Hilferty, 1931).
fn chi_square_99(degrees: f64) -> f64 {
    let share = 2.0 / (9.0 * degrees);
    degrees * (1.0 - share + Z99 * share.sqrt()).powi(3)
}

#[cfg(test)]
mod tests;
