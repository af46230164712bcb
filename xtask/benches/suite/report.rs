//! The results, for people as a table and for programs as JSON.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::figure::Figure;
use crate::machine;
use crate::options::Options;
use crate::rows::Row;

/// A row with its results.
pub(crate) struct Measured {
    id: &'static str,
    title: &'static str,
    /// The machine's load just before the row was measured.
    load: Option<f64>,
    figures: Vec<Figure>,
}

impl Measured {
    pub(crate) fn new(row: &Row, load: Option<f64>, figures: Vec<Figure>) -> Self {
        Self { id: row.id, title: row.title, load, figures }
    }

    /// Returns `true` if these are the results of `row`.
    pub(crate) fn is_of(&self, row: &Row) -> bool {
        self.id == row.id
    }

    fn json(&self) -> Value {
        let figures: Vec<_> = self.figures.iter().map(figure_json).collect();
        json!({ "row": self.id, "title": self.title, "load": self.load, "figures": figures })
    }
}

fn figure_json(figure: &Figure) -> Value {
    let (min, max) = figure.spread().unzip();
    json!({
        "name": figure.name,
        "unit": figure.unit,
        "median": figure.median(),
        "min": min,
        "max": max,
        "rounds": figure.rounds,
        "goal": figure.goal,
        "met": figure.is_met(),
        "notes": figure.notes,
    })
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([self.id, "median", "min – max", "goal", "met"]);
        for figure in &self.figures {
            table.add_row(cells(figure));
        }
        for column in 1..4 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "{} {}", self.id, self.title)?;
        writeln!(f, "{table}")?;
        for figure in &self.figures {
            for note in &figure.notes {
                writeln!(f, "  {}: {note}", figure.name)?;
            }
        }
        Ok(())
    }
}

fn cells(figure: &Figure) -> [String; 5] {
    let unit = figure.unit;
    let median =
        figure.median().map_or_else(|| "–".into(), |value| format!("{} {unit}", short(value)));
    let spread = figure
        .spread()
        .map_or_else(String::new, |(min, max)| format!("{} – {}", short(min), short(max)));
    let met = match figure.is_met() {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    [figure.name.clone(), median, spread, figure.goal.to_string(), met.to_owned()]
}

/// Formats a value with about as many digits as are meaningful.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2}M", value / 1e6),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 2.0 => format!("{value:.2}"),
        _ => format!("{value:.5}"),
    }
}

/// Writes a file of all rows, and returns its path.
///
/// # Errors
/// If it can't be written.
pub(crate) fn write(options: &Options, measured: &[Measured]) -> Result<PathBuf> {
    let folder = target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let ids: Vec<_> = measured.iter().map(|row| row.id).collect();
    let name = if ids.len() == crate::rows::ALL.len() { "suite".to_owned() } else { ids.join("-") };
    let path = folder.join(format!("{name}.json"));
    let rows: Vec<_> = measured.iter().map(Measured::json).collect();
    let content = json!({
        "schema": 1,
        "cpu": machine::cpu(),
        "cores": machine::cores(),
        "reservations": options.reservations(),
        "rows": rows,
    });
    let content = serde_json::to_string_pretty(&content).context("figures are plain numbers")?;
    fs::write(&path, content + "\n")
        .with_context(|| format!("{} can't be written", path.display()))?;
    Ok(path)
}

/// Returns cargo's target folder, found above this program by its `CACHEDIR.TAG`.
pub(crate) fn target() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    let target = exe.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.unwrap_or(Path::new("target")).to_owned()
}
