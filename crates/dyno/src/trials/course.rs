//! The course of a study: the next trial, by the state machine of its question.

use std::collections::BTreeMap;
use std::time::Duration;

use dyno_summary::Summary;

use super::question::StudyQuestion;
use super::record;
use crate::plan::Rate;
use crate::study::repeat::{Figure, Repeat, RepeatStep};
use crate::study::search::{Purpose, Search, Step};
use crate::study::sweep::{OnLimit, Rates, Sweep, SweepStep};
use crate::study::trial::{Trial, TrialVerdict};

/// A study on its way.
#[derive(Debug, Clone)]
pub(super) enum StudyCourse {
    /// Rates, from the lowest up.
    Sweep {
        /// The state machine.
        sweep: Sweep,
        /// The requested rates.
        rates: Rates,
    },
    /// The same rate again and again.
    Repeat {
        /// The state machine.
        repeat: Repeat,
        /// The requested number of trials.
        count: usize,
        /// The rate of all trials.
        rate: Rate,
        /// The figures of all trials, by name.
        figures: BTreeMap<&'static str, Vec<Figure>>,
    },
    /// The highest rate that is sustained.
    Search(Box<Search>),
}

/// The next trial of a study.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NextTrial {
    pub(super) rate: Rate,
    /// The measured window; `None` for that of the plan.
    pub(super) window: Option<Duration>,
    /// The time to wait before the trial.
    pub(super) rest: Duration,
    /// The question that the trial answers in a search.
    pub(super) purpose: Option<Purpose>,
}

impl NextTrial {
    fn at(rate: Rate) -> Self {
        Self { rate, window: None, rest: Duration::ZERO, purpose: None }
    }
}

impl StudyCourse {
    pub(super) fn sweep(rates: Rates, on_limit: OnLimit) -> Self {
        Self::Sweep { sweep: Sweep::new(rates.clone(), on_limit), rates }
    }

    /// Creates a repetition whose number of trials is checked already.
    pub(super) fn repeat(count: usize, rate: Rate) -> Self {
        let repeat = Repeat::new(count).expect("a question has a valid number of trials");
        Self::Repeat { repeat, count, rate, figures: BTreeMap::new() }
    }

    /// Returns the next trial; `None` if the study is over.
    pub(super) fn next(&mut self) -> Option<NextTrial> {
        match self {
            Self::Sweep { sweep, .. } => match sweep.next() {
                SweepStep::Trial(rate) => Some(NextTrial::at(rate)),
                SweepStep::Done => None,
            },
            Self::Repeat { repeat, rate, .. } => match repeat.next() {
                RepeatStep::Trial(_) => Some(NextTrial::at(*rate)),
                RepeatStep::Done => None,
            },
            Self::Search(search) => match search.next() {
                Step::Trial(request) => Some(NextTrial {
                    rate: request.rate,
                    window: Some(request.window),
                    rest: request.rest,
                    purpose: Some(request.purpose),
                }),
                Step::Done(_) => None,
            },
        }
    }

    /// Takes the answer of the trial that was requested last.
    pub(super) fn take(&mut self, trial: Trial, summary: &Summary) {
        self.answer(trial);
        if let Self::Repeat { figures, .. } = self {
            for (name, figure) in record::figures(summary) {
                figures.entry(name).or_default().push(figure);
            }
        }
    }

    /// Ends the study before the trial that was requested last, because a signal came.
    pub(super) fn interrupt(&mut self, wanted: &NextTrial, signal: i32) {
        self.answer(Trial {
            rate: wanted.rate,
            window: Duration::ZERO,
            took: Duration::ZERO,
            verdict: TrialVerdict::Interrupted { signal: Some(signal) },
            completed: 0,
            delivered: 0.0,
            error: None,
            load: None,
            enough: None,
        });
    }

    fn answer(&mut self, trial: Trial) {
        match self {
            Self::Sweep { sweep, .. } => sweep.take(trial),
            Self::Repeat { repeat, .. } => repeat.take(trial),
            Self::Search(search) => search.take(trial),
        }
    }
}

/// Returns a question in a few words, such as `sweep of 3 rates from 1,000/s to 4,000/s`.
pub(super) fn title(question: &StudyQuestion, rate: Rate) -> String {
    match question {
        StudyQuestion::Sweep(rates, _) => {
            let rates = rates.as_slice();
            let rate = |rate: Option<&f64>| Rate::PerSecond(rate.copied().unwrap_or(0.0));
            let (first, last) = (rate(rates.first()), rate(rates.last()));
            format!("sweep of {} rates from {first} to {last}", rates.len())
        }
        StudyQuestion::Repeat(count) => format!("{count} runs at {rate}"),
        StudyQuestion::Search => "search for the highest sustained rate".to_owned(),
    }
}
