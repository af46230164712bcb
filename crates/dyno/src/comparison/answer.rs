//! A comparison as data and in sentences.

use std::time::Duration;

use dyno_bus::clock::nanos;
use dyno_summary::{Comparison, ComparisonFinding, ComparisonSide, FigureComparison, Unit};

use super::SAVED_MIN;
use super::evidence::{SavedFigure, SideEvidence};
use crate::plan::Rate;
use crate::study::compare::evidence::{LogRatio, by_groups, mean_and_deviation};
use crate::study::compare::{
    BetterWhen, CompareEnd, ComparedFigure, FigureCourse, FigureState, PairedStudy,
};

/// The percentiles of the spectrum, with their statistic.
const SPECTRUM: [&str; 4] = ["p50", "p90", "p99", "p999"];

/// Returns one side as data.
pub(super) fn side(evidence: &SideEvidence) -> ComparisonSide {
    let mut side = ComparisonSide::default();
    side.name.clone_from(&evidence.name);
    side.git.clone_from(&evidence.git);
    side.trials = evidence.trials.len() as u64;
    side.not_held = evidence.trials.iter().filter(|trial| !trial.is_held).count() as u64;
    for percentile in SPECTRUM {
        let name = format!("response.{percentile}");
        let held = evidence.trials.iter().filter(|trial| trial.is_held);
        let values: Vec<_> = held.filter_map(|trial| trial.value(&name)).collect();
        if let Some(mean) = geometric_mean(&values) {
            side.spectrum.insert(percentile.to_owned(), mean);
        }
    }
    side
}

/// Returns a figure of saved results: with an interval if both sides have enough trials.
pub(super) fn saved_figure(
    figure: &SavedFigure,
    base: &SideEvidence,
    new: &SideEvidence,
    tail: f64,
) -> FigureComparison {
    let ((base, base_unit), (new, new_unit)) = (base.values(figure), new.values(figure));
    let mut row = row(&figure.compared);
    if let Some(rate) = figure.rate {
        let rate = rate.map_or(Rate::Max, Rate::PerSecond);
        row.name = format!("{} at {rate}", row.name);
    }
    row.unit = if base.is_empty() { new_unit } else { base_unit };
    row.base = geometric_mean(&base);
    row.new = geometric_mean(&new);
    row.ratio = row.base.zip(row.new).map(|(base, new)| new / base);
    row.count = base.len().min(new.len()) as u64;
    let [base, new] = [base, new].map(|values| logs(&values));
    if base.len() >= SAVED_MIN && new.len() >= SAVED_MIN {
        let spread = mean_and_deviation(&base).1.max(mean_and_deviation(&new).1);
        row.spread = Some(spread);
        if let Some(ratio) = by_groups(&base, &new, tail) {
            set_ratio(&mut row, ratio);
            row.finding = figure.compared.finding(ratio);
        }
    }
    let count = if row.count == 1 {
        "1 trial a side".to_owned()
    } else {
        format!("{} trials a side", row.count)
    };
    row.sentence = sentence(&row, &figure.compared, &count);
    row
}

/// Returns the finding on the share of trials that held their rate, by the exact test of Fisher.
pub(super) fn saved_held(base: &SideEvidence, new: &SideEvidence, tail: f64) -> ComparisonFinding {
    let counts = |side: &SideEvidence| {
        let usable = side.trials.iter().filter(|trial| trial.is_usable);
        let held = usable.clone().filter(|trial| trial.is_held).count();
        (held, usable.count())
    };
    let ((base_held, base_all), (new_held, new_all)) = (counts(base), counts(new));
    if base_held == base_all && new_held == new_all {
        return ComparisonFinding::Unclear;
    }
    let all = base_all + new_all;
    let held = base_held + new_held;
    // The probability that at most this many of one side's trials are among those held.
    let at_most = |most: usize, size: usize| -> f64 {
        let least = held.saturating_sub(all - size);
        let ways = |count: usize| {
            (choose(size, count) + choose(all - size, held - count) - choose(all, held)).exp()
        };
        (least..=most.min(held)).map(ways).sum()
    };
    if at_most(new_held, new_all) <= tail {
        ComparisonFinding::Worse
    } else if at_most(base_held, base_all) <= tail {
        ComparisonFinding::Better
    } else {
        ComparisonFinding::Unclear
    }
}

