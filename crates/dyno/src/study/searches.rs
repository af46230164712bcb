//! The same search several times, to see how far two answers differ.
//!
//! ```text
//!   search ─▶ search ─▶ … ─▶ N ─▶ the rates that all intervals have in common, and their whole range
//! ```
//!
//! Each search begins without knowledge of the ones before, so that their answers are independent.

use super::repeat::{self, RepeatError};
use super::search::{Answer, REST, Request, Search, SearchEnd, SearchError, SearchSettings, Step};
use super::trial::Trial;

/// A search that is performed once or several times.
#[derive(Debug, Clone)]
pub(crate) struct Searches {
    settings: SearchSettings,
    count: usize,
    ended: Vec<EndedSearch>,
    search: Search,
}

/// A search that is over.
#[derive(Debug, Clone, Copy)]
struct EndedSearch {
    answer: Answer,
    trials: usize,
}

impl Searches {
    /// Creates a single search.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range.
    pub(crate) fn once(settings: SearchSettings) -> Result<Self, SearchError> {
        let search = Search::new(settings.clone())?;
        Ok(Self { settings, count: 1, ended: Vec::new(), search })
    }

    /// Returns the same search, performed this many times.
    ///
    /// # Errors
    ///
    /// If it is fewer than two times, or more than a thousand.
    pub(crate) fn repeated(self, count: usize) -> Result<Self, RepeatError> {
        Ok(Self { count: repeat::checked(count)?, ..self })
    }

    /// Returns the next step. It stays the same until [`take`](Self::take).
    #[must_use]
    pub(crate) fn next(&mut self) -> Step {
        match self.search.next() {
            Step::Done(answer) if self.is_last(&answer) => Step::Done(answer),
            Step::Done(answer) => {
                self.ended.push(EndedSearch { answer, trials: self.search.tried().len() });
                self.search = Search::new(self.settings.clone()).expect("settings are checked");
                self.first()
            }
            Step::Trial(_) if self.search.tried().is_empty() && !self.ended.is_empty() => {
                self.first()
            }
            Step::Trial(request) => Step::Trial(request),
        }
    }

    /// Takes the answer of the trial that was requested last.
    pub(crate) fn take(&mut self, trial: Trial) {
        self.search.take(trial);
    }

    /// Returns the requested number of searches.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the search that goes on, or the last one.
    #[must_use]
    pub(crate) fn current(&self) -> &Search {
        &self.search
    }

    /// Returns the number of trials of the searches before the current one.
    #[must_use]
    pub(crate) fn trials_before(&self) -> usize {
        self.ended.iter().map(|ended| ended.trials).sum()
    }

    /// Returns the answers of the searches before the current one.
    pub(crate) fn answers(&self) -> impl Iterator<Item = Answer> {
        self.ended.iter().map(|ended| ended.answer)
    }

    /// Returns the first step of a search after another one, which often ends with an overload.
    fn first(&mut self) -> Step {
        match self.search.next() {
            Step::Trial(request) => {
                Step::Trial(Request { rest: request.rest.max(REST), ..request })
            }
            done @ Step::Done(_) => done,
        }
    }

    fn is_last(&self, answer: &Answer) -> bool {
        matches!(answer.end, SearchEnd::Interrupted { .. }) || self.ended.len() + 1 >= self.count
    }
}

/// The rates that the intervals of several searches have in common, and their whole range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Agreement {
    /// The number of searches with an answer.
    pub(crate) answers: usize,
    /// The highest of the lower ends, and the lowest of the upper ones: `None` if no rate is in all
    /// intervals. The upper end is infinite if every rate was sustained.
    pub(crate) common: Option<(f64, f64)>,
    /// The lowest of the lower ends, and the highest of the upper ones.
    pub(crate) range: (f64, f64),
}

impl Agreement {
    /// Returns the agreement of the searches that have an answer; `None` if none has.
    pub(crate) fn of(answers: &[Answer]) -> Option<Self> {
        let interval = |answer: &Answer| {
            let upper = answer.upper.map_or(f64::INFINITY, |end| end.rate);
            (answer.exit_code() == 0).then_some((answer.lower?.rate, upper))
        };
        let intervals: Vec<_> = answers.iter().filter_map(interval).collect();
        let (low, high) = intervals.iter().copied().unzip::<f64, f64, Vec<_>, Vec<_>>();
        let least = |ends: &[f64]| ends.iter().copied().min_by(f64::total_cmp);
        let most = |ends: &[f64]| ends.iter().copied().max_by(f64::total_cmp);
        let common = (most(&low)?, least(&high)?);
        Some(Self {
            answers: intervals.len(),
            common: (common.0 < common.1).then_some(common),
            range: (least(&low)?, most(&high)?),
        })
    }
}

#[cfg(test)]
mod tests;
