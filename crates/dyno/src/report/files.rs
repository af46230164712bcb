//! The thread that writes a run's files while it goes on: histograms and the log.
//!
//! It is separate from the thread that draws, because a terminal that blocks must not stop the log.
//! It is separate from the thread that drives the run, because a slow disk must not stop the run.
//! The bytes that wait for the disk are bounded: beyond that, rows and lines are dropped and
//! counted, faults never.

pub(super) mod folder;
pub(super) mod hlog;
pub(super) mod intervals;
pub(super) mod log;

use std::fs::File;
use std::io::{self, BufWriter};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use dyno_bus::Time;
use dyno_observer::Interval;

use self::folder::HISTOGRAMS;
use self::hlog::{HistogramLog, HistogramRow};
use self::log::{Log, LogEntry};
use super::error::ReportError;
use crate::plan::thousands;

/// The most bytes that wait for the disk: some rotations of a hundred busy workers.
const WAITING_MAX: usize = 64 << 20;
/// The longest time that rows are gathered, and the most bytes of them, before they are written.
/// The thread wakes up once for all of them, and a process that is killed loses about as much.
const GATHERED_FOR: Duration = Duration::from_secs(1);
const GATHERED_MAX: usize = 256 << 10;
/// The longest time that the end of a run waits for the disk: a slow one may flush for seconds.
const FAREWELL: Duration = Duration::from_secs(5);

/// The files that are being written, and the thread that writes them.
#[derive(Debug)]
pub(super) struct FileWriter {
    records: Sender<FileRecord>,
    gathered: Gathered,
    /// The number of bytes that wait for the disk, approximately.
    waiting: Arc<AtomicUsize>,
    rows: Destination,
    entries: Destination,
    /// Messages about files that could not be written; sent once, after everything is written.
    failures: Receiver<Vec<String>>,
}

/// An output: no file at all, or a file and the number of records that were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    Nowhere,
    But(u64),
}

/// The rows that are not handed over to the thread yet.
#[derive(Debug, Default)]
struct Gathered {
    rows: Vec<HistogramRow>,
    bytes: usize,
    /// The time of the rotation with which the last rows were handed over.
    since: Time,
}

/// A message to the thread: rows of histograms, or a line of the log.
#[derive(Debug)]
enum FileRecord {
    Rows(Vec<HistogramRow>),
    Entry(LogEntry),
}

impl FileWriter {
    /// Starts the thread. `begun` is the run's begin, on the clock and since the Unix epoch.
    pub(super) fn start(
        histograms: Option<File>,
        log: Option<Log>,
        begun: (Time, Duration),
    ) -> Result<Self, ReportError> {
        let rows = if histograms.is_some() { Destination::But(0) } else { Destination::Nowhere };
        let entries = if log.is_some() { Destination::But(0) } else { Destination::Nowhere };
        let (records, incoming) = channel();
        let (outgoing, failures) = sync_channel(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&waiting);
        let body = move || {
            let failed = write_all(&incoming, &taken, histograms, log.as_ref(), begun);
            // This fails only if the receiver has given up waiting, and then nobody needs it.
            let _heard = outgoing.send(failed);
        };
        thread::Builder::new()
            .name("dyno-files".to_owned())
            .spawn(body)
            .map_err(|source| ReportError::Thread { source })?;
        Ok(Self { records, gathered: Gathered::default(), waiting, rows, entries, failures })
    }

    /// Returns `true` if a log is written.
    pub(super) fn has_log(&self) -> bool {
        self.entries != Destination::Nowhere
    }

    /// Gathers an interval as a row, or counts it as dropped if too many bytes wait.
    pub(super) fn interval(&mut self, interval: &Interval<'_>) {
        let Destination::But(dropped) = &mut self.rows else { return };
        if self.waiting.load(Ordering::Relaxed) > WAITING_MAX {
            *dropped += 1;
            return;
        }
        let row = HistogramRow::of(interval);
        let size = row.size();
        self.waiting.fetch_add(size, Ordering::Relaxed);
        self.gathered.bytes += size;
        self.gathered.rows.push(row);
        if self.gathered.bytes > GATHERED_MAX {
            self.hand_over();
        }
    }

