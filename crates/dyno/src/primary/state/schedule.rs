//! The plan in time: segments, leases, and the number of cycles that each worker owes. Pure.
//!
//! The schedule walks every worker's share itself, so that the number of issued cycles comes from
//! the primary's own arithmetic and not from a worker's report. If the run has several hosts, the
//! schedule of each walks the shares of that host's workers. All of them together are the schedule
//! of one host with all workers.
//!
//! The window has a segment for each stage of a load profile, and one without a profile. All of them
//! are known from the beginning, and each continues the grid of the one before. If the rate
//! is changed by hand, new stages replace those that have not begun: the rest of the plan, at
//! another rate.

use std::time::Duration;

use dyno_bus::message::Lease;
use dyno_bus::segment::{Arrivals, Pace, PerPhase, Share};
use dyno_bus::timeline::stages::STAGES_OF_RUN_MAX;
use dyno_bus::timeline::{Grid, SLOTS};
use dyno_bus::{Cursor, Phase, Segment, Time, clock};
use serde::{Deserialize, Serialize};

use super::hand::{HandRate, RateKey, Steered};
use crate::plan::Plan;
use crate::plan::profile::Stage;
use crate::primary::crew::Crew;

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
/// The rate of a stretch without issuing, in cycles per second. Its first cycle is due in thirty
/// thousand years.
const PAUSED: f64 = 1e-12;
/// The lead of such a stretch: a whole cycle, nearly.
const PAUSED_LEAD: f64 = 1.0 - f64::EPSILON;

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
    walks: Crew<Walk>,
    /// The number of workers of the run, over all hosts.
    workers: u32,
    /// The part of the run's cycles that is due to this host's workers.
    own_part: f64,
    /// The grid of each stage.
    grids: Vec<Grid>,
    /// The ends of all elements of `slots` but the last, which has no end.
    slot_ends: Vec<Time>,
    /// Cycles counted so far: first those due before any slot, then those of one window's length
    /// before the first stage, then those of each stage.
    slots: Vec<u64>,
    /// The stages of the window as they were planned.
    planned: Vec<PlannedStage>,
    /// The rate that is requested by hand; `None` in a closed loop.
    hand: Option<HandRate>,
    /// The rate of the segments: that of the last change, or that of the plan.
    applied: Option<HandRate>,
    /// `true` once the rate was changed by hand.
    is_steered: bool,
}

/// A stage of a window whose rate was changed by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// Its rates, which are 0 in a pause, and its length as it was planned.
    pub(crate) stage: Stage,
    /// The time until a change by hand ended it; `None` if none did.
    pub(crate) run: Option<Duration>,
}

