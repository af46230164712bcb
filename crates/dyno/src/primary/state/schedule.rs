//! The plan in time: segments, leases, and the number of cycles that each worker owes. Pure.
//!
//! The schedule walks every worker's share itself, so that the number of issued cycles comes from
//! the primary's own arithmetic and not from a worker's report. The window has a segment for each
//! stage of a load profile, and one without a profile. All of them are known from the
//! beginning, and each continues the grid of the one before.

use std::time::Duration;

use dyno_bus::message::Lease;
use dyno_bus::segment::{Arrivals, Pace, PerPhase, Share};
use dyno_bus::timeline::{Grid, SLOTS};
use dyno_bus::{Cursor, Phase, Segment, Time, clock};

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
/// The most standard deviations above its mean that a worker's random number of cycles in a stage
/// may have before it reaches the indices of the next stage: it never has them.
const INDEX_DEVIATIONS: f64 = 10.0;
/// An addition to them for a stage of few cycles, where the distribution is skewed.
const INDICES_SPARE: u64 = 40;

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
    /// The grid of each stage.
    grids: Vec<Grid>,
    /// The ends of all elements of `slots` but the last, which has no end.
    slot_ends: Vec<Time>,
    /// Cycles counted so far: first those due before any slot, then those of one window's length
    /// before the first stage, then those of each stage.
    slots: Vec<u64>,
}

/// One worker's share of the cycles, as far as it has been counted.
#[derive(Debug)]
struct Walk {
    cursor: Cursor,
    due: PerPhase<u64>,
    /// The index in `slots` of the instant that the walk has reached.
    slot: usize,
}

/// The cycles of a stage that have been counted, by when they were due.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dues {
    /// Cycles due more than the stage's length before the first stage; 0 in a later one.
    pub(crate) earlier: u64,
    /// Cycles due in each slot: first those of one length of the stage before the first stage, which
    /// are 0 in a later one, then those of the stage.
    pub(crate) slots: Vec<u64>,
    /// The number of the stage's slots that belong to its timeline's cohort.
    pub(crate) cohort_slots: usize,
    /// The cycles that the plan requests in the whole stage, on average.
    pub(crate) asked: f64,
}

impl Walk {
    /// Counts the cycles that become due before `time`. Returns all cycles counted so far.
    fn pass(&mut self, time: Time, slot_ends: &[Time], slots: &mut [u64]) -> PerPhase<u64> {
        // The slots are passed one by one: the last has no end but `time`.
        while let Some(slot) = slots.get_mut(self.slot) {
            let end = slot_ends.get(self.slot).map_or(time, |end| time.min(*end));
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
            grids: Vec::new(),
            slot_ends: Vec::new(),
            slots: vec![0],
        };
        schedule.cap = schedule.end;
        let (seed, lead) = (plan.seed, 0.0);
        let segment = |t0, pace, length, phase, stage| {
            let length_ns = clock::nanos(length);
            Segment { first: 0, t0, length_ns, pace, lead, seed, phase, stage }
        };
        if plan.warmup > Duration::ZERO {
            let phase = Phase::Warmup;
            schedule.append(segment(t0, plan.pace(), plan.warmup, phase, 0));
        }
        let mut begin = measured_from;
        for (stage, (pace, length)) in plan.stages().into_iter().enumerate() {
            // A profile has no more stages than a byte has numbers.
            let segment = segment(begin, pace, length, Phase::Measured, stage as u8);
            schedule.add_grid(Grid::of_stage(&segment, t0));
            schedule.append(segment);
            begin = begin + length;
        }
        schedule
    }

