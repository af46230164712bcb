//! The percentile spectrum: each percentile of the cycles' times, on an axis of 1/(1 − p).

use dyno_bus::builtin::{RESPONSE, SERVICE, WAIT};
use dyno_bus::value::Unit;
use dyno_summary::{Intervals, Summary};

use super::axis::{Axis, AxisKind};
use super::chart::{Chart, Shape};
use crate::report::formats::spectrum;

/// Returns the spectrum of the times of cycles; `None` if no cycle ended.
pub(super) fn chart(summary: &Summary, intervals: Option<&Intervals>) -> Option<Chart> {
    let lines: Vec<_> = [RESPONSE, SERVICE, WAIT]
        .into_iter()
        .filter_map(|name| Some((name, spectrum::points(summary.metric(name)?, name, intervals))))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    let all = || lines.iter().flat_map(|(_, points)| points);
    let most = all().map(|(x, _)| *x).fold(0.0, f64::max);
    if most <= 1.0 {
        return None;
    }
    let x = Axis::log(AxisKind::Percentile, 1.0, most);
    let y = Axis::of_values(Unit::Nanoseconds, all().map(|(_, y)| *y));
    let how = "The part of the cycles that took at most this long. Each further nine has the same \
               width, so that the slowest cycles are seen: a steep rise is a tail.";
    let mut chart = Chart::new("spectrum", "Percentiles", how, (x, y));
    chart.x_name = "percentile";
    for (name, points) in lines {
        chart.add(name, Shape::Line, points.into_iter().map(|(x, y)| (x, Some(y))).collect());
    }
    Some(chart)
}
