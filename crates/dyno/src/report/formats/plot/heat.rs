//! `--plot heat`: the response over time, with a shade for the number of cycles in each cell.

use dyno_bus::builtin::RESPONSE;
use dyno_bus::value::Unit;
use dyno_observer::format;
use dyno_summary::{Intervals, MetricIntervals};

use super::columns;
use crate::plan::thousands;
use crate::report::formats::palette::Palette;
use crate::report::formats::rows;

/// The most lines of the map, each of one or more rows of the table.
const LINES_MAX: usize = 16;
/// The lines between two labels of the value axis.
const LABEL_EVERY: usize = 4;
/// The shades from the fewest cycles to the most, by equal ratios. An empty cell is a blank.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];

/// A line of the map: the least value of its cells, and their counts.
type HeatLine = (u64, Vec<u64>);

/// Draws the map, the longest response at the top; an empty text if the table has no response.
pub(super) fn draw(intervals: &Intervals, width: usize, palette: Palette) -> String {
    let width = columns(width);
    let lines = intervals.metrics.get(RESPONSE).map(|response| lines(intervals, response, width));
    let lines = lines.unwrap_or_default();
    let Some(most) = lines.iter().flat_map(|(_, counts)| counts).copied().max() else {
        return String::new();
    };
    let legend = format!("{} 1 cycle  {} {} cycles", SHADES[0], SHADES[4], thousands(most));
    let mut text = format!("\n{}  {legend}\n", palette.bold(RESPONSE));
    for (number, (least, counts)) in lines.iter().enumerate().rev() {
        let shades: String = counts.iter().map(|count| shade(*count, most)).collect();
        let label = match number % LABEL_EVERY {
            0 => format::value(*least as f64, Unit::Nanoseconds),
            _ => String::new(),
        };
        let line = format!("{shades}{} {}", palette.dim("│"), palette.dim(&label));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let ends = [intervals.start_ns, intervals.ends_ns.last().copied().unwrap_or(0)];
    let [begin, end] = ends.map(|at| format::value(at as f64, Unit::Nanoseconds));
    let room = width.saturating_sub(begin.chars().count());
    text.push_str(&palette.dim(&format!("{begin}{end:>room$}")));
    text.push('\n');
    text
}

/// Returns the lines from the shortest response up, each with `width` cells. No cycle is left out.
fn lines(intervals: &Intervals, metric: &MetricIntervals, width: usize) -> Vec<HeatLine> {
    let Some(rows) = rows::filled(intervals, metric) else { return Vec::new() };
    let (first, rows_per_line) = (rows.start, rows.len().div_ceil(LINES_MAX).max(1));
    let count = rows.len().div_ceil(rows_per_line);
    let least = |line: usize| intervals.rows.get(first + line * rows_per_line).copied();
    let mut lines: Vec<HeatLine> =
        (0..count).map(|line| (least(line).unwrap_or(0), vec![0; width])).collect();
    for (number, column) in metric.columns.iter().enumerate() {
        for cell in places(intervals, number, width) {
            for (row, count) in column.counts.iter().enumerate() {
                let line = (column.row + row - first) / rows_per_line;
                let cell = &mut lines[line].1[cell];
                *cell = cell.saturating_add(*count);
            }
        }
    }
    lines
}

/// Returns the cells that a column of the table fills: one or more if it is wide, else the one that
/// its middle is in.
fn places(intervals: &Intervals, column: usize, width: usize) -> std::ops::Range<usize> {
    let begin = intervals.start_ns;
    let end = intervals.ends_ns.last().copied().unwrap_or(begin);
    let at = |time: u64| (time - begin) as f64 / (end - begin) as f64 * width as f64;
    let to = intervals.ends_ns.get(column).map_or(0.0, |end| at(*end));
    let from = column.checked_sub(1).and_then(|before| intervals.ends_ns.get(before));
    let from = from.map_or(0.0, |end| at(*end));
    let (first, last) = ((from + 0.5).floor() as usize, (to + 0.5).floor() as usize);
    match first < last.min(width) {
        true => first..last.min(width),
        false => {
            let middle = (((from + to) / 2.0) as usize).min(width - 1);
            middle..middle + 1
        }
    }
}

fn shade(count: u64, most: u64) -> char {
    if count == 0 {
        return ' ';
    }
    let share = if most > 1 { (count as f64).ln() / (most as f64).ln() } else { 1.0 };
    SHADES[((share * (SHADES.len() - 1) as f64).round() as usize).min(SHADES.len() - 1)]
}

#[cfg(test)]
mod tests {
    use dyno_summary::IntervalColumn;

    use super::*;

    /// Returns a table of this many columns of 1 s, each with one cycle more than the one before.
    fn table(columns: u64) -> Intervals {
        let mut intervals = Intervals::default();
        intervals.ends_ns = (1..=columns).map(|second| second * 1_000_000_000).collect();
        intervals.rows = vec![0, 1_000_000, 2_000_000, 4_000_000, 8_000_000];
        let mut metric = MetricIntervals::default();
        metric.columns = (1..=columns)
            .map(|count| {
                let mut column = IntervalColumn::default();
                (column.row, column.count) = (1, count + 1);
                column.counts = vec![count, 0, 1];
                column
            })
            .collect();
        intervals.metrics.insert(RESPONSE.to_owned(), metric);
        intervals
    }

    #[test]
    fn a_map_has_the_longest_response_at_the_top_and_time_below() {
        let text = draw(&table(3), 38, Palette::Plain);
        let expected = "\nresponse  · 1 cycle  █ 3 cycles\n\
                        ························│\n\
                        \u{20}                       │\n\
                        ········▓▓▓▓▓▓▓▓████████│ 1.00 ms\n\
                        0 ns              3.00 s\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn many_columns_share_a_cell_and_no_cycle_is_left_out() {
        let intervals = table(200);
        let lines = lines(&intervals, &intervals.metrics[RESPONSE], 24);
        let shown: u64 = lines.iter().flat_map(|(_, counts)| counts).sum();
        assert_eq!(shown, (1..=200).sum::<u64>() + 200);
    }

    #[test]
    fn a_run_without_a_response_has_no_map() {
        assert_eq!(draw(&Intervals::default(), 80, Palette::Plain), "");
    }
}
