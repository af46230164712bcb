//! The heat map of the response over time, from the interval table of a run.
//!
//! A cell is a column of time and a row of value; rows have equal ratios, so that the axis is
//! logarithmic. Its colour is the number of cycles, also by equal ratios: one slow cycle among
//! thousands is seen. The cells are a picture, since an element for each would be a large page.

use std::ops::Range;

use dyno_bus::builtin::RESPONSE;
use dyno_bus::value::Unit;
use dyno_summary::{IntervalColumn, Intervals, MetricIntervals};
use serde_json::json;

use super::axis::{Axis, AxisKind};
use super::chart::{Cells, Chart};
use super::png::{self, Colour};
use crate::plan::thousands;
use crate::report::formats::{figures, rows};

/// The most columns: of a longer table, neighbours are added, so that the page stays small.
const COLUMNS_MAX: usize = 100;
/// The pixels of a row: enough to show columns of unlike lengths at their places.
const PIXELS: u64 = 400;
/// The colours from the fewest cycles to the most, on a light and on a dark page. Both differ in
/// brightness alone, so that every reader can order them.
const ENDS: [[[u8; 3]; 3]; 2] = [
    [[205, 224, 241], [66, 133, 190], [8, 29, 88]],
    [[35, 62, 92], [58, 145, 205], [240, 249, 255]],
];
/// The number of colours, without that of an empty cell.
const COLOURS: u8 = 15;

/// Returns the chart; `None` if the table has no response.
pub(super) fn chart(intervals: &Intervals) -> Option<Chart> {
    let response = intervals.metrics.get(RESPONSE)?;
    let begin = intervals.start_ns;
    let end = *intervals.ends_ns.last()?;
    let rows = rows::filled(intervals, response)?;
    // The first row begins at 0, which no logarithmic axis has.
    let bound = |row: usize| {
        let start = intervals.rows.get(row).map(|start| *start as f64);
        match start {
            Some(start) if start > 0.0 => start,
            Some(_) => intervals.rows.get(1).map_or(1.0, |next| *next as f64 * 0.75),
            // A third above the last one, as all others.
            None => intervals.rows.last().map_or(1.0, |last| *last as f64 * 4.0 / 3.0),
        }
    };
    let (from, to) = (bound(rows.start), bound(rows.end));
    let x = Axis::exact(AxisKind::Clock, begin as f64, end as f64);
    let y = Axis::log(AxisKind::In(Unit::Nanoseconds), from, to);
    let how = "Each cell is a stretch of time and of response; the stronger its colour, the more \
               cycles it has. One band is a steady system; two bands are two kinds of cycles; a \
               slope is a queue that grows.";
    let mut chart = Chart::new("heat", "Response over time", how, (x, y));
    chart.cells = Some(cells(intervals, response, rows, (from, to)));
    Some(chart)
}

fn cells(
    intervals: &Intervals,
    metric: &MetricIntervals,
    rows: Range<usize>,
    (from, to): (f64, f64),
) -> Cells {
    let ends: Vec<u64> = joined(&intervals.ends_ns).filter_map(<[u64]>::last).copied().collect();
    let table: Vec<Vec<u64>> = joined(&metric.columns)
        .map(|columns| {
            let in_row = |row: usize, column: &IntervalColumn| {
                column.counts.get(row.checked_sub(column.row)?).copied()
            };
            let sum = |row| columns.iter().filter_map(|column| in_row(row, column)).sum();
            rows.clone().map(sum).collect()
        })
        .collect();
    let count = |column: usize, row: usize| {
        table.get(column).and_then(|counts| counts.get(row)).copied().unwrap_or(0)
    };
    let most = table.iter().flatten().copied().max().unwrap_or(0);
    let (begin, end) = (intervals.start_ns, ends.last().copied().unwrap_or(0));
    // The column at the middle of each pixel.
    let places: Vec<usize> = (0..PIXELS)
        .map(|pixel| {
            let share = (2 * pixel + 1) as f64 / (2 * PIXELS) as f64;
            let at = begin as f64 + (end - begin) as f64 * share;
            ends.partition_point(|end| (*end as f64) < at)
        })
        .collect();
    let pixels: Vec<Vec<u8>> = (0..rows.len())
        .rev()
        .map(|row| places.iter().map(|at| colour(count(*at, row), most)).collect())
        .collect();
    let scale: Vec<u8> = (1..=COLOURS).collect();
    Cells {
        pictures: ENDS.map(|ends| png::address(PIXELS as usize, &pixels, &palette(ends))),
        scales: ENDS
            .map(|ends| png::address(scale.len(), std::slice::from_ref(&scale), &palette(ends))),
        most: match most {
            1 => "cycle in a cell".to_owned(),
            most => format!("{} cycles in a cell", thousands(most)),
        },
        data: json!({
            "rows": rows.len(), "from": from, "to": to, "ends": ends,
            "counts": table,
        }),
        head: ["until", "cycles", "mean"].map(str::to_owned).into(),
        rows: rows_of_table(intervals, metric),
    }
}

