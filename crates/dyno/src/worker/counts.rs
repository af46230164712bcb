//! The outcomes of the cycles so far, readable by the bus thread at any moment.
//!
//! The loop is the only writer, so each count is a plain store. Errors are rarer: they are kept
//! behind a lock, grouped by message and bounded.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dyno_bus::message::{Counts, CycleError, ERRORS_MAX, MESSAGE_MAX};
use dyno_bus::segment::PerPhase;
use dyno_bus::{Phase, Time};

/// The message that counts all errors beyond [`ERRORS_MAX`] distinct ones.
const OTHER_ERRORS: &str = "(other errors)";
/// The longest time that a reading of the counts may take; a longer one is taken again. The counts
/// must be true at one instant, apart from the blur that a preempted thread causes.
const READING_NS_MAX: u64 = 50_000;
/// The number of readings that are tried before the last one is taken as it is.
const READINGS_MAX: usize = 5;

/// The counts of one worker.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    warmup: AtomicCounts,
    measured: AtomicCounts,
    delivered: AtomicU64,
    late: AtomicU64,
    errors: Mutex<HashMap<(Phase, String), ErrorCount>>,
}

#[derive(Debug, Default)]
struct AtomicCounts {
    started: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
    unstarted: AtomicU64,
    abandoned: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct ErrorCount {
    /// The number of errors since they were last taken.
    count: u64,
    first_cycle: u64,
}

/// Adds to a counter that only this thread writes.
#[inline]
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Release);
}

impl Counters {
    #[inline]
    fn row(&self, phase: Phase) -> &AtomicCounts {
        match phase {
            Phase::Warmup => &self.warmup,
            Phase::Measured => &self.measured,
        }
    }

    /// Counts a cycle that begins.
    #[inline]
    pub(crate) fn started(&self, phase: Phase) {
        add(&self.row(phase).started, 1);
    }

    /// Counts a cycle that ended without an error.
    #[inline]
    pub(crate) fn completed(&self, phase: Phase) {
        add(&self.row(phase).completed, 1);
    }

    /// Counts a cycle that ended without an error inside the measured window.
    #[inline]
    pub(crate) fn delivered(&self) {
        add(&self.delivered, 1);
    }

    /// Returns the number of cycles that ended without an error inside the measured window.
    pub(crate) fn read_delivered(&self) -> u64 {
        self.delivered.load(Ordering::Acquire)
    }

    /// Counts a cycle that ended without an error after the measured window's end.
    #[cold]
    pub(crate) fn late(&self) {
        add(&self.late, 1);
    }

    /// Returns the number of cycles that ended without an error after the measured window's end.
    pub(crate) fn read_late(&self) -> u64 {
        self.late.load(Ordering::Acquire)
    }

    /// Counts a cycle that failed, with its message.
    pub(crate) fn failed(&self, phase: Phase, cycle: u64, mut message: String) {
        truncate(&mut message);
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (phase, message);
        // Each phase has its own room: the warm-up must not use up the window's.
        if errors.len() >= ERRORS_MAX
            && !errors.contains_key(&key)
            && errors.keys().filter(|(of, _)| *of == phase).count() >= ERRORS_MAX
        {
            key.1 = OTHER_ERRORS.into();
        }
        let group = errors.entry(key).or_insert(ErrorCount { count: 0, first_cycle: cycle });
        group.first_cycle = if group.count == 0 { cycle } else { group.first_cycle.min(cycle) };
        group.count += 1;
        // Before the lock is released, so that each error that is taken is already counted.
        add(&self.row(phase).failed, 1);
        drop(errors);
    }

    /// Counts cycles that will not begin, because of the policy `skip`.
    pub(crate) fn skipped(&self, counts: PerPhase<u64>) {
        add(&self.warmup.skipped, counts.warmup);
        add(&self.measured.skipped, counts.measured);
    }

