//! The course of a run: the load, the backlog, and metrics over time, from the points of a summary.

use dyno_bus::builtin::{
    BACKLOG, CPU, LOOP_LAG, MACHINE_IDLE, RESPONSE, RSS, SERVICE, SURROUNDINGS, TARGET_CPU,
    TARGET_CPU_THREAD_MAX, TARGET_RUN_QUEUE_DELAY, WAIT,
};
use dyno_bus::clock;
use dyno_bus::value::Unit;
use dyno_summary::{
    Metric, PointMetric, SeriesPoint, Summary, ThresholdResult, Verdict, WorstWindow,
};

use super::axis::{Axis, AxisKind};
use super::chart::{Band, BandKind, Chart, Shape};
use crate::report::formats::figures;
use crate::settings;

/// The most metrics of the user's that have a chart: the table has all of them.
const USER_METRICS_MAX: usize = 6;
/// The built-in metrics, which are not among those of the user.
const BUILT_IN: [&str; 6] = [WAIT, SERVICE, RESPONSE, LOOP_LAG, CPU, RSS];
/// The name of the chart of processors in the page.
const PROCESSORS_ID: &str = "processors";
/// The series of that chart: the workers first.
const PROCESSORS: [(&str, &str); 5] = [
    ("a worker", CPU),
    ("target", TARGET_CPU),
    ("target's busiest thread", TARGET_CPU_THREAD_MAX),
    ("target waits for a core", TARGET_RUN_QUEUE_DELAY),
    ("machine idle", MACHINE_IDLE),
];
/// The multiple of the largest value up to which a mark stretches the axis.
const MARK_MAX: f64 = 2.0;

/// Returns the charts over time, in reading order; an empty list if nothing was measured.
pub(super) fn charts(summary: &Summary) -> Vec<Chart> {
    // A run that ends before it begins has a point at its start.
    let Some(last) = summary.series.last().filter(|last| last.t_ns > 0) else { return Vec::new() };
    let x = Axis::exact(AxisKind::Clock, 0.0, last.t_ns as f64);
    let mut charts = vec![load(summary, x)];
    if summary.rate.asked.is_some() {
        charts.push(backlog(summary, x));
    }
    let metrics = [RESPONSE, SERVICE, WAIT, LOOP_LAG, CPU].into_iter();
    let users = summary.metrics.keys().map(String::as_str);
    let is_users = |name: &&str| !BUILT_IN.contains(name) && !SURROUNDINGS.contains(name);
    let users = users.filter(is_users).take(USER_METRICS_MAX);
    for name in metrics.chain(users) {
        if let Some(of) = summary.metric(name).filter(|metric| metric.count > 0) {
            charts.extend(metric(summary, name, of, x));
        }
    }
    charts.extend(processors(summary, x));
    for chart in &mut charts {
        mark_warmup(chart, summary);
        mark_unsustained(chart, summary);
    }
    mark_worst(&mut charts, summary);
    charts
}

/// Returns the cycles per second of each interval, at its end. The last one, which the run's end cuts
/// off, may be short: it has none, because all that came late in the workers' batches is counted in
/// it, and its rate would be a peak that never was.
fn rates(series: &[SeriesPoint], count: fn(&SeriesPoint) -> u64) -> Vec<(f64, Option<f64>)> {
    let begin = |index: usize| index.checked_sub(1).map_or(0, |before| series[before].t_ns);
    let length = |index: usize| series[index].t_ns.saturating_sub(begin(index));
    let rate = |index: usize| {
        let is_last = index > 0 && index + 1 == series.len();
        let is_rate = length(index) > 0 && !(is_last && length(index) < length(index - 1) / 2);
        let rate = count(&series[index]) as f64 / (length(index) as f64 / 1e9);
        (series[index].t_ns as f64, is_rate.then_some(rate))
    };
    (0..series.len()).map(rate).collect()
}

