//! A figure: the values of several rounds, summed up as their median and spread, next to its goal.

use std::fmt;

use serde::Serialize;

/// The goal of a figure, in the figure's unit.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Without a goal, as every figure of a peer.
    Reported,
}

impl Goal {
    /// Returns `Some(true)` if a value reaches the goal; `None` without a goal.
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

/// One quantity that a row measures.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    /// The unit as printed; `×` for a ratio.
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// One value for each round.
    pub(crate) rounds: Vec<f64>,
    /// Remarks for the reader: why a value is missing, which run was not clean.
    pub(crate) notes: Vec<String>,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, goal: Goal) -> Self {
        Self { name: name.into(), unit, goal, rounds: Vec::new(), notes: Vec::new() }
    }

    /// Creates a figure without a goal.
    pub(crate) fn reported(name: impl Into<String>, unit: &'static str) -> Self {
        Self::new(name, unit, Goal::Reported)
    }

    /// Adds the value of a round.
    pub(crate) fn push(&mut self, value: f64) {
        self.rounds.push(value);
    }

    /// Adds a note, unless the figure has the same note already.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Returns the median of the rounds; `None` without rounds.
    pub(crate) fn median(&self) -> Option<f64> {
        median(&self.rounds)
    }

    /// Returns the least and the greatest value; `None` without rounds.
    pub(crate) fn spread(&self) -> Option<(f64, f64)> {
        let least = self.rounds.iter().copied().reduce(f64::min)?;
        let most = self.rounds.iter().copied().reduce(f64::max)?;
        Some((least, most))
    }

    /// Returns `Some(true)` if the median reaches the goal; `None` without a median or without a
    /// goal.
    pub(crate) fn is_met(&self) -> Option<bool> {
        self.goal.is_met_by(self.median()?)
    }
}

/// Returns the middle value; of an even number, the mean of the two in the middle; `None` without
/// values.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// Returns the least value that is not exceeded by this share of the values; `None` without values.
/// Sorts them.
pub(crate) fn quantile(values: &mut [u64], share: f64) -> Option<f64> {
    values.sort_unstable();
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).map(|value| *value as f64)
}
