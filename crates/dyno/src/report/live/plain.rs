//! The progress of a run without a terminal: a line a second, and each message as it comes.

use std::io::Write;
use std::time::Duration;

use dyno_bus::builtin::RESPONSE;
use dyno_bus::value::Unit;
use dyno_observer::{List, Stat, format};

use super::notices;
use crate::primary::run::{Tick, Update};
use crate::report::formats::palette::{self, Palette};
use crate::report::formats::printable;

/// The time between two lines about the run's state.
const PERIOD: Duration = Duration::from_secs(1);
/// The most time that such a line may be early: ticks are counted from the start of the workers,
/// and the run's time from its first due time.
const EARLY: Duration = Duration::from_millis(100);

/// The messages about a run that are written as lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chatter {
    /// The run's state, workers' output, warnings, faults.
    All,
    /// Faults alone: the part that `--quiet` leaves, and that the trials of a study have.
    Faults,
    /// No line at all.
    Nothing,
}

impl Chatter {
    /// Returns `true` if an update leaves a line.
    pub(super) fn has(self, update: &Update) -> bool {
        match self {
            Self::All => true,
            Self::Faults => matches!(update, Update::Fault(_)),
            Self::Nothing => false,
        }
    }
}

/// A writer of lines to a stream that may be closed: then its lines are lost without an error.
#[derive(Debug)]
pub(crate) struct Plain<W> {
    out: W,
    chatter: Chatter,
    /// The run's time at which the next line is due.
    next: Duration,
}

impl<W: Write> Plain<W> {
    pub(crate) fn new(out: W, chatter: Chatter) -> Self {
        Self { out, chatter, next: PERIOD }
    }

    /// Writes new updates, and once a second the run's state.
    pub(crate) fn show(&mut self, updates: &[Update], tick: Option<&Tick>) {
        let lines = updates.iter().filter(|update| self.chatter.has(update));
        let mut text: String = lines
            .filter_map(|update| notices::update(update, Palette::Plain))
            .flat_map(|line| [cleaned(&line), "\n".to_owned()])
            .collect();
        if let Some(tick) = tick
            && self.chatter == Chatter::All
            && tick.elapsed + EARLY >= self.next
        {
            // Counted in whole seconds, so that a late tick does not delay the lines after it.
            self.next = Duration::from_secs((tick.elapsed + EARLY).as_secs()) + PERIOD;
            text.push_str(&standing(tick));
        }
        self.write(&text);
    }

    /// Writes the text of the user's `on_tick` for the run's end, in the place of a live view.
    pub(crate) fn close(&mut self, own: Option<String>) {
        if let Some(own) = own.filter(|_| self.chatter == Chatter::All) {
            self.write(&format!("{}\n", cleaned(&own)));
        }
    }

    fn write(&mut self, text: &str) {
        // One write for all of them, so that updates that come together stay together.
        let _written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// Returns a text of others without characters that a terminal obeys: the stream may be a terminal
/// that has no live view. Colours stay, unless the terminal has none.
fn cleaned(text: &str) -> String {
    if palette::draws() { printable::printable(text) } else { printable::plain(text) }
}

/// Returns the state of a run as one line.
fn standing(tick: &Tick) -> String {
    let phase = tick.phase.of_cycles();
    let failed = match tick.totals.failed[phase] {
        0 => String::new(),
        failed => format!("  failed {failed}"),
    };
    let said =
        |(name, value)| format!("  response {name} {}", format::value(value, Unit::Nanoseconds));
    let response = worst_response(&tick.list).map(said);
    format!(
        "{:>6.1} s  {:<10}  issued {}  completed {}{failed}  backlog {}{}\n",
        tick.elapsed.as_secs_f64(),
        tick.phase.to_string(),
        tick.totals.issued[phase],
        tick.totals.completed[phase],
        tick.backlog.total(),
        response.unwrap_or_default(),
    )
}

/// Returns the response so far, in the worker where it is longest, and its statistic.
fn worst_response(list: &List) -> Option<(Stat, f64)> {
    // This is the maximum until a worker has had as many cycles as p99 needs.
    [Stat::P99, Stat::Max].into_iter().find_map(|stat| {
        let picked = list.clone().workers().metrics([RESPONSE]).pick(stat);
        let longest = picked.rows().filter_map(|(_, cells)| cells[0]).reduce(f64::max);
        longest.map(|value| (stat, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primary::run::Stream;
    use crate::result::fixture;

    fn updates() -> [Update; 3] {
        let text = "connecting to redis://u:p@h".into();
        [
            Update::Line { worker: 1, stream: Stream::Stdout, text },
            Update::Warning("a debug build".into()),
            Update::Fault("worker 1 died".into()),
        ]
    }

    #[test]
    fn a_line_a_second_shows_the_phase_and_the_progress_of_the_run() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out, Chatter::All);
        plain.show(&updates(), None);
        for millis in [800, 1_000, 1_100, 1_800, 2_990] {
            let elapsed = Duration::from_millis(millis);
            plain.show(&[], Some(&Tick { elapsed, ..fixture::tick() }));
        }
        plain.close(Some("all sold".into()));
        let standing =
            "measuring   issued 75  completed 70  failed 1  backlog 4  response max 27.0 ms";
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                "[1] connecting to redis://u:***@h\nwarning: a debug build\nerror: worker 1 died\n   \
                 1.0 s  {standing}\n   3.0 s  {standing}\nall sold\n"
            )
        );
    }

    #[test]
    fn texts_of_others_hold_nothing_that_a_terminal_obeys() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out, Chatter::All);
        let text = "a\u{1b}[2Jb\u{7}c".to_owned();
        let line = Update::Line { worker: 0, stream: Stream::Stderr, text: text.clone() };
        plain.show(&[line, Update::Fault(text.clone())], None);
        plain.close(Some(text));
        assert_eq!(String::from_utf8(out).unwrap(), "[0] abc\nerror: abc\nabc\n");
    }

    #[test]
    fn quiet_leaves_faults() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out, Chatter::Faults);
        plain.show(&updates(), Some(&fixture::tick()));
        plain.close(Some("all sold".into()));
        assert_eq!(String::from_utf8(out).unwrap(), "error: worker 1 died\n");
    }
}
