//! A chart as SVG: lines, areas, bars and dots over two axes, with a legend, a sentence on how to
//! read it, and its figures as a table.
//!
//! The drawing has no size and no colours. It fills its frame, so that it suits a telephone and a
//! sheet of paper, and the style has a colour for each class in both schemes. Labels of the axes
//! are separate pictures next to it, whose text keeps its size. Values carry the unit of their
//! axis; the same values are in the page's data, where the script finds them by the chart's name.

use serde_json::{Value, json};

use super::axis::Axis;
use super::html::{Attributes, Html, flat};

/// The length of both sides of a drawing, in its own units.
const SIDE: f64 = 1_000.0;
/// The first letter of the Hebrew block: no character before it is written from right to left.
const FIRST_TURNED: char = '\u{590}';

/// A chart of several series over the same axis.
#[derive(Debug)]
pub(super) struct Chart {
    /// The name in the page, which is unique there.
    pub(super) id: String,
    pub(super) title: String,
    /// A sentence on how to read it.
    pub(super) how: String,
    pub(super) x: Axis,
    /// The heading of the first column of the table.
    pub(super) x_name: &'static str,
    pub(super) y: Axis,
    pub(super) series: Vec<Drawn>,
    /// Stretches of the horizontal axis that are marked.
    pub(super) bands: Vec<Band>,
    /// Values of the vertical axis that are marked, with their names.
    pub(super) rules: Vec<(f64, String)>,
    /// The cells below the series.
    pub(super) cells: Option<Cells>,
}

/// A stretch of the horizontal axis that is marked.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) name: String,
    pub(super) kind: BandKind,
}

/// The kind of a band, which has its own colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BandKind {
    /// A part of the plan, such as the warm-up or a stage.
    Part,
    /// The worst window of a limit that was kept.
    Kept,
    /// The worst window of a limit that was broken.
    Broken,
}

impl BandKind {
    fn class(self) -> &'static str {
        match self {
            Self::Part => "band",
            Self::Kept => "band kept",
            Self::Broken => "band broken",
        }
    }
}

/// Cells that fill a chart, drawn as a picture of few colours.
#[derive(Debug)]
pub(super) struct Cells {
    /// The addresses of the picture on a light and on a dark page.
    pub(super) pictures: [String; 2],
    /// The colours from the least value to the largest, in the same way.
    pub(super) scales: [String; 2],
    /// The largest value, with its unit.
    pub(super) most: String,
    /// The cells for the script.
    pub(super) data: Value,
    /// The head and the rows of the table.
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// The classes of the pictures on a light and on a dark page.
const SCHEMES: [&str; 2] = ["light", "dark"];

/// One series of a chart.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The place in the list of colours.
    pub(super) colour: usize,
    /// Points by their horizontal place; no value breaks a line.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// The form of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Line,
    /// The area between a line and the axis.
    Area,
    /// A bar for each point, all of the same width.
    Bars,
    Dots,
}

