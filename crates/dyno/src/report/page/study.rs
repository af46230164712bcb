//! The page of a study: its answer, the curve over its trials, and a link to each trial's page.

use dyno_bus::value::Unit;
use dyno_observer::format;
use dyno_summary::{FigureSpread, RepeatFinding, Study, StudyTrial};
use serde_json::{Value, json};

use super::axis::{Axis, AxisKind};
use super::chart::{Band, BandKind, Chart, Shape, table, texts};
use super::html::Html;
use super::{Head, Mood, PageContent, warnings};
use crate::report::files::folder::PAGE;
use crate::report::formats::figures::{self, NONE};
use crate::report::formats::study::{ends, share};
use crate::result::redact;

/// A number of a trial, if it has one.
type TrialFigure = fn(&StudyTrial) -> Option<f64>;

/// Returns the page of a study, or of its state so far.
pub(crate) fn render(study: &Study) -> String {
    let mut body = Html::default();
    let charts = sections(&mut body, study, TrialLinks::Pages);
    let data = json!({"study": shown(study), "charts": charts});
    PageContent::new(&head(study), body, data).into_file()
}

/// The targets of the links in the table of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrialLinks {
    /// The page of each trial.
    Pages,
    /// No links: the pages can't be reached from here.
    #[cfg(feature = "dashboard")]
    Nowhere,
}

/// Appends the sections of a study, and returns the values of its charts.
pub(super) fn sections(html: &mut Html, study: &Study, links: TrialLinks) -> Vec<Value> {
    let charts = charts(study);
    warnings(html, &study.warnings);
    html.inside("section", &[], |html| {
        html.element("h2", &[], "Trials");
        html.inside("div", &[("class", "charts")], |html| {
            charts.iter().for_each(|chart| chart.write(html));
        });
        trials(html, study, links);
    });
    repeats(html, study);
    searches(html, study);
    html.inside("section", &[], |html| {
        html.element("h2", &[], "Environment");
        let command = redact::command(&study.command);
        let rows = [
            ("command", command.join(" ")),
            ("profile", study.profile.clone()),
            ("took", figures::span(study.elapsed_ns)),
        ];
        let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
        texts(html, ["fact", "value"], &rows);
    });
    charts.iter().map(Chart::data).collect()
}

pub(super) fn head(study: &Study) -> Head<'_> {
    Head {
        name: &study.benchmark,
        started_at: &study.started_at,
        answer: &study.study,
        mood: mood(study),
        reasons: std::slice::from_ref(&study.answer),
        hint: "",
    }
}

pub(super) fn shown(study: &Study) -> Value {
    let mut shown = serde_json::to_value(study).expect("a study holds numbers and texts");
    shown["command"] = redact::command(&study.command).into();
    shown
}

/// Returns the mood of the answer. A study that goes on, or was interrupted, is open.
fn mood(study: &Study) -> Mood {
    match (study.end.is_some(), study.exit_code) {
        (true, 0) => Mood::Good,
        (true, 1 | 3 | 5) => Mood::Bad,
        (true | false, _) => Mood::Open,
    }
}

/// The colour of trials that did not hold their rate: not the green of good news.
const NOT_HELD: usize = 3;

