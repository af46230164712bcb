//! The result of a study: a series of runs under one question. It is the contract of `study.json`.
//!
//! `--format json` prints it, `study.json` stores it after every trial, and `.search()`, `.sweep()`
//! and `.repeat()` return it. Each trial is a whole run with its own summary, in a folder below that
//! of the study; here are only the figures that the study compares. Spans of time are whole
//! nanoseconds, and `docs/study.schema.json` describes the same contract for other tools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::number::{number, optional_number};
use crate::verdict::Verdict;

/// The version of the contract of a study.
pub const STUDY_SCHEMA: u32 = 1;
/// The study's file in its folder.
pub const STUDY_FILE: &str = "study.json";

/// The result of a study, or its state so far.
///
/// ```
/// use dyno_summary::Study;
///
/// fn line(study: &Study) -> String {
///     let trials = study.trials.len();
///     format!("{}: {} after {trials} trials", study.benchmark, study.answer)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Study {
    /// The version of this contract: [`STUDY_SCHEMA`].
    pub schema: u32,
    /// The benchmark's name.
    pub benchmark: String,
    /// The question: `sweep`, `repeat` or `search`.
    pub study: String,
    /// The reason of the end, as a word such as `done`, `found` or `interrupted`; `None` while the
    /// study goes on, or if it was killed.
    pub end: Option<String>,
    /// The answer so far, in one sentence.
    pub answer: String,
    /// The exit code of the primary.
    pub exit_code: i32,
    /// Warnings that a reader should know in order to understand the figures.
    pub warnings: Vec<String>,
    /// The wall time of the study's begin, as in RFC 3339, in UTC.
    pub started_at: String,
    /// The time from the study's begin to the end of its last trial, in nanoseconds.
    pub elapsed_ns: u64,
    /// The command line, without the passwords of its URLs.
    pub command: Vec<String>,
    /// The build profile: `release` or `debug`.
    pub profile: String,
    /// All trials, in their order.
    pub trials: Vec<StudyTrial>,
    /// The finding of a sweep; `None` for other studies.
    pub sweep: Option<SweepFinding>,
    /// The finding of a repetition; `None` for other studies.
    pub repeat: Option<RepeatFinding>,
    /// The finding of a search; `None` for other studies. If the search is repeated, `lower` is the
    /// lowest of all lower ends, and `upper` the highest of all upper ends.
    pub search: Option<SearchFinding>,
    /// The findings of a repeated search, each by itself; `None` for other studies.
    pub searches: Option<RepeatedSearch>,
}

/// A trial of a study: the figures that the study compares.
///
/// ```
/// use dyno_summary::{Study, Verdict};
///
/// fn held(study: &Study) -> usize {
///     study.trials.iter().filter(|trial| trial.verdict == Verdict::Sustained).count()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StudyTrial {
    /// The name of the trial's folder in that of the study, such as `01`.
    pub folder: String,
    /// The requested rate, in cycles per second; `None` for a closed loop.
    #[serde(serialize_with = "optional_number")]
    pub rate: Option<f64>,
    /// The question that the trial answers in a search, such as `narrow` or `confirm-lower`; `None`
    /// in other studies.
    pub purpose: Option<String>,
    /// The number of the search that the trial belongs to, from 1; `None` unless a search is
    /// repeated.
    pub round: Option<u64>,
    /// `true` if a later trial at the same rate had another answer, which counts in its place.
    pub is_overruled: bool,
    /// The verdict of the run.
    pub verdict: Verdict,
    /// The first reason of the verdict.
    pub reason: String,
    /// The delivered rate, in cycles per second.
    #[serde(serialize_with = "number")]
    pub delivered: f64,
    /// The number of cycles that completed.
    pub completed: u64,
    /// The length of the measured window, in nanoseconds.
    pub window_ns: u64,
    /// The time from the run's begin to its end, in nanoseconds.
    pub elapsed_ns: u64,
    /// The mean of the service, in nanoseconds; `None` if no cycle ended.
    #[serde(default, serialize_with = "optional_number")]
    pub service_mean_ns: Option<f64>,
    /// The 50th percentile of the response, in nanoseconds; `None` if it has too few values.
    pub response_p50_ns: Option<u64>,
    /// The 99th percentile of the response, in nanoseconds; `None` if it has too few values.
    pub response_p99_ns: Option<u64>,
}

/// The finding of a sweep.
///
/// ```
/// use dyno_summary::SweepFinding;
///
/// fn limit(sweep: &SweepFinding) -> Option<(f64, f64)> {
///     sweep.sustained.zip(sweep.not_sustained)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SweepFinding {
    /// The requested rates, from the lowest up.
    pub rates: Vec<f64>,
    /// The highest sustained rate below the first that was not; `None` if there was none.
    #[serde(serialize_with = "optional_number")]
    pub sustained: Option<f64>,
    /// The first rate that was not sustained; `None` if there was none.
    #[serde(serialize_with = "optional_number")]
    pub not_sustained: Option<f64>,
    /// The trials of each rate together, from the lowest up; empty unless the rates are repeated.
    #[serde(default)]
    pub repeats: Vec<RepeatedRate>,
}