/// Returns the end, the number of cycles and the mean of each column that has cycles.
fn rows_of_table(intervals: &Intervals, metric: &MetricIntervals) -> Vec<Vec<String>> {
    let end = intervals.ends_ns.last().map_or(1, |end| *end);
    let axis = Axis::exact(AxisKind::Clock, 0.0, end as f64);
    let columns = joined(&intervals.ends_ns).zip(joined(&metric.columns));
    let row = |(ends, columns): (&[u64], &[IntervalColumn])| {
        let count: u64 = columns.iter().map(|column| column.count).sum();
        let mean = columns
            .iter()
            .fold(0, |sum: u64, column| sum.saturating_add(column.sum))
            .checked_div(count)?;
        Some(vec![axis.text(*ends.last()? as f64), thousands(count), figures::span(mean)])
    };
    columns.filter_map(row).collect()
}

/// Returns a table's columns in as few groups of neighbours as [`COLUMNS_MAX`] requires.
fn joined<T>(columns: &[T]) -> impl Iterator<Item = &[T]> {
    columns.chunks(columns.len().div_ceil(COLUMNS_MAX).max(1))
}

/// Returns the index of a count's colour: 0 for an empty cell, then by equal ratios up to `most`.
fn colour(count: u64, most: u64) -> u8 {
    if count == 0 {
        return 0;
    }
    let share = if most > 1 { (count as f64).ln() / (most as f64).ln() } else { 1.0 };
    1 + (share * f64::from(COLOURS - 1)).round() as u8
}

/// Returns the colours by index, the transparent one of an empty cell first.
fn palette(ends: [[u8; 3]; 3]) -> Vec<Colour> {
    let mixed = |share: f64| {
        let (part, from, to) = match share * 2.0 {
            twice if twice <= 1.0 => (twice, ends[0], ends[1]),
            twice => (twice - 1.0, ends[1], ends[2]),
        };
        let mix = |at: usize| {
            (f64::from(from[at]) + (f64::from(to[at]) - f64::from(from[at])) * part).round() as u8
        };
        [mix(0), mix(1), mix(2), 255]
    };
    let steps = (0..COLOURS).map(|step| mixed(f64::from(step) / f64::from(COLOURS - 1)));
    std::iter::once([0; 4]).chain(steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_among_many_has_a_colour_and_an_empty_cell_has_none() {
        assert_eq!([0, 1, 1_000, 1_000_000].map(|count| colour(count, 1_000_000)), [0, 1, 8, 15]);
        assert_eq!(colour(1, 1), 15);
        let [light, dark] = ENDS.map(palette);
        assert_eq!((light.len(), light[0]), (16, [0; 4]));
        let bright = |colour: &Colour| colour[..3].iter().map(|part| u32::from(*part)).sum::<u32>();
        assert!(light[1..].is_sorted_by_key(|colour| std::cmp::Reverse(bright(colour))));
        assert!(dark[1..].is_sorted_by_key(bright));
    }

    #[test]
    fn the_cells_have_every_cycle_of_the_table() {
        let mut intervals = Intervals::default();
        (intervals.start_ns, intervals.ends_ns) = (1_000, vec![2_000, 3_000]);
        intervals.rows = vec![0, 100, 200, 400];
        let mut metric = MetricIntervals::default();
        for (row, counts) in [(1, vec![3]), (2, vec![1, 5])] {
            let mut column = IntervalColumn::default();
            (column.row, column.count) = (row, counts.iter().sum());
            column.counts = counts;
            metric.columns.push(column);
        }
        intervals.metrics.insert(RESPONSE.to_owned(), metric);
        let chart = chart(&intervals).expect("a heat map");
        let data = &chart.data()["cells"];
        assert_eq!(data["counts"], json!([[3, 0, 0], [0, 1, 5]]));
        assert_eq!((&data["from"], &data["rows"]), (&json!(100.0), &json!(3)));
        assert!(super::chart(&Intervals::default()).is_none());
    }
}