/// Returns the charts: over the rate if trials have several, else over the number of the trial.
fn charts(study: &Study) -> Vec<Chart> {
    let rates: Vec<f64> = study.trials.iter().filter_map(|trial| trial.rate).collect();
    let (least, most) = rates
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), rate| (least.min(*rate), most.max(*rate)));
    if study.trials.is_empty() {
        return Vec::new();
    }
    let is_over_rates = least < most && rates.len() == study.trials.len();
    let count = study.trials.len() as f64;
    let x = if is_over_rates {
        Axis::exact(
            AxisKind::PerSecond,
            least - (most - least) * 0.05,
            most + (most - least) * 0.05,
        )
    } else {
        Axis::exact(AxisKind::In(Unit::None), 0.5, count + 0.5)
    };
    let place = |(number, trial): (usize, &StudyTrial)| match trial.rate {
        Some(rate) if is_over_rates => rate,
        _ => number as f64 + 1.0,
    };
    let points = |held: Option<bool>, figure: TrialFigure| -> Vec<(f64, Option<f64>)> {
        let trials = study.trials.iter().enumerate();
        let chosen = trials.filter(|(_, trial)| held.is_none_or(|held| is_held(trial) == held));
        let mut points: Vec<_> =
            chosen.map(|(number, trial)| (place((number, trial)), figure(trial))).collect();
        points.retain(|(_, value)| value.is_some());
        points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        points
    };
    let mut charts = vec![latency(&points, x), delivered(&points, x, is_over_rates)];
    charts.retain(|chart| chart.series.iter().any(|series| !series.points.is_empty()));
    for chart in &mut charts {
        chart.x_name = if is_over_rates { "rate" } else { "trial" };
        if let Some((from, to)) = bracket(study).filter(|_| is_over_rates) {
            let name = "between sustained and not".to_owned();
            chart.bands.push(Band { from, to, name, kind: BandKind::Part });
        }
    }
    charts
}

/// Returns the response over the trials.
fn latency(
    points: &impl Fn(Option<bool>, TrialFigure) -> Vec<(f64, Option<f64>)>,
    x: Axis,
) -> Chart {
    let p50: TrialFigure = |trial| figures::percentile(trial.response_p50_ns);
    let p99: TrialFigure = |trial| figures::percentile(trial.response_p99_ns);
    let all = [points(None, p50), points(None, p99)].concat();
    let y = Axis::of_values(Unit::Nanoseconds, all.iter().filter_map(|(_, value)| *value));
    let how = "The response of each trial: time from a cycle's due time to its end. Where the \
               lines turn upwards, the system comes to its limit.";
    let mut chart = Chart::new("response", "Response", how, (x, y));
    chart.add("p50", Shape::Line, points(None, p50));
    chart.add("p99", Shape::Line, points(None, p99));
    chart.add_in(NOT_HELD, "p99, not sustained", Shape::Dots, points(Some(false), p99));
    chart.series.retain(|series| !series.points.is_empty());
    chart
}

/// Returns the delivered rate over the trials.
fn delivered(
    points: &impl Fn(Option<bool>, TrialFigure) -> Vec<(f64, Option<f64>)>,
    x: Axis,
    is_over_rates: bool,
) -> Chart {
    let figure: TrialFigure = |trial| Some(trial.delivered);
    let requested = if is_over_rates { points(None, |trial| trial.rate) } else { Vec::new() };
    let all = [points(None, figure), requested.clone()].concat();
    let most = all.iter().filter_map(|(_, rate)| *rate).fold(0.0, f64::max);
    let y = Axis::linear(AxisKind::PerSecond, most);
    let how = "Cycles that completed per second. A system that holds the rate delivers as many as \
               were requested; beyond its limit it delivers fewer.";
    let mut chart = Chart::new("delivered", "Delivered", how, (x, y));
    chart.add("delivered", Shape::Line, points(None, figure));
    chart.add("requested", Shape::Line, requested);
    chart.add_in(NOT_HELD, "not sustained", Shape::Dots, points(Some(false), figure));
    chart.series.retain(|series| !series.points.is_empty());
    chart
}

/// Returns `true` if the trial held its rate, or was requested to hold none.
fn is_held(trial: &StudyTrial) -> bool {
    Mood::of(&trial.verdict) == Mood::Good
}

/// Returns the rates between which the limit lies.
fn bracket(study: &Study) -> Option<(f64, f64)> {
    let sweep = study.sweep.as_ref().and_then(|sweep| sweep.sustained.zip(sweep.not_sustained));
    let search = study
        .search
        .as_ref()
        .and_then(|search| Some((search.lower.as_ref()?.rate, search.upper.as_ref()?.rate)));
    sweep.or(search)
}

