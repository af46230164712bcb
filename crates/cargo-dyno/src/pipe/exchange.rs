//! The exchange with a command: lines of cycles out, replies in.
//!
//! A cycle writes its line by itself, and waits in a place whose waker is woken when its reply has
//! ended. In steady state nothing here allocates.
//!
//! A command whose output can't be paired with cycles ends the worker with a message: no further
//! cycle could be measured.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Write;
use std::process::ExitStatus;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::sync::{Notify, watch};

use super::dialogue::Dialogue;
use super::process::{LineStream, Written};
use super::replies::{Replies, ReplyError, ReplyEvent};
use super::template::CycleNumbers;
use super::{PipeParameters, buffering};

/// The command's streams, and the cycles between them.
pub(super) struct Pipe {
    pub(super) state: RefCell<PipeState>,
    /// `None` once the input is to end.
    pub(super) input: RefCell<Option<Rc<LineStream>>>,
    /// Wakes the writer.
    pub(super) write: Notify,
    /// Wakes the watch for the first reply.
    pub(super) first_line: Notify,
    pub(super) exit: watch::Receiver<Option<ExitStatus>>,
    /// Set once the run is over, and the command may end.
    pub(super) is_over: Cell<bool>,
    worker: u32,
    pub(super) parameters: PipeParameters,
}

pub(super) struct PipeState {
    dialogue: Dialogue,
    replies: Replies,
    places: Vec<CyclePlace>,
    free: Vec<usize>,
    /// The bytes for which the pipe had no room.
    pub(super) unsent: Vec<u8>,
    has_sent: bool,
    metrics: HashMap<String, Option<dyno::Histogram>>,
}

/// The place of a cycle that waits for its reply.
#[derive(Default)]
struct CyclePlace {
    waker: Option<Waker>,
    /// The end of the reply; an error is the failed cycle's message.
    outcome: Option<Result<(), String>>,
    /// `true` if the cycle was given up: its reply still comes.
    is_abandoned: bool,
}

/// A place, given back when the cycle is over or given up.
pub(super) struct Ticket<'a> {
    pipe: &'a Pipe,
    place: usize,
    /// Set once the cycle has its outcome.
    is_over: Cell<bool>,
}

impl Pipe {
    /// Creates the pipe of a worker, and no task that serves it.
    pub(super) fn new(
        parameters: PipeParameters,
        worker: u32,
        (dialogue, replies): (Dialogue, Replies),
        input: Rc<LineStream>,
        exit: watch::Receiver<Option<ExitStatus>>,
    ) -> Self {
        Self {
            state: RefCell::new(PipeState {
                dialogue,
                replies,
                places: Vec::new(),
                free: Vec::new(),
                unsent: Vec::new(),
                has_sent: false,
                metrics: HashMap::new(),
            }),
            input: RefCell::new(Some(input)),
            write: Notify::new(),
            first_line: Notify::new(),
            exit,
            is_over: Cell::new(false),
            worker,
            parameters,
        }
    }

