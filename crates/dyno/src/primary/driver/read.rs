//! The reading of workers' sources: each is read until it is empty, but a busy one only for a
//! bounded turn, so that the others are served too.

use std::io;
use std::os::fd::AsRawFd;

use dyno_bus::message::Report;
use dyno_bus::{LinkError, Received};
use dyno_observer::ProcessId;
use mio::unix::SourceFd;
use mio::{Interest, Registry};

use super::{Driver, EXIT, LINK, STDERR, STDOUT, token};
use crate::primary::os::process::WorkerHandle;
use crate::primary::run::{Stream, Update};
use crate::primary::state::event::Event;

/// The most frames of one worker that are read before the others have their turn.
const FRAMES_PER_TURN: usize = 32;
/// The most reads of one stream of a worker's output before the others have their turn.
const READS_PER_TURN: usize = 8;

impl Driver<'_> {
    /// Reads one source of one worker.
    pub(super) fn serve(&mut self, worker: u32, source: usize) {
        match source {
            LINK => self.read_link(worker, FRAMES_PER_TURN),
            STDOUT | STDERR => self.read_output(worker, source),
            EXIT => self.judge(worker),
            _ => unreachable!("a token has one of four sources"),
        }
    }

    fn read_link(&mut self, worker: u32, frames_max: usize) {
        for _ in 0..frames_max {
            let process = self.processes[worker as usize].as_mut();
            let Some(process) = process.filter(|process| !process.closed) else { return };
            // The socket may by now have room for what could not be written before.
            if let Err(error) = flushed(process, self.poll.registry(), worker) {
                return self.break_with(worker, error);
            }
            match process.link.receive() {
                Ok(Received::Message(report)) => self.report(worker, report),
                Ok(Received::NotYet) => return,
                // A dead worker's half-written message is not an error: its exit tells the cause.
                Ok(Received::Closed) | Err(LinkError::Truncated { .. }) => {
                    return self.close(worker);
                }
                Err(error) => return self.break_with(worker, error.to_string()),
            }
        }
        self.unread.push(token(worker, LINK));
    }

    /// Ends the reading of a worker's socket, once.
    fn close(&mut self, worker: u32) {
        if let Some(process) = self.process(worker).filter(|process| !process.closed) {
            process.closed = true;
            self.step(Event::Closed { worker });
        }
    }

    /// Breaks with a worker whose message can't be true: nothing more is read from it.
    fn break_with(&mut self, worker: u32, error: String) {
        self.step(Event::Broken { worker, error });
        self.close(worker);
    }

    fn report(&mut self, worker: u32, report: Report) {
        let process = ProcessId::Worker(worker);
        let refused = match report {
            Report::Hello(hello) => {
                let refused = self.record.observer.hello(process, hello.pid);
                self.step(Event::Hello { worker, hello });
                refused.err().map(|error| error.to_string())
            }
            Report::Declare(declare) => {
                self.record.observer.declare(process, &declare).err().map(|e| e.to_string())
            }
            Report::Batch(batch) => {
                let due = self.state.due(worker, batch.as_of);
                self.record.absorb(worker, batch, due).err().map(|error| error.to_string())
            }
            Report::Ready => return self.step(Event::Ready { worker }),
            Report::Failed(failed) => {
                let (hook, message) = (failed.hook, failed.message);
                return self.step(Event::HookFailed { worker, hook, message });
            }
            Report::Notice(notice) => return self.warn(notice),
            Report::Drained(drained) => return self.step(Event::Drained { worker, drained }),
            Report::Bye(bye) => return self.step(Event::Bye { worker, bye }),
        };
        if let Some(error) = refused {
            self.break_with(worker, error);
        }
    }

    fn read_output(&mut self, worker: u32, source: usize) {
        let process = self.processes[worker as usize].as_mut();
        let Some(process) = process.filter(|process| !process.judged) else { return };
        // If the worker has ended, only what its pipe holds now is read: other processes may have
        // the pipe too, and write for ever.
        let ended = process.exit.is_some();
        let stream = if source == STDOUT { Stream::Stdout } else { Stream::Stderr };
        let output = process.output(stream);
        let reads_max = if ended { output.reads_max() } else { READS_PER_TURN };
        let mut lines = Vec::new();
        let more = (0..reads_max).all(|_| output.read(|line| lines.push(line)));
        if more {
            self.unread.push(token(worker, source));
        }
        for text in lines {
            if stream == Stream::Stderr {
                process.remember(&text);
            }
            self.sink.update(Update::Line { worker, stream, text });
        }
    }

    /// Handles the end of a process: reads all that it sent and wrote, then has its exit judged.
    fn judge(&mut self, worker: u32) {
        let Some(exit) = self.process(worker).and_then(WorkerHandle::reap) else { return };
        self.read_link(worker, usize::MAX);
        self.read_output(worker, STDOUT);
        self.read_output(worker, STDERR);
        // A grandchild may hold the pipes and the socket open, but nothing from the worker can
        // follow.
        if let Some(process) = self.process(worker) {
            process.judged = true;
        }
        self.close(worker);
        self.step(Event::Exited { worker, exit });
    }
}

/// Writes what is queued for a worker, as far as its socket has room. A worker that is gone is
/// noticed when it is read.
///
/// Room in the socket is watched only while something is queued: each command that a worker reads
/// makes some, and would wake this process without a reason.
pub(super) fn flushed(
    process: &mut WorkerHandle,
    registry: &Registry,
    worker: u32,
) -> Result<(), String> {
    match process.link.flush() {
        Ok(_) | Err(LinkError::PeerGone) => {}
        Err(error) => return Err(error.to_string()),
    }
    let waits = process.link.queued() > 0;
    if waits == process.waits {
        return Ok(());
    }
    process.waits = waits;
    let interest = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
    let fd = process.link.stream().as_raw_fd();
    registry.reregister(&mut SourceFd(&fd), token(worker, LINK), interest).map_err(unwatched)
}

/// Returns the reason why a worker whose source can't be watched is unusable.
pub(super) fn unwatched(error: io::Error) -> String {
    format!("it can't be watched: {error}")
}
