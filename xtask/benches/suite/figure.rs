//! A figure: what several rounds gave, as their median with the spread, beside its goal.

use std::fmt;

use serde::Serialize;

/// What a figure has to reach.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Stated for what it is: a peer's own figure, or one without a goal.
    Reported,
}

impl Goal {
    /// Whether a value reaches it; `None` where there is nothing to reach.
    fn is_met_by(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::Reported => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
            Self::Reported => Ok(()),
        }
    }
}

/// One thing that a row states.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    /// `×` for a ratio.
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// A value a round.
    pub(crate) rounds: Vec<f64>,
    /// What a reader should know of it: why it is missing, which run was not clean.
    pub(crate) notes: Vec<String>,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, goal: Goal) -> Self {
        Self { name: name.into(), unit, goal, rounds: Vec::new(), notes: Vec::new() }
    }

    /// A figure without a goal.
    pub(crate) fn reported(name: impl Into<String>, unit: &'static str) -> Self {
        Self::new(name, unit, Goal::Reported)
    }

    /// A round's value.
    pub(crate) fn push(&mut self, value: f64) {
        self.rounds.push(value);
    }

    /// Notes something once, however often it is said.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The median of the rounds; `None` where there are none.
    pub(crate) fn median(&self) -> Option<f64> {
        median(&self.rounds)
    }

    /// The least and the most.
    pub(crate) fn spread(&self) -> Option<(f64, f64)> {
        let least = self.rounds.iter().copied().reduce(f64::min)?;
        let most = self.rounds.iter().copied().reduce(f64::max)?;
        Some((least, most))
    }

    /// Whether its median reaches the goal; `None` without either.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.goal.is_met_by(self.median()?)
    }
}

/// The middle one; of an even number the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// The value that this share of the values is at most; `None` without values. Sorts them.
pub(crate) fn quantile(values: &mut [u64], share: f64) -> Option<f64> {
    values.sort_unstable();
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).map(|value| *value as f64)
}