    /// Adds the grid of the next stage, with its slots. The first has those of one length of the
    /// stage before it, too; a later one begins where the one before ends.
    fn add_grid(&mut self, grid: Grid) {
        let first = if self.grids.is_empty() { 0 } else { SLOTS };
        self.slot_ends.extend((first..2 * SLOTS).map(|slot| grid.slot_start(slot)));
        self.slots.resize(self.slot_ends.len() + 1, 0);
        self.grids.push(grid);
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
    /// Returns the new segment; `None` if it is too late for one, if the loop is closed, or if a
    /// profile sets the rate.
    pub(crate) fn change_rate(&mut self, rate: f64, now: Time) -> Option<Segment> {
        let from = self.until.max(now).max(self.measured_from);
        let last = *self.segments.last()?;
        let Pace::Open { arrivals, .. } = last.pace else { return None };
        if from >= self.end || self.grids.len() > 1 {
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
        walk.pass(as_of.min(self.cap), &self.slot_ends, &mut self.slots)
    }

    /// Returns the number of cycles that were due to a worker before its cut; the cut is never
    /// before an early stop.
    pub(crate) fn issued(&mut self, worker: u32, cut: Time) -> PerPhase<u64> {
        let walk = &mut self.walks[worker as usize];
        walk.pass(cut.min(self.end), &self.slot_ends, &mut self.slots)
    }

    /// Returns the cycles counted so far, by when they were due, of each stage.
    pub(crate) fn dues(&self) -> Vec<Dues> {
        let starts = self.segments.iter().map(|segment| segment.t0);
        let ends = starts.skip(1).chain([self.end]);
        let mut asked = vec![0.0; self.grids.len()];
        for (segment, end) in self.segments.iter().zip(ends) {
            if segment.phase == Phase::Measured {
                asked[usize::from(segment.stage)] += segment.cycles_before(end);
            }
        }
        let (earlier, slots) = self.slots.split_at(1);
        let (before, stages) = slots.split_at(SLOTS);
        let stages = self.grids.iter().zip(stages.chunks(SLOTS)).zip(asked);
        let dues = stages.enumerate().map(|(stage, ((grid, slots), asked))| {
            let first = stage == 0;
            Dues {
                earlier: if first { earlier[0] } else { 0 },
                slots: [if first { before } else { &[0; SLOTS] }, slots].concat(),
                cohort_slots: grid.cohort_slots(),
                asked,
            }
        });
        dues.collect()
    }

    /// Appends a segment, with the lowest index that no earlier cycle can have.
    fn append(&mut self, mut segment: Segment) -> Segment {
        (segment.first, segment.lead) = self.beginning(&segment);
        for walk in &mut self.walks {
            walk.cursor.push(segment);
        }
        self.segments.push(segment);
        segment
    }

    /// Returns the first index of a segment that follows all others, and its lead.
    fn beginning(&self, next: &Segment) -> (u64, f64) {
        let Some(last) = self.segments.last() else { return (0, 0.0) };
        match next.pace.arrivals() {
            // Uniform indices are dealt out without gaps. The window begins with a cycle, and all
            // its stages are on one grid.
            Some(Arrivals::Uniform) if last.phase == next.phase => last.continued_at(next.t0),
            Some(Arrivals::Uniform) => (last.continued_at(next.t0).0, 0.0),
            // Poisson indices of a worker leave gaps for the others, so the next one is beyond the
            // highest. That is right for any arrivals that are not dealt out without gaps. To find
            // the highest of a whole stage would be to draw all its gaps before the run begins.
            Some(_) if last.stage < next.stage => {
                let workers = self.walks.len() as u64;
                let mean = last.cycles_before(next.t0) / workers as f64;
                let most = (mean + INDEX_DEVIATIONS * mean.sqrt()).ceil() as u64 + INDICES_SPARE;
                (last.first + workers * most, 0.0)
            }
            Some(_) => {
                let walked = self.walks.iter().map(|walk| {
                    let mut cursor = walk.cursor.clone();
                    cursor.pass(next.t0);
                    cursor.index()
                });
                (walked.max().unwrap_or(0), 0.0)
            }
            // In a closed loop each worker counts on from its own last index.
            None => (0, 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Rate;
    use crate::plan::fixture::plan;
    use crate::plan::profile::{Profile, Stage};

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
            let [dues] = &dues[..] else { panic!("one stage") };
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

    /// Returns a plan of a profile in this form: a first rate, a last rate and a length in
    /// milliseconds for each stage.
    fn plan_of(stages: &[(f64, f64, u64)], arrivals: Arrivals) -> Plan {
        let stage = |&(from, to, millis): &_| {
            let duration = Duration::from_millis(millis);
            Stage { from, to, duration }
        };
        let profile = Profile::new(stages.iter().map(stage).collect()).expect("a valid profile");
        let duration = profile.duration();
        Plan { profile: Some(profile), duration, arrivals, workers: 3, ..plan() }
    }

    #[test]
    fn a_profile_has_a_segment_for_each_stage_on_one_grid() {
        let plan = plan_of(
            &[(100.0, 100.0, 1_005), (100.0, 300.0, 1_000), (4.0, 4.0, 2_000)],
            Arrivals::Uniform,
        );
        let mut schedule = Schedule::new(&plan, at(0));
        let [warmup, rest @ ..] = schedule.segments() else { panic!("a warm-up") };
        assert_eq!((warmup.pace, warmup.phase), (plan.pace(), Phase::Warmup));
        assert_eq!(plan.pace(), Pace::Open { rate: 100.0, arrivals: Arrivals::Uniform });
        let first: Vec<_> = rest.iter().map(|segment| segment.first).collect();
        // After the warm-up's 100: cycles at 0 ms, 10 ms … 1,000 ms; then until 300.5 in all.
        assert_eq!(first, [100, 201, 401]);
        assert_eq!(rest.iter().map(|segment| segment.stage).collect::<Vec<_>>(), [0, 1, 2]);
        let leads: Vec<_> = rest.iter().map(|segment| segment.lead).collect();
        assert!(leads[0] == 0.0 && (leads[1] - 0.5).abs() < 1e-9 && (leads[2] - 0.5).abs() < 1e-9);
        assert_eq!(schedule.end() - schedule.measured_from(), plan.duration);
        // Half a cycle is left at 4/s: then one each quarter of a second.
        assert_eq!(total(&mut schedule, 3), PerPhase { warmup: 100, measured: 301 + 8 });
        let dues = schedule.dues();
        let by_stage: Vec<u64> = dues.iter().map(|dues| dues.slots[SLOTS..].iter().sum()).collect();
        assert_eq!(by_stage, [101, 200, 8]);
        let mut asked = dues.iter().map(|dues| dues.asked).zip([100.5, 200.0, 8.0]);
        assert!(asked.all(|(asked, area)| (asked - area).abs() < 1e-6), "{dues:?}");
        assert_eq!(plan.cycles_due(), Some(308.5));
        assert_eq!(dues[1].earlier + dues[1].slots[..SLOTS].iter().sum::<u64>(), 0);
        assert_eq!(dues[1].cohort_slots, SLOTS / 6);
        // Twice as many come due at the end of the ramp as at its middle, and so on.
        let tenth = |tenth: usize| dues[1].slots[SLOTS + 24 * tenth..][..24].iter().sum::<u64>();
        assert!((10..=11).contains(&tenth(0)) && (28..=30).contains(&tenth(9)), "{dues:?}");
    }

    #[test]
    fn the_stages_of_a_profile_share_not_one_index_and_count_alike_at_any_frequency() {
        for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
            let stages =
                [(400.0, 400.0, 700), (0.1, 0.1, 300), (10.0, 900.0, 900), (900.0, 0.1, 500)];
            let plan = plan_of(&stages, arrivals);
            let (mut often, mut once) = (Schedule::new(&plan, at(0)), Schedule::new(&plan, at(0)));
            for millis in (0..3_400).step_by(13) {
                let _due = [0, 1, 2].map(|worker| often.due(worker, at(millis)));
            }
            let all = total(&mut once, 3);
            assert_eq!(total(&mut often, 3), all);
            assert_eq!(often.dues(), once.dues());
            let counted = |dues: &Dues| dues.earlier + dues.slots.iter().sum::<u64>();
            assert_eq!(once.dues().iter().map(counted).sum::<u64>(), all.total());

            let mut indices = Vec::new();
            for worker in 0..3 {
                let mut cursor = Cursor::new(Share { worker, workers: 3 });
                once.segments().iter().for_each(|segment| cursor.push(*segment));
                while let Some(due) = cursor.peek(once.end()).filter(|due| due.at < once.end()) {
                    indices.push((due.index, due.stage));
                    cursor.advance();
                }
            }
            indices.sort_unstable();
            assert_eq!(indices.len() as u64, all.total());
            assert!(indices.windows(2).all(|pair| pair[0].0 < pair[1].0), "{arrivals}");
            assert!(indices.is_sorted_by_key(|(_, stage)| *stage), "later stages, later indices");
        }
    }

    #[test]
    fn a_rate_that_a_profile_sets_is_not_changed() {
        let plan = plan_of(&[(100.0, 100.0, 1_000), (50.0, 50.0, 5_000)], Arrivals::Uniform);
        let mut schedule = Schedule::new(&plan, at(0));
        assert_eq!(schedule.change_rate(10.0, at(100)), None);
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
