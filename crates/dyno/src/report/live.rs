//! The live view: what a run looks like on a terminal while it goes on.
//!
//! [`frame`] says what is drawn and is pure; `indicatif` puts it on the terminal, replaces it five
//! times a second, and prints above it what should stay. The whole view is one bar of `indicatif`
//! with several lines, so that it is replaced at once and never half.

pub(super) mod frame;
mod lines;

use std::sync::{Arc, Mutex, PoisonError};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::frame::{LiveCourse, Room};
use self::lines::LineTerminal;
use super::palette::Palette;
use super::printable::printable;
use super::say;
use crate::primary::run::{Tick, Update};

/// The most redraws in a second: the eye follows no more.
const REDRAWS: u8 = 10;

/// A view on a terminal, which is cleared when this is dropped, be it by a panic.
#[derive(Debug)]
pub(super) struct Live {
    bar: ProgressBar,
    /// What is drawn next.
    text: Arc<Mutex<String>>,
    term: Term,
    palette: Palette,
    course: LiveCourse,
    /// How wide the terminal was when the view was drawn last.
    columns: usize,
}

impl Live {
    /// A view on stderr, of a run that takes so long.
    pub(super) fn new(course: LiveCourse) -> Self {
        let term = Term::stderr();
        let text = Arc::new(Mutex::new(String::new()));
        let drawn = Arc::clone(&text);
        let frame = move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let text = drawn.lock().unwrap_or_else(PoisonError::into_inner);
            // A terminal that takes nothing more is no reason to end.
            let _taken = out.write_str(&text);
        };
        let style = ProgressStyle::with_template("{frame}")
            .expect("a template of one key")
            .with_key("frame", frame);
        let bar = ProgressBar::with_draw_target(None, target()).with_style(style);
        let palette = Palette::of(&term);
        let columns = size(&term).columns;
        Self { bar, text, term, palette, course, columns }
    }

    /// Prints what has come above the view, and replaces the view by how the run stands, or by
    /// what the user makes of it.
    pub(super) fn show(&mut self, updates: &[Update], tick: Option<&Tick>, own: Option<String>) {
        let room = size(&self.term);
        let before = self.columns;
        self.columns = room.columns;
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if room.columns < before && reflows() {
            self.forget(ghosts(&text, room));
        }
        if let Some(tick) = tick {
            self.course.note(tick);
            // The last column stays free: some terminals break a line that is as wide as they are.
            let room = Room { columns: room.columns.saturating_sub(1), ..room };
            *text = match own {
                Some(own) => frame::fitted(&printable(own.trim_end()), room.columns),
                None => frame::render(&self.course, tick, room, self.palette),
            };
        }
        drop(text);
        let lines: Vec<_> =
            updates.iter().filter_map(|update| say::update(update, self.palette)).collect();
        if !lines.is_empty() {
            // Draws the view anew too.
            self.bar.println(printable(&lines.join("\n")));
        } else if tick.is_some() {
            self.bar.tick();
        }
    }

    /// Leaves what is drawn where it is: someone has written below it, and to replace it would
    /// take away what they wrote.
    pub(super) fn leave(&mut self) {
        self.bar.set_draw_target(target());
    }

    /// Clears so many rows from the cursor's up, which is the view's last.
    fn forget(&self, rows: usize) {
        for _ in 0..rows {
            let _cleared = self.term.clear_line().and_then(|()| self.term.move_cursor_up(1));
        }
    }

    /// Takes the view away; what the user made of the run's end stays.
    pub(super) fn close(self, own: Option<String>) {
        self.bar.finish_and_clear();
        if let Some(own) = own {
            let _written = self.term.write_line(own.trim_end());
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Where the view is drawn, with nothing drawn yet.
fn target() -> ProgressDrawTarget {
    // Buffered: what is drawn appears at once, and never half.
    let lines = Box::new(LineTerminal::over(Term::buffered_stderr()));
    ProgressDrawTarget::term_like_with_hz(lines, REDRAWS)
}

fn size(term: &Term) -> Room {
    let (rows, columns) = term.size();
    Room { columns: columns.into(), rows: rows.into() }
}

/// Whether the terminal breaks its lines anew when it becomes narrower, as nearly all do. Those
/// that cut them off would have what stands above the view cleared with it.
pub(crate) fn reflows() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    std::env::var_os("XTERM_VERSION").is_none() && !is("TERM", "linux")
}

/// How many rows more than lines a view takes in a terminal that has become narrower: `indicatif`
/// knows of the lines only, and draws no more of them than there are rows.
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
    fn what_workers_print_moves_no_cursor() {
        assert_eq!(
            printable("\x1b[31mred\x1b[0m\r\x1b[2K\x1b[1A done\x07"),
            "\x1b[31mred\x1b[0m done"
        );
        assert_eq!(printable("a\tb\nc\x1b]0;title\x07"), "a    b\nc]0;title");
        assert_eq!(printable("cut \x1b[3"), "cut ");
    }
}
