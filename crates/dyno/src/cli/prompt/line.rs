//! A line of text that is being edited, and the part of it that fits into a row. Pure.
//!
//! The line is never broken: the rest is scrolled out of sight. So a question takes one row with an
//! answer of any length, and replacing it leaves nothing behind.

use console::{Key, measure_text_width};

/// The share of a row for the text after the cursor, if any, as a divisor of its width.
const AHEAD: usize = 4;

/// The text so far, and the position of the cursor in it.
#[derive(Debug, Default)]
pub(crate) struct EditedLine {
    text: Vec<char>,
    cursor: usize,
}

/// The effect of a key on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pressed {
    Changed,
    Finished,
    Interrupted,
}

/// The part of a line that a row shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    /// The column of the cursor in this text.
    pub(crate) cursor: usize,
}

impl EditedLine {
    pub(crate) fn press(&mut self, key: &Key) -> Pressed {
        match key {
            Key::Enter => return Pressed::Finished,
            Key::CtrlC => return Pressed::Interrupted,
            Key::Char(c) if !c.is_control() => {
                self.text.insert(self.cursor, *c);
                self.cursor += 1;
            }
            Key::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.cursor);
            }
            Key::Del if self.cursor < self.text.len() => {
                self.text.remove(self.cursor);
            }
            Key::ArrowLeft => self.cursor = self.cursor.saturating_sub(1),
            Key::ArrowRight => self.cursor = self.text.len().min(self.cursor + 1),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            // Any other key has no effect here.
            _ => {}
        }
        Pressed::Changed
    }

    pub(crate) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// Returns the part around the cursor that fits into this many columns, the cursor included.
    pub(crate) fn shown(&self, columns: usize) -> Shown {
        let (before, after) = self.text.split_at(self.cursor);
        // Behind the text the cursor takes one more column.
        let room = columns.saturating_sub(1);
        let ahead = fitting(after.iter(), room / AHEAD).len();
        let ahead_width = width(&after[..ahead]);
        let behind = fitting(before.iter().rev(), room - ahead_width).len();
        let before = &before[before.len() - behind..];
        let cursor = width(before);
        let after = &after[..fitting(after.iter(), room - cursor).len()];
        Shown { text: before.iter().chain(after).collect(), cursor }
    }
}

/// Returns the first characters, as many as fit into this many columns.
fn fitting<'a>(text: impl Iterator<Item = &'a char>, columns: usize) -> Vec<&'a char> {
    let mut taken = 0;
    text.take_while(|c| {
        taken += width(&[**c]);
        taken <= columns
    })
    .collect()
}

fn width(text: &[char]) -> usize {
    measure_text_width(&text.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(keys: impl IntoIterator<Item = Key>) -> EditedLine {
        let mut line = EditedLine::default();
        for key in keys {
            line.press(&key);
        }
        line
    }

    fn typed(text: &str) -> EditedLine {
        line(text.chars().map(Key::Char))
    }

    #[test]
    fn keys_change_the_line_where_the_cursor_is() {
        let mut line = typed("10s");
        for key in [Key::ArrowLeft, Key::Backspace, Key::Char('5'), Key::Home, Key::Del] {
            assert_eq!(line.press(&key), Pressed::Changed);
        }
        assert_eq!(line.text(), "5s");
        for key in [Key::Backspace, Key::ArrowLeft, Key::Char('2'), Key::End, Key::ArrowRight] {
            line.press(&key);
        }
        assert_eq!(line.text(), "25s", "there is nothing beyond its ends");
        for key in [Key::Del, Key::Tab, Key::Char('\x04'), Key::ArrowUp, Key::Escape] {
            assert_eq!(line.press(&key), Pressed::Changed);
        }
        assert_eq!(line.text(), "25s", "these mean nothing");
        assert_eq!(line.press(&Key::Enter), Pressed::Finished);
        assert_eq!(line.press(&Key::CtrlC), Pressed::Interrupted);
    }

    #[test]
    fn text_that_does_not_fit_is_scrolled_out_of_view() {
        let shown = |line: &EditedLine, columns| {
            let Shown { text, cursor } = line.shown(columns);
            (text, cursor)
        };
        let mut line = typed("abcdefghijklmnop");
        assert_eq!(shown(&line, 80), ("abcdefghijklmnop".into(), 16));
        assert_eq!(shown(&line, 9), ("ijklmnop".into(), 8));
        line.press(&Key::ArrowLeft);
        assert_eq!(shown(&line, 9), ("ijklmnop".into(), 7));
        for _ in 0..5 {
            line.press(&Key::ArrowLeft);
        }
        assert_eq!(shown(&line, 9), ("efghijkl".into(), 6), "something is seen of what follows");
        line.press(&Key::Home);
        assert_eq!(shown(&line, 9), ("abcdefgh".into(), 0));
        assert_eq!(shown(&line, 1), (String::new(), 0));
        assert_eq!(shown(&line, 0), (String::new(), 0));
    }

    proptest! {
        #[test]
        fn a_row_is_never_too_long(text in "[a-z界é ]{0,40}", left in 0_usize..40, columns in 0_usize..30) {
            let mut line = typed(&text);
            for _ in 0..left {
                line.press(&Key::ArrowLeft);
            }
            let shown = line.shown(columns);
            prop_assert!(text.contains(&shown.text));
            prop_assert!(measure_text_width(&shown.text) <= columns.saturating_sub(1));
            prop_assert!(shown.cursor <= measure_text_width(&shown.text));
        }
    }
}