    /// Sends the line of a cycle, and returns the place where the cycle waits for its reply.
    pub(super) fn send(&self, cycle: u64) -> Ticket<'_> {
        let numbers = CycleNumbers { cycle, worker: self.worker, seed: self.parameters.seed };
        let mut state = self.state.borrow_mut();
        let PipeState { dialogue, replies, places, free, unsent, has_sent, .. } = &mut *state;
        let place = free.pop().unwrap_or_else(|| {
            places.push(CyclePlace::default());
            places.len() - 1
        });
        replies.expect(cycle, place);
        // Behind bytes that wait for room, the writer writes this line too.
        let is_blocked = !unsent.is_empty();
        dialogue.write(numbers, unsent);
        if !is_blocked {
            self.flush(unsent);
        }
        if !std::mem::replace(has_sent, true) {
            self.first_line.notify_one();
        }
        Ticket { pipe: self, place, is_over: Cell::new(false) }
    }

    /// Writes what the pipe has room for, and leaves the rest to the writer.
    fn flush(&self, unsent: &mut Vec<u8>) {
        let input = self.input.borrow();
        let Some(input) = &*input else { return };
        if input.write_now(unsent) != Written::All {
            self.write.notify_one();
        }
    }

    /// Reads output of the command, and ends the cycles whose replies have ended.
    pub(super) fn take(&self, bytes: &[u8]) {
        let mut state = self.state.borrow_mut();
        let PipeState { replies, places, free, metrics, .. } = &mut *state;
        let outcome = replies.read(bytes, &mut |event| match event {
            ReplyEvent::Ended { place, failure } => {
                let waits = &mut places[place];
                if std::mem::take(&mut waits.is_abandoned) {
                    free.push(place);
                    return;
                }
                waits.outcome = Some(failure.map_or(Ok(()), Err));
                if let Some(waker) = waits.waker.take() {
                    waker.wake();
                }
            }
            ReplyEvent::Metric { name, value, unit } => record(metrics, name, value, unit),
            ReplyEvent::Aside(line) => show(&String::from_utf8_lossy(line)),
        });
        match outcome {
            // At its end a program may print more, such as a summary.
            Err(ReplyError::Unasked(line) | ReplyError::Unmatched(line)) if self.is_over.get() => {
                show(&line);
            }
            Err(error) => self.fail(&format!("`{}` {error}", self.command())),
            Ok(()) => {}
        }
    }

    /// Returns `true` if the command was sent a line and has answered none.
    pub(super) fn is_mute(&self) -> bool {
        let state = self.state.borrow();
        state.has_sent && state.replies.ended() == 0
    }

    /// Returns the sentence about a command that has answered nothing.
    pub(super) fn mute(&self) -> String {
        let (name, state) = (self.command(), self.state.borrow());
        if self.parameters.ipc {
            return format!(
                "`{name}` has answered no message: does it call process.on('message', …), and \
                 process.send({{name: 'cycle:completed'}})?"
            );
        }
        match state.replies.last_line() {
            Some(line) => format!(
                "`{name}` has ended no reply; its last line was `{line}`: does the form of the reply \
                 fit (--reply-lines, --reply-until, --mark)?"
            ),
            None => format!("`{name}` has answered no line: {}", buffering::remedy(name)),
        }
    }

    /// Returns the end of a command's output before the end of the run, as a sentence.
    pub(super) fn lost(&self, end: &str) -> String {
        let state = self.state.borrow();
        let (name, ended) = (self.command(), state.replies.ended());
        let half = match state.replies.last_line() {
            Some(line) if state.replies.is_in_a_line() => format!(", within the line `{line}`"),
            Some(line) => {
                // A complaint may have several lines, and the first one has the reason.
                let line = state.replies.failure().unwrap_or(&line);
                format!("; it printed `{line}`")
            }
            None => String::new(),
        };
        let hint = if ended == 0 && self.parameters.ipc {
            "; does it call process.on('message', …)? A program without that ends at once"
        } else {
            ""
        };
        format!("`{name}` {end} before the end of the run, after {ended} replies{half}{hint}")
    }

    pub(super) fn command(&self) -> &str {
        self.parameters.argv.first().map_or("", String::as_str)
    }

    /// Ends this worker, and its command.
    pub(super) fn fail(&self, message: &str) -> ! {
        dyno::internal::fail_worker(message)
    }

    /// Returns the stream of the replies, as users know it.
    pub(super) fn output_name(&self) -> &'static str {
        if self.parameters.ipc { "channel" } else { "standard output" }
    }
}

impl Ticket<'_> {
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Result<(), String>> {
        let place = &mut self.pipe.state.borrow_mut().places[self.place];
        if let Some(outcome) = place.outcome.take() {
            self.is_over.set(true);
            return Poll::Ready(outcome);
        }
        if !place.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            place.waker = Some(waker.clone());
        }
        Poll::Pending
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.pipe.state.borrow_mut();
        let place = &mut state.places[self.place];
        place.waker = None;
        if self.is_over.get() || place.outcome.take().is_some() {
            state.free.push(self.place);
        } else {
            place.is_abandoned = true;
        }
    }
}

/// Records a value under a name. A name that no metric can have is reported once.
fn record(
    metrics: &mut HashMap<String, Option<dyno::Histogram>>,
    name: &str,
    value: f64,
    unit: Option<dyno::Unit>,
) {
    if let Some(known) = metrics.get(name) {
        if let Some(histogram) = known {
            histogram.record(value);
        }
        return;
    }
    let histogram = match dyno::try_histogram(name) {
        Ok(histogram) => Some(unit.map_or(histogram, |unit| histogram.with_unit(unit))),
        Err(error) => {
            show(&format!("warning: {error}; its values are left out"));
            None
        }
    };
    if let Some(histogram) = histogram {
        histogram.record(value);
    }
    metrics.insert(name.to_owned(), histogram);
}

/// Writes a line to this worker's standard error, which the primary shows.
pub(super) fn show(text: &str) {
    let _unread = writeln!(std::io::stderr(), "{text}");
}
