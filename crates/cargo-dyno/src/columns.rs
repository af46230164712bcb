//! Words in columns, as `list` and `runs` print them: no borders, so that `awk` can read them.

use console::{Alignment, measure_text_width, pad_str};

/// Returns one line per row. Each column is as wide as its widest word, and two blanks separate
/// columns; numbers too are aligned to the left.
pub(crate) fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| measure_text_width(&row[column])).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let words = row.iter().zip(widths);
        let line: Vec<_> =
            words.map(|(word, width)| pad_str(word, width, Alignment::Left, None)).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_columns_and_lines_end_without_blanks() {
        let rows = [["fibonacci", "bench", "a"], ["io", "example", ""]];
        let rows = rows.map(|row| row.map(String::from));
        assert_eq!(align(&rows), "fibonacci  bench    a\nio         example\n");
        assert_eq!(align::<2>(&[]), "");
        // Each of these letters takes two columns of a terminal.
        let rows = [["中文", "a"], ["four", "b"]].map(|row| row.map(String::from));
        assert_eq!(align(&rows), "中文  a\nfour  b\n");
    }
}
