//! A comparison in each format: the table of its figures, both percentile spectra on one axis, and
//! the answer. Pure.

use dyno_observer::format;
use dyno_summary::{
    Comparison, ComparisonFinding, ComparisonSide, FigureComparison, Unit, Verdict,
};

use super::figures::NONE;
use super::human::Look;
use super::{plot, printable, table};
use crate::comparison::percent;

/// The columns of the rows for programs, in order.
const CSV: &str = "benchmark,evidence,figure,unit,base,new,ratio,ratio_low,ratio_high,tolerance,\
                   finding,is_decisive,count";
/// The columns of the table for people.
pub(crate) const HEAD: [&str; 6] = ["figure", "BASE", "NEW", "ratio", "interval", "finding"];
/// The percentiles of the spectrum: equally far from each other on an axis of 1 / (1 − p), except for
/// the first.
const SPECTRUM: [(&str, &str, f64); 4] =
    [("p50", "p50", 0.301), ("p90", "p90", 1.0), ("p99", "p99", 2.0), ("p999", "p99.9", 3.0)];

/// Returns the object, indented; a line feed ends it.
pub(crate) fn json(comparison: &Comparison) -> String {
    let mut text =
        serde_json::to_string_pretty(comparison).expect("a comparison holds numbers and texts");
    text.push('\n');
    text
}

/// Returns a line of names, and one row for each figure.
pub(crate) fn csv(comparison: &Comparison) -> String {
    let mut text = format!("{CSV}\n");
    for figure in &comparison.figures {
        let number = |number: Option<f64>| number.map_or_else(String::new, |n| format!("{n:.4}"));
        let cells = [
            super::csv::quoted(&comparison.benchmark),
            comparison.evidence.clone(),
            super::csv::quoted(&figure.name),
            figure.unit.name().to_owned(),
            number(figure.base),
            number(figure.new),
            number(figure.ratio),
            number(figure.ratio_low),
            number(figure.ratio_high),
            number(Some(figure.tolerance)),
            figure.finding.to_string(),
            figure.is_decisive.to_string(),
            figure.count.to_string(),
        ];
        push(&mut text, &cells.join(","));
    }
    text
}

/// Returns the answer and the table of all figures, for the comment of a pull request.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let escaped = super::markdown::escaped;
    let benchmark = escaped(&comparison.benchmark);
    let mut text = format!("### {benchmark}: {}\n\n", escaped(&comparison.answer));
    push(&mut text, "| figure | BASE | NEW | ratio | interval | finding |");
    push(&mut text, "|:--|--:|--:|--:|--:|:--|");
    for figure in &comparison.figures {
        let mut cells = cells(figure).map(|cell| escaped(&cell));
        if figure.finding == ComparisonFinding::Worse {
            cells[5] = format!("**{}**", cells[5]);
        }
        push(&mut text, &format!("| {} |", cells.join(" | ")));
    }
    text.push('\n');
    let notes = comparison.differences.iter().map(|fact| format!("differs: {fact}"));
    let warnings = comparison.warnings.iter().map(|warning| format!("warning: {warning}"));
    for note in notes.chain(warnings).chain(hint(comparison)) {
        push(&mut text, &format!("- {}", escaped(&note)));
    }
    push(&mut text, &format!("\n<sub>{}</sub>", escaped(&sides(comparison))));
    text
}

/// Returns the page for people: the table, the plot of both spectra, and the answer last.
pub(crate) fn human(comparison: &Comparison, look: Look) -> String {
    let palette = look.palette;
    let mut text = format!("{}\n", palette.bold(&printable::plain(&comparison.benchmark)));
    push(&mut text, &palette.dim(&printable::plain(&sides(comparison))));
    let rows: Vec<Vec<String>> =
        comparison.figures.iter().map(|figure| cells(figure).into()).collect();
    if !rows.is_empty() {
        text.push_str(&table::render(&HEAD, &rows, palette));
    }
    text.push_str(&spectra(comparison, look));
    text.push('\n');
    for fact in &comparison.differences {
        push(&mut text, &palette.warn(&format!("differs: {}", printable::plain(fact))));
    }
    for warning in &comparison.warnings {
        push(&mut text, &palette.warn(&format!("warning: {}", printable::plain(warning))));
    }
    let like = match comparison.finding {
        ComparisonFinding::Worse => Verdict::Unsustained,
        ComparisonFinding::Better | ComparisonFinding::Same => Verdict::Sustained,
        _ => Verdict::Inconclusive,
    };
    push(&mut text, &palette.verdict(&like, &printable::plain(&comparison.answer)));
    for hint in hint(comparison) {
        push(&mut text, &palette.dim(&hint));
    }
    text
}