/// Returns the cycles per second that were issued and completed in each interval.
fn load(summary: &Summary, x: Axis) -> Chart {
    let (issued, completed) = (
        rates(&summary.series, |point| point.issued),
        rates(&summary.series, |point| point.completed),
    );
    let most = issued.iter().chain(&completed).filter_map(|(_, rate)| *rate).fold(0.0, f64::max);
    let asked = summary.rate.asked;
    let how = match asked {
        Some(_) => {
            "Cycles per second in each interval. A system that holds the rate completes as many \
             as are issued: the lines lie on each other."
        }
        None => {
            "Cycles per second in each interval: as many as the system can do, since each \
                 cycle begins when one before it ends."
        }
    };
    let marked = asked.filter(|asked| *asked < most * MARK_MAX).unwrap_or(0.0);
    let y = Axis::linear(AxisKind::PerSecond, most.max(marked));
    let mut chart = Chart::new("load", "Load", how, (x, y));
    chart.add("completed", Shape::Line, completed);
    if let Some(asked) = asked {
        chart.add("issued", Shape::Line, issued);
        // A load profile has no single rate; its bands show the stages.
        if summary.stages.is_empty() {
            chart.rules.push((asked, "requested".to_owned()));
        }
    }
    chart
}

fn backlog(summary: &Summary, x: Axis) -> Chart {
    let points: Vec<_> = summary
        .series
        .iter()
        .map(|point| (point.t_ns as f64, Some(point.backlog as f64)))
        .collect();
    let most = points.iter().filter_map(|(_, backlog)| *backlog).fold(0.0, f64::max);
    let limit = summary.parameters.max_backlog.map(|limit| limit as f64);
    let marked = limit.filter(|limit| *limit < most * MARK_MAX).unwrap_or(0.0);
    let y = Axis::linear(AxisKind::In(Unit::None), most.max(marked));
    let how = "Cycles that were due and had not ended. It stays level if the rate is held; if it \
               grows until the end, the system falls behind.";
    let mut chart = Chart::new("backlog", "Backlog", how, (x, y));
    chart.add("backlog", Shape::Area, points);
    chart.rules.extend(limit.map(|limit| (limit, "limit".to_owned())));
    chart
}

/// Returns the statistics of a metric in each interval; `None` if no interval has a value.
fn metric(summary: &Summary, name: &str, of: &Metric, x: Axis) -> Option<Chart> {
    let line = |number: fn(&PointMetric) -> Option<u64>| values(summary, name, number);
    let mut lines = vec![
        ("p50", line(|point| point.p50)),
        ("p99", line(|point| point.p99)),
        ("largest", line(|point| Some(point.max))),
    ];
    lines.retain(|(_, points)| points.iter().any(|(_, value)| value.is_some()));
    if lines.is_empty() {
        return None;
    }
    let values = lines.iter().flat_map(|(_, points)| points.iter().filter_map(|point| point.1));
    let y = Axis::of_values(of.unit, values);
    let (title, about) = match name {
        RESPONSE => ("Response", "Time from a cycle's due time to its end, in each interval"),
        SERVICE => ("Service", "Time from a cycle's start to its end, in each interval"),
        WAIT => ("Wait", "Time from a cycle's due time to its start, in each interval"),
        LOOP_LAG => ("Loop lag", "Delay of a timer on the loop that runs the task"),
        CPU => ("Processor", "Use of one core by the workers"),
        name => (name, "Values of this metric in each interval"),
    };
    let axis = if y.is_log() { ", on a logarithmic axis" } else { "" };
    let how =
        format!("{about}{axis}: half of the values are at most p50, and 99 of 100 at most p99.");
    let mut chart = Chart::new(&id_of(summary, name)?, title, &how, (x, y));
    for (name, points) in lines {
        chart.add(name, Shape::Line, points);
    }
    let limits = summary.thresholds.iter().filter(|one| one.metric == name && one.unit == of.unit);
    chart.rules.extend(limits.map(|one| (one.limit, one.expression.clone())));
    Some(chart)
}

/// Returns a number of a metric at each point of the run.
fn values(
    summary: &Summary,
    name: &str,
    number: fn(&PointMetric) -> Option<u64>,
) -> Vec<(f64, Option<f64>)> {
    let value = |point: &dyno_summary::SeriesPoint| {
        let value = point.metrics.get(name).and_then(number);
        (point.t_ns as f64, value.map(|value| value as f64))
    };
    let mut points: Vec<_> = summary.series.iter().map(value).collect();
    if name == CPU || SURROUNDINGS.contains(&name) {
        // It is sampled each second: an interval without a sample breaks no line.
        points.retain(|(_, value)| value.is_some());
    }
    points
}

