//! The end of a search: why it ended, and the numbers of its answer.

use dyno_summary::Verdict;

use super::{Bracket, Purpose, Search};

/// The answer of a search. The sentences are made elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answer {
    /// The lower end: the highest rate that is known to be held; `None` if no rate was held.
    pub(crate) lower: Option<End>,
    /// The upper end: the lowest rate above it that was not held; `None` if every rate was held.
    pub(crate) upper: Option<End>,
    /// The most likely capacity, and the interval that holds it with 95 %.
    pub(crate) bracket: Bracket,
    /// The distance between the ends, as a share of the lower one; `None` if an end is missing.
    pub(crate) precision: Option<f64>,
    /// The noise between trials, as a share: its expected standard deviation.
    pub(crate) noise: f64,
    /// The reason of the end.
    pub(crate) end: SearchEnd,
}

/// An end of the answer's interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct End {
    /// In cycles per second.
    pub(crate) rate: f64,
    /// `true` if a trial that had no part in choosing the rate gave the same answer.
    pub(crate) is_confirmed: bool,
}

/// The reason why a search ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SearchEnd {
    /// Both ends are confirmed.
    Found,
    /// The time, or the number of trials, was used up. If the lower end is confirmed, it is an
    /// answer.
    TimeOver,
    /// The highest rate that may be requested was held, twice: the capacity is at least this.
    AtLeast,
    /// Higher rates were invalid, twice each, and the highest valid one was held twice: the limit
    /// is that of the harness.
    HarnessLimit,
    /// No rate was held, down to the lowest one that was tried.
    LowestNotHeld,
    /// Cycles failed at every rate, however low.
    Failed,
    /// Workers failed at two rates.
    Errors,
    /// The target no longer held the rates that it had held before an overload. The ends are such a
    /// rate, and that of the overload.
    NotRecovered,
    /// The lower end was not held in any of its trials, or no trial gave a verdict.
    Unclear,
    /// The harness was the limit at every rate.
    Invalid,
    /// A signal ended a trial.
    Interrupted {
        /// The signal's number; `None` if it is not known.
        signal: Option<i32>,
    },
}

impl SearchEnd {
    /// Returns `true` if the search has an answer; `is_confirmed` refers to its lower end.
    #[must_use]
    pub(crate) const fn is_answer(self, is_confirmed: bool) -> bool {
        match self {
            Self::Found | Self::AtLeast | Self::HarnessLimit => true,
            Self::TimeOver => is_confirmed,
            _ => false,
        }
    }
}

impl Answer {
    /// Returns the exit code of the primary.
    #[must_use]
    pub(crate) fn exit_code(&self) -> i32 {
        let is_confirmed = self.lower.is_some_and(|lower| lower.is_confirmed);
        match self.end {
            end if end.is_answer(is_confirmed) => Verdict::Sustained.exit_code(None),
            SearchEnd::LowestNotHeld => Verdict::Unsustained.exit_code(None),
            SearchEnd::Failed => Verdict::Failed.exit_code(None),
            SearchEnd::Invalid => Verdict::Invalid.exit_code(None),
            SearchEnd::Errors => Verdict::Error.exit_code(None),
            SearchEnd::Interrupted { signal } => Verdict::Interrupted.exit_code(signal),
            _ => Verdict::Inconclusive.exit_code(None),
        }
    }
}

impl Search {
    /// Returns the answer so far, with the reason of its end.
    pub(crate) fn answer(&self, end: SearchEnd) -> Answer {
        let (lower, upper) = match end {
            SearchEnd::NotRecovered => (self.first_held(), self.first_not_held()),
            _ => (self.lower(), self.upper()),
        };
        let precision = lower.zip(upper).map(|(lower, upper)| upper.rate / lower.rate - 1.0);
        let noise = self.posterior.noise;
        Answer { lower, upper, bracket: self.bracket(), precision, noise, end }
    }

    /// Returns the lower end: the latest one that is confirmed, otherwise the highest rate that was
    /// held below all that were not.
    pub(super) fn lower(&self) -> Option<End> {
        if let Some(rate) = self.confirmed_lower() {
            return Some(End { rate, is_confirmed: true });
        }
        let not_held = self.not_held().fold(f64::INFINITY, f64::min);
        let held = self.held().filter(|rate| *rate < not_held);
        held.max_by(f64::total_cmp).map(|rate| End { rate, is_confirmed: false })
    }

    /// Returns the upper end: the latest one that is confirmed, otherwise the lowest rate above the
    /// lower end that was not held.
    pub(super) fn upper(&self) -> Option<End> {
        if let Some(rate) = self.confirmed_upper() {
            return Some(End { rate, is_confirmed: true });
        }
        let lower = self.lower().map_or(0.0, |lower| lower.rate);
        let above = self.not_held().filter(|rate| *rate > lower);
        above.min_by(f64::total_cmp).map(|rate| End { rate, is_confirmed: false })
    }

    /// Returns the lowest rate that was held once, although it was not later on.
    fn first_held(&self) -> Option<End> {
        let held = self.tried.iter().filter(|tried| tried.trial.is_held());
        let rates = held.filter_map(|tried| tried.trial.rate.per_second());
        rates.min_by(f64::total_cmp).map(|rate| End { rate, is_confirmed: false })
    }

    /// Returns the rate that was the first not to be held.
    fn first_not_held(&self) -> Option<End> {
        let first = self.tried.iter().find(|tried| tried.trial.is_not_held())?;
        first.trial.rate.per_second().map(|rate| End { rate, is_confirmed: false })
    }

    fn held(&self) -> impl Iterator<Item = f64> {
        self.counted().filter(|(_, tried)| tried.trial.is_held()).map(|(rate, _)| rate)
    }

    fn not_held(&self) -> impl Iterator<Item = f64> {
        self.counted().filter(|(_, tried)| tried.trial.is_not_held()).map(|(rate, _)| rate)
    }

    /// Returns the lower end that is confirmed: by its latest trial with an answer.
    pub(super) fn confirmed_lower(&self) -> Option<f64> {
        let mut trials = self.counted().rev();
        let latest = trials.find(|(_, tried)| {
            tried.purpose == Purpose::ConfirmLower
                && (tried.trial.is_held() || tried.trial.is_not_held())
        });
        latest.filter(|(_, tried)| tried.trial.is_held()).map(|(rate, _)| rate)
    }

    /// Returns the upper end that is confirmed: by its latest trial with an answer.
    pub(super) fn confirmed_upper(&self) -> Option<f64> {
        let mut trials = self.counted().rev();
        let latest = trials.find(|(_, tried)| {
            tried.purpose == Purpose::ConfirmUpper
                && (tried.trial.is_held() || tried.trial.is_not_held())
        });
        latest
            .filter(|(_, tried)| tried.trial.is_not_held())
            .map(|(rate, _)| rate)
            .filter(|upper| self.confirmed_lower().is_none_or(|lower| lower < *upper))
    }
}
