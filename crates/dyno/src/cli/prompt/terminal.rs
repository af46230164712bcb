//! The terminal of the questions: one row for each, redrawn with each key.
//!
//! The terminal is in our mode from the first question to the last, so that the kernel does not
//! echo what is typed ahead or pasted between two of them. A signal that would end the process is
//! caught in this time, and the terminal is restored before the process ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use console::{Term, measure_text_width, truncate_str};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::SIGINT;
use signal_hook::low_level::unregister;
use signal_hook::{SigId, flag};

use super::line::{EditedLine, Pressed, Shown};
use super::{PromptError, Question};
use crate::primary::ENDING;
use crate::report::reflows;
use crate::result::redacted;

/// The number of columns that are kept for the answer, with a question of any length.
const ANSWER_MIN: usize = 16;
/// The terminal's width, in columns, where it does not report one.
const COLUMNS: u16 = 80;

/// The terminal of the questions; its mode is restored when this is dropped.
pub(crate) struct Terminal {
    term: Term,
    before: Termios,
    signals: TerminalSignals,
    /// The column of the cursor in the row of the question, when it was last drawn.
    cursor: usize,
    /// The terminal's width in columns at that time.
    columns: usize,
}

impl Terminal {
    pub(crate) fn open() -> Result<Self, PromptError> {
        let signals = TerminalSignals::catch()?;
        let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
        let mut ours = before.clone();
        ours.local_flags -= LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &ours).map_err(io::Error::from)?;
        Ok(Self { term: Term::stderr(), before, signals, cursor: 0, columns: 0 })
    }

    pub(crate) fn say(&self, line: &str) -> Result<(), PromptError> {
        Ok(self.term.write_line(line)?)
    }

    /// Reads the answer to a question. It stays on the terminal, refused or not.
    pub(crate) fn ask(&mut self, question: &Question) -> Result<String, PromptError> {
        let mut line = EditedLine::default();
        loop {
            self.draw(&question.label(), &line)?;
            match self.press(&mut line)? {
                Pressed::Changed => {}
                Pressed::Finished => break,
                Pressed::Interrupted => return self.interrupted(SIGINT),
            }
        }
        let answer = match line.text() {
            // The offered value itself is taken: the shown one may lack a password.
            text if text.is_empty() => question.offered.clone(),
            text => text,
        };
        let begin = self.begin();
        self.cursor = 0;
        self.say(&format!("{begin}{}: {}", question.text, redacted(&answer)))?;
        Ok(answer)
    }

    fn press(&self, line: &mut EditedLine) -> Result<Pressed, PromptError> {
        if let Some(signal) = self.signals.caught() {
            return self.interrupted(signal);
        }
        let key = self.term.read_key_raw()?;
        // A signal interrupts the reading just as a Ctrl-C does.
        match self.signals.caught() {
            Some(signal) => self.interrupted(signal),
            None => Ok(line.press(&key)),
        }
    }

    /// Ends the row of the question, so that the next output begins a new line.
    fn interrupted<T>(&self, signal: i32) -> Result<T, PromptError> {
        let _left = self.say("");
        Err(PromptError::Interrupted { signal })
    }

    fn columns(&self) -> usize {
        let (_, columns) = self.term.size_checked().unwrap_or((0, COLUMNS));
        columns.into()
    }

    fn draw(&mut self, label: &str, line: &EditedLine) -> io::Result<()> {
        // The last column stays free: some terminals break a line that is as wide as they are.
        let whole = self.columns();
        let columns = whole.saturating_sub(1);
        let label = truncate_str(label, columns.saturating_sub(ANSWER_MIN), "…");
        let beginning = format!("{label}: ");
        let width = measure_text_width(&beginning);
        let Shown { text, cursor } = line.shown(columns.saturating_sub(width));
        let begin = self.begin();
        (self.cursor, self.columns) = (width + cursor, whole);
        let to = self.cursor;
        self.term.write_str(&format!("{begin}{beginning}{text}\r\x1b[{to}C"))
    }

    /// Returns the text that clears the row of the question: its rows, if the terminal has become
    /// narrower.
    fn begin(&self) -> String {
        let columns = self.columns();
        if columns == self.columns {
            return "\r\x1b[K".to_owned();
        }
        let rows = if reflows() { self.cursor / columns.max(1) } else { 0 };
        let up = if rows > 0 { format!("\x1b[{rows}A") } else { String::new() };
        format!("{up}\r\x1b[J")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // If the terminal is gone, its mode can't and need not be restored.
        let _gone = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// Handlers of the signals that end a process, which note the signal instead.
struct TerminalSignals {
    ids: Vec<SigId>,
    caught: Arc<AtomicUsize>,
}

impl TerminalSignals {
    fn catch() -> io::Result<Self> {
        let mut signals = Self { ids: Vec::new(), caught: Arc::default() };
        for signal in ENDING {
            let caught = Arc::clone(&signals.caught);
            signals.ids.push(flag::register_usize(signal, caught, signal.unsigned_abs() as usize)?);
        }
        Ok(signals)
    }

    fn caught(&self) -> Option<i32> {
        match self.caught.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }
}

impl Drop for TerminalSignals {
    fn drop(&mut self) {
        for id in &self.ids {
            unregister(*id);
        }
    }
}
