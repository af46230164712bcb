//! The terminal as `indicatif` sees it, with lines that really end.
//!
//! `indicatif` fills each line up with blanks to the terminal's width and lets the terminal break
//! it. The result is one endless line: in a terminal that becomes narrower or wider it breaks
//! anywhere, and the workers' output with it. Here the blanks are replaced by the end of a line.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::Term;
use indicatif::TermLike;

/// The narrowest terminal that `indicatif` can draw in: a character may take two columns, and it
/// subtracts them from the terminal's width.
const COLUMNS_MIN: u16 = 2;
/// The escape sequence that clears from the cursor to the end of its line.
const CLEAR_REST: &str = "\x1b[K";

/// A terminal that receives whole lines.
#[derive(Debug)]
pub(super) struct LineTerminal {
    term: Term,
    drawing: Mutex<DrawnLines>,
}

/// The state of a drawing, until it is flushed.
#[derive(Debug, Default)]
struct DrawnLines {
    place: LinePart,
    /// Rows and columns: `indicatif` asks for them at each line, and each answer is two system
    /// calls.
    size: Option<(u16, u16)>,
}

/// The position in a drawing: `indicatif` writes a line's text, then blanks, then the next text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LinePart {
    /// Nothing is written yet.
    #[default]
    Begun,
    /// The text of a line is written.
    Text,
    /// A whole line is written, and the cursor is at its end.
    Line,
}

impl LineTerminal {
    pub(super) fn over(term: Term) -> Self {
        Self { term, drawing: Mutex::default() }
    }

    fn drawing(&self) -> MutexGuard<'_, DrawnLines> {
        self.drawing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> (u16, u16) {
        *self.drawing().size.get_or_insert_with(|| self.term.size())
    }
}

impl LinePart {
    /// Returns the text to write in place of one that `indicatif` writes.
    fn write(&mut self, text: &str) -> String {
        let blank = text.bytes().all(|byte| byte == b' ');
        match *self {
            Self::Text if blank => {
                *self = Self::Line;
                // A full line has nothing to clear; clearing would remove its last character.
                if text.is_empty() { String::new() } else { CLEAR_REST.to_owned() }
            }
            Self::Begun | Self::Text => {
                *self = Self::Text;
                text.to_owned()
            }
            Self::Line => {
                *self = Self::Text;
                format!("\r\n{text}")
            }
        }
    }
}

impl TermLike for LineTerminal {
    fn width(&self) -> u16 {
        self.size().1.max(COLUMNS_MIN)
    }

    fn height(&self) -> u16 {
        self.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.drawing().place = LinePart::Begun;
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let text = self.drawing().place.write(text);
        self.term.write_str(&text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        *self.drawing() = DrawnLines::default();
        self.term.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_blanks_filled_them() {
        let mut place = LinePart::Begun;
        // Two lines of text, an empty one, one that is full, and the last.
        let written = ["one", "   ", "two", "   ", "", "      ", "full", "", "last", "  "];
        let text: String = written.into_iter().map(|text| place.write(text)).collect();
        assert_eq!(text, "one\x1b[K\r\ntwo\x1b[K\r\n\x1b[K\r\nfull\r\nlast\x1b[K");
    }
}
