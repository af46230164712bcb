//! The plan in time: segments, leases, and the number of cycles that each worker owes. Pure.
//!
//! The schedule walks every worker's share itself, so that the number of issued cycles comes from
//! the primary's own arithmetic and not from a worker's report.

use std::time::Duration;

use dyno_bus::message::Lease;
use dyno_bus::segment::{Arrivals, Pace, PerPhase, Share};
use dyno_bus::timeline::{Grid, SLOTS};
use dyno_bus::{Cursor, Phase, Segment, Time};

use crate::plan::Plan;

/// The time that a lease reaches ahead: a primary that stalls for less harms nothing.
pub(crate) const LEASE: Duration = Duration::from_secs(1);
/// The time between two extensions of the lease.
pub(crate) const LEASE_PERIOD: Duration = Duration::from_millis(250);
/// The time between the last worker's `Ready` and the first due time, so that all workers have the
/// plan by then.
const LEAD: Duration = Duration::from_millis(1);
/// An addition to `LEAD` for each worker that the plan is sent to.
const LEAD_PER_WORKER: Duration = Duration::from_micros(20);

/// The segments of a run, from its first due time on.
#[derive(Debug)]
pub(crate) struct Schedule {
    segments: Vec<Segment>,
    /// The end of the plan.
    end: Time,
    /// The instant at which the measured window begins.
    measured_from: Time,
    /// The end of the furthest lease that was given.
    until: Time,
    next_lease: Time,
    /// The instant beyond which no due time is counted: the plan's end, or the early stop.
    cap: Time,
    walks: Vec<Walk>,
    grid: Grid,
    /// Cycles counted so far: first those due before any slot, then those of each slot.
    slots: [u64; 1 + 2 * SLOTS],
}

/// One worker's share of the cycles, as far as it has been counted.
#[derive(Debug)]
struct Walk {
    cursor: Cursor,
    due: PerPhase<u64>,
    /// The index in `slots` of the instant that the walk has reached.
    slot: usize,
}

/// The cycles that have been counted, by when they were due.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dues {
    /// Cycles due more than a window's length before the window.
    pub(crate) earlier: u64,
    /// Cycles due in each slot: first those of one window's length before the window, then those of
    /// the window.
    pub(crate) slots: Vec<u64>,
    /// The number of the window's slots that belong to its timeline's cohort.
    pub(crate) cohort_slots: usize,
    /// The cycles that the plan requests in the whole window, on average.
    pub(crate) asked: f64,
}

impl Default for Dues {
    fn default() -> Self {
        Self { earlier: 0, slots: vec![0; 2 * SLOTS], cohort_slots: 0, asked: 0.0 }
    }
}

impl Walk {
    /// Counts the cycles that become due before `time`. Returns all cycles counted so far.
    fn pass(&mut self, time: Time, grid: &Grid, slots: &mut [u64]) -> PerPhase<u64> {
        // The slots are passed one by one: the last has no end but `time`.
        while let Some(slot) = slots.get_mut(self.slot) {
            let last = self.slot == 2 * SLOTS;
            let end = if last { time } else { grid.slot_start(self.slot).min(time) };
            let passed = self.cursor.pass(end);
            *slot += passed.total();
            self.due += passed;
            if end == time {
                break;
            }
            self.slot += 1;
        }
        self.due
    }
}

impl Schedule {
    /// Creates the schedule of a plan whose workers are all ready at `now`.
    pub(crate) fn new(plan: &Plan, now: Time) -> Self {
        let t0 = now + LEAD + LEAD_PER_WORKER * plan.workers;
        let measured_from = t0 + plan.warmup;
        let walk = |worker| Walk {
            cursor: Cursor::new(Share { worker, workers: plan.workers }),
            due: PerPhase::default(),
            slot: 0,
        };
        let mut schedule = Self {
            segments: Vec::new(),
            end: measured_from + plan.duration,
            measured_from,
            until: t0,
            next_lease: now,
            cap: Time::NEVER,
            walks: (0..plan.workers).map(walk).collect(),
            grid: Grid::new(t0, measured_from, plan.duration),
            slots: [0; 1 + 2 * SLOTS],
        };
        schedule.cap = schedule.end;
        let pace = plan.pace();
        let segment = |phase, t0| Segment { first: 0, t0, pace, seed: plan.seed, phase };
        if plan.warmup > Duration::ZERO {
            schedule.append(segment(Phase::Warmup, t0));
        }
        schedule.append(segment(Phase::Measured, measured_from));
        schedule
    }

