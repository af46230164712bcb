//! The task of `pipe`: one command for each worker, which answers the lines of its cycles.
//!
//! Three tasks of the worker's loop serve it: one reads, one writes if the pipe was full, and one
//! waits for the command's end. A cycle writes its line by itself, and waits in a place whose waker
//! the reader wakes. In steady state nothing here allocates.
//!
//! A command that has ended, or whose output can't be paired with cycles, ends the worker with a
//! message: no further cycle could be measured.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Write};
use std::pin::pin;
use std::process::ExitStatus;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::Child;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;

use super::dialogue::Dialogue;
use super::process::{LineStream, ReplyStream, StartedCommand, start};
use super::replies::{Replies, ReplyError, ReplyEvent};
use super::template::CycleNumbers;
use super::{PipeParameters, buffering, channel};
use crate::command::ending;

/// The bytes that are read at once: as many as a pipe holds.
const READ_MAX: usize = 64 << 10;
/// The time that a command has to exit once it has closed its output or its input, so that the
/// message can name its exit code.
const EXIT_GRACE: Duration = Duration::from_millis(500);
/// The share of the deadline of `after` that is kept for the message about a command that does not
/// keep it.
const AFTER_RESERVE: u32 = 10;

/// The state of one worker: its command, and the cycles that wait for a reply.
pub(super) struct PipeTask {
    pipe: Rc<Pipe>,
    reader: JoinHandle<()>,
    exit: watch::Receiver<Option<ExitStatus>>,
    after_deadline: Duration,
    pid: Option<u32>,
}

/// The command's streams, and the cycles between them.
struct Pipe {
    state: RefCell<PipeState>,
    /// `None` once the input is to end.
    input: RefCell<Option<Rc<LineStream>>>,
    /// Wakes the writer.
    write: Notify,
    exit: watch::Receiver<Option<ExitStatus>>,
    /// Set once the run is over, and the command may end.
    is_over: Cell<bool>,
    worker: u32,
    parameters: PipeParameters,
}

struct PipeState {
    dialogue: Dialogue,
    replies: Replies,
    places: Vec<CyclePlace>,
    free: Vec<usize>,
    /// The bytes for which the pipe had no room.
    unsent: Vec<u8>,
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
struct Ticket<'a> {
    pipe: &'a Pipe,
    place: usize,
    /// Set once the cycle has its outcome.
    is_over: Cell<bool>,
}

impl dyno::Task for PipeTask {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let parameters = context.parameters::<PipeParameters>().clone();
        let describe = |error: anyhow::Error| format!("{error:#}");
        let (dialogue, replies) = Dialogue::read(&parameters).map_err(describe)?;
        let StartedCommand { child, input, output } =
            start(&parameters, context.worker()).map_err(describe)?;
        let after_deadline = Duration::from_millis(parameters.after_deadline_ms);
        let (pid, (exited, exit)) = (child.id(), watch::channel(None));
        let input = Rc::new(input);
        let pipe = Rc::new(Pipe {
            state: RefCell::new(PipeState {
                dialogue,
                replies,
                places: Vec::new(),
                free: Vec::new(),
                unsent: Vec::new(),
                has_sent: false,
                metrics: HashMap::new(),
            }),
            input: RefCell::new(Some(Rc::clone(&input))),
            write: Notify::new(),
            exit: exit.clone(),
            is_over: Cell::new(false),
            worker: context.worker(),
            parameters,
        });
        spawn_local(wait(child, exited));
        spawn_local(write(Rc::clone(&pipe), input));
        let reader = spawn_local(read(Rc::clone(&pipe), output));
        Ok(Self { pipe, reader, exit, after_deadline, pid })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let ticket = self.pipe.send(cycle.index());
        let outcome = poll_fn(|context| ticket.poll(context.waker())).await;
        outcome.map_err(Into::into)
    }

    async fn after(mut self) -> dyno::Result {
        let pipe = Rc::clone(&self.pipe);
        pipe.is_over.set(true);
        let is_mute = pipe.is_mute();
        if pipe.parameters.ipc {
            pipe.state.borrow_mut().unsent.extend_from_slice(channel::DISCONNECT);
        }
        // The writer holds the other end of the input, and drops it once all is written.
        pipe.input.borrow_mut().take();
        pipe.write.notify_one();
        let name = pipe.command();
        let limit = self.after_deadline - self.after_deadline / AFTER_RESERVE;
        let Ok(status) = timeout(limit, exited(&mut self.exit)).await else {
            if let Some(pid) = self.pid {
                let _gone = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
            let deadline = humantime::format_duration(self.after_deadline);
            let mute = if is_mute { format!("; {}", pipe.mute()) } else { String::new() };
            return Err(format!(
                "`{name}` did not end within {deadline} (--after-deadline) of the end of its input, \
                 and was killed{mute}"
            )
            .into());
        };
        // All that it printed is read, to its last value of a metric.
        let _ended = (&mut self.reader).await;
        if is_mute {
            return Err(pipe.mute().into());
        }
        if !status.success() {
            show(&format!("warning: `{name}` {} after the end of its input", ending(status)));
        }
        Ok(())
    }
}