    /// Notes that all intervals that end at `at` have come. Hands over the gathered rows once they
    /// are old enough.
    pub(super) fn rotated(&mut self, at: Time) {
        if at - self.gathered.since >= GATHERED_FOR {
            self.hand_over();
            self.gathered.since = at;
        }
    }

    /// Hands over the gathered rows, so that they are written.
    pub(super) fn hand_over(&mut self) {
        let rows = mem::take(&mut self.gathered.rows);
        self.gathered.bytes = 0;
        if !rows.is_empty() {
            self.send(FileRecord::Rows(rows));
        }
    }

    /// Hands over a line of the log, or counts it as dropped if too many bytes wait.
    pub(super) fn entry(&mut self, entry: LogEntry) {
        let Destination::But(dropped) = &mut self.entries else { return };
        let size = size(&entry);
        if size > 0 && self.waiting.load(Ordering::Relaxed) > WAITING_MAX {
            *dropped += 1;
            return;
        }
        self.waiting.fetch_add(size, Ordering::Relaxed);
        self.send(FileRecord::Entry(entry));
    }

    /// Waits until everything is written, for at most [`FAREWELL`]. Returns a message for each
    /// thing that was not written.
    pub(super) fn finish(mut self) -> Vec<String> {
        self.hand_over();
        let Self { records, rows, entries, failures, .. } = self;
        drop(records);
        let mut failed = failures
            .recv_timeout(FAREWELL)
            .unwrap_or_else(|_| vec![format!("the run's files: not written within {FAREWELL:?}")]);
        for (kept, what) in [(rows, "intervals of histograms"), (entries, "lines of the log")] {
            if let Destination::But(dropped @ 1..) = kept {
                let dropped = thousands(dropped);
                failed.push(format!("{dropped} {what} were not written: the disk was too slow"));
            }
        }
        failed
    }

    fn send(&self, record: FileRecord) {
        // The thread ends only when this end is closed, or by a panic because of a bug.
        let _sent = self.records.send(record);
    }
}

/// Returns the size of a line in memory, in bytes; 0 for one that must not be dropped.
fn size(entry: &LogEntry) -> usize {
    match entry {
        LogEntry::Line { text, .. } => size_of::<FileRecord>() + text.len(),
        LogEntry::Standing { .. } => size_of::<FileRecord>(),
        LogEntry::Parameters { .. }
        | LogEntry::Entered { .. }
        | LogEntry::Warning { .. }
        | LogEntry::Fault { .. }
        | LogEntry::Rate { .. }
        | LogEntry::Verdict { .. } => 0,
    }
}

/// Writes records until the channel is closed. Returns a message for each file that failed; a
/// failed file of histograms is given up.
fn write_all(
    incoming: &Receiver<FileRecord>,
    waiting: &AtomicUsize,
    histograms: Option<File>,
    log: Option<&Log>,
    (begun, wall): (Time, Duration),
) -> Vec<String> {
    let mut failed = Vec::new();
    let mut give_up = |result: io::Result<HistogramLog<_>>| match result {
        Ok(log) => Some(log),
        Err(error) => {
            failed.push(format!("{HISTOGRAMS} is not whole: {error}"));
            None
        }
    };
    let begin = |file| HistogramLog::begin(BufWriter::new(file), begun, wall);
    let mut histograms = histograms.and_then(|file| give_up(begin(file)));
    while let Ok(record) = incoming.recv() {
        match record {
            FileRecord::Rows(rows) => {
                let written = |mut log: HistogramLog<_>| {
                    rows.iter().try_for_each(|row| log.write(row))?;
                    // The rows should outlive this process, even if it is killed.
                    log.flush().map(|()| log)
                };
                histograms = histograms.and_then(|log| give_up(written(log)));
                waiting.fetch_sub(rows.iter().map(HistogramRow::size).sum(), Ordering::Relaxed);
            }
            FileRecord::Entry(entry) => {
                log.iter().for_each(|log| log.write(&entry));
                waiting.fetch_sub(size(&entry), Ordering::Relaxed);
            }
        }
    }
    failed.extend(log.and_then(Log::failure).map(|error| format!("the log is not whole: {error}")));
    failed
}

#[cfg(test)]
mod tests;