impl Chart {
    /// Creates a chart without series.
    pub(super) fn new(id: &str, title: &str, how: &str, axes: (Axis, Axis)) -> Self {
        let (x, y) = axes;
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            how: how.to_owned(),
            x,
            x_name: "time",
            y,
            series: Vec::new(),
            bands: Vec::new(),
            rules: Vec::new(),
            cells: None,
        }
    }

    /// Adds a series in the next colour.
    pub(super) fn add(&mut self, name: &str, shape: Shape, points: Vec<(f64, Option<f64>)>) {
        self.add_in(self.series.len(), name, shape, points);
    }

    /// Adds a series in the colour of this place in the list.
    pub(super) fn add_in(
        &mut self,
        colour: usize,
        name: &str,
        shape: Shape,
        points: Vec<(f64, Option<f64>)>,
    ) {
        // A line of one point has no length, and would not be seen.
        let is_one = points.iter().filter(|(_, value)| value.is_some()).count() == 1;
        let shape = if shape == Shape::Line && is_one { Shape::Dots } else { shape };
        self.series.push(Drawn { name: name.to_owned(), shape, colour, points });
    }

    /// Returns the chart's values for the page's script.
    pub(super) fn data(&self) -> Value {
        // Most series have their points at the same places: these are written once.
        let mut places: Vec<f64> =
            self.series.iter().flat_map(|one| &one.points).map(|p| p.0).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let series = self.series.iter().map(|series| {
            let at = |place: &f64| series.points.iter().find(|(x, _)| x == place)?.1.map(number);
            json!({"name": series.name, "values": places.iter().map(at).collect::<Vec<_>>()})
        });
        let series: Vec<_> = series.collect();
        json!({
            "id": self.id,
            "x": self.x.to_json(),
            "y": self.y.to_json(),
            "bars": self.series.iter().any(|series| series.shape == Shape::Bars),
            "places": places.iter().copied().map(number).collect::<Vec<_>>(),
            "series": series,
            "cells": self.cells.as_ref().map(|cells| &cells.data),
        })
    }

    /// Appends the chart with all that belongs to it.
    pub(super) fn write(&self, html: &mut Html) {
        html.inside("figure", &[("class", "chart"), ("id", &self.id)], |html| {
            html.inside("figcaption", &[], |html| {
                html.foreign("h3", &[], &self.title);
                self.legend(html);
            });
            html.inside("div", &[("class", "frame")], |html| {
                self.labels(html);
                self.drawing(html);
            });
            if let Some(cells) = &self.cells {
                cells.scale(html);
            }
            html.element("p", &[("class", "how")], &self.how);
            match &self.cells {
                Some(cells) => figures(html, &cells.head, &cells.rows),
                None => self.table(html),
            }
        });
    }

    fn legend(&self, html: &mut Html) {
        html.inside("ul", &[("class", "legend")], |html| {
            for (index, series) in self.series.iter().enumerate() {
                let (index, class) = (index.to_string(), format!("key c{}", series.colour));
                html.inside("li", &[("class", &class), ("data-series", &index)], |html| {
                    swatch(html, series.shape.class());
                    html.element("bdi", &[], &series.name);
                });
            }
            for band in &self.bands {
                html.inside("li", &[("class", "key")], |html| {
                    swatch(html, band.kind.class());
                    html.element("bdi", &[], &band.name);
                });
            }
            for (_, name) in self.drawn_rules() {
                html.inside("li", &[("class", "key")], |html| {
                    swatch(html, "rule");
                    html.element("bdi", &[], name);
                });
            }
        });
    }

    /// Appends the labels of both axes.
    fn labels(&self, html: &mut Html) {
        html.inside("svg", &[("class", "y"), ("aria-hidden", "true")], |html| {
            for (place, text) in self.y.labels() {
                let y = share(1.0 - place);
                html.element("text", &[("x", "100%"), ("y", &y), ("dy", "0.32em")], &text);
            }
        });
        html.inside("svg", &[("class", "x"), ("aria-hidden", "true")], |html| {
            for (place, text) in self.x.labels() {
                html.element("text", &[("x", &share(place)), ("y", "1.1em")], &text);
            }
        });
    }

    fn drawing(&self, html: &mut Html) {
        let names: Vec<_> = self.series.iter().map(|series| flat(&series.name)).collect();
        let label = format!("{}: {}", self.title, names.join(", "));
        let label = label.trim_end_matches(": ");
        let attributes = [
            ("class", "plot"),
            ("viewBox", "0 0 1000 1000"),
            ("preserveAspectRatio", "none"),
            ("role", "img"),
            ("aria-label", label),
        ];
        html.inside("svg", &attributes, |html| {
            for band in &self.bands {
                let (from, to) = (self.x.place(band.from) * SIDE, self.x.place(band.to) * SIDE);
                let (x, width) = (length(from), length(to - from));
                let place = [("x", &*x), ("width", &width), ("y", "0"), ("height", "1000")];
                let class = ("class", band.kind.class());
                html.element("rect", &[&[class], &place[..]].concat(), "");
            }
            if let Some(cells) = &self.cells {
                cells.write(html);
            }
            self.grid(html);
            for (index, series) in self.series.iter().enumerate() {
                let class = format!("{} c{}", series.shape.class(), series.colour);
                let (index, path) = (index.to_string(), self.path(series));
                html.element(
                    "path",
                    &[("class", &class), ("data-series", &index), ("d", &path)],
                    "",
                );
            }
            for (value, _) in self.drawn_rules() {
                let y = length((1.0 - self.y.place(*value)) * SIDE);
                html.element("path", &[("class", "rule"), ("d", &format!("M0 {y}H1000"))], "");
            }
        });
    }

    fn grid(&self, html: &mut Html) {
        let mut path = String::new();
        for (place, _) in self.y.labels() {
            path.push_str(&format!("M0 {}H1000", length((1.0 - place) * SIDE)));
        }
        html.element("path", &[("class", "grid"), ("d", &path)], "");
    }

    /// Returns the marks that lie on the axis.
    fn drawn_rules(&self) -> impl Iterator<Item = &(f64, String)> {
        let inside = |value: f64| (0.0..1.0).contains(&self.y.place(value));
        self.rules.iter().filter(move |(value, _)| inside(*value))
    }

    /// Returns the path of a series.
    fn path(&self, series: &Drawn) -> String {
        let mut path = String::new();
        let base = length(SIDE);
        let place = |x: f64, y: f64| (self.x.place(x) * SIDE, (1.0 - self.y.place(y)) * SIDE);
        if series.shape == Shape::Bars {
            let width = SIDE / series.points.len().max(1) as f64;
            let gap = if series.points.len() > 40 { 0.0 } else { width * 0.1 };
            for (index, (_, y)) in series.points.iter().enumerate() {
                let left = index as f64 * width + gap;
                let (left, right) = (length(left), length(left + width - 2.0 * gap));
                let top = length(place(0.0, y.unwrap_or(0.0)).1);
                path.push_str(&format!("M{left} {base}V{top}H{right}V{base}Z"));
            }
            return path;
        }
        for run in series.points.split(|(_, y)| y.is_none()).filter(|run| !run.is_empty()) {
            let points = run.iter().filter_map(|(x, y)| Some(place(*x, (*y)?)));
            let points: Vec<_> = points.map(|(x, y)| (length(x), length(y))).collect();
            match series.shape {
                Shape::Dots => {
                    points.iter().for_each(|(x, y)| path.push_str(&format!("M{x} {y}h0")));
                }
                Shape::Area => {
                    path.push_str(&format!("M{} {base}", points[0].0));
                    points.iter().for_each(|(x, y)| path.push_str(&format!("L{x} {y}")));
                    path.push_str(&format!("V{base}Z"));
                }
                Shape::Line | Shape::Bars => {
                    path.push_str(&format!("M{} {}", points[0].0, points[0].1));
                    points[1..].iter().for_each(|(x, y)| path.push_str(&format!("L{x} {y}")));
                    // A line without a length is a dot.
                    path.push_str(if points.len() == 1 { "h0" } else { "" });
                }
            }
        }
        path
    }

    /// Appends the figures as a table: for those who don't see the drawing, or want to copy them.
    fn table(&self, html: &mut Html) {
        let mut places: Vec<f64> =
            self.series.iter().flat_map(|series| series.points.iter().map(|(x, _)| *x)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        if places.is_empty() {
            return;
        }
        let mut head = vec![self.x_name.to_owned()];
        head.extend(self.series.iter().map(|series| series.name.clone()));
        let rows = places.iter().map(|x| {
            let cells = self.series.iter().map(|series| {
                let at = series.points.binary_search_by(|(at, _)| at.total_cmp(x));
                let value = at.ok().and_then(|at| series.points[at].1);
                value.map_or_else(String::new, |value| self.y.text(value))
            });
            std::iter::once(self.x.text(*x)).chain(cells).collect()
        });
        figures(html, &head, &rows.collect::<Vec<Vec<_>>>());
    }
}

