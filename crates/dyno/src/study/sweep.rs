//! The sweep: rates as a list, one trial each, from the lowest up.
//!
//! ```text
//!   1k,2k,4k ─┐
//!   1k..64k  ─┼─▶ rates ─▶ a trial each ─ held, or unclear ─▶ the next rate ─▶ done
//!   1k..8k/1k ┘                  └─ not held ─▶ done, unless all rates are to be run
//! ```
//!
//! An inconclusive trial does not end a sweep: it is not evidence that the rate is too high.
//! Each rate may have several trials; a rate is then judged by most of them. In a random [`order`],
//! rates above one that is not sustained are left out.

mod order;

use dyno_bus::segment::RATE_MAX;

pub(crate) use self::order::SweepOrder;
use super::repeat::HeldShare;

use super::trial::{Trial, TrialVerdict};
use crate::plan::{RATE_MIN, Rate, thousands};

/// The most rates of a sweep: a list that is longer has a step that is too small.
const RATES_MAX: usize = 1_000;
/// The largest distance from the last rate, as a share, that is rounding: floats are not exact.
const ROUNDING: f64 = 1e-9;

/// The rates of a sweep: two or more, each above the one before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rates(Vec<f64>);

/// A text that is not a list of rates.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SweepError {
    #[error(
        "invalid rate `{text}` in `{list}`: expected {RATE_MIN} to {} cycles per second, such as `50` or `1.5k`",
        thousands(RATE_MAX as u64)
    )]
    Rate { text: String, list: String },
    #[error(
        "invalid rates `{0}`: expected at least two, such as `1k,2k,4k`, `1k..64k` or `1k..8k/1k`"
    )]
    Empty(String),
    #[error(
        "invalid rates `{list}`: expected at least two; for one run at this rate: `--rate {list}`"
    )]
    One { list: String },
    #[error(
        "invalid rates `{list}`: expected each above the one before, but `{next}` follows `{rate}`"
    )]
    Downwards { rate: String, next: String, list: String },
    #[error(
        "invalid step `{step}` in `{list}`: expected a rate from which at most {RATES_MAX} rates \
         follow, such as `1k..8k/1k`"
    )]
    Step { step: String, list: String },
}

impl Rates {
    /// Parses a list: `1k,2k,4k`, `1k..64k` (each twice the one before; the last one is always
    /// run), or `1k..8k/1k` (steps). `rate` reads a single rate.
    ///
    /// A comma always separates two rates here. The caller reads a text as a single rate first, as
    /// `1,000` is one.
    ///
    /// # Errors
    ///
    /// If it has fewer than two rates, or if a rate is not above the one before.
    pub(crate) fn parse(
        list: &str,
        rate: impl Fn(&str) -> Option<f64>,
    ) -> Result<Self, SweepError> {
        let read = |text: &str| {
            let text = text.trim();
            let range = RATE_MIN..=RATE_MAX;
            let error = || SweepError::Rate { text: text.to_owned(), list: list.to_owned() };
            rate(text).filter(|rate| range.contains(rate)).ok_or_else(error)
        };
        if list.trim().is_empty() {
            return Err(SweepError::Empty(list.to_owned()));
        }
        if let Some((from, to)) = list.split_once("..") {
            return Self::range(list, from.trim(), to.trim(), read);
        }
        let texts: Vec<&str> = list.split(',').map(str::trim).collect();
        let rates = texts.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?;
        if let Some(at) = (1..rates.len()).find(|at| rates[*at] <= rates[at - 1]) {
            let (rate, next) = (texts[at - 1].to_owned(), texts[at].to_owned());
            return Err(SweepError::Downwards { rate, next, list: list.to_owned() });
        }
        match rates.len() {
            1 => Err(SweepError::One { list: list.to_owned() }),
            _ => Ok(Self(rates)),
        }
    }

    fn range(
        list: &str,
        from_text: &str,
        rest: &str,
        read: impl Fn(&str) -> Result<f64, SweepError>,
    ) -> Result<Self, SweepError> {
        let (to_text, step_text) = match rest.split_once('/') {
            Some((to, step)) => (to.trim(), Some(step.trim())),
            None => (rest, None),
        };
        let (from, to) = (read(from_text)?, read(to_text)?);
        if to <= from {
            let (rate, next) = (from_text.to_owned(), to_text.to_owned());
            return Err(SweepError::Downwards { rate, next, list: list.to_owned() });
        }
        let mut rates: Vec<f64> = match step_text {
            None => std::iter::successors(Some(from), |rate| Some(rate * 2.0))
                .take_while(|rate| *rate < to)
                .collect(),
            Some(text) => {
                let step = read(text)?;
                let steps = (to - from) / step;
                if steps < 1.0 - ROUNDING || steps > (RATES_MAX - 1) as f64 {
                    let step = text.to_owned();
                    return Err(SweepError::Step { step, list: list.to_owned() });
                }
                let count = (steps + ROUNDING).floor() as u32;
                // Each rate is computed from the first, so that no error accumulates.
                (0..=count).map(|index| from + step * f64::from(index)).collect()
            }
        };
        // The last rate was requested by name.
        match rates.last_mut() {
            Some(last) if (to - *last).abs() <= ROUNDING * to => *last = to,
            _ => rates.push(to),
        }
        Ok(Self(rates))
    }

