//! The course of a study: the next trial, by the state machine of its question.

use std::collections::BTreeMap;
use std::time::Duration;

use dyno_summary::Summary;

use super::question::StudyQuestion;
use super::record;
use crate::plan::Rate;
use crate::study::repeat::{Figure, Repeat, RepeatStep};
use crate::study::search::{Purpose, Step};
use crate::study::searches::Searches;
use crate::study::sweep::{Rates, Sweep, SweepOptions, SweepOrder, SweepStep};
use crate::study::trial::{Trial, TrialVerdict};

/// A study on its way.
#[derive(Debug, Clone)]
pub(super) enum StudyCourse {
    /// Rates, from the lowest up.
    Sweep {
        /// The state machine.
        sweep: Sweep,
        /// The number of trials at each rate.
        count: usize,
        /// The figures of all trials with their rates, by name.
        figures: Vec<(Rate, RunFigures)>,
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
        figures: RunFigures,
    },
    /// The highest rate that is sustained.
    Search(Box<Searches>),
}

/// The figures of all trials at one rate, by name.
pub(super) type RunFigures = BTreeMap<&'static str, Vec<Figure>>;

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
    pub(super) fn sweep(rates: Rates, options: SweepOptions) -> Self {
        let (sweep, count) = (Sweep::new(rates, options), options.trials);
        Self::Sweep { sweep, count, figures: Vec::new() }
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
            Self::Search(searches) => match searches.next() {
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
        let figures = match self {
            Self::Repeat { figures, .. } => figures,
            Self::Sweep { count: 1, .. } | Self::Search(_) => return,
            Self::Sweep { figures, .. } => {
                let place = figures.iter().position(|(rate, _)| *rate == trial.rate);
                let place = place.unwrap_or_else(|| {
                    figures.push((trial.rate, RunFigures::new()));
                    figures.len() - 1
                });
                &mut figures[place].1
            }
        };
        for (name, figure) in record::figures(summary) {
            figures.entry(name).or_default().push(figure);
        }
    }

    /// Returns the number of the search that the next trial belongs to, from 1; `None` unless a
    /// search is repeated.
    pub(super) fn round(&self) -> Option<u64> {
        match self {
            Self::Search(searches) if searches.count() > 1 => {
                Some(searches.answers().count() as u64 + 1)
            }
            Self::Search(_) | Self::Sweep { .. } | Self::Repeat { .. } => None,
        }
    }

    /// Ends the study before the trial that was requested last, because a signal came, or the code
    /// requested it.
    pub(super) fn interrupt(&mut self, wanted: &NextTrial, signal: Option<i32>) {
        self.answer(Trial {
            rate: wanted.rate,
            window: Duration::ZERO,
            took: Duration::ZERO,
            verdict: TrialVerdict::Interrupted { signal },
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
            Self::Search(searches) => searches.take(trial),
        }
    }
}

/// Returns a question in a few words, such as `sweep of 3 rates from 1,000/s to 4,000/s`.
pub(super) fn title(question: &StudyQuestion, rate: Rate) -> String {
    match question {
        StudyQuestion::Sweep(rates, options) => {
            let rates = rates.as_slice();
            let rate = |rate: Option<&f64>| Rate::PerSecond(rate.copied().unwrap_or(0.0));
            let (first, last) = (rate(rates.first()), rate(rates.last()));
            let order = match options.order {
                SweepOrder::Rising => "",
                SweepOrder::Shuffled { .. } => ", in a random order",
            };
            let trials = match options.trials {
                1 => String::new(),
                trials => format!(", {trials} runs each"),
            };
            format!("sweep of {} rates from {first} to {last}{trials}{order}", rates.len())
        }
        StudyQuestion::Repeat(count) => format!("{count} runs at {rate}"),
        StudyQuestion::Search(None) => "search for the highest sustained rate".to_owned(),
        StudyQuestion::Search(Some(count)) => {
            format!("{count} searches for the highest sustained rate")
        }
    }
}