impl Cells {
    fn write(&self, html: &mut Html) {
        for (picture, scheme) in self.pictures.iter().zip(SCHEMES) {
            let attributes = [
                ("class", scheme),
                ("href", &**picture),
                ("width", "1000"),
                ("height", "1000"),
                ("preserveAspectRatio", "none"),
            ];
            html.element("image", &attributes, "");
        }
    }

    /// Appends the colours with the values at both ends.
    fn scale(&self, html: &mut Html) {
        html.inside("p", &[("class", "scale")], |html| {
            html.text("1 ");
            for (scale, scheme) in self.scales.iter().zip(SCHEMES) {
                html.open("img", &[("class", scheme), ("src", scale), ("alt", "to")]);
            }
            html.text(&self.most);
        });
    }
}

/// Appends a table that is closed until a reader opens it.
fn figures(html: &mut Html, head: &[String], rows: &[Vec<String>]) {
    html.inside("details", &[], |html| {
        html.element("summary", &[], "figures");
        table(html, head, rows);
    });
}

impl Shape {
    fn class(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Area => "area",
            Self::Bars => "bars",
            Self::Dots => "dots",
        }
    }
}

/// Appends a table of figures, in a frame that scrolls if it is too wide for the screen.
pub(super) fn table(html: &mut Html, head: &[String], rows: &[Vec<String>]) {
    classed_table(html, &[], head, rows);
}

