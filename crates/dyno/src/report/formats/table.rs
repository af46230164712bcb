//! Tables for people: aligned columns, a dim head, no lines.

use comfy_table::{CellAlignment, Table, presets};

use super::palette::Palette;

/// Blanks between two columns.
const GAP: u16 = 2;

/// Formats rows under a head: the first column to the left, all others, which are numbers, to the
/// right.
///
/// Each line ends with a line feed, and none with blanks.
pub(crate) fn render(head: &[&str], rows: &[Vec<String>], palette: Palette) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.to_vec()).add_rows(rows.to_vec());
    for (index, column) in table.column_iter_mut().enumerate() {
        let alignment = if index == 0 { CellAlignment::Left } else { CellAlignment::Right };
        column.set_padding((0, GAP));
        column.set_cell_alignment(alignment);
    }
    let mut text = String::new();
    for (index, line) in table.lines().enumerate() {
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
