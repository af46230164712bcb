//! The replies of a command: bytes in, ends of cycles out.
//!
//! It knows the form of a reply, and which cycles wait for one. It refuses output that can't be
//! paired with a cycle, and output without an end. It reads no pipe and no clock, and keeps no
//! reply: only the line that has not ended yet.

use std::collections::VecDeque;

use regex::bytes::Regex;

use super::channel;

/// The most bytes of one line: a command that prints no line break would fill the memory.
const LINE_MAX: usize = 1 << 20;
/// The most bytes of one reply, which is not kept: a command that never ends a reply has lost its
/// place.
const REPLY_MAX: usize = 64 << 20;
/// The most bytes of a line that an error quotes.
const QUOTE_MAX: usize = 120;
/// The beginning of a line that is a value of a metric, and no part of a reply.
const METRIC: &[u8] = b"#metric ";
/// The failure of a cycle whose mark was not echoed: its line may be an unfinished statement.
const UNMARKED: &str = "the mark was not echoed before that of a later cycle";

/// The form of a reply: where it ends, and to which cycle it belongs.
#[derive(Debug)]
pub(super) enum ReplyForm {
    /// This number of lines, in the order of the cycles.
    Lines(u64),
    /// All lines up to one that matches, in the order of the cycles.
    Until(Regex),
    /// All lines up to the echo of the cycle's mark, `=12`, in the order of the cycles.
    Mark,
    /// A line that begins with the cycle's number, in any order.
    Matched,
    /// A message of Node's channel, in order or with the cycle's number.
    Messages,
}

/// The replies that are due, and the bytes of the one that arrives.
#[derive(Debug)]
pub(super) struct Replies {
    form: ReplyForm,
    fail_if: Option<Regex>,
    /// The cycles that wait for a reply, in the order of their lines.
    waiting: VecDeque<WaitingCycle>,
    /// The beginning of a line whose end has not arrived.
    part: Vec<u8>,
    /// The bytes of the reply that arrives.
    length: usize,
    /// The number of replies so far.
    ended: u64,
    /// The beginning of the last line, for errors.
    last: Vec<u8>,
}

#[derive(Debug)]
struct WaitingCycle {
    cycle: u64,
    place: usize,
    lines: u64,
    failure: Option<String>,
}

/// An event in the output of a command.
#[derive(Debug, PartialEq)]
pub(super) enum ReplyEvent<'a> {
    /// The reply of the cycle in this place has ended; with a failure, the cycle failed.
    Ended { place: usize, failure: Option<String> },
    /// A value of a metric.
    Metric { name: &'a str, value: f64, unit: Option<dyno::Unit> },
    /// A line that belongs to no cycle, where that is allowed.
    Aside(&'a [u8]),
}

/// Output that can't be paired with a cycle.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum ReplyError {
    #[error(
        "printed `{0}` while no cycle waited for a reply: for a reply of several lines use \
         --reply-lines N, --reply-until REGEX or --mark TEMPLATE"
    )]
    Unasked(String),
    #[error(
        "printed `{0}`, which does not begin with the number of a cycle that waits (--matched)"
    )]
    Unmatched(String),
    #[error("printed a line of more than {LINE_MAX} bytes without an end; it begins with `{0}`")]
    LineTooLong(String),
    #[error(
        "printed more than {REPLY_MAX} bytes for cycle {0}, and its reply has not ended: does \
         the end match --reply-until, or is the mark echoed?"
    )]
    ReplyTooLong(u64),
    #[error(
        "printed `{0}`: expected `#metric NAME VALUE [UNIT]`, such as `#metric rows 12` or \
         `#metric parse 350 ns`, with a unit of ns, bytes or permille"
    )]
    BadMetric(String),
    #[error("sent `{0}`, which is not JSON: with --ipc each line of the channel is a message")]
    NotJson(String),
    #[error("reported that a cycle was completed while no cycle waited: `{0}`")]
    UnaskedMessage(String),
}

impl Replies {
    pub(super) fn new(form: ReplyForm, fail_if: Option<Regex>) -> Self {
        let (waiting, part, last) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { form, fail_if, waiting, part, length: 0, ended: 0, last }
    }

    /// Expects a reply to a cycle. Its end is reported with `place`.
    pub(super) fn expect(&mut self, cycle: u64, place: usize) {
        self.waiting.push_back(WaitingCycle { cycle, place, lines: 0, failure: None });
    }

    /// Returns the number of replies that have ended.
    pub(super) fn ended(&self) -> u64 {
        self.ended
    }

    /// Returns the beginning of the last line that arrived, whole or not; `None` before the first.
    pub(super) fn last_line(&self) -> Option<String> {
        let line = if self.part.is_empty() { &self.last } else { &self.part };
        (!line.is_empty()).then(|| quoted(line))
    }

    /// Returns the line that has made a cycle fail whose reply has not ended.
    pub(super) fn failure(&self) -> Option<&str> {
        self.waiting.iter().find_map(|waiting| waiting.failure.as_deref())
    }

    /// Returns `true` if a line has begun and its end has not arrived.
    pub(super) fn is_in_a_line(&self) -> bool {
        !self.part.is_empty()
    }