/// Returns the logarithm of the number of ways to choose some of several.
fn choose(of: usize, count: usize) -> f64 {
    if count > of {
        return f64::NEG_INFINITY;
    }
    (1..=count).map(|step| ((of + 1 - step) as f64 / step as f64).ln()).sum()
}

/// Completes a comparison of saved results with its answer, its hint and its warnings.
pub(super) fn saved_sentences(
    comparison: &mut Comparison,
    base: &SideEvidence,
    new: &SideEvidence,
) {
    let shares = [base, new].map(|side| {
        let held = side.trials.iter().filter(|trial| trial.is_held).count();
        format!("{held} of {}", side.trials.len())
    });
    let fewest = base.trials.len().min(new.trials.len());
    let [base_share, new_share] = shares;
    let held =
        format!("the rate is sustained in {new_share} trials of NEW and {base_share} of BASE");
    let differ = comparison.base.not_held > 0 || comparison.new.not_held > 0;
    let is_held_finding = comparison.finding != ComparisonFinding::Unclear
        && comparison.figures.iter().all(|figure| figure.finding != comparison.finding);
    let rest = whole(comparison);
    comparison.answer =
        if is_held_finding { format!("NEW is {}: {held}", comparison.finding) } else { rest };
    if differ && !is_held_finding {
        comparison.warnings.push(format!("{held}; only sustained trials are compared"));
    }
    if fewest < SAVED_MIN {
        comparison.hint = format!(
            "two runs of the same code differ by more than either knows: save at least {SAVED_MIN} \
             trials a side, with `--repeat {SAVED_MIN} --save NAME`, or run both in turn with \
             `cargo dyno ab`"
        );
    } else {
        comparison.warnings.push(
            "the sides were measured apart: a machine that has changed since is a difference too; \
             `cargo dyno ab` runs both in turn"
                .to_owned(),
        );
    }
}

/// Returns a figure of a comparison in pairs.
pub(super) fn paired_figure(course: &FigureCourse, unit: Unit) -> FigureComparison {
    let mut row = row(&course.figure);
    row.unit = unit;
    [row.base, row.new] = course.means().map_or([None; 2], |means| means.map(Some));
    row.ratio = row.base.zip(row.new).map(|(base, new)| new / base);
    if let Some(ratio) = course.ratio {
        set_ratio(&mut row, ratio);
    }
    row.count = course.pairs as u64;
    row.spread = course.spread();
    row.finding = course.finding();
    if let FigureState::OutOfReach { needed } = course.state {
        row.needed_ns = Some(nanos(needed));
    }
    row.sentence = if course.means().is_none() && course.missed > 0 {
        format!("{} is unclear: the trials have too few cycles for it", row.name)
    } else if course.pairs == 0 {
        // Other pairs count for the answer to which side sustains the rate.
        format!("{} is unclear: both sides sustained the rate in no pair", row.name)
    } else {
        sentence(&row, &course.figure, &format!("{} pairs", row.count))
    };
    row
}

/// Completes a comparison in pairs with its answer and its hint.
pub(super) fn paired_sentences(
    comparison: &mut Comparison,
    compare: &PairedStudy,
    end: Option<CompareEnd>,
) {
    let (held, finding) = compare.held();
    let count = held.count();
    let [base, new] = [held.both + held.base_only, held.both + held.new_only];
    comparison.answer = match end {
        _ if finding != ComparisonFinding::Unclear => format!(
            "NEW is {finding}: the rate is sustained by NEW in {new} of {count} pairs, by BASE in \
             {base}"
        ),
        Some(CompareEnd::NeitherHeld) => {
            format!("unclear: neither side sustained the rate, in {count} pairs")
        }
        Some(CompareEnd::Unusable) => {
            format!("unclear: {} pairs could not be used", compare.repeated())
        }
        _ => whole(comparison),
    };
    comparison.hint = match end {
        Some(CompareEnd::NeitherHeld) => {
            "times of an overloaded program grow with the window: compare at a lower --rate"
        }
        Some(CompareEnd::Time) if comparison.finding == ComparisonFinding::Unclear => {
            "more pairs may decide it: give it more --time, or a larger --tolerance"
        }
        Some(CompareEnd::Decided) if comparison.finding == ComparisonFinding::Unclear => {
            "the pairs differ too much: quiet the machine, give it more --time, or a larger \
             --tolerance"
        }
        _ => "",
    }
    .to_owned();
}

