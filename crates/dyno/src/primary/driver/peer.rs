//! A worker as the driver holds it: its process, how far it has been read, and its last lines.

use std::collections::VecDeque;

use crate::primary::world::ProcessHandle;

/// The number of last lines on standard error that are shown when a worker dies.
const TAIL_LINES: usize = 5;

/// A worker's process, and how far it has been read.
pub(super) struct Peer<P> {
    pub(super) process: P,
    /// `true` once its link has been read to the end, or must not be read any more.
    pub(super) closed: bool,
    /// `true` once its end is known and its output has been read to the end.
    pub(super) judged: bool,
    tail: VecDeque<String>,
}

impl<P: ProcessHandle> Peer<P> {
    pub(super) fn new(process: P) -> Self {
        Self { process, closed: false, judged: false, tail: VecDeque::new() }
    }

    /// Keeps a line of its standard error, to be shown if it dies.
    pub(super) fn remember(&mut self, line: &str) {
        if is_backtrace(line) {
            return;
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }

    /// Returns the last lines of its standard error.
    pub(super) fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }
}

/// Returns `true` for a line that Rust prints after a panic's own lines, which it would push out.
fn is_backtrace(line: &str) -> bool {
    let text = line.trim_start();
    let frame = text.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    let is_indented = text.len() < line.len();
    text.is_empty()
        || text == "stack backtrace:"
        || is_indented && (frame || text.starts_with("at "))
        || text.starts_with("note: ") && text.contains("`RUST_BACKTRACE=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_those_of_a_panic_are_its_backtrace() {
        let printed = "\nthread 'main' (7) panicked at src/main.rs:2:5:\nno such table\nstack \
                       backtrace:\n   0: __rustc::rust_begin_unwind\n             at /rustc/1/panicking.rs:689:5\n  \
                       11: shop::main\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` \
                       for a verbose backtrace.\n1: at the desk\nat home";
        let kept: Vec<_> = printed.lines().filter(|line| !is_backtrace(line)).collect();
        let own = "thread 'main' (7) panicked at src/main.rs:2:5:";
        assert_eq!(kept, [own, "no such table", "1: at the desk", "at home"]);
    }
}