/// Returns the use of processors by the workers and the target, beside the machine's idle share;
/// `None` if neither the target nor the machine was sampled.
fn processors(summary: &Summary, x: Axis) -> Option<Chart> {
    let lines = PROCESSORS.map(|(name, metric)| {
        (name, values(summary, metric, |point| Some(point.p50.unwrap_or(point.max))))
    });
    if lines[1..].iter().all(|(_, points)| points.is_empty()) {
        return None;
    }
    let all = lines.iter().flat_map(|(_, points)| points.iter().filter_map(|point| point.1));
    let y = Axis::of_values(Unit::Permille, all);
    let how = "Processor time as a share of one core, so that two busy cores are 200 %; the share \
               of the machine is of all its cores. A target whose busiest thread is near 100 %, or a \
               machine that is never idle, is the bottleneck.";
    let mut chart = Chart::new(PROCESSORS_ID, "Processors", how, (x, y));
    for (name, points) in lines.into_iter().filter(|(_, points)| !points.is_empty()) {
        chart.add(name, Shape::Line, points);
    }
    Some(chart)
}

/// Returns the name of a metric's chart: the user's names may be equal to those of other charts.
fn id_of(summary: &Summary, name: &str) -> Option<String> {
    if BUILT_IN.contains(&name) {
        return Some(name.to_owned());
    }
    let place = summary.metrics.keys().position(|other| other == name)?;
    Some(format!("metric-{place}"))
}

fn mark_warmup(chart: &mut Chart, summary: &Summary) {
    let warmup = summary.parameters.warmup_ns;
    if warmup > 0 {
        let name = "warm-up".to_owned();
        chart.bands.push(Band { from: 0.0, to: warmup as f64, name, kind: BandKind::Part });
    }
}

/// Marks the stages of a load profile that were not sustained.
fn mark_unsustained(chart: &mut Chart, summary: &Summary) {
    let mut start = summary.parameters.warmup_ns;
    for (index, stage) in summary.stages.iter().enumerate() {
        let end = start.saturating_add(stage.duration_ns);
        if stage.verdict == Some(Verdict::Unsustained) {
            let name = format!("stage {}, not sustained", index + 1);
            let (from, to) = (start as f64, end as f64);
            chart.bands.push(Band { from, to, name, kind: BandKind::Part });
        }
        start = end;
    }
}

/// Marks the worst window of each threshold in the chart of its metric. Counts of cycles have no
/// chart, nor have metrics beyond the most: their windows are marked in the chart of the load.
fn mark_worst(charts: &mut [Chart], summary: &Summary) {
    for threshold in &summary.thresholds {
        let Some(worst) = threshold.worst else { continue };
        let id = match &*threshold.metric {
            BACKLOG => Some(BACKLOG.to_owned()),
            name if SURROUNDINGS.contains(&name) => Some(PROCESSORS_ID.to_owned()),
            name => id_of(summary, name),
        };
        let place = charts.iter().position(|chart| id.as_ref() == Some(&chart.id));
        if let Some(chart) = charts.get_mut(place.unwrap_or(0)) {
            chart.bands.push(worst_band(threshold, worst));
        }
    }
}

fn worst_band(threshold: &ThresholdResult, worst: WorstWindow) -> Band {
    let over = settings::sliding_window(&threshold.expression);
    let begin = worst.at_ns.saturating_sub(over.map_or(0, clock::nanos));
    let end = figures::span(worst.at_ns);
    let place = match over {
        Some(_) => format!("{} to {end}", figures::span(begin)),
        None => format!("until {end}"),
    };
    Band {
        from: begin as f64,
        to: worst.at_ns as f64,
        name: format!("worst window of {}: {place}", threshold.expression),
        kind: if threshold.met { BandKind::Kept } else { BandKind::Broken },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_last_interval_has_no_rate() {
        let point = |(t_ns, issued): (u64, u64)| {
            let mut point = SeriesPoint::default();
            (point.t_ns, point.issued) = (t_ns, issued);
            point
        };
        let drawn = |points: &[(u64, u64)]| {
            let series: Vec<_> = points.iter().copied().map(point).collect();
            rates(&series, |point| point.issued)
        };
        // A quarter of a second with more than its cycles, because the last batch came late.
        let second = 1_000_000_000;
        let short = drawn(&[(second, 90), (2 * second, 100), (2 * second + second / 4, 35)]);
        assert_eq!(short, [(1e9, Some(90.0)), (2e9, Some(100.0)), (2.25e9, None)]);
        let whole = drawn(&[(second, 100), (2 * second, 120)]);
        assert_eq!(whole[1], (2e9, Some(120.0)));
        assert_eq!(drawn(&[(second, 100)]), [(1e9, Some(100.0))]);
        assert_eq!(drawn(&[(0, 0)]), [(0.0, None)]);
    }
}
