//! Plots in a terminal: a timeline for each metric of a query's `group()`, the heat map, and the
//! percentile spectrum.

mod heat;
mod spectrum;

use dyno_bus::builtin::RESPONSE;
use dyno_bus::value::Unit;
use dyno_observer::{Group, Line, Point, format};
use dyno_summary::{Intervals, PointMetric, Summary};

use super::braille::Canvas;
use super::figures;
use super::palette::Palette;

/// The lines of text that a plot takes, without its time axis.
const ROWS: usize = 12;
/// The columns that labels of the value axis take, to the right of a plot.
const LABEL_WIDTH: usize = 14;
/// The narrowest and the widest plot, in characters. Fifty snapshots fill the widest.
const WIDTH: (usize, usize) = (24, 100);
/// The colours of lines, in order. Colour-blind readers can distinguish them too (Okabe and Ito,
/// 2008).
const COLOURS: [(u8, u8, u8); 6] =
    [(86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (213, 94, 0)];

/// The plots that are not of one metric. A metric of the user's with such a name is drawn instead.
const HEAT: &str = "heat";
const SPECTRUM: &str = "spectrum";

/// Draws groups of lines over time, as the query list gives them, for a terminal of this width.
///
/// The text has no colours, so that it suits files and assertions too. Groups without a point are
/// left out.
///
/// ```
/// # use dyno_bus::{Pace, Time, message::{Batch, CycleTimes}, segment::PerPhase};
/// # use dyno_observer::{Observer, ProcessId};
/// # let mut observer = Observer::new(Pace::Closed { in_flight: 1 });
/// # observer.hello(ProcessId::Worker(0), 1)?;
/// # for (sequence, service) in [(0, 20_000_000), (1, 30_000_000)] {
/// #     let measured = CycleTimes { wait: vec![0], service: vec![service] };
/// #     let cycles = PerPhase { measured, ..PerPhase::default() };
/// #     observer.absorb(ProcessId::Worker(0), &Batch { sequence, cycles, ..Batch::default() })?;
/// #     observer.rotate(Time::from_nanos((sequence + 1) * 100_000_000), |_| {});
/// # }
/// # let list = observer.list();
/// use dyno::Stat;
///
/// let means = list.workers().metrics(["service"]).pick(Stat::Snapshots).of(Stat::Mean);
/// println!("{}", dyno::plot("mean service", &means.group(), 80));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn plot(title: &str, groups: &[Group], width: usize) -> String {
    coloured(title, groups, width, Palette::Plain)
}

/// Draws the same as [`plot`], with a colour for each line if the palette has colours.
fn coloured(title: &str, groups: &[Group], width: usize, palette: Palette) -> String {
    let mut text = String::new();
    for group in groups {
        let title = match groups {
            [_] => title.to_owned(),
            _ => format!("{title}: {}", group.label.name),
        };
        let lines: Vec<_> = group.lines.iter().map(named).collect();
        text.push_str(&draw(&title, group.label.unit, &lines, width, palette));
    }
    text
}

fn named(line: &Line) -> (String, Vec<Point>) {
    (line.process.to_string(), line.points.clone())
}

/// Draws what `--plot` names. A metric is its course over all workers: p50 and p99, or p50 and the
/// maximum if no interval has as many values as p99 needs. A metric without values is left out:
/// [`missing`] names it.
pub(crate) fn requested(
    summary: &Summary,
    intervals: Option<&Intervals>,
    names: &[String],
    width: usize,
    palette: Palette,
) -> String {
    let begun = summary.series.iter().find(|point| !point.metrics.is_empty());
    let mut text = String::new();
    for name in names {
        let Some(metric) = summary.metric(name) else {
            text.push_str(&match name.as_str() {
                HEAT => intervals.map_or_else(String::new, |of| heat::draw(of, width, palette)),
                SPECTRUM => spectrum::draw(summary, intervals, width, palette),
                _ => String::new(),
            });
            continue;
        };
        let line = |label: &str, number: fn(&PointMetric) -> Option<u64>| {
            let point = |point: &dyno_summary::SeriesPoint| {
                let value = number(point.metrics.get(name)?)? as f64;
                Some(Point { at_ns: point.t_ns, value })
            };
            let points: Vec<_> = summary.series.iter().filter_map(point).collect();
            (label.to_owned(), points)
        };
        if begun.is_some() {
            let mut lines = vec![line("p50", |part| part.p50), line("p99", |part| part.p99)];
            if lines[1].1.is_empty() {
                lines[1] = line("max", |part| Some(part.max));
            }
            lines.retain(|(_, points)| !points.is_empty());
            text.push_str(&draw(name, metric.unit, &lines, width, palette));
        }
    }
    text
}