/// Returns the state of a comparison in pairs, in one line: the intervals of the figures so far.
pub(crate) fn progress(comparison: &Comparison) -> String {
    let pairs = comparison.pairs.unwrap_or_default();
    let figure = |figure: &FigureComparison| {
        let interval = interval(figure).unwrap_or_else(|| "no interval yet".to_owned());
        match (&figure.finding, figure.needed_ns) {
            (ComparisonFinding::Unclear, None) => format!("{} {interval}", figure.name),
            (ComparisonFinding::Unclear, Some(_)) => {
                format!("{} {interval}: out of reach", figure.name)
            }
            (finding, _) => format!("{} {interval}: {finding}", figure.name),
        }
    };
    let figures: Vec<_> = comparison.figures.iter().map(figure).collect();
    format!("pair {pairs}: {}", figures.join(" · "))
}

/// Returns the cells of a figure, in the order of [`HEAD`].
pub(crate) fn cells(figure: &FigureComparison) -> [String; 6] {
    let dash = || NONE.to_owned();
    let value = |value: Option<f64>| value.map_or_else(dash, |value| shown(value, figure.unit));
    let finding = match (&figure.finding, figure.needed_ns) {
        (ComparisonFinding::Same, _) => format!("same within {}", percent(figure.tolerance)),
        (ComparisonFinding::Unclear, Some(_)) => "out of reach".to_owned(),
        (finding, _) => finding.to_string(),
    };
    [
        figure.name.clone(),
        value(figure.base),
        value(figure.new),
        figure.ratio.map_or_else(dash, signed),
        interval(figure).unwrap_or_else(dash),
        finding,
    ]
}

/// Returns the interval of a figure, such as `-1.2 % to +0.8 %`.
fn interval(figure: &FigureComparison) -> Option<String> {
    let (low, high) = figure.ratio_low.zip(figure.ratio_high)?;
    Some(format!("{} to {}", signed(low), signed(high)))
}

fn signed(ratio: f64) -> String {
    let text = percent(ratio - 1.0);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

fn shown(value: f64, unit: Unit) -> String {
    // A mean over trials has more digits than it knows.
    format::value(if value >= 1_000.0 { value.round() } else { value }, unit)
}

/// Returns both sides, with their trials, in one line.
pub(crate) fn sides(comparison: &Comparison) -> String {
    let side = |name: &str, side: &ComparisonSide| {
        let commit = side.git.as_deref().and_then(|git| git.get(..7));
        let commit = commit.map(|commit| format!(" ({commit})")).unwrap_or_default();
        format!("{name} is {}{commit}", side.name)
    };
    let evidence = match comparison.pairs {
        Some(pairs) => format!(
            "{pairs} pairs in {}",
            format::value(comparison.elapsed_ns as f64, Unit::Nanoseconds)
        ),
        None => {
            format!("{} and {} trials", comparison.base.trials, comparison.new.trials)
        }
    };
    let repeated = match comparison.repeated {
        0 => String::new(),
        repeated => format!(", {repeated} repeated"),
    };
    let (base, new) = (side("BASE", &comparison.base), side("NEW", &comparison.new));
    format!("{base} · {new} · {evidence}{repeated}")
}

fn hint(comparison: &Comparison) -> impl Iterator<Item = String> {
    (!comparison.hint.is_empty()).then(|| format!("next: {}", comparison.hint)).into_iter()
}

/// Draws the percentiles of both sides on one axis of 1 / (1 − p), the times logarithmic; empty if a
/// side has fewer than two percentiles.
fn spectra(comparison: &Comparison, look: Look) -> String {
    let points = |side: &ComparisonSide| -> Vec<(f64, f64)> {
        let point = |(name, _, place): (&str, &str, f64)| {
            Some((place, side.spectrum.get(name)?.max(1.0).ln()))
        };
        SPECTRUM.into_iter().filter_map(point).collect()
    };
    let lines = [points(&comparison.base), points(&comparison.new)];
    if lines.iter().any(|points| points.len() < 2) {
        return String::new();
    }
    let all = || lines.iter().flatten();
    let last = all().map(|point| point.0).fold(0.0, f64::max);
    let first = SPECTRUM[0].2;
    let low = all().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = all().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let height = if high > low { high - low } else { 1.0 };
    let place = |&(percentile, time): &(f64, f64)| {
        (((percentile - first) / (last - first)), ((time - low) / height))
    };
    let paths: Vec<Vec<_>> =
        lines.iter().map(|points| points.iter().map(place).collect()).collect();
    let labels =
        [high, f64::midpoint(low, high), low].map(|time| shown(time.exp(), Unit::Nanoseconds));
    let width = plot::columns(look.columns());
    let names = ["BASE", "NEW"];
    let mut text =
        plot::framed("response by percentile", &names, &labels, &paths, width, look.palette);
    let mut axis = String::new();
    for (_, label, place) in SPECTRUM.into_iter().filter(|(_, _, place)| *place <= last) {
        let share = (place - first) / (last - first);
        let column = (share * (width - 1) as f64) as usize;
        let column = column.min(width.saturating_sub(label.len()));
        axis.push_str(&" ".repeat(column.saturating_sub(axis.len())));
        axis.push_str(label);
    }
    push(&mut text, &look.palette.dim(&axis));
    text
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests;
