//! The backlog, from the latest counts of all workers: cycles due and not ended. Pure.

use dyno_bus::Time;
use dyno_bus::message::Counts;
use dyno_bus::segment::PerPhase;
use serde::{Deserialize, Serialize};

use crate::primary::crew::Crew;
use crate::primary::run::Totals;
use crate::verdict::BacklogSample;

/// The most samples that are kept: twenty times what a verdict needs.
const SAMPLES_MAX: usize = 1_024;

/// Samples over a window of any length: evenly spread, and from the first one on.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    kept: Vec<BacklogSample>,
    /// The exponent of the thinning: of 2^`thinned` samples, one is kept.
    thinned: u32,
    seen: u64,
    max: u64,
    last: BacklogSample,
}

impl Samples {
    pub(crate) fn push(&mut self, sample: BacklogSample) {
        if self.seen.trailing_zeros() >= self.thinned {
            self.kept.push(sample);
        }
        if self.kept.len() > SAMPLES_MAX {
            self.thinned += 1;
            let mut index = 0..;
            self.kept.retain(|_| index.next().is_some_and(|index| index % 2 == 0));
        }
        self.seen += 1;
        self.max = self.max.max(sample.total());
        self.last = sample;
    }

    /// Returns the samples that are kept, in order.
    pub(crate) fn kept(&self) -> &[BacklogSample] {
        &self.kept
    }

    /// Returns the largest backlog of all samples.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// Returns the newest sample; an empty one before the first.
    pub(crate) fn last(&self) -> BacklogSample {
        self.last
    }
}

/// The latest counts of each worker, and their sums.
#[derive(Debug)]
pub(crate) struct BacklogTracker {
    workers: Crew<Latest>,
    totals: Totals,
    waiting: u64,
    running: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Latest {
    due: PerPhase<u64>,
    counts: PerPhase<Counts>,
    waiting: u64,
    running: u64,
}

/// The measured cycles so far, by how far they have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CycleProgress {
    /// Cycles that have come due.
    pub(crate) due: u64,
    /// Cycles that wait no longer: they began, or never will.
    pub(crate) begun: u64,
    /// Cycles with an outcome.
    pub(crate) ended: u64,
    /// Cycles that failed or were abandoned.
    pub(crate) failed: u64,
}

impl BacklogTracker {
    /// Creates a tracker of workers with these numbers.
    pub(crate) fn new(workers: Vec<u32>) -> Self {
        Self {
            workers: Crew::new(workers, |_| Latest::default()),
            totals: Totals::default(),
            waiting: 0,
            running: 0,
        }
    }

    /// Replaces a worker's counts by those of an instant, with the cycles `due` to it by then:
    /// `None` in a closed loop, where no cycle is due by the clock and those that have begun count
    /// as due.
    pub(crate) fn update(
        &mut self,
        worker: u32,
        due: Option<PerPhase<u64>>,
        counts: PerPhase<Counts>,
    ) {
        let PerPhase { warmup, measured } = counts;
        let due = due.unwrap_or(PerPhase { warmup: warmup.started, measured: measured.started });
        let over = warmup.ended() + measured.ended();
        let running = warmup.running() + measured.running();
        let backlog = due.total().saturating_sub(over);
        let latest = Latest { due, counts, waiting: backlog.saturating_sub(running), running };

        let before = std::mem::replace(&mut self.workers[worker], latest);
        self.waiting = self.waiting + latest.waiting - before.waiting;
        self.running = self.running + latest.running - before.running;
        for (total, now, then) in [
            (&mut self.totals.issued, latest.due, before.due),
            (&mut self.totals.completed, completed(latest.counts), completed(before.counts)),
            (&mut self.totals.failed, failed(latest.counts), failed(before.counts)),
        ] {
            total.warmup = total.warmup + now.warmup - then.warmup;
            total.measured = total.measured + now.measured - then.measured;
        }
    }

    /// Returns the backlog of all workers together, from their latest counts.
    pub(crate) fn sample(&self, at: Time) -> BacklogSample {
        BacklogSample { at, waiting: self.waiting, running: self.running }
    }

    /// Returns the latest counts, over all workers.
    pub(crate) fn counts(&self) -> PerPhase<Counts> {
        let mut sum = PerPhase::default();
        self.workers.values().iter().for_each(|worker| sum += worker.counts);
        sum
    }

    /// Returns the progress of the cycles of the measured window, over all workers.
    pub(crate) fn progress(&self) -> CycleProgress {
        let mut sum = CycleProgress::default();
        for Latest { due, counts, .. } in self.workers.values() {
            let counts = counts.measured;
            sum.due += due.measured;
            sum.begun += counts.started + counts.skipped + counts.unstarted;
            sum.ended += counts.ended();
            sum.failed += counts.failed + counts.abandoned;
        }
        sum
    }

    /// Returns the cycles that all workers were issued and have ended.
    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }
}

fn completed(counts: PerPhase<Counts>) -> PerPhase<u64> {
    PerPhase { warmup: counts.warmup.completed, measured: counts.measured.completed }
}

fn failed(counts: PerPhase<Counts>) -> PerPhase<u64> {
    PerPhase { warmup: counts.warmup.failed, measured: counts.measured.failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(started: u64, completed: u64) -> PerPhase<Counts> {
        let measured = Counts { started, completed, ..Counts::default() };
        PerPhase { warmup: Counts::default(), measured }
    }

    fn due(measured: u64) -> Option<PerPhase<u64>> {
        Some(PerPhase { warmup: 0, measured })
    }

    #[test]
    fn waiting_and_running_are_counted_apart_and_replaced_per_worker() {
        let mut backlog = BacklogTracker::new(vec![0, 1]);
        backlog.update(0, due(10), counts(7, 4));
        backlog.update(1, due(5), counts(5, 5));
        let sample = backlog.sample(Time::ZERO);
        assert_eq!((sample.waiting, sample.running, sample.total()), (3, 3, 6));
        backlog.update(0, due(11), counts(11, 11));
        assert_eq!(backlog.sample(Time::ZERO).total(), 0);
        assert_eq!(backlog.totals().issued.measured, 16);
        assert_eq!(backlog.totals().completed.measured, 16);
    }

    #[test]
    fn any_number_of_samples_stays_evenly_spread() {
        let mut samples = Samples::default();
        for number in 0..10_000 {
            let waiting = if number == 4_321 { u64::MAX } else { number };
            samples.push(BacklogSample { at: Time::from_nanos(number), waiting, running: 0 });

            let kept = samples.kept();
            let gap = |pair: &[BacklogSample]| pair[1].at - pair[0].at;
            let even = kept.get(..2).map(gap);
            assert_eq!(kept[0].at, Time::ZERO);
            assert!(
                kept.len() <= SAMPLES_MAX && kept.windows(2).all(|pair| Some(gap(pair)) == even)
            );
            assert!(kept.len() > SAMPLES_MAX / 2 || number < SAMPLES_MAX as u64);
            assert_eq!(samples.last().at, Time::from_nanos(number));
        }
        assert_eq!(samples.max(), u64::MAX);
    }

    #[test]
    fn a_closed_loop_has_only_what_runs() {
        let mut backlog = BacklogTracker::new(vec![0]);
        backlog.update(0, None, counts(9, 8));
        let sample = backlog.sample(Time::ZERO);
        assert_eq!((sample.waiting, sample.running), (0, 1));
    }
}