    /// Returns the rates, from the lowest up.
    pub(crate) fn as_slice(&self) -> &[f64] {
        &self.0
    }
}

/// The reaction of a sweep to a rate that is not sustained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum OnLimit {
    /// The sweep ends.
    #[default]
    Stop,
    /// All rates are run.
    KeepGoing,
}

/// The choices for the trials of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SweepOptions {
    pub(crate) on_limit: OnLimit,
    pub(crate) order: SweepOrder,
    /// The number of trials at each rate, at least one.
    pub(crate) trials: usize,
}

impl Default for SweepOptions {
    fn default() -> Self {
        Self { on_limit: OnLimit::default(), order: SweepOrder::default(), trials: 1 }
    }
}

/// The next step of a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SweepStep {
    /// Run a trial at this rate, and pass its answer to [`Sweep::take`].
    Trial(Rate),
    /// The sweep is over.
    Done,
}

/// A sweep over rates.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    rates: Rates,
    on_limit: OnLimit,
    /// The rates of all trials, in their order.
    schedule: Vec<f64>,
    /// The place in the schedule after the last trial.
    at: usize,
    trials: Vec<Trial>,
}

impl Sweep {
    /// Creates a sweep.
    pub(crate) fn new(rates: Rates, options: SweepOptions) -> Self {
        let schedule = order::schedule(&rates, options.order, options.trials);
        Self { rates, on_limit: options.on_limit, schedule, at: 0, trials: Vec::new() }
    }

    /// Returns the next step. It stays the same until [`take`](Self::take).
    #[must_use]
    pub(crate) fn next(&self) -> SweepStep {
        match self.next_place() {
            Some(place) => SweepStep::Trial(Rate::PerSecond(self.schedule[place])),
            None => SweepStep::Done,
        }
    }

    /// Takes the answer of the trial that was requested last.
    pub(crate) fn take(&mut self, trial: Trial) {
        self.at = self.next_place().map_or(self.schedule.len(), |place| place + 1);
        self.trials.push(trial);
    }

    /// Returns all trials so far, in their order.
    #[must_use]
    pub(crate) fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Returns the rates, from the lowest up.
    #[must_use]
    pub(crate) fn rates(&self) -> &[f64] {
        self.rates.as_slice()
    }

    /// Returns `true` if rates were left out because a lower one was not sustained.
    #[must_use]
    pub(crate) fn is_cut_short(&self) -> bool {
        self.trials.len() < self.schedule.len()
    }

    /// Returns the trials at a rate that were sustained, of those with a verdict on the rate.
    #[must_use]
    pub(crate) fn held_at(&self, rate: f64) -> HeldShare {
        HeldShare::of_trials(self.at_rate(rate))
    }

    /// Returns the lowest rate that was not sustained in at least half of its trials with a verdict
    /// on the rate; `None` if there was none.
    #[must_use]
    pub(crate) fn first_not_held(&self) -> Option<Rate> {
        let is_not_held = |rate: &f64| {
            let share = self.held_at(*rate);
            share.of > 0 && 2 * share.held <= share.of
        };
        self.rates.as_slice().iter().copied().find(is_not_held).map(Rate::PerSecond)
    }

    /// Returns the place of the next trial in the schedule.
    fn next_place(&self) -> Option<usize> {
        let last = self.trials.last().map(|last| last.verdict);
        if matches!(last, Some(TrialVerdict::Interrupted { .. })) {
            return None;
        }
        let limit = match self.on_limit {
            OnLimit::Stop => self.limit().unwrap_or(f64::INFINITY),
            OnLimit::KeepGoing => f64::INFINITY,
        };
        (self.at..self.schedule.len()).find(|place| self.schedule[*place] <= limit)
    }

    /// Returns the lowest rate that ends a sweep: at least half of its trials were not sustained, or
    /// showed nothing but a fault.
    fn limit(&self) -> Option<f64> {
        let ends = |trial: &&Trial| match trial.verdict {
            TrialVerdict::Unsustained
            | TrialVerdict::Failed
            | TrialVerdict::Invalid
            | TrialVerdict::Error => true,
            TrialVerdict::Completed
            | TrialVerdict::Sustained
            | TrialVerdict::Inconclusive
            | TrialVerdict::Interrupted { .. } => false,
        };
        let is_limit = |rate: &f64| {
            let (all, ending) = (self.at_rate(*rate), self.at_rate(*rate).filter(ends));
            let ending = ending.count();
            ending > 0 && 2 * ending >= all.count()
        };
        self.rates.as_slice().iter().copied().find(is_limit)
    }

    /// Returns the trials at a rate.
    fn at_rate(&self, rate: f64) -> impl Iterator<Item = &Trial> {
        self.trials.iter().filter(move |trial| trial.rate == Rate::PerSecond(rate))
    }
}

#[cfg(test)]
mod tests;
