//! The beats of one host, and the sum of those of several. Pure.
//!
//! The backlog of a run over several hosts is the sum of their backlogs at one time. Hosts have
//! different clocks, so a time is the number of a beat: each host beats at t0 + number × period,
//! counted from its own first due time. A beat that is late counts for the nearest number. A host
//! that has no beat of a number counts with its last one before.

use std::time::Duration;

use dyno_bus::{Time, clock};
use serde::{Deserialize, Serialize};

use super::backlog::CycleProgress;
use crate::plan::{Plan, sampling};
use crate::primary::run::Totals;
use crate::verdict::BacklogSample;

/// The most beats that are kept: nine hours of the longest period. Of a longer run, every second
/// one is kept.
const BEATS_MAX: usize = 1 << 17;

/// The numbers of one beat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BeatRecord {
    /// The beat's number, counted from the first due time.
    pub(super) number: u64,
    /// Nanoseconds since the window's start.
    pub(super) at_ns: u64,
    pub(super) waiting: u64,
    pub(super) running: u64,
    /// The cycles issued and completed so far, warm-up included.
    pub(super) issued: u64,
    pub(super) completed: u64,
    pub(super) progress: CycleProgress,
    /// `false` for a beat after the plan's end.
    pub(super) is_measuring: bool,
}

/// The grid of beats, relative to the window's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BeatGrid {
    start: Time,
    warmup_ns: u64,
    period_ns: u64,
}

/// The beats of this host since the window began.
#[derive(Debug)]
pub(super) struct Beats {
    grid: BeatGrid,
    kept: Vec<BeatRecord>,
    /// Beats are kept if their number is a multiple of two to this power.
    thinned: u32,
}

impl BeatGrid {
    /// Creates the grid of a window that begins at `start`.
    pub(super) fn new(plan: &Plan, start: Time) -> Self {
        let period_ns = clock::nanos(sampling::period(plan)).max(1);
        Self { start, warmup_ns: clock::nanos(plan.warmup), period_ns }
    }

    /// Returns the number of a beat at this time since the window's start.
    pub(super) fn number(self, at_ns: u64) -> u64 {
        at_ns.saturating_add(self.warmup_ns).saturating_add(self.period_ns / 2) / self.period_ns
    }

    /// Returns the instant of a beat on this clock.
    pub(super) fn instant(self, beat: &BeatRecord) -> Time {
        self.start + Duration::from_nanos(beat.at_ns)
    }

    /// Returns the longest time that a beat may come early.
    pub(super) fn slack(self) -> Duration {
        Duration::from_nanos(self.period_ns) / 2
    }
}

impl BeatRecord {
    /// Returns the backlog at this beat.
    pub(super) fn sample(&self, grid: BeatGrid) -> BacklogSample {
        let (waiting, running) = (self.waiting, self.running);
        BacklogSample { at: grid.instant(self), waiting, running }
    }

    fn add(&mut self, other: &Self) {
        self.at_ns = self.at_ns.max(other.at_ns);
        self.waiting += other.waiting;
        self.running += other.running;
        self.issued += other.issued;
        self.completed += other.completed;
        self.progress.due += other.progress.due;
        self.progress.begun += other.progress.begun;
        self.progress.ended += other.progress.ended;
        self.progress.failed += other.progress.failed;
        self.is_measuring |= other.is_measuring;
    }

    /// Returns `true` if no number is above this one.
    pub(super) fn is_at_most(&self, count_max: u64) -> bool {
        let CycleProgress { due, begun, ended, failed } = self.progress;
        let counts = [self.waiting, self.running, self.issued, self.completed];
        counts.into_iter().chain([due, begun, ended, failed]).all(|count| count <= count_max)
            && self.at_ns < u64::MAX / 4
            && self.number < u64::MAX / 4
    }
}

impl Beats {
    pub(super) fn new(grid: BeatGrid) -> Self {
        Self { grid, kept: Vec::new(), thinned: 0 }
    }

