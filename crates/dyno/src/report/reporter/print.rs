//! Lines on the terminal, and its size.

use std::io::{self, Write};

use console::Term;

use crate::report::formats::human::Look;
use crate::report::formats::palette::Palette;
use crate::report::formats::printable;
use crate::result::redact;

/// Prints a line on stdout, outside of any run.
pub(crate) fn print_line(line: &str) {
    let _written = print(io::stdout(), &format!("{line}\n"));
}

/// Returns a table without colours. Texts of others control no terminal.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let plain = |cell: &String| printable::plain(&redact::text(cell));
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    crate::report::formats::table::render(head, &rows, Palette::Plain)
}

/// Prints an error on stderr, outside of any run.
pub(crate) fn print_error(error: &str) {
    let _written =
        print(io::stderr(), &format!("error: {}\n", printable::plain(&redact::text(error))));
}

/// Prints a remark on stderr, outside of any run.
pub(crate) fn print_note(note: &str) {
    let _written = print(io::stderr(), &format!("{}\n", printable::plain(&redact::text(note))));
}

pub(in crate::report) fn print(mut out: impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

pub(in crate::report) fn look(term: &Term) -> Look {
    let width = term.size_checked().map(|(_, columns)| usize::from(columns));
    Look { palette: Palette::of(term), width }
}