fn trials(html: &mut Html, study: &Study, links: TrialLinks) {
    if study.trials.is_empty() {
        html.element("p", &[], "No trial has ended.");
        return;
    }
    let head = ["trial", "rate", "verdict", "delivered", "p50", "p99", "reason"];
    html.inside("div", &[("class", "scrolls"), ("tabindex", "0")], |html| {
        html.inside("table", &[], |html| {
            html.inside("tr", &[], |html| {
                head.iter().for_each(|name| html.element("th", &[("scope", "col")], name));
            });
            study.trials.iter().for_each(|trial| trial_row(html, trial, links));
        });
    });
}

fn trial_row(html: &mut Html, trial: &StudyTrial, links: TrialLinks) {
    let span = |nanos: Option<u64>| nanos.map_or_else(|| NONE.to_owned(), figures::span);
    let note = match (&trial.purpose, trial.is_overruled) {
        (_, true) => " (overruled)".to_owned(),
        (Some(purpose), false) => format!(" ({purpose})"),
        (None, false) => String::new(),
    };
    html.inside("tr", &[], |html| {
        html.inside("th", &[("scope", "row")], |html| {
            // A folder's name that is a path or an address leads elsewhere.
            let is_plain = trial.folder.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            match is_plain && links == TrialLinks::Pages && !trial.folder.is_empty() {
                true => {
                    let page = format!("{}/{PAGE}", trial.folder);
                    html.element("a", &[("href", &page)], &trial.folder);
                }
                false => html.element("bdi", &[], &trial.folder),
            }
            html.text(&note);
        });
        let cells = [
            figures::asked(trial.rate),
            trial.verdict.to_string(),
            figures::delivered(trial.delivered),
            span(trial.response_p50_ns),
            span(trial.response_p99_ns),
        ];
        cells.iter().for_each(|cell| html.foreign("td", &[], cell));
        html.foreign("td", &[("class", "text")], &trial.reason);
    });
}

/// Appends the spread between trials beside that within one: of a repetition, or of each rate of a
/// sweep that repeats them.
fn repeats(html: &mut Html, study: &Study) {
    let whole = study.repeat.iter().map(|repeat| (None, repeat));
    let rates = study.sweep.iter().flat_map(|sweep| &sweep.repeats);
    let all: Vec<_> = whole.chain(rates.map(|one| (Some(one.rate), &one.repeat))).collect();
    if all.is_empty() {
        return;
    }
    html.inside("section", &[], |html| {
        html.element("h2", &[], "Spread between trials");
        for (rate, repeat) in all {
            if let Some(rate) = rate {
                html.element("h3", &[], &figures::asked(Some(rate)));
                html.element("p", &[("class", "account")], &share(repeat));
            }
            spreads(html, repeat);
        }
        let how = "Trials of the same program differ by chance within each of them. If they differ \
                   by more, a single run does not show how the program does.";
        html.element("p", &[("class", "how")], how);
    });
}

fn spreads(html: &mut Html, repeat: &RepeatFinding) {
    let nanos = |nanos: f64| format::value(nanos, Unit::Nanoseconds);
    let row = |(name, spread): (&String, &FigureSpread)| {
        let differs = if spread.differs { "yes" } else { "no" };
        let [mean, between, within] =
            [spread.mean_ns, spread.between_ns, spread.within_ns].map(nanos);
        vec![name.clone(), mean, between, within, differs.to_owned()]
    };
    let rows: Vec<_> = repeat.spreads.iter().map(row).collect();
    let head = ["figure", "mean", "± between trials", "± within one", "more than chance"];
    if !rows.is_empty() {
        table(html, &head.map(str::to_owned), &rows);
    }
}

/// Appends the answer of each search that is one of several.
fn searches(html: &mut Html, study: &Study) {
    let all: Vec<_> = study.searches.iter().flat_map(|all| &all.findings).collect();
    if all.is_empty() {
        return;
    }
    html.inside("section", &[], |html| {
        html.element("h2", &[], "Searches");
        let numbered = (1..).zip(all);
        let rows: Vec<_> =
            numbered.map(|(number, one): (u64, _)| vec![number.to_string(), ends(one)]).collect();
        texts(html, ["search", "answer"], &rows);
    });
}
