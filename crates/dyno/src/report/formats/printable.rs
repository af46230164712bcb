//! Foreign texts on a terminal: errors of tasks, output of workers, names. They must not move the
//! cursor, clear the screen, or ring the bell.

use dyno_summary::{Summary, Verdict};

/// Returns a text without characters that would move the cursor: a worker's output, or a text of
/// the user's `on_tick`, must not destroy the view. Colours stay, dyno's and the text's.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => printable.push(c),
            '\t' => printable.push_str("    "),
            '\x1b' if chars.peek() == Some(&'[') => {
                chars.next();
                let mut sequence = String::from("\x1b[");
                for c in chars.by_ref() {
                    sequence.push(c);
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
                if sequence.ends_with('m') {
                    printable.push_str(&sequence);
                }
            }
            c if c.is_control() => {}
            c => printable.push(c),
        }
    }
    printable
}

/// Returns the same text without colours: only printable characters and line breaks are left.
pub(crate) fn plain(text: &str) -> String {
    console::strip_ansi_codes(&printable(text)).into_owned()
}

/// Returns a summary whose texts can be printed on a terminal.
pub(crate) fn summary(summary: &Summary) -> Summary {
    let mut shown = summary.clone();
    shown.benchmark = plain(&shown.benchmark);
    if let Verdict::Unknown(name) = &mut shown.verdict {
        *name = plain(name);
    }
    for text in shown.reasons.iter_mut().chain(&mut shown.warnings) {
        *text = plain(text);
    }
    for threshold in &mut shown.thresholds {
        threshold.expression = plain(&threshold.expression);
    }
    for host in &mut shown.hosts {
        host.name = plain(&host.name);
    }
    for error in &mut shown.errors {
        error.message = plain(&error.message);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_hold_nothing_that_a_terminal_obeys() {
        let hostile = "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\rd\u{1b}[31mred\u{1b}[0m\ne\u{9b}f";
        assert_eq!(plain(hostile), "ab]0;titlecdred\nef");
        assert_eq!(plain("plain text, 中文"), "plain text, 中文");
    }
}
