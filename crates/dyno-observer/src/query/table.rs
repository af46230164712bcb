//! Aligned plain text: the first column to the left, numbers to the right, two spaces between.
//!
//! No colours and no borders: it goes to terminals, files and assertions alike.

use std::fmt;

use crate::process::ProcessId;

/// What stands in a cell that has no number.
pub(super) const EMPTY: &str = "–";

/// A row's label: a worker's index is enough where all rows are workers but one.
pub(super) fn row_label(process: ProcessId) -> String {
    match process {
        ProcessId::Primary => "primary".to_owned(),
        ProcessId::Worker(index) => index.to_string(),
    }
}

/// Writes lines of equally many cells.
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
