//! The stages of a run's load profile, each with the cycles that were due in it and its verdict.

use serde::{Deserialize, Serialize};

use crate::number::{number, optional_number};
use crate::verdict::Verdict;

/// A stage of a load profile: one rate, or a linear ramp from one rate to another.
///
/// ```
/// use dyno_summary::{StageSummary, Summary, Verdict};
///
/// fn first_not_sustained(summary: &Summary) -> Option<&StageSummary> {
///     let is_not = |stage: &&StageSummary| stage.verdict == Some(Verdict::Unsustained);
///     summary.stages.iter().find(is_not)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StageSummary {
    /// The rate at its beginning, in cycles per second.
    #[serde(serialize_with = "number")]
    pub from: f64,
    /// The rate at its end: the same, unless the stage is a ramp.
    #[serde(serialize_with = "number")]
    pub to: f64,
    /// The length of the stage, in nanoseconds.
    pub duration_ns: u64,
    /// The number of cycles that were due in it.
    pub due: u64,
    /// The number of these cycles that ended at any time, failed ones included.
    pub ended: u64,
    /// The number of cycles that ended during the stage, divided by the time for which it was run.
    #[serde(serialize_with = "number")]
    pub delivered: f64,
    /// The mean response of the cycles that were due in it and ended, in nanoseconds; `None` if none
    /// ended.
    pub response_mean_ns: Option<u64>,
    /// The backlog at its beginning.
    pub backlog_start: u64,
    /// The largest backlog in it.
    pub backlog_max: u64,
    /// The backlog at its end.
    pub backlog_end: u64,
    /// The verdict on the stage; `None` if it is not judged by itself.
    pub verdict: Option<Verdict>,
    /// The reason, in one sentence.
    pub reason: String,
    /// The time from its end until the backlog was back at its level, in nanoseconds; `None` if the
    /// stage left none, or if it was not back when the last stage ended.
    pub recovery_ns: Option<u64>,
    /// The rate at which the backlog of a ramp left its level for good; `None` if it did not.
    #[serde(serialize_with = "optional_number")]
    pub breaking_point: Option<f64>,
}
