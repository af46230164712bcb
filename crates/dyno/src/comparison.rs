//! The comparison of results: is NEW worse than BASE?
//!
//! ```text
//!   run.json, study.json ─▶ [evidence] ─▶ compare: trials of both sides ─┐
//!                                                                        ├─▶ [answer]: a Comparison
//!   two programs ─▶ [turns] ─▶ ab: pairs of trials, by study::compare ───┘
//! ```
//!
//! The unit of evidence is a trial, not a cycle. Saved results were measured apart from each other:
//! they need several trials a side, and may still differ because the machine did. Pairs that are run
//! in turn do not have that weakness. The method is in `docs/compare.md`.

mod answer;
mod evidence;
mod options;
mod turns;

use dyno_summary::{COMPARISON_SCHEMA, Comparison, ComparisonFinding};

pub(crate) use self::answer::percent;
pub use self::evidence::SideEvidence;
pub use self::options::{ComparisonOptions, OptionError};
pub use self::turns::{Ab, AbError, ab};
use crate::study::compare::{ERROR, overall};

/// The fewest saved trials of a side: the spread between fewer trials is too little known.
const SAVED_MIN: usize = 6;

/// The reason why results can't be compared.
///
/// ```
/// use dyno::{CompareError, Study, compare};
///
/// let empty = Study::default();
/// let error: CompareError = compare(&empty, &empty).expect_err("it has no trial");
/// assert!(error.to_string().ends_with("run the benchmark again"), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The results are not of the same benchmark, parameters and machine.
    #[error("can't compare results of different runs: {}", .differences.join("; "))]
    Different {
        /// The differences, as `name: value in BASE, value in NEW`.
        differences: Vec<String>,
    },
    /// A result has no trial.
    #[error("can't compare `{name}`: it has no trial; run the benchmark again")]
    Empty {
        /// The name of the side.
        name: String,
    },
}

/// Compares two saved results: runs, repetitions, sweeps or searches of the same benchmark.
///
/// Each side needs six trials or more, as of [`repeat`](crate::Bench::repeat): two single runs differ
/// by more than either knows, so that the answer is *unclear* for them.
///
/// ```
/// # fn results() -> (dyno::Study, dyno::Study) { (dyno::Study::default(), dyno::Study::default()) }
/// let (base, new) = results();
/// match dyno::compare(&base, &new) {
///     Ok(comparison) => println!("{}", comparison.answer),
///     Err(error) => println!("error: {error}"),
/// }
/// ```
///
/// # Errors
/// If they are not of the same benchmark, parameters and machine, or if one has no trial.
pub fn compare(
    base: impl Into<SideEvidence>,
    new: impl Into<SideEvidence>,
) -> Result<Comparison, CompareError> {
    compare_with(&base.into(), &new.into(), &ComparisonOptions::default())
}

/// Compares two saved results, with other figures or tolerances than usual.
///
/// ```
/// # fn results() -> (dyno::Study, dyno::Study) { (dyno::Study::default(), dyno::Study::default()) }
/// use dyno::{ComparisonOptions, compare_with};
///
/// let (base, new) = results();
/// let options = ComparisonOptions::default().metric("response.p99")?.tolerance("10%")?;
/// if let Ok(comparison) = compare_with(&(&base).into(), &(&new).into(), &options) {
///     println!("{}", comparison.answer);
/// }
/// # Ok::<(), dyno::OptionError>(())
/// ```
///
/// # Errors
/// As for [`compare`]; differences are not an error if the options overrule them.
pub fn compare_with(
    base: &SideEvidence,
    new: &SideEvidence,
    options: &ComparisonOptions,
) -> Result<Comparison, CompareError> {
    for side in [base, new] {
        if side.trials.is_empty() {
            return Err(CompareError::Empty { name: side.name.clone() });
        }
    }
    let differences = evidence::differences(base, new);
    if !differences.is_empty() && !options.is_forced {
        return Err(CompareError::Different { differences });
    }
    let figures = evidence::figures(base, new, options);
    let tail = ERROR / 2.0 / (figures.len() + 1) as f64;
    let mut comparison = Comparison::default();
    comparison.schema = COMPARISON_SCHEMA;
    comparison.benchmark.clone_from(&new.benchmark);
    "saved".clone_into(&mut comparison.evidence);
    "done".clone_into(&mut comparison.end);
    comparison.differences = differences;
    comparison.base = answer::side(base);
    comparison.new = answer::side(new);
    let rows = figures.iter().map(|figure| answer::saved_figure(figure, base, new, tail));
    comparison.figures = rows.collect();
    let held = answer::saved_held(base, new, tail);
    comparison.finding = match held {
        ComparisonFinding::Unclear => {
            let decisive = comparison.figures.iter().filter(|figure| figure.is_decisive);
            overall(decisive.map(|figure| (figure.finding.clone(), false)))
        }
        found => found,
    };
    answer::saved_sentences(&mut comparison, base, new);
    comparison.exit_code = comparison.finding.exit_code();
    Ok(comparison)
}

#[cfg(test)]
mod tests;
