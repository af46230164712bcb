//! The result of a comparison: is NEW worse than BASE? It is the contract that `--format json` of
//! `cargo dyno compare` and `cargo dyno ab` prints, and that `dyno::compare` returns.
//!
//! `docs/comparison.schema.json` describes the same contract for other tools. Times are nanoseconds,
//! but may be fractions of one: they are means over several trials.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::number::{number, optional_number};
use crate::unit::Unit;

/// The version of the contract of a comparison.
pub const COMPARISON_SCHEMA: u32 = 1;

/// The result of a comparison.
///
/// ```
/// use dyno_summary::{Comparison, ComparisonFinding};
///
/// fn gate(comparison: &Comparison) -> Result<(), String> {
///     match comparison.finding {
///         ComparisonFinding::Worse => Err(comparison.answer.clone()),
///         _ => Ok(()),
///     }
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The version of this contract: [`COMPARISON_SCHEMA`].
    pub schema: u32,
    /// The benchmark's name.
    pub benchmark: String,
    /// The kind of evidence: `saved` results, or `pairs` of trials that were run in turn.
    pub evidence: String,
    /// The reason of the end, as a word such as `decided` or `time`.
    pub end: String,
    /// The finding of the whole: the worst of the decisive figures.
    pub finding: ComparisonFinding,
    /// The finding in one sentence.
    pub answer: String,
    /// The exit code: that of [`finding`](Self::finding), or 128 + the signal that came.
    pub exit_code: i32,
    /// A suggestion for better evidence; empty if it needs none.
    pub hint: String,
    /// The differences between both sides that `--force` has overruled.
    pub differences: Vec<String>,
    /// Warnings that a reader should know in order to understand the figures.
    pub warnings: Vec<String>,
    /// The side that is compared with.
    pub base: ComparisonSide,
    /// The side that is judged.
    pub new: ComparisonSide,
    /// The figures of both sides, in the order of the table.
    pub figures: Vec<FigureComparison>,
    /// The number of pairs, for `pairs`.
    pub pairs: Option<u64>,
    /// The number of pairs that were repeated, since one of their trials could not be used.
    pub repeated: u64,
    /// The time from begin to end, in nanoseconds; 0 for `saved` results.
    pub elapsed_ns: u64,
}

/// One side of a comparison.
///
/// ```
/// use dyno_summary::ComparisonSide;
///
/// fn p99(side: &ComparisonSide) -> Option<f64> {
///     side.spectrum.get("p99").copied()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComparisonSide {
    /// The name of the side, as the user wrote it.
    pub name: String,
    /// The commit that was checked out; `None` outside of a git repository.
    pub git: Option<String>,
    /// The number of trials.
    pub trials: u64,
    /// The number of trials that were not sustained, or failed.
    pub not_held: u64,
    /// The percentiles of `response` by name (`p50`, `p90`, `p99`, `p999`), as geometric means over
    /// the trials.
    pub spectrum: BTreeMap<String, f64>,
}

/// A figure of both sides, and the finding on it.
///
/// ```
/// use dyno_summary::{FigureComparison, ComparisonFinding};
///
/// fn worst(figures: &[FigureComparison]) -> Option<&FigureComparison> {
///     figures.iter().find(|figure| figure.finding == ComparisonFinding::Worse)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FigureComparison {
    /// The metric and its statistic, such as `response.p50`; of several rates, with the rate.
    pub name: String,
    /// The unit of `base` and `new`: in JSON `ns`, `bytes`, `permille` or an empty text.
    pub unit: Unit,
    /// The geometric mean over the trials of BASE; `None` without a value.
    #[serde(serialize_with = "optional_number")]
    pub base: Option<f64>,
    /// The geometric mean over the trials of NEW; `None` without a value.
    #[serde(serialize_with = "optional_number")]
    pub new: Option<f64>,
    /// The estimate of NEW over BASE.
    #[serde(serialize_with = "optional_number")]
    pub ratio: Option<f64>,
    /// The lower end of the interval of the ratio; `None` if there is too little evidence.
    #[serde(serialize_with = "optional_number")]
    pub ratio_low: Option<f64>,
    /// The upper end of the interval of the ratio; `None` if there is too little evidence.
    #[serde(serialize_with = "optional_number")]
    pub ratio_high: Option<f64>,
    /// The tolerance: ratios from 1 / (1 + this) to 1 + this are the same.
    #[serde(serialize_with = "number")]
    pub tolerance: f64,
    /// `true` if the exit code depends on the figure.
    pub is_decisive: bool,
    /// The finding on this figure alone.
    pub finding: ComparisonFinding,
    /// The finding in a sentence.
    pub sentence: String,
    /// The number of pairs of the interval, or of trials of the side with fewer.
    pub count: u64,
    /// The standard deviation of the ratio within a pair, or of trials within a side, as a share.
    #[serde(serialize_with = "optional_number")]
    pub spread: Option<f64>,
    /// The time that would decide the figure, in nanoseconds, if its spread is too large for the
    /// tolerance within the time; `None` otherwise.
    pub needed_ns: Option<u64>,
}

/// The finding on a figure, or on all of them. In JSON it is its [`name`](Self::name).
///
/// ```
/// use dyno_summary::ComparisonFinding;
///
/// assert_eq!(ComparisonFinding::Worse.exit_code(), 1);
/// assert_eq!(ComparisonFinding::Unclear.to_string(), "unclear");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
#[non_exhaustive]
pub enum ComparisonFinding {
    /// NEW is better than BASE.
    Better,
    /// NEW is worse than BASE.
    Worse,
    /// Both are equal within the tolerance.
    Same,
    /// The evidence shows none of these.
    #[default]
    Unclear,
    /// A finding that this version does not know, by its name: another version wrote the comparison.
    Unknown(String),
}

impl ComparisonFinding {
    /// All findings that this version makes.
    pub const KNOWN: [Self; 4] = [Self::Better, Self::Worse, Self::Same, Self::Unclear];

    /// Returns the exit code: 0 if nothing is worse, 1 if something is, 4 if that is unclear. An
    /// unknown finding has the code of an unclear one.
    #[must_use]
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::Better | Self::Same => 0,
            Self::Worse => 1,
            Self::Unclear | Self::Unknown(_) => 4,
        }
    }

    /// Returns the finding's name in files and output.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::Unclear => "unclear",
            Self::Unknown(name) => name,
        }
    }
}

impl fmt::Display for ComparisonFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a finding's name; any name is valid.
impl From<String> for ComparisonFinding {
    fn from(name: String) -> Self {
        let known = Self::KNOWN.into_iter().find(|finding| finding.name() == name);
        known.unwrap_or(Self::Unknown(name))
    }
}

impl Serialize for ComparisonFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