/// Returns a message about the metrics that were to be plotted and have no value, if there are any.
/// If nothing at all was measured, the reason for that is reported elsewhere.
pub(crate) fn missing(summary: &Summary, names: &[String]) -> Option<String> {
    let has_values = |name: &&str| summary.metric(name).is_some_and(|metric| metric.count > 0);
    let is_drawn = |name: &str| {
        [HEAT, SPECTRUM].contains(&name) && has_values(&RESPONSE) && summary.metric(name).is_none()
    };
    let recorded: Vec<_> = figures::ordered(&summary.metrics)
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| has_values(name))
        .collect();
    let is_missing = |name: &&String| !recorded.contains(&name.as_str()) && !is_drawn(name);
    let missing: Vec<_> = names.iter().filter(is_missing).collect();
    let (first, rest) = missing.split_first().filter(|_| !recorded.is_empty())?;
    let named = rest.iter().fold(format!("`{first}`"), |text, name| format!("{text}, `{name}`"));
    let recorded = recorded.join(", ");
    Some(format!(
        "there is no plot of {named}, which has no value; the metrics with values are {recorded}"
    ))
}

/// Draws one plot: title and legend, the plot with its value axis from 0, the time axis.
fn draw(
    title: &str,
    unit: Unit,
    lines: &[(String, Vec<Point>)],
    width: usize,
    palette: Palette,
) -> String {
    let points = || lines.iter().flat_map(|(_, points)| points);
    if points().next().is_none() {
        return String::new();
    }
    let width = columns(width);
    let end = points().map(|point| point.at_ns).max().unwrap_or(0).max(1);
    let top = points().map(|point| point.value).fold(0.0, f64::max);
    // A line of zeros needs an axis above it too, and is drawn at its bottom.
    let top = if top > 0.0 { top } else { 1.0 };

    let paths: Vec<_> = lines.iter().map(|(_, points)| path(points, end, top)).collect();
    let names: Vec<_> = lines.iter().map(|(name, _)| name.as_str()).collect();
    let labels = [top, top / 2.0, 0.0].map(|value| format::value(value, unit));
    let mut text = framed(title, &names, &labels, &paths, width, palette);
    let last = format::value(end as f64, Unit::Nanoseconds);
    let room = width.saturating_sub(1);
    text.push_str(&palette.dim(&format!("0{last:>room$}")));
    text.push('\n');
    text
}

/// Returns the width of a plot in a terminal of this width, in characters.
pub(super) fn columns(width: usize) -> usize {
    width.saturating_sub(LABEL_WIDTH).clamp(WIDTH.0, WIDTH.1)
}

/// Draws lines whose points are shares of the axes, and returns the rows.
fn drawn(paths: &[Vec<(f64, f64)>], width: usize, palette: Palette) -> Vec<String> {
    let mut canvas = Canvas::new(width, ROWS);
    for (index, path) in paths.iter().enumerate() {
        canvas.draw(index, path);
    }
    canvas.rows(|index, letter| coloured_line(index, &letter.to_string(), palette)).collect()
}

/// Returns the places of the points, as shares of the axes. A single point becomes a line to
/// itself.
fn path(points: &[Point], end: u64, top: f64) -> Vec<(f64, f64)> {
    let share = |point: &Point| (point.at_ns as f64 / end as f64, point.value / top);
    let mut path: Vec<_> = points.iter().map(share).collect();
    path.extend(path.first().copied().filter(|_| points.len() == 1));
    path
}

/// Draws lines with their title, legend and value axis, whose labels are from the top, the middle
/// and the bottom.
pub(super) fn framed(
    title: &str,
    names: &[&str],
    labels: &[String; 3],
    paths: &[Vec<(f64, f64)>],
    width: usize,
    palette: Palette,
) -> String {
    let names = names.iter().enumerate().map(|(index, name)| legend(index, name, palette));
    let names: Vec<_> = names.collect();
    let mut text = format!("\n{}  {}\n", palette.bold(title), names.join("  "));
    for (row, line) in drawn(paths, width, palette).iter().enumerate() {
        let label = match row {
            0 => &*labels[0],
            row if row == ROWS / 2 => &labels[1],
            row if row + 1 == ROWS => &labels[2],
            _ => "",
        };
        let line = format!("{line}{} {}", palette.dim("│"), palette.dim(label));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn legend(index: usize, name: &str, palette: Palette) -> String {
    match palette {
        Palette::Plain => name.to_owned(),
        Palette::Colours => format!("{} {name}", coloured_line(index, "⠤⠤", palette)),
    }
}

/// Returns a piece of a line in the line's colour, if the palette has colours.
fn coloured_line(index: usize, text: &str, palette: Palette) -> String {
    match palette {
        Palette::Plain => text.to_owned(),
        Palette::Colours => {
            let (r, g, b) = COLOURS[index % COLOURS.len()];
            format!("\x1b[38;2;{r};{g};{b}m{text}\x1b[0m")
        }
    }
}

#[cfg(test)]
mod tests;
