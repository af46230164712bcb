//! Tables of markdown, and the format of their numbers.

use std::fmt;

/// A table of markdown with a head and any number of rows.
#[derive(Debug)]
pub struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows.
    #[must_use]
    pub fn new(heads: &[&str]) -> Self {
        Self { heads: heads.iter().map(|head| (*head).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.heads.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.heads.len()))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// Formats nanoseconds as milliseconds with three decimals, without a unit, so that columns are
/// easy to compare.
#[must_use]
pub fn millis(ns: f64) -> String {
    format!("{:.3}", ns / 1e6)
}

/// Formats nanoseconds as microseconds with one decimal, without a unit.
#[must_use]
pub fn micros(ns: f64) -> String {
    format!("{:.1}", ns / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["1".to_owned(), millis(1_234_567.0)]);
        assert_eq!(table.to_string(), "| a | b |\n|---|---|\n| 1 | 1.235 |\n");
    }
}
