//! The world around a primary: the time, the sleep, processes, signals, and what is left behind.
//!
//! The driver is generic over it. The operating system is one implementation
//! ([`system`](super::os::system)); the simulation of whole runs is another, and drives the same
//! driver. A world decides nothing: it reports what is ready, and does as the driver says.

use std::io::{Read, Write};
use std::time::Duration;

use dyno_bus::message::{Command, Report};
use dyno_bus::{Link, Time};
use nix::sys::signal::Signal;

use super::run::Stream;
use super::state::event::Exit;

/// The surroundings of one primary.
pub(crate) trait PrimaryWorld {
    /// The process of a worker.
    type Process: ProcessHandle;

    /// The most frames of one worker that are read before the others have their turn.
    const FRAMES_PER_TURN: usize;

    /// Returns the current time. The first due time counts from the moment at which the last worker
    /// is ready, so one time for a whole turn would be too early.
    fn now(&self) -> Time;

    /// Sleeps until something is ready, for `timeout` at most, and appends all that is ready. What
    /// is ready is reported once: it must be read until it is empty, or come back in a later turn.
    fn wait(&mut self, timeout: Duration, ready: &mut Vec<ReadySource>);

    /// Returns the requests that signals have made since the last call.
    fn signals(&mut self) -> Vec<SignalRequest>;

    /// Stops this process until it is continued. Returns `false` if it can't be stopped.
    fn pause(&mut self) -> bool;

    /// Starts the process of a worker, and watches all its sources.
    ///
    /// # Errors
    /// If the process can't be started or watched: the reason, and a remedy if one is known.
    fn spawn(&mut self, worker: u32) -> Result<Self::Process, String>;

    /// Watches for room in a worker's stream as long as something is queued for it, and no longer:
    /// each command that a worker reads makes some, and would wake this process without a reason.
    ///
    /// # Errors
    /// If the stream can't be watched: the reason.
    fn watch_room(&mut self, worker: u32, process: &mut Self::Process) -> Result<(), String>;

    /// Reaps orphans that have ended, if it is time, but never one of the workers with these ids.
    fn reap_orphans(&mut self, now: Time, workers: impl Iterator<Item = u32>);

    /// Kills and reaps the orphans that are left at the end of the run. Returns the ids of those
    /// that were alive. The workers with these ids have ended.
    fn sweep(&mut self, workers: impl Iterator<Item = u32>) -> Vec<u32>;

    /// Returns the processor time of this process.
    fn cpu_time(&self) -> Duration;
}

/// The process of a worker, as its primary holds it.
pub(crate) trait ProcessHandle {
    /// The stream that connects the worker with this process.
    type Stream: Read + Write;

    /// Returns its process id.
    fn pid(&self) -> u32;

    /// Returns the link to it.
    fn link(&mut self) -> &mut Link<Self::Stream, Report, Command>;

    /// Signals it and its children, unless it has been reaped.
    fn signal(&self, signal: Signal);

    /// Reaps it if it has ended; returns `Some` once. The rest of its process group is killed.
    fn reap(&mut self) -> Option<Exit>;

    /// Returns its exit, once it has been reaped.
    fn exit(&self) -> Option<Exit>;

    /// Reads once from one of its output streams, and passes on each line that is complete. Returns
    /// `false` if nothing is left to read for now.
    fn read_output(&mut self, stream: Stream, take: impl FnMut(String)) -> bool;

    /// Returns the number of reads that empty an output stream, and find its end if it is closed.
    fn output_reads_max(&self, stream: Stream) -> usize;
}

/// Something that a turn of the driver must look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadySource {
    /// A source of this worker.
    Worker(u32, WorkerSource),
    /// Another thread of this process has a request, or values that no longer fit its ring.
    Woken,
}

/// A source of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerSource {
    /// The link: messages, or room for what is queued.
    Link,
    /// One of the output streams.
    Output(Stream),
    /// The end of the process.
    Exit,
}

/// A request that a signal makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalRequest {
    /// The end of the run, requested by this signal.
    End(i32),
    /// A pause, until the process is continued.
    Pause,
}
