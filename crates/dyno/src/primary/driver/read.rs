//! The reading of workers' sources: each is read until it is empty, but a busy one only for a
//! bounded turn, so that the others are served too.

use dyno_bus::message::Report;
use dyno_bus::{LinkError, Received};
use dyno_observer::ProcessId;

use super::Driver;
use super::peer::Peer;
use crate::primary::run::{Stream, Update};
use crate::primary::state::event::{Event, Exit};
use crate::primary::world::{PrimaryWorld, ProcessHandle, ReadySource, WorkerSource};

/// The most reads of one stream of a worker's output before the others have their turn.
const READS_PER_TURN: usize = 8;
/// The warning about workers that other code of this process has reaped.
const REAPED: &str = "the exit codes of workers are unknown, since other code in this process reaped \
                      them: let it wait for its own children by their ids, not for any child \
                      (`waitpid(-1)`), and not ignore SIGCHLD";

impl<W: PrimaryWorld> Driver<'_, W> {
    /// Reads one source of one worker.
    pub(super) fn serve(&mut self, worker: u32, source: WorkerSource) {
        match source {
            WorkerSource::Link => self.read_link(worker, W::FRAMES_PER_TURN),
            WorkerSource::Output(stream) => self.read_output(worker, stream),
            WorkerSource::Exit => self.judge(worker),
        }
    }

    fn read_link(&mut self, worker: u32, frames_max: usize) {
        for _ in 0..frames_max {
            // The message before may have closed the link: then this one is not read.
            let peer = self.peers[worker].as_mut();
            let Some(peer) = peer.filter(|peer| !peer.closed) else { return };
            // The socket may by now have room for what could not be written before.
            if let Err(error) = flush(&mut self.world, worker, peer) {
                return self.break_with(worker, error);
            }
            match peer.process.link().receive() {
                Ok(Received::Message(report)) => self.report(worker, report),
                Ok(Received::NotYet) => return,
                // A dead worker's half-written message is not an error: its exit tells the cause.
                Ok(Received::Closed) | Err(LinkError::Truncated { .. }) => {
                    return self.close(worker);
                }
                Err(error) => return self.break_with(worker, error.to_string()),
            }
        }
        // There may be more, and no event will say so.
        self.unread.push(ReadySource::Worker(worker, WorkerSource::Link));
    }

    /// Ends the reading of a worker's socket, once.
    fn close(&mut self, worker: u32) {
        if let Some(peer) = self.peer(worker).filter(|peer| !peer.closed) {
            peer.closed = true;
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
            Report::Timeline(timeline) => {
                self.record.observer.timeline(worker, *timeline).err().map(|e| e.to_string())
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

    fn read_output(&mut self, worker: u32, stream: Stream) {
        let peer = self.peers[worker].as_mut();
        let Some(peer) = peer.filter(|peer| !peer.judged) else { return };
        // If the worker has ended, only what its pipe holds now is read: other processes may have
        // the pipe too, and write for ever.
        let reads_max = match peer.process.exit() {
            Some(_) => peer.process.output_reads_max(stream),
            None => READS_PER_TURN,
        };
        let mut lines = Vec::new();
        let more =
            (0..reads_max).all(|_| peer.process.read_output(stream, |line| lines.push(line)));
        if more {
            self.unread.push(ReadySource::Worker(worker, WorkerSource::Output(stream)));
        }
        for text in lines {
            if stream == Stream::Stderr {
                peer.remember(&text);
            }
            self.sink.update(Update::Line { worker, stream, text });
        }
    }

    /// Handles the end of a process: reads all that it sent and wrote, then has its exit judged.
    fn judge(&mut self, worker: u32) {
        let Some(exit) = self.peer(worker).and_then(|peer| peer.process.reap()) else { return };
        self.read_link(worker, usize::MAX);
        self.read_output(worker, Stream::Stdout);
        self.read_output(worker, Stream::Stderr);
        // A grandchild may hold the pipes and the socket open, but nothing from the worker can
        // follow.
        if let Some(peer) = self.peer(worker) {
            peer.judged = true;
        }
        self.close(worker);
        if exit == Exit::Unknown {
            self.warn(REAPED.into());
        }
        self.step(Event::Exited { worker, exit });
    }
}

/// Writes what is queued for a worker, as far as its socket has room, and watches for more room if
/// some is left. A worker that is gone is noticed when it is read.
pub(super) fn flush<W: PrimaryWorld>(
    world: &mut W,
    worker: u32,
    peer: &mut Peer<W::Process>,
) -> Result<(), String> {
    match peer.process.link().flush() {
        Ok(_) | Err(LinkError::PeerGone) => {}
        Err(error) => return Err(error.to_string()),
    }
    world.watch_room(worker, &mut peer.process)
}