/// Appends a table of texts, whose lines break.
pub(super) fn texts(html: &mut Html, head: [&str; 2], rows: &[Vec<String>]) {
    classed_table(html, &[("class", "texts")], &head.map(str::to_owned), rows);
}

fn classed_table(html: &mut Html, of: Attributes<'_>, head: &[String], rows: &[Vec<String>]) {
    html.inside("div", &[("class", "scrolls"), ("tabindex", "0")], |html| {
        html.inside("table", of, |html| {
            html.inside("thead", &[], |html| row(html, ("th", "col"), head));
            html.inside("tbody", &[], |html| {
                rows.iter().for_each(|cells| row(html, ("td", "row"), cells));
            });
        });
    });
}

/// Appends a row: its cells are of this kind, and its first one is the heading of this scope.
fn row(html: &mut Html, (kind, scope): (&str, &str), cells: &[String]) {
    html.inside("tr", &[], |html| {
        for (index, cell) in cells.iter().enumerate() {
            let scope = [("scope", scope)];
            let (kind, of) = if index == 0 { ("th", &scope[..]) } else { (kind, &[][..]) };
            // Latin text has no direction to isolate, and a table has thousands of cells.
            match cell.chars().any(|c| c >= FIRST_TURNED) {
                true => html.foreign(kind, of, cell),
                false => html.element(kind, of, cell),
            }
        }
    });
}

/// Appends the sample of a series for its legend.
fn swatch(html: &mut Html, class: &str) {
    let attributes = [("class", "swatch"), ("viewBox", "0 0 16 10"), ("aria-hidden", "true")];
    let path = match class {
        "line" | "rule" => "M0 5H16",
        "dots" => "M8 5h0",
        _ => "M0 0H16V10H0Z",
    };
    html.inside("svg", &attributes, |html| {
        html.element("path", &[("class", class), ("d", path)], "");
    });
}

/// Returns a length in the drawing, with one digit: a thousandth of a screen's width.
fn length(length: f64) -> String {
    let text = format!("{length:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn share(share: f64) -> String {
    format!("{}%", length(share * 100.0))
}

/// Returns a number for JSON, whole if it is a whole number.
fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 2_f64.powi(53) {
        json!(number as i64)
    } else {
        json!(number)
    }
}

#[cfg(test)]
mod tests;
