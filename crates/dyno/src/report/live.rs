//! The live view: the state of a run on a terminal while it goes on.
//!
//! [`frame`] makes the text to draw and is pure. `indicatif` puts it on the terminal, replaces it
//! five times a second, and prints above it the lines that should stay. The whole view is one bar
//! of `indicatif` with several lines, so that it is replaced at once and never half.

pub(super) mod bracket;
pub(super) mod frame;
pub(super) mod keys;
pub(super) mod lines;
pub(super) mod notices;
pub(super) mod plain;
pub(super) mod queue;
pub(super) mod screen;

use std::sync::{Arc, Mutex, PoisonError};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::frame::{LiveCourse, Room};
use self::keys::KeyTerminal;
use self::lines::LineTerminal;
use self::plain::Chatter;
use super::formats::palette::Palette;
use super::formats::printable::printable;
use crate::primary::run::{Tick, Update};

/// The most redraws in a second: the eye can't follow more.
const REDRAWS: u8 = 10;

/// A view on a terminal. It is cleared when this is dropped, even by a panic.
#[derive(Debug)]
pub(super) struct Live {
    bar: ProgressBar,
    /// The text that is drawn next; `indicatif` reads it.
    text: Arc<Mutex<String>>,
    term: Term,
    palette: Palette,
    course: LiveCourse,
    /// The updates that leave a line.
    chatter: Chatter,
    /// The keys that change the rate, if there are any.
    keys: Option<KeyTerminal>,
    /// The terminal's width in columns when the view was last drawn.
    columns: usize,
}

impl Live {
    /// Creates a view on stderr, of a run with the times in `course`. It passes on the keys, if there
    /// are any.
    pub(super) fn new(course: LiveCourse, chatter: Chatter, keys: Option<KeyTerminal>) -> Self {
        let term = Term::stderr();
        let text = Arc::new(Mutex::new(String::new()));
        let drawn = Arc::clone(&text);
        let frame = move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let text = drawn.lock().unwrap_or_else(PoisonError::into_inner);
            // A terminal that accepts no more output must not end the run.
            let _taken = out.write_str(&text);
        };
        let style = ProgressStyle::with_template("{frame}")
            .expect("a template of one key")
            .with_key("frame", frame);
        let bar = ProgressBar::with_draw_target(None, target()).with_style(style);
        let palette = Palette::of(&term);
        let columns = size(&term).columns;
        Self { bar, text, term, palette, course, chatter, keys, columns }
    }

    /// Prints new lines above the view, and replaces the view by the run's present state, or by the
    /// text of the user's `on_tick`.
    pub(super) fn show(&mut self, updates: &[Update], tick: Option<&Tick>, own: Option<String>) {
        if let Some(keys) = &self.keys {
            keys.pass_on();
        }
        for update in updates {
            if let Update::Rate(rate) = update {
                self.course.set_rate(*rate);
            }
        }
        let room = size(&self.term);
        let before = self.columns;
        self.columns = room.columns;
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        // The terminal has broken the lines of the view into more rows than `indicatif` will clear.
        if room.columns < before && reflows() {
            self.forget(ghosts(&text, room));
        }
        if let Some(tick) = tick {
            self.course.note(tick);
            // The last column stays free: some terminals break a line that is as wide as they are.
            let room = Room { columns: room.columns.saturating_sub(1), ..room };
            *text = match own {
                Some(own) => frame::fitted(&own, room.columns),
                None => frame::render(&self.course, tick, room, self.palette),
            };
        }
        drop(text);
        let updates = updates.iter().filter(|update| self.chatter.has(update));
        let lines: Vec<_> =
            updates.filter_map(|update| notices::update(update, self.palette)).collect();
        if !lines.is_empty() {
            // This also draws the view again.
            self.bar.println(printable(&lines.join("\n")));
        } else if tick.is_some() {
            self.bar.tick();
        }
    }

    /// Leaves the drawn view where it is: another message was written below it, and replacing the
    /// view would erase that message.
    pub(super) fn leave(&mut self) {
        self.bar.set_draw_target(target());
    }

    /// Clears `rows` rows upwards from the cursor, which is in the view's last row.
    fn forget(&self, rows: usize) {
        for _ in 0..rows {
            let _cleared = self.term.clear_line().and_then(|()| self.term.move_cursor_up(1));
        }
    }

    /// Removes the view; the text of the user's `on_tick` for the run's end stays.
    pub(super) fn close(self, own: Option<String>) {
        self.bar.finish_and_clear();
        if let Some(own) = own.filter(|_| self.chatter == Chatter::All) {
            let _written = self.term.write_line(&own);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Returns the place where the view is drawn, with nothing drawn yet.
fn target() -> ProgressDrawTarget {
    // Buffered, so that a drawing appears at once, and never half.
    let lines = Box::new(LineTerminal::over(Term::buffered_stderr()));
    ProgressDrawTarget::term_like_with_hz(lines, REDRAWS)
}

fn size(term: &Term) -> Room {
    let (rows, columns) = term.size();
    Room { columns: columns.into(), rows: rows.into() }
}

/// Returns `true` if the terminal breaks its lines again when it becomes narrower, as nearly all
/// do. In one that cuts lines off instead, clearing the broken rows would also clear the text above
/// the view.
pub(crate) fn reflows() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    std::env::var_os("XTERM_VERSION").is_none() && !is("TERM", "linux")
}

/// Returns the number of rows that a view needs beyond its lines, in a terminal that has become
/// narrower. `indicatif` knows only the lines, and draws no more of them than there are rows.
fn ghosts(text: &str, Room { columns, rows }: Room) -> usize {
    let wrapped = |line: &str| console::measure_text_width(line).saturating_sub(1) / columns.max(1);
    text.lines().take(rows).map(wrapped).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_in_a_narrower_terminal_takes_more_rows() {
        let text = format!("{}\n{}\n\nx", "a".repeat(119), "b".repeat(60));
        for (columns, more) in [(119, 0), (118, 1), (60, 1), (59, 3), (40, 3)] {
            assert_eq!(ghosts(&text, Room { columns, rows: 24 }), more, "{columns}");
        }
        assert_eq!(ghosts(&text, Room { columns: 59, rows: 1 }), 2, "as much as was drawn");
        assert_eq!(ghosts("", Room { columns: 50, rows: 24 }), 0);
    }

    #[test]
    fn output_of_workers_moves_no_cursor() {
        assert_eq!(
            printable("\x1b[31mred\x1b[0m\r\x1b[2K\x1b[1A done\x07"),
            "\x1b[31mred\x1b[0m done"
        );
        assert_eq!(printable("a\tb\nc\x1b]0;title\x07"), "a    b\nc]0;title");
        assert_eq!(printable("cut \x1b[3"), "cut ");
    }
}