/// The trials of a sweep at one rate.
///
/// ```
/// use dyno_summary::SweepFinding;
///
/// fn always_sustained(sweep: &SweepFinding) -> Vec<f64> {
///     let rates = sweep.repeats.iter().filter(|one| one.repeat.sustained == one.repeat.judged);
///     rates.map(|one| one.rate).collect()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepeatedRate {
    /// In cycles per second.
    #[serde(serialize_with = "number")]
    pub rate: f64,
    /// The finding over the trials at this rate.
    pub repeat: RepeatFinding,
}

/// The finding of a repetition: of a run, or of a rate of a sweep.
///
/// ```
/// use dyno_summary::RepeatFinding;
///
/// fn share(repeat: &RepeatFinding) -> String {
///     format!("{} of {}", repeat.sustained, repeat.judged)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepeatFinding {
    /// The requested number of trials.
    pub count: u64,
    /// The number of trials that were sustained.
    pub sustained: u64,
    /// The number of trials that were sustained or not.
    pub judged: u64,
    /// The least share of sustained trials that explains these, with 95 %.
    #[serde(serialize_with = "number")]
    pub share_low: f64,
    /// The largest share of sustained trials that explains these, with 95 %.
    #[serde(serialize_with = "number")]
    pub share_high: f64,
    /// The spread of figures by name, such as `service.mean`.
    pub spreads: BTreeMap<String, FigureSpread>,
}

/// The spread of a figure over several trials, in nanoseconds.
///
/// ```
/// use dyno_summary::RepeatFinding;
///
/// fn spread(repeat: &RepeatFinding) -> Option<f64> {
///     let service = repeat.spreads.get("service.mean")?;
///     Some(service.between_ns / service.mean_ns)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FigureSpread {
    /// The mean of all trials.
    #[serde(serialize_with = "number")]
    pub mean_ns: f64,
    /// The standard deviation between trials.
    #[serde(serialize_with = "number")]
    pub between_ns: f64,
    /// The standard error within a trial: the spread between trials that chance alone would make.
    #[serde(serialize_with = "number")]
    pub within_ns: f64,
    /// `true` if trials differ by more than chance within them explains.
    pub differs: bool,
}

/// The finding of a search.
///
/// ```
/// use dyno_summary::SearchFinding;
///
/// fn at_least(search: &SearchFinding) -> Option<f64> {
///     search.lower.as_ref().map(|lower| lower.rate)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchFinding {
    /// The highest rate that is known to be sustained; `None` if no rate was.
    pub lower: Option<SearchBound>,
    /// The lowest rate above it that was not sustained; `None` if every rate was.
    pub upper: Option<SearchBound>,
    /// The most likely capacity, in cycles per second.
    #[serde(serialize_with = "number")]
    pub estimate: f64,
    /// The lower end of the interval that holds the capacity with 95 %.
    #[serde(serialize_with = "number")]
    pub low: f64,
    /// The upper end of the interval that holds the capacity with 95 %.
    #[serde(serialize_with = "number")]
    pub high: f64,
    /// The distance between `lower` and `upper`, as a share of the lower one; `None` if one of them
    /// is missing.
    #[serde(serialize_with = "optional_number")]
    pub precision: Option<f64>,
    /// The expected standard deviation between trials, as a share.
    #[serde(serialize_with = "number")]
    pub noise: f64,
}

/// The findings of a search that is repeated.
///
/// ```
/// use dyno_summary::RepeatedSearch;
///
/// fn agree(searches: &RepeatedSearch) -> bool {
///     searches.common_low.is_some()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepeatedSearch {
    /// The requested number of searches.
    pub count: u64,
    /// The searches that have ended, in their order.
    pub findings: Vec<SearchFinding>,
    /// The lowest rate that is in the intervals of all searches with an answer; `None` if no rate is
    /// in all of them.
    #[serde(serialize_with = "optional_number")]
    pub common_low: Option<f64>,
    /// The highest such rate; `None` also if every rate above is in all intervals.
    #[serde(serialize_with = "optional_number")]
    pub common_high: Option<f64>,
}

/// A rate at one end of a search's answer.
///
/// ```
/// use dyno_summary::{SearchBound, SearchFinding};
///
/// fn is_sure(search: &SearchFinding) -> bool {
///     let is_confirmed = |end: &Option<SearchBound>| end.as_ref().is_some_and(|end| end.is_confirmed);
///     is_confirmed(&search.lower) && is_confirmed(&search.upper)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchBound {
    /// In cycles per second.
    #[serde(serialize_with = "number")]
    pub rate: f64,
    /// `true` if a trial that had no part in choosing the rate gave the same answer.
    pub is_confirmed: bool,
}
