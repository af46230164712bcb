//! Colours, where there is someone to see them.
//!
//! Whether there is, is decided once, by `console`: it is what `indicatif` draws with, and it
//! knows of terminals without colours and of `NO_COLOR`. From then on it is a value that is
//! passed, so that what is drawn can be tested without a terminal.

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
        if term.is_term() && term.features().colors_supported() {
            Self::Colours
        } else {
            Self::Plain
        }
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
