//! The page of a comparison: its answer, the figures of both sides with the interval of each ratio,
//! and the percentiles of both sides on one axis.

use dyno_bus::value::Unit;
use dyno_summary::{Comparison, ComparisonFinding, ComparisonSide, FigureComparison};
use serde_json::json;

use super::axis::{Axis, AxisKind};
use super::chart::{Chart, Shape, table};
use super::html::Html;
use super::{Head, Mood, PageContent, notes, warnings};
use crate::plan::thousands;
use crate::report::formats::comparison::{HEAD, cells, sides};
use crate::report::formats::figures::NONE;

/// The percentiles of a side by their names in the result, with 1/(1 − p) of each.
const PERCENTILES: [(&str, f64); 4] = [("p50", 2.0), ("p90", 10.0), ("p99", 100.0), ("p999", 1e3)];
/// The width of the drawing of an interval, in its own units.
const WIDTH: f64 = 1_000.0;

/// Returns the page of a comparison.
pub(crate) fn render(comparison: &Comparison) -> String {
    let mut body = Html::default();
    body.foreign("p", &[("class", "account")], &sides(comparison));
    notes(&mut body, "differs: ", &comparison.differences);
    warnings(&mut body, &comparison.warnings);
    if !comparison.figures.is_empty() {
        body.inside("section", &[], |html| figures(html, &comparison.figures));
    }
    let chart = spectra(comparison);
    if let Some(chart) = &chart {
        body.inside("section", &[], |html| {
            html.element("h2", &[], "Percentiles");
            chart.write(html);
        });
    }
    body.inside("section", &[], |html| evidence(html, comparison));
    let charts: Vec<_> = chart.iter().map(Chart::data).collect();
    let data = json!({"comparison": comparison, "charts": charts});
    PageContent::new(&head(comparison), body, data).into_file()
}

fn head(comparison: &Comparison) -> Head<'_> {
    let is_interrupted = comparison.exit_code != comparison.finding.exit_code();
    let mood = match comparison.finding {
        ComparisonFinding::Worse => Mood::Bad,
        ComparisonFinding::Better | ComparisonFinding::Same if !is_interrupted => Mood::Good,
        _ => Mood::Open,
    };
    Head {
        name: &comparison.benchmark,
        started_at: "",
        answer: comparison.finding.name(),
        mood,
        reasons: std::slice::from_ref(&comparison.answer),
        hint: &comparison.hint,
    }
}

/// Appends a row for each figure, with a drawing of its interval.
fn figures(html: &mut Html, figures: &[FigureComparison]) {
    html.element("h2", &[], "Figures");
    let reach = reach(figures);
    html.inside("div", &[("class", "scrolls"), ("tabindex", "0")], |html| {
        html.inside("table", &[], |html| {
            html.inside("thead", &[], |html| {
                html.inside("tr", &[], |html| {
                    for name in HEAD.iter().chain(&["NEW ÷ BASE"]) {
                        html.element("th", &[("scope", "col")], name);
                    }
                });
            });
            html.inside("tbody", &[], |html| {
                figures.iter().for_each(|figure| row(html, figure, reach));
            });
        });
    });
    let how = "Each line is the interval of NEW ÷ BASE, and the dot its estimate. The vertical line \
               is a ratio of 1. The shaded part is the tolerance: an interval within it is the \
               same, and one that does not reach the vertical line is better or worse.";
    html.element("p", &[("class", "how")], how);
    for figure in figures.iter().filter(|figure| !figure.is_decisive) {
        let text = format!("{} does not count for the answer.", figure.name);
        html.foreign("p", &[("class", "how")], &text);
    }
}

fn row(html: &mut Html, figure: &FigureComparison, reach: f64) {
    let [name, values @ .., finding] = cells(figure);
    let class = match figure.finding {
        ComparisonFinding::Worse => "bad",
        ComparisonFinding::Better | ComparisonFinding::Same => "good",
        _ => "open",
    };
    html.inside("tr", &[], |html| {
        html.inside("th", &[("scope", "row")], |html| html.element("bdi", &[], &name));
        values.iter().for_each(|value| html.element("td", &[], value));
        html.foreign("td", &[("class", class)], &finding);
        html.inside("td", &[], |html| interval(html, figure, reach));
    });
}

