//! Load profiles: the rate of a run over its measured window, as a list of stages.
//!
//! This file has the stages and the limits of a profile. The parser is in `settings`, which checks
//! each rate and each time; the due times that follow are in `dyno_bus::segment`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::DURATION_MAX;

/// The most stages of a profile: each has its own timeline in every worker, and its own row in the
/// result. A finer curve is better drawn by ramps.
pub(crate) const STAGES_MAX: usize = 64;

/// The rate over a run's measured window: at least one stage. Each follows the one before it
/// without a gap.
///
/// The warm-up has the rate with which the first stage begins. All cycles of a profile have indices
/// that a segment may have: the longest profile at the highest rate has 2.6 × 10¹² of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    stages: Vec<Stage>,
}

/// A stretch of a profile: one rate, or a linear ramp from one rate to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The rate at its beginning, in cycles per second over all workers.
    pub from: f64,
    /// The rate at its end.
    pub to: f64,
    /// Its length, above zero.
    pub duration: Duration,
}

/// A list of stages that is not a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("a profile has at least one stage")]
    Empty,
    #[error("there are {count} stages, and a profile has at most {STAGES_MAX}")]
    TooMany { count: usize },
    #[error(
        "all stages together last longer than {}, the longest window of a run",
        humantime::format_duration(DURATION_MAX)
    )]
    TooLong,
}

impl Profile {
    /// Creates a profile of stages whose rates and times are valid, each by itself.
    ///
    /// # Errors
    /// If there are too few or too many of them, or if they last too long together.
    pub(crate) fn new(stages: Vec<Stage>) -> Result<Self, ProfileError> {
        if stages.is_empty() {
            return Err(ProfileError::Empty);
        }
        if stages.len() > STAGES_MAX {
            return Err(ProfileError::TooMany { count: stages.len() });
        }
        let profile = Self { stages };
        if profile.duration() > DURATION_MAX { Err(ProfileError::TooLong) } else { Ok(profile) }
    }

    /// Returns the stages in their order; at least one.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Returns the length of all stages together: the length of the measured window.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    /// Returns the number of the stage, counted from 1, and the rate at this time after the window's
    /// start; after the end, those of the last instant.
    #[must_use]
    pub fn at(&self, time: Duration) -> (usize, f64) {
        let mut since = time;
        for (index, stage) in self.stages.iter().enumerate() {
            if since < stage.duration {
                let share = since.as_secs_f64() / stage.duration.as_secs_f64();
                return (index + 1, stage.rate_at(share));
            }
            since -= stage.duration;
        }
        (self.stages.len(), self.stages.last().map_or(0.0, |last| last.to))
    }

    /// Returns the number of cycles that are due in all stages; for Poisson arrivals, on average.
    #[must_use]
    pub fn cycles(&self) -> f64 {
        self.stages.iter().map(Stage::cycles).sum()
    }

    /// Returns the highest rate, in cycles per second.
    #[must_use]
    pub fn highest_rate(&self) -> f64 {
        self.stages.iter().map(Stage::highest_rate).fold(0.0, f64::max)
    }

    /// Returns the profile of a part of the load, from 0 to 1.
    #[must_use]
    pub(crate) fn part(&self, part: f64) -> Self {
        Self { stages: self.stages.iter().map(|stage| stage.part(part)).collect() }
    }

    /// Returns the cycles per second, on average over the whole profile.
    #[must_use]
    pub fn mean_rate(&self) -> f64 {
        self.cycles() / self.duration().as_secs_f64()
    }
}

impl Stage {
    /// Returns `true` if the rate does not change.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "a ramp has two rates that were written differently")]
    pub fn is_constant(&self) -> bool {
        self.from == self.to
    }

    /// Returns the number of cycles that are due in it: the area under the line of its rate.
    #[must_use]
    pub fn cycles(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.duration.as_secs_f64()
    }

    /// Returns the higher one of the rates at its ends, in cycles per second.
    #[must_use]
    pub fn highest_rate(&self) -> f64 {
        self.from.max(self.to)
    }

    /// Returns the stage of a part of the load, from 0 to 1.
    #[must_use]
    pub(crate) fn part(&self, part: f64) -> Self {
        Self { from: self.from * part, to: self.to * part, ..*self }
    }

    /// Returns the rate after this share of its length.
    #[must_use]
    pub fn rate_at(&self, share: f64) -> f64 {
        self.from + (self.to - self.from) * share
    }
}

/// All stages in the form that they are written in: `30s:1k, 1m:1k..5k`.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            write!(f, "{stage}")?;
        }
        Ok(())
    }
}

/// The stage in the form that it is written in: `30s:1k` or `1m:1k..5k`.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = humantime::format_duration(self.duration).to_string().replace(' ', "");
        write!(f, "{time}:{}", short(self.from))?;
        if self.is_constant() { Ok(()) } else { write!(f, "..{}", short(self.to)) }
    }
}

/// Returns a rate as people write it. Only whole thousands are shortened: with a fraction, the
/// product might be another float.
fn short(rate: f64) -> String {
    if rate >= 1_000.0 && rate % 1_000.0 == 0.0 {
        format!("{}k", rate / 1_000.0)
    } else {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests;
