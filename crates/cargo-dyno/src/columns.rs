//! Words in columns, as `list` and `runs` print them: no borders, so that `awk` can read them.

/// Lines whose words stand under each other, two blanks apart; numbers are as wide as they are.
pub(crate) fn align<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> =
            row.iter().zip(widths).map(|(word, width)| format!("{word:<width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_under_each_other_and_lines_end_without_blanks() {
        let rows = [["fibonacci", "bench", "a"], ["io", "example", ""]];
        let rows = rows.map(|row| row.map(String::from));
        assert_eq!(align(&rows), "fibonacci  bench    a\nio         example\n");
        assert_eq!(align::<2>(&[]), "");
    }
}
