//! `--plot spectrum`: the percentiles of the cycles' times, on an axis of 1/(1 − p).

use dyno_bus::builtin::{RESPONSE, SERVICE, WAIT};
use dyno_bus::value::Unit;
use dyno_observer::format;
use dyno_summary::{Intervals, Summary};

use super::{columns, framed};
use crate::report::formats::palette::Palette;
use crate::report::formats::spectrum;

/// The percentiles with a label, by 1/(1 − p).
const LABELS: [(f64, &str); 6] = [
    (1.0, "0 %"),
    (10.0, "90 %"),
    (100.0, "99 %"),
    (1e3, "99.9 %"),
    (1e4, "99.99 %"),
    (1e5, "99.999 %"),
];

/// Draws the spectrum on two logarithmic axes; an empty text if no cycle ended.
pub(super) fn draw(
    summary: &Summary,
    intervals: Option<&Intervals>,
    width: usize,
    palette: Palette,
) -> String {
    let lines = [RESPONSE, SERVICE, WAIT].into_iter().filter_map(|name| {
        let points = spectrum::points(summary.metric(name)?, name, intervals);
        (points.len() > 1).then_some((name, points))
    });
    let lines: Vec<_> = lines.collect();
    let all = || lines.iter().flat_map(|(_, points)| points);
    let most = all().map(|(x, _)| *x).fold(1.0, f64::max);
    // A wait of 0 has no place on a logarithmic axis: it is drawn at the bottom.
    let low = all().map(|(_, y)| *y).filter(|y| *y > 0.0).fold(f64::INFINITY, f64::min);
    let high = all().map(|(_, y)| *y).fold(0.0, f64::max);
    if most <= 1.0 || low > high {
        return String::new();
    }
    let high = high.max(low * 1.01);
    let place = |(x, y): &(f64, f64)| {
        let y = (y.max(low) / low).ln() / (high / low).ln();
        (x.ln() / most.ln(), y)
    };
    let paths: Vec<Vec<_>> =
        lines.iter().map(|(_, points)| points.iter().map(place).collect()).collect();
    let names: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
    let labels = [high, (low * high).sqrt(), low].map(|y| format::value(y, Unit::Nanoseconds));
    let width = columns(width);
    let mut text = framed("percentiles", &names, &labels, &paths, width, palette);
    text.push_str(&palette.dim(&axis(most, width)));
    text.push('\n');
    text
}

/// Returns the line of labels below the drawing.
fn axis(most: f64, width: usize) -> String {
    let mut line = String::new();
    for (x, label) in LABELS.into_iter().filter(|(x, _)| *x <= most) {
        let at = (x.ln() / most.ln() * width as f64) as usize;
        let length = line.chars().count();
        if at + label.len() <= width && (length == 0 || at > length) {
            line.push_str(&" ".repeat(at - length));
            line.push_str(label);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::fixture;

    #[test]
    fn labels_are_at_their_percentiles_and_do_not_overlap() {
        assert_eq!(axis(1_000.0, 40), "0 %          90 %         99 %");
        assert_eq!(axis(1e5, 24), "0 % 90 % 99 % 99.9 %");
    }

    #[test]
    fn a_spectrum_goes_from_the_shortest_to_the_longest_time() {
        let text = draw(&fixture::summary(), None, 60, Palette::Plain);
        assert!(text.starts_with("\npercentiles  response  service  wait\n"), "{text}");
        assert!(text.contains("│ 27.0 ms\n") && text.contains("│ 1.00 ms\n"), "{text}");
        assert!(text.ends_with("\n0 %                                       90 %\n"), "{text}");
        assert_eq!(draw(&Summary::default(), None, 60, Palette::Plain), "");
    }
}