/// Returns the answer by the figures that the exit code depends on.
fn whole(comparison: &Comparison) -> String {
    let decisive = || comparison.figures.iter().filter(|figure| figure.is_decisive);
    let sentences = |finding: &ComparisonFinding| {
        let of: Vec<_> = decisive()
            .filter(|figure| figure.finding == *finding)
            .map(|figure| figure.sentence.clone())
            .collect();
        of.join("; ")
    };
    match &comparison.finding {
        ComparisonFinding::Worse => {
            format!("NEW is worse: {}", sentences(&ComparisonFinding::Worse))
        }
        ComparisonFinding::Better => {
            format!("NEW is better: {}", sentences(&ComparisonFinding::Better))
        }
        ComparisonFinding::Same => {
            format!("NEW and BASE are the same: {}", sentences(&ComparisonFinding::Same))
        }
        _ if decisive().next().is_none() => {
            "unclear: neither side has a figure to compare".to_owned()
        }
        _ => format!("unclear: {}", sentences(&ComparisonFinding::Unclear)),
    }
}

/// Returns the sentence of a figure, such as `response.p99 is 12 % to 19 % worse (9 pairs)`.
fn sentence(row: &FigureComparison, figure: &ComparedFigure, count: &str) -> String {
    let name = &row.name;
    let Some((low, high)) = row.ratio_low.zip(row.ratio_high) else {
        return match row.ratio {
            Some(ratio) => format!("{name} is unclear: {} ({count})", signed(ratio)),
            None => format!("{name} is unclear: it has no value on one side"),
        };
    };
    let range = |low: f64, high: f64| format!("{} to {}", percent(low), percent(high));
    let tolerance = percent(figure.tolerance);
    let both = format!("{} to {}", signed(low), signed(high));
    match &row.finding {
        ComparisonFinding::Same => {
            format!("{name} is the same within {tolerance}: {both} ({count})")
        }
        finding @ (ComparisonFinding::Worse | ComparisonFinding::Better) => {
            let is_higher =
                (*finding == ComparisonFinding::Worse) == (figure.better == BetterWhen::Lower);
            let range =
                if is_higher { range(low - 1.0, high - 1.0) } else { range(1.0 - high, 1.0 - low) };
            format!("{name} is {range} {finding} ({count})")
        }
        _ => match row.needed_ns.zip(row.spread) {
            Some((needed, spread)) => format!(
                "{name} is out of reach: pairs differ by {}, which is too much for a tolerance of \
                 {tolerance}; it would take about {}",
                percent(spread),
                rounded(Duration::from_nanos(needed)),
            ),
            None => format!("{name} is unclear: {both} ({count})"),
        },
    }
}

/// Returns a long time in its largest units.
fn rounded(time: Duration) -> String {
    /// A minute in seconds.
    const MINUTE: u64 = 60;
    let seconds = time.as_secs();
    let step = if seconds >= 60 * MINUTE { 10 * MINUTE } else { MINUTE };
    let seconds = seconds.div_ceil(step) * step;
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// Returns a share as a percentage with two digits.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.abs() >= 9.95 {
        return format!("{percent:.0} %");
    }
    match &*format!("{percent:.1}") {
        "-0.0" => "0 %".to_owned(),
        text => format!("{} %", text.trim_end_matches(".0")),
    }
}

/// Returns a ratio as its distance from 1, such as `+12 %` or `-0.4 %`.
fn signed(ratio: f64) -> String {
    let text = percent(ratio - 1.0);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

fn row(figure: &ComparedFigure) -> FigureComparison {
    let mut row = FigureComparison::default();
    row.name.clone_from(&figure.name);
    row.tolerance = figure.tolerance;
    row.is_decisive = figure.is_decisive;
    row
}

fn set_ratio(row: &mut FigureComparison, ratio: LogRatio) {
    row.ratio = Some(ratio.estimate.exp());
    row.ratio_low = Some(ratio.low.exp());
    row.ratio_high = Some(ratio.high.exp());
}

fn logs(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.max(f64::MIN_POSITIVE).ln()).collect()
}

fn geometric_mean(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    (!values.is_empty()).then(|| (logs(values).iter().sum::<f64>() / count).exp())
}