/// A stage of the plan, with the instant at which it begins.
#[derive(Debug, Clone, Copy)]
struct PlannedStage {
    t0: Time,
    pace: Pace,
    length: Duration,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dues {
    /// Cycles due more than the stage's length before the first stage; 0 in a later one.
    pub(crate) earlier: u64,
    /// Cycles due in each slot: first those of one length of the stage before the first stage, which
    /// are 0 in a later one, then those of the stage.
    pub(crate) slots: Vec<u64>,
    /// The number of the stage's slots that belong to its timeline's cohort.
    pub(crate) cohort_slots: usize,
    /// The cycles that the plan requests of this host in the whole stage, on average.
    pub(crate) asked: f64,
    /// Those that it requests of all hosts.
    pub(crate) asked_of_run: f64,
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

/// Returns the time that all workers need to receive the plan.
pub(crate) fn lead(plan: &Plan) -> Duration {
    LEAD + LEAD_PER_WORKER * plan.workers
}

impl Schedule {
    /// Creates the schedule of a plan whose workers are all ready at `now`.
    pub(crate) fn new(plan: &Plan, now: Time) -> Self {
        Self::from(plan, now, now + lead(plan))
    }

    /// Creates the schedule of a plan whose first cycle is due at `t0`, and whose workers are all
    /// ready at `now`.
    pub(crate) fn from(plan: &Plan, now: Time, t0: Time) -> Self {
        let measured_from = t0 + plan.warmup;
        let workers = plan.workers_of_run();
        let walk = |worker| Walk {
            cursor: Cursor::new(Share { worker, workers }),
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
            walks: Crew::new(plan.worker_numbers(), walk),
            workers,
            own_part: plan.own_part(),
            grids: Vec::new(),
            slot_ends: Vec::new(),
            slots: vec![0],
            planned: Vec::new(),
            hand: HandRate::of(plan),
            applied: HandRate::of(plan),
            is_steered: false,
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
            schedule.planned.push(PlannedStage { t0: begin, pace, length });
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

    /// Handles a key. Returns the rate that is requested now; `None` if it can't be changed by hand. The
    /// stretch with that rate begins with the next lease.
    pub(crate) fn press(&mut self, key: RateKey) -> Option<HandRate> {
        self.request(|hand| hand.after(key))
    }

    /// Requests another rate, in cycles per second. Returns it; `None` if it can't be changed by hand,
    /// or if a profile sets the rate.
    pub(crate) fn set_rate(&mut self, rate: f64) -> Option<HandRate> {
        self.hand.filter(|hand| matches!(hand.steered, Steered::Rate(_)))?;
        self.request(|hand| hand.with_rate(rate))
    }

    fn request(&mut self, change: impl FnOnce(HandRate) -> HandRate) -> Option<HandRate> {
        let is_final = self.until >= self.end || self.is_full();
        let hand = self.hand.as_mut()?;
        hand.is_final |= is_final;
        *hand = change(*hand);
        Some(*hand)
    }

    /// Returns `true` if the next change could make more stages than a run has numbers for.
    fn is_full(&self) -> bool {
        let begun = self
            .segments
            .iter()
            .filter(|segment| segment.phase == Phase::Measured && segment.t0 <= self.until);
        begun.count() + self.rest(self.until).count() > STAGES_OF_RUN_MAX
    }

    /// Returns the segments of the stretches that begin where the furthest lease ends, if it is time
    /// for the next lease and another rate was requested; otherwise none. All keys between two leases
    /// make one change. The new segments replace those that begin later.
    pub(crate) fn next_stretches(&mut self, now: Time) -> Vec<Segment> {
        let (Some(hand), Some(applied)) = (self.hand, self.applied) else { return Vec::new() };
        let t0 = self.until.max(now);
        let is_new = !hand.is_same_rate(applied);
        // A rate that is set in the warm-up waits until the window has begun.
        if now < self.next_lease || !is_new || t0 <= self.measured_from || t0 >= self.end {
            return Vec::new();
        }
        (self.applied, self.is_steered) = (self.hand, true);
        self.cut_at(t0);
        let stretches = self.steered(hand, t0);
        for (at, pace, length) in &stretches {
            let segment = self.segments[self.segments.len() - 1];
            // A request is refused before the numbers of stages end.
            let stage = self.grids.len() as u8;
            let segment = Segment {
                t0: *at,
                length_ns: clock::nanos(*length),
                pace: *pace,
                phase: Phase::Measured,
                stage,
                ..segment
            };
            self.add_grid(Grid::of_stage(&segment, *at));
            self.append(segment);
        }
        let is_full = self.is_full();
        self.hand = Some(HandRate { is_final: hand.is_final || is_full, ..hand });
        self.segments[self.segments.len() - stretches.len()..].to_vec()
    }

    /// Forgets the stages that begin at `t0` or later. The one before them ends there, and so do its
    /// slots.
    fn cut_at(&mut self, t0: Time) {
        self.segments.retain(|segment| segment.t0 < t0);
        let kept = self.segments.iter().filter(|segment| segment.phase == Phase::Measured).count();
        self.grids.truncate(kept);
        self.slot_ends.truncate((kept + 1) * SLOTS);
        self.slots.truncate((kept + 1) * SLOTS + 1);
        for end in &mut self.slot_ends {
            *end = t0.min(*end);
        }
    }

    /// Returns the rest of the plan from `t0` on, at the rate that is set by hand: the beginning, the
    /// pace and the length of each stage.
    fn steered(&self, hand: HandRate, t0: Time) -> Vec<(Time, Pace, Duration)> {
        if hand.is_paused {
            // Uniform, because a random gap might be as short as any.
            let pace = Pace::Open { rate: PAUSED, arrivals: Arrivals::Uniform };
            return vec![(t0, pace, self.end - t0)];
        }
        let steered = |stage: PlannedStage| (stage.t0, hand.steered.pace(stage.pace), stage.length);
        self.rest(t0).map(steered).collect()
    }

    /// Returns the stages of the plan from `t0` on. The first one begins there.
    fn rest(&self, t0: Time) -> impl Iterator<Item = PlannedStage> {
        let cut = move |stage: &PlannedStage| {
            let passed = t0 - stage.t0;
            let length = stage.length.checked_sub(passed).filter(|rest| !rest.is_zero())?;
            let pace = match stage.pace {
                Pace::Ramp { from, to, arrivals } => {
                    let share = passed.as_secs_f64() / stage.length.as_secs_f64();
                    let from = Stage { from, to, duration: stage.length }.rate_at(share);
                    Pace::Ramp { from, to, arrivals }
                }
                pace @ (Pace::Open { .. } | Pace::Closed { .. }) => pace,
            };
            Some(PlannedStage { t0: stage.t0.max(t0), pace, length })
        };
        self.planned.iter().filter_map(cut)
    }

    /// Returns the stages of the window, if its rate was changed by hand; otherwise none.
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        if !self.is_steered {
            return Vec::new();
        }
        let measured = self.segments.iter().filter(|segment| segment.phase == Phase::Measured);
        let nexts = measured.clone().skip(1).map(|next| Some(next.t0)).chain([None]);
        let stretch = |(segment, next): (&Segment, Option<Time>)| {
            let (from, to) = match segment.pace {
                Pace::Open { rate, .. } if rate > PAUSED => (rate, rate),
                Pace::Ramp { from, to, .. } => (from, to),
                Pace::Open { .. } | Pace::Closed { .. } => (0.0, 0.0),
            };
            let duration = Duration::from_nanos(segment.length_ns);
            let run = next.map(|next| next - segment.t0).filter(|run| *run < duration);
            Stretch { stage: Stage { from, to, duration }, run }
        };
        measured.zip(nexts).map(stretch).collect()
    }

    /// Notes that an early stop is sent at `now`: cycles that become due later are not counted.
    pub(crate) fn stop(&mut self, now: Time) {
        self.cap = self.cap.min(now);
        self.next_lease = Time::NEVER;
    }

    /// Returns the number of cycles that have become due to a worker by `as_of`, which must not go
    /// back.
    pub(crate) fn due(&mut self, worker: u32, as_of: Time) -> PerPhase<u64> {
        let walk = &mut self.walks[worker];
        walk.pass(as_of.min(self.cap), &self.slot_ends, &mut self.slots)
    }

    /// Returns the number of cycles that were due to a worker before its cut; the cut is never
    /// before an early stop.
    pub(crate) fn issued(&mut self, worker: u32, cut: Time) -> PerPhase<u64> {
        let walk = &mut self.walks[worker];
        walk.pass(cut.min(self.end), &self.slot_ends, &mut self.slots)
    }

    /// Returns the cycles counted so far, by when they were due, of each stage.
    pub(crate) fn dues(&self) -> Vec<Dues> {
        let starts = self.segments.iter().map(|segment| segment.t0);
        let ends = starts.skip(1).chain([self.end]);
        let mut asked = vec![(0.0, 0.0); self.grids.len()];
        for (segment, end) in self.segments.iter().zip(ends) {
            if segment.phase == Phase::Measured {
                let (of_host, of_run) = &mut asked[usize::from(segment.stage)];
                *of_host += segment.cycles_before(end) * self.own_part;
                *of_run += segment.cycles_before(end);
            }
        }
        let (earlier, slots) = self.slots.split_at(1);
        let (before, stages) = slots.split_at(SLOTS);
        let stages = self.grids.iter().zip(stages.chunks(SLOTS)).zip(asked);
        let dues = stages.enumerate().map(|(stage, ((grid, slots), (asked, asked_of_run)))| {
            let first = stage == 0;
            Dues {
                earlier: if first { earlier[0] } else { 0 },
                slots: [if first { before } else { &[0; SLOTS] }, slots].concat(),
                cohort_slots: grid.cohort_slots(),
                asked,
                asked_of_run,
            }
        });
        dues.collect()
    }

    /// Appends a segment, with the lowest index that no earlier cycle can have.
    fn append(&mut self, mut segment: Segment) -> Segment {
        (segment.first, segment.lead) = self.beginning(&segment);
        if matches!(segment.pace, Pace::Open { rate, .. } if rate <= PAUSED) {
            segment.lead = PAUSED_LEAD;
        }
        for walk in self.walks.values_mut() {
            walk.cursor.push(segment);
        }
        self.segments.push(segment);
        segment
    }

    /// Returns the first index of a segment that follows all others, and its lead.
    fn beginning(&self, next: &Segment) -> (u64, f64) {
        let Some(last) = self.segments.last() else { return (0, 0.0) };
        match last.pace.arrivals() {
            // Uniform indices are dealt out without gaps. The window begins with a cycle, and all
            // its stages are on one grid.
            Some(Arrivals::Uniform) if last.phase == next.phase => last.continued_at(next.t0),
            Some(Arrivals::Uniform) => (last.continued_at(next.t0).0, 0.0),
            // Poisson indices of a worker leave gaps for the others, so the next one is beyond the
            // highest. That is right for any arrivals that are not dealt out without gaps. To find
            // the highest of a whole stage would be to draw all its gaps before the run begins.
            Some(_) if last.stage < next.stage => {
                let workers = u64::from(self.workers);
                let mean = last.cycles_before(next.t0) / workers as f64;
                let most = (mean + INDEX_DEVIATIONS * mean.sqrt()).ceil() as u64 + INDICES_SPARE;
                (last.first + workers * most, 0.0)
            }
            Some(_) => {
                let reached = |mut cursor: Cursor| {
                    cursor.pass(next.t0);
                    cursor.index()
                };
                let own = self.walks.values().iter().map(|walk| reached(walk.cursor.clone()));
                // The workers of other hosts are walked from the beginning.
                let other = self.other_cursors().map(reached);
                (own.chain(other).max().unwrap_or(0), 0.0)
            }
            // In a closed loop each worker counts on from its own last index.
            None => (0, 0.0),
        }
    }

    /// Returns the walks of the workers of other hosts, at the beginning of the plan.
    fn other_cursors(&self) -> impl Iterator<Item = Cursor> {
        let own = self.walks.numbers();
        let others = (0..self.workers).filter(move |worker| own.binary_search(worker).is_err());
        others.map(|worker| {
            let mut cursor = Cursor::new(Share { worker, workers: self.workers });
            self.segments.iter().for_each(|segment| cursor.push(*segment));
            cursor
        })
    }
}

#[cfg(test)]
pub(crate) mod counted;
#[cfg(test)]
mod tests;