    /// Returns all segments so far, in order.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns the end of the plan.
    pub(crate) fn end(&self) -> Time {
        self.end
    }

    /// Returns the instant at which the measured window begins.
    pub(crate) fn measured_from(&self) -> Time {
        self.measured_from
    }

    /// Returns the instant at which [`lease`](Self::lease) gives the next lease.
    pub(crate) fn next_lease(&self) -> Time {
        self.next_lease
    }

    /// Returns the next lease, if it is time for one. A lease never passes the end of the plan, and
    /// the one that reaches it is the last.
    pub(crate) fn lease(&mut self, now: Time) -> Option<Lease> {
        if now < self.next_lease {
            return None;
        }
        self.until = (now + LEASE).max(self.until).min(self.end);
        let last = self.until == self.end;
        self.next_lease = if last { Time::NEVER } else { now + LEASE_PERIOD };
        Some(Lease { until: self.until, last })
    }

    /// Continues the plan at another rate, from the end of the furthest lease that was given.
    /// Returns the new segment; `None` if it is too late for one, or if the loop is closed.
    pub(crate) fn change_rate(&mut self, rate: f64, now: Time) -> Option<Segment> {
        let from = self.until.max(now).max(self.measured_from);
        let last = *self.segments.last()?;
        let Pace::Open { arrivals, .. } = last.pace else { return None };
        if from >= self.end {
            return None;
        }
        let pace = Pace::Open { rate, arrivals };
        Some(self.append(Segment { t0: from.max(last.t0 + Duration::from_nanos(1)), pace, ..last }))
    }

    /// Notes that an early stop is sent at `now`: cycles that become due later are not counted.
    pub(crate) fn stop(&mut self, now: Time) {
        self.cap = self.cap.min(now);
        self.next_lease = Time::NEVER;
    }

    /// Returns the number of cycles that have become due to a worker by `as_of`, which must not go
    /// back.
    pub(crate) fn due(&mut self, worker: u32, as_of: Time) -> PerPhase<u64> {
        let walk = &mut self.walks[worker as usize];
        walk.pass(as_of.min(self.cap), &self.grid, &mut self.slots)
    }

    /// Returns the number of cycles that were due to a worker before its cut; the cut is never
    /// before an early stop.
    pub(crate) fn issued(&mut self, worker: u32, cut: Time) -> PerPhase<u64> {
        let walk = &mut self.walks[worker as usize];
        walk.pass(cut.min(self.end), &self.grid, &mut self.slots)
    }

    /// Returns the cycles counted so far, by when they were due.
    pub(crate) fn dues(&self) -> Dues {
        let starts = self.segments.iter().map(|segment| segment.t0);
        let ends = starts.skip(1).chain([self.end]);
        let measured = self.segments.iter().zip(ends);
        let asked = measured.filter(|(segment, _)| segment.phase == Phase::Measured).map(
            |(segment, end)| match segment.pace {
                Pace::Open { rate, .. } => rate * (end - segment.t0).as_secs_f64(),
                Pace::Closed { .. } => 0.0,
            },
        );
        Dues {
            earlier: self.slots[0],
            slots: self.slots[1..].to_vec(),
            cohort_slots: self.grid.cohort_slots(),
            asked: asked.sum(),
        }
    }