    /// Adds a beat. A second call at the same instant replaces the first.
    pub(super) fn push(
        &mut self,
        sample: BacklogSample,
        totals: Totals,
        progress: CycleProgress,
        is_measuring: bool,
    ) {
        let at_ns = sample.at.nanos_since(self.grid.start);
        let beat = BeatRecord {
            number: self.grid.number(at_ns),
            at_ns,
            waiting: sample.waiting,
            running: sample.running,
            issued: totals.issued.total(),
            completed: totals.completed.total(),
            progress,
            is_measuring,
        };
        if self.kept.last().is_some_and(|last| last.at_ns == at_ns) {
            self.kept.pop();
        }
        if is_kept(&beat, self.thinned) {
            self.kept.push(beat);
        }
        if self.kept.len() > BEATS_MAX {
            self.thinned += 1;
            let thinned = self.thinned;
            self.kept.retain(|beat| is_kept(beat, thinned));
        }
    }

    pub(super) fn kept(&self) -> &[BeatRecord] {
        &self.kept
    }
}

fn is_kept(beat: &BeatRecord, thinned: u32) -> bool {
    beat.number.trailing_zeros() >= thinned
}

/// Returns the sums of the beats of all hosts, in order.
pub(super) fn sum(hosts: &[&[BeatRecord]]) -> Vec<BeatRecord> {
    let mut numbers: Vec<u64> =
        hosts.iter().flat_map(|host| host.iter().map(|beat| beat.number)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut places = vec![0; hosts.len()];
    let sum_of = |number: u64| {
        let mut sum = BeatRecord { number, ..BeatRecord::default() };
        for (host, place) in hosts.iter().zip(&mut places) {
            let new = host[*place..].iter().take_while(|beat| beat.number <= number).count();
            *place += new;
            let Some(last) = place.checked_sub(1).map(|last| host[last]) else { continue };
            // Only the backlog of an earlier beat still counts, not its time.
            let is_old = last.number < number;
            let at_ns = if is_old { 0 } else { last.at_ns };
            sum.add(&BeatRecord { at_ns, is_measuring: last.is_measuring && !is_old, ..last });
        }
        sum
    };
    numbers.into_iter().map(sum_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(number: u64, at_ns: u64, waiting: u64) -> BeatRecord {
        BeatRecord { number, at_ns, waiting, is_measuring: true, ..BeatRecord::default() }
    }

    #[test]
    fn a_host_without_a_beat_counts_with_its_last_one_before() {
        let one = [beat(1, 10, 1), beat(2, 21, 2), beat(3, 30, 3)];
        let other = [beat(1, 12, 10), beat(3, 31, 30), beat(4, 40, 40)];
        let summed = sum(&[&one, &other]);
        let shown: Vec<_> = summed.iter().map(|one| (one.number, one.at_ns, one.waiting)).collect();
        assert_eq!(shown, [(1, 12, 11), (2, 21, 12), (3, 31, 33), (4, 40, 43)]);
        assert_eq!(sum(&[&other, &one]), summed, "in any order");
    }

    #[test]
    fn a_late_beat_counts_for_the_nearest_number() {
        let plan = crate::plan::fixture::plan();
        let grid = BeatGrid::new(&plan, Time::from_nanos(5));
        let period = clock::nanos(sampling::period(&plan));
        let first = clock::nanos(plan.warmup) / period;
        assert_eq!((grid.number(0), grid.number(period / 2 - 1)), (first, first));
        assert_eq!((grid.number(period / 2 + 1), grid.number(period + 1)), (first + 1, first + 1));
    }

    #[test]
    fn any_number_of_beats_is_kept_evenly() {
        let plan = crate::plan::fixture::plan();
        let period = clock::nanos(sampling::period(&plan));
        let mut beats = Beats::new(BeatGrid::new(&plan, Time::ZERO));
        for number in 0..(3 * BEATS_MAX as u64) {
            let at = Time::from_nanos(number * period);
            let sample = BacklogSample { at, waiting: number, running: 0 };
            beats.push(sample, Totals::default(), CycleProgress::default(), true);
        }
        let gaps = beats.kept().windows(2).map(|pair| pair[1].number - pair[0].number);
        assert!(beats.kept().len() > BEATS_MAX / 2 && gaps.clone().all(|gap| gap == 4));
    }
}
