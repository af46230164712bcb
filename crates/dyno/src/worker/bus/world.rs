//! The world around a worker's bus: the time, the sleep, and the system's numbers about the process.
//!
//! The bus is generic over it. A worker's thread is one implementation
//! ([`thread`](super::thread)); the simulation of whole runs is another, and drives the same bus.

use std::io::{Read, Write};

use dyno_bus::Time;

/// The surroundings of one worker's bus.
pub(crate) trait BusWorld {
    /// The stream that connects this worker with its primary.
    type Stream: Read + Write;

    /// The bytes queued for the primary at which nothing more is taken from the rings. The rings
    /// then fill, and recording threads wait, which is counted.
    const QUEUED_MAX: usize;

    /// Returns the current time. A lease and a cut are made first and the clock is read after, so
    /// the time can't be passed in.
    fn now(&self) -> Time;

    /// Sleeps until there is something to read, room to write if `writes` is set, a thread of this
    /// process that wakes the bus, or `until`. [`Time::ZERO`] has passed already, [`Time::NEVER`]
    /// never comes. Returns `true` if a thread of this process woke it.
    fn wait(&mut self, stream: &Self::Stream, writes: bool, until: Time) -> bool;

    /// Returns the message for the user that came while the bus slept, if there is one.
    fn notice(&mut self) -> Option<&'static str> {
        None
    }

    /// Returns the processor time that this process has used, in nanoseconds.
    fn cpu_ns(&self) -> u64;

    /// Returns the memory that this process holds, in bytes; `None` where the system does not
    /// report it.
    fn rss_bytes(&self) -> Option<u64>;

    /// Writes a line to this process's standard error, which the primary shows.
    fn complain(&mut self, line: &str);
}
