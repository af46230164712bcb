//! The reports of a comparison: its state while pairs are run, and its result in each format.

use std::io::{self, IsTerminal, Write};

use console::Term;
use dyno_summary::Comparison;

use super::formats::comparison;
use super::formats::human::Look;
use super::formats::palette::{self, Palette};
use super::options::Format;
use super::reporter::look;

/// The start of a line that replaces the one before it on a terminal.
const REPLACE: &str = "\r\x1b[K";

/// The progress of a comparison on stderr: one line that is replaced, or one for each tenth pair where
/// lines can't be replaced.
#[derive(Debug)]
pub struct ComparisonProgress {
    is_drawn: bool,
    has_line: bool,
}

/// The pairs between two lines of the progress, where each line stays.
const LINE_EVERY: u64 = 10;

impl ComparisonProgress {
    /// Creates the progress before the first pair.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it looks at the terminal")]
    pub fn new() -> Self {
        Self { is_drawn: io::stderr().is_terminal() && palette::draws(), has_line: false }
    }

    /// Shows the state after a pair. Where stderr is closed, nobody needs it.
    pub fn show(&mut self, state: &Comparison) {
        let line = comparison::progress(state);
        if self.is_drawn {
            let width = Term::stderr().size().1 as usize;
            let line = console::truncate_str(&line, width.saturating_sub(1), "…");
            let _unread = write!(io::stderr(), "{REPLACE}{line}");
            self.has_line = true;
        } else if state.pairs.is_some_and(|pairs| pairs > 0 && pairs.is_multiple_of(LINE_EVERY)) {
            let _unread = writeln!(io::stderr(), "{line}");
        }
    }

    /// Removes the line, before the result is printed.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.has_line) {
            let _unread = write!(io::stderr(), "{REPLACE}");
        }
    }
}

/// Returns a comparison in a format: for people as this terminal shows it, if stdout is one.
#[must_use]
pub fn render_comparison(of: &Comparison, format: Format) -> String {
    match format {
        Format::Human if io::stdout().is_terminal() => comparison::human(of, look(&Term::stdout())),
        Format::Human => comparison::human(of, Look { palette: Palette::Plain, width: None }),
        Format::Json => comparison::json(of),
        Format::Csv => comparison::csv(of),
        Format::Markdown => comparison::markdown(of),
    }
}