    /// Counts cycles that were due before the cut and did not begin.
    pub(crate) fn unstarted(&self, counts: PerPhase<u64>) {
        add(&self.warmup.unstarted, counts.warmup);
        add(&self.measured.unstarted, counts.measured);
    }

    /// Counts a running cycle that was dropped.
    pub(crate) fn abandoned(&self, phase: Phase) {
        add(&self.row(phase).abandoned, 1);
    }

    /// Returns the counts, and an instant at which they were true, by this clock.
    pub(crate) fn read(&self, clock: impl Fn() -> Time) -> (Time, PerPhase<Counts>) {
        let mut reading = self.read_once(&clock);
        for _ in 1..READINGS_MAX {
            if clock().nanos_since(reading.0) <= READING_NS_MAX {
                break;
            }
            reading = self.read_once(&clock);
        }
        reading
    }

    fn read_once(&self, clock: impl Fn() -> Time) -> (Time, PerPhase<Counts>) {
        let as_of = clock();
        let read = |row: &AtomicCounts| {
            // Ends are read before starts, so that a reading never shows more ends than starts.
            let completed = row.completed.load(Ordering::Acquire);
            let failed = row.failed.load(Ordering::Acquire);
            let abandoned = row.abandoned.load(Ordering::Acquire);
            Counts {
                completed,
                failed,
                abandoned,
                started: row.started.load(Ordering::Acquire),
                skipped: row.skipped.load(Ordering::Acquire),
                unstarted: row.unstarted.load(Ordering::Acquire),
            }
        };
        (as_of, PerPhase { warmup: read(&self.warmup), measured: read(&self.measured) })
    }

    /// Takes the errors since the last call. Counts that are read later include all of them.
    pub(crate) fn take_errors(&self, into: &mut Vec<CycleError>) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        for ((phase, message), group) in errors.iter_mut().filter(|(_, group)| group.count > 0) {
            into.push(CycleError {
                message: message.clone(),
                count: std::mem::take(&mut group.count),
                first_cycle: group.first_cycle,
                phase: *phase,
            });
        }
    }
}

/// Cuts a message to [`MESSAGE_MAX`] bytes, at a character's end.
pub(crate) fn truncate(message: &mut String) {
    if message.len() > MESSAGE_MAX {
        let mut end = MESSAGE_MAX;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_grouped_and_taken_once() {
        let counters = Counters::default();
        counters.failed(Phase::Measured, 9, "no".into());
        counters.failed(Phase::Measured, 4, "no".into());
        let mut errors = Vec::new();
        counters.take_errors(&mut errors);
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0].count, errors[0].first_cycle), (2, 4));
        counters.take_errors(&mut errors);
        assert_eq!(errors.len(), 1);
        assert_eq!(counters.read(|| Time::ZERO).1.measured.failed, 2);
    }

    #[test]
    fn distinct_errors_and_their_length_are_bounded() {
        let counters = Counters::default();
        for cycle in 0..1_000 {
            counters.failed(Phase::Measured, cycle, format!("{cycle}é{}", "é".repeat(MESSAGE_MAX)));
        }
        let mut errors = Vec::new();
        counters.take_errors(&mut errors);
        assert_eq!(errors.len(), ERRORS_MAX + 1);
        assert_eq!(errors.iter().map(|error| error.count).sum::<u64>(), 1_000);
        assert!(errors.iter().all(|error| error.message.len() <= MESSAGE_MAX));
    }
    #[test]
    fn messages_of_the_warm_up_leave_room_for_those_of_the_window() {
        let counters = Counters::default();
        for cycle in 0..1_000 {
            counters.failed(Phase::Warmup, cycle, format!("early {cycle}"));
        }
        counters.failed(Phase::Measured, 1_000, "late".into());
        let mut errors = Vec::new();
        counters.take_errors(&mut errors);
        assert!(errors.iter().any(|error| error.message == "late"), "{errors:?}");
    }
}
