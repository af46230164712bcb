//! Lines drawn in text: each character holds the dots of a Braille letter, in two columns and four
//! rows.

use std::iter;

/// The dots in a character: two columns and four rows of them.
const DOTS: (usize, usize) = (2, 4);
/// The bit of each dot in a Braille letter, by its row and its column.
const BITS: [[u8; DOTS.0]; DOTS.1] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// The Braille letter without a dot.
const EMPTY: u32 = 0x2800;

/// A rectangle of characters to draw in.
pub(super) struct Canvas {
    columns: usize,
    cells: Vec<Cell>,
}

/// One character: its dots, and the line that was drawn through it last.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    dots: u8,
    line: usize,
}

impl Canvas {
    /// Returns an empty canvas of at least one character.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![Cell::default(); columns * rows] }
    }

    /// Draws the line with this number through points. They are shares of the canvas, from the left
    /// and from the bottom; one beyond an edge is drawn at the edge.
    pub(super) fn draw(&mut self, line: usize, points: &[(f64, f64)]) {
        let width = self.columns * DOTS.0 - 1;
        let height = self.cells.len() / self.columns * DOTS.1 - 1;
        let at = |share: f64, last: usize| (share.clamp(0.0, 1.0) * last as f64).round() as i64;
        let dot = |&(x, y): &(f64, f64)| (at(x, width), height as i64 - at(y, height));
        for ends in points.windows(2) {
            for (x, y) in between(dot(&ends[0]), dot(&ends[1])) {
                let (x, y) = (x as usize, y as usize);
                let cell = &mut self.cells[y / DOTS.1 * self.columns + x / DOTS.0];
                cell.dots |= BITS[y % DOTS.1][x % DOTS.0];
                cell.line = line;
            }
        }
    }

    /// Returns the rows from the top, each as wide as the canvas. `colour` paints a letter of the
    /// line with this number.
    pub(super) fn rows(
        &self,
        colour: impl Fn(usize, char) -> String,
    ) -> impl Iterator<Item = String> {
        self.cells.chunks(self.columns).map(move |row| {
            row.iter()
                .map(|cell| match char::from_u32(EMPTY + u32::from(cell.dots)) {
                    Some(letter) if cell.dots > 0 => colour(cell.line, letter),
                    _ => " ".to_owned(),
                })
                .collect()
        })
    }
}

/// Returns the dots from one dot to another, both included.
fn between(from: (i64, i64), to: (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    let (across, down) = (to.0 - from.0, to.1 - from.1);
    let steps = across.abs().max(down.abs());
    // Two ends in one place are a single dot.
    let part = move |whole: i64, step: i64| if steps == 0 { 0 } else { whole * step / steps };
    let mut step = 0..=steps;
    iter::from_fn(move || {
        step.next().map(|step| (from.0 + part(across, step), from.1 + part(down, step)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(columns: usize, rows: usize, lines: &[&[(f64, f64)]]) -> Vec<String> {
        let mut canvas = Canvas::new(columns, rows);
        lines.iter().enumerate().for_each(|(index, points)| canvas.draw(index, points));
        canvas.rows(|_, letter| letter.into()).collect()
    }

    #[test]
    fn lines_reach_from_corner_to_corner() {
        assert_eq!(drawn(2, 1, &[&[(0.0, 0.0), (1.0, 1.0)]]), ["⡠⠊"]);
        assert_eq!(drawn(2, 1, &[&[(0.0, 1.0), (1.0, 0.0)]]), ["⠑⢄"]);
        assert_eq!(drawn(3, 2, &[&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]]), ["⡏⠉⠉", "⡇  "]);
    }

    #[test]
    fn two_ends_in_one_place_are_a_dot_and_a_single_point_is_nothing() {
        assert_eq!(drawn(1, 1, &[&[(0.0, 0.0), (0.0, 0.0)]]), ["⡀"]);
        assert_eq!(drawn(1, 1, &[&[(0.0, 0.0)]]), [" "]);
    }

    #[test]
    fn a_point_beyond_an_edge_is_drawn_at_the_edge() {
        assert_eq!(drawn(2, 1, &[&[(-1.0, 0.0), (7.0, 0.0)]]), ["⣀⣀"]);
        assert_eq!(drawn(2, 1, &[&[(f64::NAN, 0.0), (1.0, -5.0)]]), ["⣀⣀"]);
    }

    #[test]
    fn a_letter_has_the_dots_of_all_its_lines_and_the_colour_of_the_last() {
        let mut canvas = Canvas::new(2, 1);
        canvas.draw(0, &[(0.0, 0.0), (1.0, 0.0)]);
        canvas.draw(1, &[(0.0, 1.0), (0.0, 1.0)]);
        let rows: Vec<_> = canvas.rows(|line, letter| format!("{line}{letter}")).collect();
        assert_eq!(rows, ["1⣁0⣀"]);
    }
}
