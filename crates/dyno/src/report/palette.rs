//! Colours, where there is someone to see them.
//!
//! Whether there is, is decided once: by what the terminal is (`TERM`), and by `NO_COLOR`, which is
//! not set if it is empty. From then on it is a value that is passed, so that what is drawn can be
//! tested without a terminal.

use std::ffi::OsString;

use console::{Style, Term};

use crate::primary::verdict::Verdict;

/// How text is set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Palette {
    /// Not at all.
    Plain,
    /// In the terminal's own colours.
    Colours,
}

impl Palette {
    /// What suits where this goes to.
    pub(super) fn of(term: &Term) -> Self {
        if term.is_term() && draws() && is_unset("NO_COLOR") { Self::Colours } else { Self::Plain }
    }

    /// What is worth a first look.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// Names beside numbers.
    pub(super) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dim(), text)
    }

    /// What went wrong.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint(Style::new().red().bold(), text)
    }

    /// What should be known.
    pub(super) fn warn(self, text: &str) -> String {
        self.paint(Style::new().yellow(), text)
    }

    /// What moves.
    pub(super) fn accent(self, text: &str) -> String {
        self.paint(Style::new().cyan(), text)
    }

    /// A verdict, by what it means for whoever waits for it.
    pub(super) fn verdict(self, verdict: Option<Verdict>, text: &str) -> String {
        let style = match verdict {
            Some(Verdict::Completed | Verdict::Sustained) => Style::new().green().bold(),
            Some(Verdict::Inconclusive | Verdict::Interrupted { .. } | Verdict::Invalid) => {
                Style::new().yellow().bold()
            }
            Some(Verdict::Failed | Verdict::Unsustained | Verdict::Error) | None => {
                Style::new().red().bold()
            }
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

/// Returns `true` if the terminal takes escape sequences: its type is known, and is not `dumb`.
pub(super) fn draws() -> bool {
    takes_escapes(std::env::var_os("TERM"))
}

fn takes_escapes(term: Option<OsString>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Returns `true` if a variable is missing, or empty: a job of CI sets variables to nothing.
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