impl Pipe {
    /// Sends the line of a cycle, and returns the place where the cycle waits for its reply.
    fn send(self: &Rc<Self>, cycle: u64) -> Ticket<'_> {
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
            spawn_local(watch_first_reply(Rc::clone(self)));
        }
        Ticket { pipe: self, place, is_over: Cell::new(false) }
    }

    /// Writes what the pipe has room for, and leaves the rest to the writer.
    fn flush(&self, unsent: &mut Vec<u8>) {
        let input = self.input.borrow();
        let Some(input) = &*input else { return };
        if write_now(input, unsent) != Written::All {
            self.write.notify_one();
        }
    }

    /// Reads output of the command, and ends the cycles whose replies have ended.
    fn take(&self, bytes: &[u8]) {
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
    fn is_mute(&self) -> bool {
        let state = self.state.borrow();
        state.has_sent && state.replies.ended() == 0
    }

    /// Returns the sentence about a command that has answered nothing.
    fn mute(&self) -> String {
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
    fn lost(&self, end: &str) -> String {
        let state = self.state.borrow();
        let (name, ended) = (self.command(), state.replies.ended());
        let half = match state.replies.last_line() {
            Some(line) if state.replies.is_in_a_line() => format!(", within the line `{line}`"),
            Some(line) => format!("; its last line was `{line}`"),
            None => String::new(),
        };
        let hint = if ended == 0 && self.parameters.ipc {
            "; does it call process.on('message', …)? A program without that ends at once"
        } else {
            ""
        };
        format!("`{name}` {end} before the end of the run, after {ended} replies{half}{hint}")
    }

    fn command(&self) -> &str {
        self.parameters.argv.first().map_or("", String::as_str)
    }

    /// Ends this worker, and its command.
    fn fail(&self, message: &str) -> ! {
        dyno::internal::fail_worker(message)
    }
}

impl Ticket<'_> {
    fn poll(&self, waker: &Waker) -> Poll<Result<(), String>> {
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

/// The outcome of a write that does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    All,
    /// The pipe is full.
    Part,
    /// The command no longer reads.
    Closed,
}

/// Writes bytes while there is room, and keeps the others.
fn write_now(input: &LineStream, unsent: &mut Vec<u8>) -> Written {
    let mut written = 0;
    let outcome = loop {
        if written == unsent.len() {
            break Written::All;
        }
        match input.try_write(&unsent[written..]) {
            Ok(bytes) => written += bytes,
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => break Written::Part,
                _ => break Written::Closed,
            },
        }
    };
    unsent.drain(..written);
    outcome
}

/// Writes what had no room, to the end of the run.
async fn write(pipe: Rc<Pipe>, input: Rc<LineStream>) {
    loop {
        pipe.write.notified().await;
        let mut outcome = write_now(&input, &mut pipe.state.borrow_mut().unsent);
        while outcome == Written::Part && input.writable().await.is_ok() {
            outcome = write_now(&input, &mut pipe.state.borrow_mut().unsent);
        }
        if outcome != Written::All && !pipe.is_over.get() {
            let closed = || "closed its standard input and went on".to_owned();
            let end = end_of(&pipe).await.unwrap_or_else(closed);
            if !pipe.is_over.get() {
                pipe.fail(&pipe.lost(&end));
            }
        }
        if pipe.is_over.get() {
            return;
        }
    }
}

/// Reads replies until the command's output ends.
async fn read(pipe: Rc<Pipe>, mut output: ReplyStream) {
    let mut buffer = vec![0; READ_MAX];
    let mut exit = pipe.exit.clone();
    let mut gone = pin!(exited(&mut exit));
    loop {
        let mut is_gone = false;
        let read = {
            let mut next = pin!(output.read(&mut buffer));
            poll_fn(|context| {
                if let Poll::Ready(read) = next.as_mut().poll(context) {
                    return Poll::Ready(read);
                }
                // Where a process that it started holds its output open, that never ends.
                is_gone = gone.as_mut().poll(context).is_ready();
                if is_gone { Poll::Ready(Ok(0)) } else { Poll::Pending }
            })
            .await
        };
        match read {
            Ok(0) | Err(_) => {
                while is_gone && let Ok(bytes @ 1..) = nix::unistd::read(&output, &mut buffer) {
                    pipe.take(&buffer[..bytes]);
                }
                break;
            }
            Ok(bytes) => pipe.take(&buffer[..bytes]),
        }
    }
    if !pipe.is_over.get() {
        let end = end_of(&pipe).await;
        // The run may have ended meanwhile.
        if !pipe.is_over.get() {
            let closed = || format!("closed its {} and went on", pipe.output_name());
            pipe.fail(&pipe.lost(&end.unwrap_or_else(closed)));
        }
    }
}

impl Pipe {
    fn output_name(&self) -> &'static str {
        if self.parameters.ipc { "channel" } else { "standard output" }
    }
}

/// Returns how the command ended; `None` if it goes on.
async fn end_of(pipe: &Pipe) -> Option<String> {
    let mut exit = pipe.exit.clone();
    timeout(EXIT_GRACE, exited(&mut exit)).await.ok().map(ending)
}

/// Waits for the command's end.
async fn exited(exit: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    match exit.wait_for(Option::is_some).await.map(|status| *status) {
        Ok(Some(status)) => status,
        // The sender lives until it has sent.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Waits for the process, and publishes its end.
async fn wait(mut child: Child, exit: watch::Sender<Option<ExitStatus>>) {
    if let Ok(status) = child.wait().await {
        let _nobody_waits = exit.send(Some(status));
    }
}

/// Ends the worker if the first line is not answered within the start deadline.
async fn watch_first_reply(pipe: Rc<Pipe>) {
    let deadline = Duration::from_millis(pipe.parameters.start_deadline_ms);
    let mut exit = pipe.exit.clone();
    let is_late = timeout(deadline, exited(&mut exit)).await.is_err();
    if is_late && pipe.is_mute() && !pipe.is_over.get() {
        let deadline = humantime::format_duration(deadline);
        pipe.fail(&format!("{} (waited {deadline}: --start-deadline)", pipe.mute()));
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
fn show(text: &str) {
    let _unread = writeln!(std::io::stderr(), "{text}");
}
