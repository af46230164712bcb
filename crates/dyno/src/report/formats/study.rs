//! The result of a study in each format: the table of its trials, its curve, its answer. Pure.

use std::fmt::Write;

use dyno_bus::value::Unit;
use dyno_observer::format;
use dyno_summary::{
    FigureSpread, RepeatFinding, RepeatedRate, SearchBound, SearchFinding, Study, StudyTrial,
    Verdict,
};

use super::figures::{self, NONE};
use super::human::{Kept, Look};
use super::palette::Palette;
use super::{plot, printable, table};

/// The columns of the rows for programs, in order.
const CSV: &str = "benchmark,study,folder,purpose,rate_asked,rate_delivered,verdict,is_overruled,\
                   completed,window_ns,elapsed_ns,response_p50_ns,response_p99_ns";
/// The columns of the table for people.
const HEAD: [&str; 7] = ["trial", "rate", "verdict", "delivered", "p50", "p99", ""];

/// Returns the object, indented; a line feed ends it.
pub(crate) fn json(study: &Study) -> String {
    let mut text = serde_json::to_string_pretty(study).expect("a study holds numbers and texts");
    text.push('\n');
    text
}

/// Returns a line of names, and one row for each trial.
pub(crate) fn csv(study: &Study) -> String {
    let mut text = format!("{CSV}\n");
    for trial in &study.trials {
        let number = |number: Option<u64>| number.map_or_else(String::new, |ns| ns.to_string());
        let rate = trial.rate.map_or_else(|| "max".to_owned(), |rate| rate.to_string());
        let cells = [
            super::csv::quoted(&study.benchmark),
            study.study.clone(),
            trial.folder.clone(),
            trial.purpose.clone().unwrap_or_default(),
            rate,
            format!("{:.3}", trial.delivered),
            super::csv::quoted(trial.verdict.name()),
            trial.is_overruled.to_string(),
            trial.completed.to_string(),
            trial.window_ns.to_string(),
            trial.elapsed_ns.to_string(),
            number(trial.response_p50_ns),
            number(trial.response_p99_ns),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// Returns the answer and the table of all trials, for the comment of a pull request.
pub(crate) fn markdown(study: &Study) -> String {
    let escaped = super::markdown::escaped;
    let mut text = format!("### {}: {}\n\n", escaped(&study.benchmark), escaped(&study.answer));
    for warning in &study.warnings {
        push(&mut text, &format!("- warning: {}", escaped(warning)));
    }
    if !study.warnings.is_empty() {
        text.push('\n');
    }
    text.push_str(
        "| trial | rate | verdict | delivered | p50 | p99 |\n|:--|--:|:--|--:|--:|--:|\n",
    );
    for trial in &study.trials {
        let cells = cells(trial).map(|cell| escaped(&cell));
        push(&mut text, &format!("| {} |", cells[..6].join(" | ")));
    }
    text
}

/// Returns the page for people: the table, the curve of a sweep, the spread of a repetition, and
/// the answer last.
pub(crate) fn human(study: &Study, kept: Option<Kept<'_>>, look: Look) -> String {
    let palette = look.palette;
    let mut text = format!("{}\n", palette.bold(&printable::plain(&study.benchmark)));
    let rows: Vec<Vec<String>> = study.trials.iter().map(|trial| cells(trial).into()).collect();
    if !rows.is_empty() {
        text.push_str(&table::render(&HEAD, &rows, palette));
    }
    text.push_str(&curve(study, look));
    text.push('\n');
    for line in study.repeat.iter().flat_map(spreads) {
        push(&mut text, &line);
    }
    for RepeatedRate { rate, repeat, .. } in study.sweep.iter().flat_map(|sweep| &sweep.repeats) {
        push(&mut text, &format!("{}: {}", figures::asked(Some(*rate)), share(repeat)));
        for line in spreads(repeat) {
            push(&mut text, &format!("  {line}"));
        }
    }
    for (number, finding) in study.searches.iter().flat_map(|all| (1..).zip(&all.findings)) {
        push(&mut text, &format!("search {number}: {}", ends(finding)));
    }
    for warning in &study.warnings {
        push(&mut text, &palette.warn(&format!("warning: {}", printable::plain(warning))));
    }
    let answer = format!("{}: {}", study.study, printable::plain(&study.answer));
    let good = if study.exit_code == 0 { Verdict::Sustained } else { Verdict::Inconclusive };
    push(&mut text, &palette.verdict(&good, &answer));
    if let Some(kept) = kept {
        let folder = printable::plain(&kept.folder.display().to_string());
        push(&mut text, &palette.dim(&format!("trials: {folder}")));
        if let Some(page) = kept.page() {
            push(&mut text, &palette.dim(&format!("page: {page}")));
        }
    }
    text
}

/// Returns how many trials of a repetition were sustained.
pub(crate) fn share(repeat: &RepeatFinding) -> String {
    let [low, high] = [repeat.share_low, repeat.share_high].map(|share| 100.0 * share);
    format!(
        "{} of {} runs were sustained ({low:.0} to {high:.0} % of all would be, with 95 %)",
        repeat.sustained, repeat.judged
    )
}

/// Returns a line for each figure of a repetition: its spread between trials, and within one.
fn spreads(repeat: &RepeatFinding) -> Vec<String> {
    let line = |(name, spread): (&String, &FigureSpread)| {
        let [mean, between, within] = [spread.mean_ns, spread.between_ns, spread.within_ns]
            .map(|ns| format::value(ns, Unit::Nanoseconds));
        let differs = if spread.differs {
            "trials differ by more than chance within them explains"
        } else {
            "no more than chance within a trial explains"
        };
        format!("{name}: {mean} ± {between} between trials, ± {within} within one: {differs}")
    };
    repeat.spreads.iter().map(line).collect()
}

/// Returns the two ends of a search's answer.
pub(crate) fn ends(finding: &SearchFinding) -> String {
    let rate = |bound: &SearchBound| figures::asked(Some(bound.rate));
    match (&finding.lower, &finding.upper) {
        (Some(lower), Some(upper)) => {
            format!("sustains {}; {} is not sustained", rate(lower), rate(upper))
        }
        (Some(lower), None) => format!("sustains {}", rate(lower)),
        (None, Some(upper)) => format!("{} is not sustained", rate(upper)),
        (None, None) => "no rate has a verdict".to_owned(),
    }
}

/// Returns the line about a trial that has ended, for people who wait.
pub(crate) fn progress(study: &Study) -> Option<String> {
    let trial = study.trials.last()?;
    let [folder, rate, verdict, delivered, p50, p99, note] = cells(trial);
    let note = if note.is_empty() { note } else { format!(" ({note})") };
    let mut line = format!(
        "trial {folder}{note}: {rate} {verdict}, {delivered} delivered, response p50 {p50}, p99 {p99}"
    );
    if study.search.is_some() {
        write!(line, "; {}", study.answer).expect("a String takes anything");
    }
    if matches!(trial.verdict, Verdict::Error | Verdict::Failed | Verdict::Invalid) {
        write!(line, "; {}", trial.reason).expect("a String takes anything");
    }
    Some(line)
}

/// Returns the cells of a trial, in the order of [`HEAD`].
fn cells(trial: &StudyTrial) -> [String; 7] {
    let span = |ns: Option<u64>| ns.map_or_else(|| NONE.to_owned(), figures::span);
    let purpose = trial.purpose.as_deref().unwrap_or_default().replace('-', " the ");
    let purpose = match trial.round {
        Some(round) => format!("search {round}: {purpose}"),
        None => purpose,
    };
    let note = if trial.is_overruled { format!("{purpose}, overruled") } else { purpose };
    [
        trial.folder.clone(),
        figures::asked(trial.rate),
        trial.verdict.to_string(),
        figures::delivered(trial.delivered),
        span(trial.response_p50_ns),
        span(trial.response_p99_ns),
        note,
    ]
}

/// Draws p50 and p99 of the response over the rate, both logarithmic, with a mark at the first rate
/// that is not sustained; empty for other studies, and for fewer than two rates with values.
fn curve(study: &Study, look: Look) -> String {
    let Some(sweep) = &study.sweep else { return String::new() };
    let points = |value: fn(&StudyTrial) -> Option<u64>| -> Vec<(f64, f64)> {
        let with_value = study.trials.iter().filter_map(|trial| Some((trial.rate?, value(trial)?)));
        let points = with_value.map(|(rate, ns)| (rate.ln(), (ns.max(1) as f64).ln()));
        medians(points.collect())
    };
    let mut lines = vec![
        ("p50", points(|trial| trial.response_p50_ns)),
        ("p99", points(|trial| trial.response_p99_ns)),
    ];
    lines.retain(|(_, points)| !points.is_empty());
    let all = || lines.iter().flat_map(|(_, points)| points);
    let rates = bounds(all().map(|point| point.0));
    let times = bounds(all().map(|point| point.1));
    let (Some((left, right)), Some((low, high))) = (rates, times) else { return String::new() };
    if right <= left {
        return String::new();
    }
    let height = if high > low { high - low } else { 1.0 };
    let place =
        |&(rate, time): &(f64, f64)| ((rate - left) / (right - left), (time - low) / height);
    let paths: Vec<Vec<_>> =
        lines.iter().map(|(_, points)| points.iter().map(place).collect()).collect();
    let names: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
    let labels = [high, f64::midpoint(low, high), low]
        .map(|time| format::value(time.exp(), Unit::Nanoseconds));
    let width = plot::columns(look.columns());
    let mut text = plot::framed("response over rate", &names, &labels, &paths, width, look.palette);
    let [first, last] = [left, right].map(|rate| figures::asked(Some(rate.exp().round())));
    let room = width.saturating_sub(first.chars().count());
    push(&mut text, &look.palette.dim(&format!("{first}{last:>room$}")));
    if let Some(limit) = sweep.not_sustained {
        let share = ((limit.ln() - left) / (right - left)).clamp(0.0, 1.0);
        let mark = format!("▲ {} is not sustained", figures::asked(Some(limit)));
        let place = (share * width.saturating_sub(1) as f64) as usize;
        let length = mark.chars().count();
        // Near the right edge, the text is to the left of its mark.
        let line = if place + length > look.columns().max(width) {
            let mark = format!("{} is not sustained ▲", figures::asked(Some(limit)));
            format!("{}{mark}", " ".repeat((place + 1).saturating_sub(length)))
        } else {
            format!("{}{mark}", " ".repeat(place))
        };
        push(&mut text, &paint_limit(look.palette, &line));
    }
    text
}

/// Returns one point for each rate, from the lowest up: the median of its trials.
fn medians(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    points.chunk_by(|one, other| one.0 == other.0).map(|rate| rate[rate.len() / 2]).collect()
}

fn paint_limit(palette: Palette, line: &str) -> String {
    palette.bad(line)
}

/// Returns the least and the greatest of some numbers.
fn bounds(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.fold(None, |bounds, number| match bounds {
        None => Some((number, number)),
        Some((low, high)) => Some((number.min(low), number.max(high))),
    })
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests;