    /// Reads output, split at any byte.
    ///
    /// # Errors
    /// If a part of it can't be paired with a cycle.
    pub(super) fn read(
        &mut self,
        mut bytes: &[u8],
        on: &mut impl FnMut(ReplyEvent<'_>),
    ) -> Result<(), ReplyError> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.part.is_empty() {
                self.line(line, on)?;
            } else {
                let mut whole = std::mem::take(&mut self.part);
                whole.extend_from_slice(line);
                let outcome = self.line(&whole, on);
                whole.clear();
                self.part = whole;
                outcome?;
            }
        }
        self.part.extend_from_slice(bytes);
        if self.part.len() > LINE_MAX {
            return Err(ReplyError::LineTooLong(quoted(&self.part)));
        }
        Ok(())
    }

    /// Reads one line without its line break.
    fn line(&mut self, line: &[u8], on: &mut impl FnMut(ReplyEvent<'_>)) -> Result<(), ReplyError> {
        if line.len() > LINE_MAX {
            return Err(ReplyError::LineTooLong(quoted(line)));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.last.clear();
        self.last.extend_from_slice(&line[..line.len().min(QUOTE_MAX)]);
        if matches!(self.form, ReplyForm::Messages) {
            return self.message(line, on);
        }
        if line.starts_with(METRIC) {
            on(metric(line).ok_or_else(|| ReplyError::BadMetric(quoted(line)))?);
            return Ok(());
        }
        if matches!(self.form, ReplyForm::Mark)
            && let Some(at) = self.marked(line)
        {
            // A cycle before it has lost its mark: its reply ended where this mark came.
            for _ in 0..at {
                self.end(0, Some(UNMARKED.to_owned()), on);
            }
            self.end(0, None, on);
            return Ok(());
        }
        let place = match self.form {
            ReplyForm::Matched => self.matched(line),
            _ => (!self.waiting.is_empty()).then_some(0),
        };
        let Some(place) = place else {
            return match self.form {
                // Between two marks, a line may be a notice: its place shows that no cycle waits for it.
                ReplyForm::Mark => {
                    on(ReplyEvent::Aside(line));
                    Ok(())
                }
                ReplyForm::Matched => Err(ReplyError::Unmatched(quoted(line))),
                _ => Err(ReplyError::Unasked(quoted(line))),
            };
        };
        let is_end = self.is_end(line);
        let waiting = &mut self.waiting[place];
        waiting.lines += 1;
        self.length += line.len() + 1;
        if self.length > REPLY_MAX {
            return Err(ReplyError::ReplyTooLong(waiting.cycle));
        }
        if waiting.failure.is_none()
            && self.fail_if.as_ref().is_some_and(|pattern| pattern.is_match(line))
        {
            waiting.failure = Some(quoted(line));
        }
        if is_end {
            self.end(place, None, on);
        }
        Ok(())
    }

    /// Returns `true` if the line ends the reply to which it belongs.
    fn is_end(&self, line: &[u8]) -> bool {
        match &self.form {
            ReplyForm::Lines(lines) => self.waiting[0].lines + 1 >= *lines,
            ReplyForm::Until(pattern) => pattern.is_match(line),
            ReplyForm::Matched | ReplyForm::Messages => true,
            ReplyForm::Mark => false,
        }
    }

    /// Returns the place, among the cycles that wait, of the cycle whose mark the line is.
    fn marked(&self, line: &[u8]) -> Option<usize> {
        let cycle = whole_number(line.strip_prefix(b"=")?)?;
        self.waiting.iter().position(|waiting| waiting.cycle == cycle)
    }

    /// Returns the place, among the cycles that wait, of the cycle with whose number a line begins.
    fn matched(&self, line: &[u8]) -> Option<usize> {
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let cycle = whole_number(&line[..digits])?;
        self.waiting.iter().position(|waiting| waiting.cycle == cycle)
    }

    /// Ends the reply of a cycle that waits.
    fn end(&mut self, at: usize, failure: Option<String>, on: &mut impl FnMut(ReplyEvent<'_>)) {
        self.length = 0;
        let Some(waiting) = self.waiting.remove(at) else { return };
        self.ended += 1;
        let failure = failure.or(waiting.failure);
        on(ReplyEvent::Ended { place: waiting.place, failure });
    }

    /// Reads a message of Node's channel.
    fn message(
        &mut self,
        line: &[u8],
        on: &mut impl FnMut(ReplyEvent<'_>),
    ) -> Result<(), ReplyError> {
        match channel::read(line) {
            Some(channel::Message::Completed { cycle, error }) => {
                let is_its =
                    |waiting: &WaitingCycle| cycle.is_none_or(|cycle| waiting.cycle == cycle);
                let Some(at) = self.waiting.iter().position(is_its) else {
                    return Err(ReplyError::UnaskedMessage(quoted(line)));
                };
                self.end(at, error, on);
            }
            Some(channel::Message::Recorded { name, value }) => {
                on(ReplyEvent::Metric { name: &name, value, unit: None });
            }
            Some(channel::Message::Other) => {}
            None => return Err(ReplyError::NotJson(quoted(line))),
        }
        Ok(())
    }
}

fn whole_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Reads a line such as `#metric rows 12` or `#metric parse 350 ns`.
fn metric(line: &[u8]) -> Option<ReplyEvent<'_>> {
    let text = std::str::from_utf8(line.strip_prefix(METRIC)?).ok()?;
    let mut words = text.split_ascii_whitespace();
    let (name, value) = (words.next()?, words.next()?.parse::<f64>().ok()?);
    let unit = match words.next() {
        None => None,
        Some(word) => {
            let named = |unit: &dyno::Unit| unit.name() == word && !word.is_empty();
            Some(dyno::Unit::ALL.into_iter().find(named)?)
        }
    };
    (value.is_finite() && words.next().is_none()).then_some(ReplyEvent::Metric {
        name,
        value,
        unit,
    })
}

/// Returns the beginning of a line, as an error quotes it.
fn quoted(line: &[u8]) -> String {
    let beginning = &line[..line.len().min(QUOTE_MAX)];
    let more = if line.len() > QUOTE_MAX { "…" } else { "" };
    format!("{}{more}", String::from_utf8_lossy(beginning))
}

#[cfg(test)]
mod tests;
