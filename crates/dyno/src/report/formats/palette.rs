//! Colours for output that people see on a terminal.
//!
//! The choice is made once, by the type of the terminal (`TERM`) and by `NO_COLOR`, which counts as
//! not set if it is empty. From then on it is a value that is passed, so that drawings can be
//! tested without a terminal.

use std::ffi::OsString;

use console::{Style, Term};
use dyno_summary::Verdict;

/// The style of emphasised text: plain or coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    /// No emphasis at all, as in a file.
    Plain,
    /// Emphasis in the terminal's own colours.
    Colours,
}

impl Palette {
    /// Returns the palette that suits this output.
    pub(crate) fn of(term: &Term) -> Self {
        if term.is_term() && draws() && is_unset("NO_COLOR") { Self::Colours } else { Self::Plain }
    }

    /// Emphasises the text to look at first.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// Dims a text that is less important, such as a name next to a number.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dim(), text)
    }

    /// Colours a text about something that is as it should be.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint(Style::new().green().bold(), text)
    }

    /// Colours a text about something that went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint(Style::new().red().bold(), text)
    }

    /// Colours a text that the user should know, such as a warning.
    pub(crate) fn warn(self, text: &str) -> String {
        self.paint(Style::new().yellow(), text)
    }

    /// Colours the moving parts of a view, such as a bar.
    pub(crate) fn accent(self, text: &str) -> String {
        self.paint(Style::new().cyan(), text)
    }

    /// Colours a verdict, by what it means for the user.
    pub(crate) fn verdict(self, verdict: &Verdict, text: &str) -> String {
        let style = match verdict {
            Verdict::Completed | Verdict::Sustained => Style::new().green().bold(),
            Verdict::Inconclusive | Verdict::Interrupted | Verdict::Invalid => {
                Style::new().yellow().bold()
            }
            // Failed, unsustained, an error, or unknown to this version.
            _ => Style::new().red().bold(),
        };
        self.paint(style, text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colours => style.force_styling(true).apply_to(text).to_string(),
        }
    }
}

/// Returns `true` if the terminal accepts escape sequences: its type is known, and is not `dumb`.
pub(crate) fn draws() -> bool {
    takes_escapes(std::env::var_os("TERM"))
}

fn takes_escapes(term: Option<OsString>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Returns `true` if a variable is missing or empty: a CI job sets variables to an empty text.
fn is_unset(variable: &str) -> bool {
    std::env::var_os(variable).is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_of_no_type_or_a_dumb_one_takes_no_escapes() {
        let takes = |term: Option<&str>| takes_escapes(term.map(OsString::from));
        assert!(!takes(None) && !takes(Some("")) && !takes(Some("dumb")));
        assert!(takes(Some("xterm-256color")) && takes(Some("linux")));
    }
}
