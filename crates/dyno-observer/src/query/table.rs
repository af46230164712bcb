//! Aligned plain text: the first column to the left, numbers to the right, two spaces between.
//!
//! No colours and no borders, because the same text goes to terminals, files and assertions.

use std::fmt;

use crate::id::ProcessId;

/// The text of a cell without a number.
pub(super) const EMPTY: &str = "–";

/// Returns a row's label. A worker's index is enough, since all rows but one are workers.
pub(super) fn row_label(process: ProcessId) -> String {
    match process {
        ProcessId::Primary => "primary".to_owned(),
        ProcessId::Worker(index) => index.to_string(),
    }
}

/// Writes lines, each with the same number of cells.
pub(super) fn write(f: &mut fmt::Formatter<'_>, lines: &[Vec<String>]) -> fmt::Result {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let length =
        |line: &Vec<String>, column: usize| line.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<_> = (0..columns)
        .map(|column| lines.iter().map(|line| length(line, column)).max().unwrap_or(0))
        .collect();
    for line in lines {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            match column {
                0 => text.push_str(&format!("{cell:<width$}")),
                _ => text.push_str(&format!("  {cell:>width$}")),
            }
        }
        writeln!(f, "{}", text.trim_end())?;
    }
    Ok(())
}