/// Returns the largest distance from 1 among the ratios and tolerances, as a logarithm.
fn reach(figures: &[FigureComparison]) -> f64 {
    let logs = figures.iter().flat_map(|figure| {
        let tolerance = Some(1.0 + figure.tolerance);
        [tolerance, figure.ratio, figure.ratio_low, figure.ratio_high].into_iter().flatten()
    });
    let reach = logs.map(|ratio| ratio.ln().abs()).filter(|log| log.is_finite());
    // With room at both ends.
    1.1 * reach.fold(0.01, f64::max)
}

/// Appends the drawing of a figure's interval on an axis of the ratio's logarithm, whose middle is 1.
fn interval(html: &mut Html, figure: &FigureComparison, reach: f64) {
    let place = |ratio: f64| {
        let share = (ratio.max(f64::MIN_POSITIVE).ln() / reach).clamp(-1.0, 1.0);
        format!("{:.1}", (share + 1.0) / 2.0 * WIDTH)
    };
    let tolerance = 1.0 + figure.tolerance;
    let (left, right) = (place(1.0 / tolerance), place(tolerance));
    // The cells of the row have the same in words.
    let attributes = [
        ("class", "ratio"),
        ("viewBox", "0 0 1000 100"),
        ("preserveAspectRatio", "none"),
        ("aria-hidden", "true"),
    ];
    html.inside("svg", &attributes, |html| {
        let mut path = |class: &str, path: &str| {
            html.element("path", &[("class", class), ("d", path)], "");
        };
        path("band", &format!("M{left} 0H{right}V100H{left}Z"));
        path("one", &format!("M{} 0V100", place(1.0)));
        if let Some((low, high)) = figure.ratio_low.zip(figure.ratio_high) {
            path("interval", &format!("M{} 50H{}", place(low), place(high)));
        }
        if let Some(ratio) = figure.ratio {
            path("estimate", &format!("M{} 50h0", place(ratio)));
        }
    });
}

/// Returns the percentiles of both sides; `None` if a side has none.
fn spectra(comparison: &Comparison) -> Option<Chart> {
    let points = |side: &ComparisonSide| -> Vec<(f64, Option<f64>)> {
        let point = |(name, place)| Some((place, Some(*side.spectrum.get(name)?)));
        PERCENTILES.into_iter().filter_map(point).collect()
    };
    let sides = [points(&comparison.base), points(&comparison.new)];
    if sides.iter().any(Vec::is_empty) {
        return None;
    }
    let all = || sides.iter().flatten();
    let most = all().map(|(place, _)| *place).fold(0.0, f64::max);
    let x = Axis::log(AxisKind::Percentile, PERCENTILES[0].1, most);
    let y = Axis::of_values(Unit::Nanoseconds, all().filter_map(|(_, value)| *value));
    let how = "The part of the cycles whose response took at most this long, as a mean over the \
               trials of each side. Each further nine has the same width. Where the lines part, \
               the sides differ.";
    let mut chart = Chart::new("spectrum", "Response", how, (x, y));
    chart.x_name = "percentile";
    for (name, points) in ["BASE", "NEW"].into_iter().zip(sides) {
        chart.add(name, Shape::Line, points);
    }
    Some(chart)
}

/// Appends the facts about the evidence of both sides.
fn evidence(html: &mut Html, comparison: &Comparison) {
    html.element("h2", &[], "Evidence");
    let row = |name: &str, cell: fn(&ComparisonSide) -> String| {
        vec![name.to_owned(), cell(&comparison.base), cell(&comparison.new)]
    };
    let rows = [
        row("result", |side| side.name.clone()),
        row("commit", |side| side.git.clone().unwrap_or_else(|| NONE.to_owned())),
        row("trials", |side| thousands(side.trials)),
        row("not sustained, or failed", |side| thousands(side.not_held)),
    ];
    table(html, &["fact", "BASE", "NEW"].map(str::to_owned), &rows);
}