    /// Appends a segment, with the lowest index that no earlier cycle can have.
    fn append(&mut self, mut segment: Segment) -> Segment {
        let mut counted: u64 = 0;
        let mut highest: u64 = 0;
        for walk in &self.walks {
            let mut cursor = walk.cursor.clone();
            counted += walk.due.total() + cursor.pass(segment.t0).total();
            highest = highest.max(cursor.index());
        }
        // Uniform indices are dealt out without gaps, so the next one is the count. Poisson indices
        // of a worker leave gaps for the others, so the next one is beyond the highest. In a closed
        // loop each worker counts on from its own last index.
        segment.first = match segment.pace {
            Pace::Open { arrivals: Arrivals::Uniform, .. } => counted,
            // The highest index is right for any arrivals that are not dealt out without gaps.
            Pace::Open { .. } => highest,
            Pace::Closed { .. } => 0,
        };
        for walk in &mut self.walks {
            walk.cursor.push(segment);
        }
        self.segments.push(segment);
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Rate;
    use crate::plan::fixture::plan;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn total(schedule: &mut Schedule, workers: u32) -> PerPhase<u64> {
        let end = schedule.end();
        (0..workers).fold(PerPhase::default(), |sum, worker| sum + schedule.issued(worker, end))
    }

    #[test]
    fn the_window_holds_exactly_the_cycles_of_the_rate() {
        let plan = Plan { rate: Rate::PerSecond(1_234.5), workers: 3, ..plan() };
        let mut schedule = Schedule::new(&plan, at(0));
        assert_eq!(schedule.end() - schedule.measured_from(), plan.duration);
        // 1 s of warm-up and 5 s: the cycle at the window's first instant is in it.
        assert_eq!(total(&mut schedule, 3), PerPhase { warmup: 1_235, measured: 6_173 });
    }

    #[test]
    fn cycles_due_are_counted_by_slot_at_any_frequency_of_counting() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let plan = Plan {
                rate: Rate::PerSecond(480.0),
                warmup: Duration::from_secs(7),
                arrivals,
                workers: 3,
                ..plan()
            };
            let (mut often, mut once) = (Schedule::new(&plan, at(0)), Schedule::new(&plan, at(0)));
            for millis in (0..12_100).step_by(37) {
                let _due = [0, 1, 2].map(|worker| often.due(worker, at(millis)));
            }
            assert_eq!(total(&mut often, 3), total(&mut once, 3));
            let dues = often.dues();
            assert_eq!(dues, once.dues());
            let all = dues.earlier + dues.slots.iter().sum::<u64>();
            assert_eq!(all, total(&mut once, 3).total());
            assert!((dues.asked - 2_400.0).abs() < 1e-6 && dues.cohort_slots == 0);
            if arrivals == Arrivals::Uniform {
                // Two seconds before the first slot; in a slot, 5 s ÷ 240 at 480/s.
                assert_eq!(dues.earlier, 960);
                assert!(dues.slots.iter().all(|due| (9..=11).contains(due)), "{dues:?}");
            }
        }
    }

    #[test]
    fn leases_reach_a_second_ahead_and_never_past_the_end() {
        let mut schedule = Schedule::new(&Plan { warmup: Duration::ZERO, ..plan() }, at(0));
        let first = schedule.lease(at(0)).expect("the first");
        assert_eq!(first, Lease { until: at(1_000), last: false });
        assert_eq!(schedule.lease(at(249)), None);
        assert_eq!(schedule.lease(at(250)).map(|lease| lease.until), Some(at(1_250)));
        let last = schedule.lease(at(4_500)).expect("the last");
        assert_eq!(last, Lease { until: schedule.end(), last: true });
        assert_eq!(schedule.lease(at(60_000)), None);
    }

    #[test]
    fn a_new_rate_begins_beyond_every_lease_with_an_unused_index() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let plan = Plan { rate: Rate::PerSecond(100.0), workers: 3, arrivals, ..plan() };
            let mut schedule = Schedule::new(&plan, at(0));
            let _first = schedule.lease(at(0));
            let _until_two_and_a_half_seconds = schedule.lease(at(1_500));
            let segment = schedule.change_rate(1_000.0, at(1_500)).expect("in time");
            assert_eq!(segment.t0, at(2_500));
            if arrivals == Arrivals::Uniform {
                // 100 of the warm-up and 150 less a millisecond's worth of the window.
                assert_eq!(segment.first, 250);
            }
            let issued = total(&mut schedule, 3).measured as f64;
            assert!((issued - (150.0 + 3_500.0)).abs() < 300.0, "{issued}");
        }
    }

    #[test]
    fn a_new_rate_is_refused_after_the_last_lease() {
        let mut schedule = Schedule::new(&plan(), at(0));
        let _last = schedule.lease(at(5_500));
        assert_eq!(schedule.change_rate(10.0, at(5_500)), None);
    }

    #[test]
    fn after_a_stop_only_the_workers_cut_adds_what_was_due() {
        let plan =
            Plan { rate: Rate::PerSecond(1_000.0), workers: 1, warmup: Duration::ZERO, ..plan() };
        let mut schedule = Schedule::new(&plan, at(0));
        let until = schedule.measured_from() + Duration::from_millis(100);
        assert_eq!(schedule.due(0, until).measured, 100);
        schedule.stop(until);
        let later = until + Duration::from_secs(1);
        assert_eq!(schedule.due(0, later).measured, 100);
        assert_eq!(schedule.issued(0, until + Duration::from_millis(5)).measured, 105);
    }
}
