//! Tables for people: aligned columns, a dim head, no lines.

use std::iter;

use console::measure_text_width;

use super::palette::Palette;

/// Blanks between two columns.
const GAP: &str = "  ";

/// Formats rows under a head: the first column to the left, all others, which are numbers, to the
/// right.
///
/// Each line ends with a line feed, and none with blanks.
pub(crate) fn render(head: &[&str], rows: &[Vec<String>], palette: Palette) -> String {
    let rows = rows.iter().map(|row| row.iter().map(String::as_str).collect::<Vec<_>>());
    let lines: Vec<Vec<&str>> = iter::once(head.to_vec()).chain(rows).collect();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, cells) in lines.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let blank = " ".repeat(width - measure_text_width(cell));
            match column {
                0 => line.extend([*cell, &*blank]),
                _ => line.extend([GAP, &*blank, *cell]),
            }
        }
        // The line is painted after it is aligned, since colours have no width.
        let line = line.trim_end();
        text.push_str(&if index == 0 { palette.dim(line) } else { line.to_owned() });
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_aligned_to_the_right_with_their_units() {
        let rows = [vec!["wait".into(), "45.0 µs".into()], vec!["service".into(), "1.2 s".into()]];
        assert_eq!(
            render(&["metric", "mean"], &rows, Palette::Plain),
            "metric      mean\nwait     45.0 µs\nservice    1.2 s\n"
        );
    }

    #[test]
    fn colours_move_nothing() {
        let rows = [vec!["wait".into(), "1".into()]];
        let plain = render(&["metric", "n"], &rows, Palette::Plain);
        let coloured = render(&["metric", "n"], &rows, Palette::Colours);
        assert_ne!(coloured, plain);
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }
}
