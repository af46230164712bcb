//! The plan in time: segments, leases, and the number of cycles that each worker owes. Pure.
//!
//! The schedule walks every worker's share itself, so that the number of issued cycles comes from
//! the primary's own arithmetic and not from a worker's report. The window has a segment for each
//! stage of a load profile, and one without a profile. All of them are known from the beginning, and
//! each continues the grid of the one before. If keys change the rate, the window gets more stages,
//! its *stretches*, while it goes on.

use std::time::Duration;

use dyno_bus::message::Lease;
use dyno_bus::segment::{Arrivals, Pace, PerPhase, Share};
use dyno_bus::timeline::stages::STAGES_OF_RUN_MAX;
use dyno_bus::timeline::{Grid, SLOTS};
use dyno_bus::{Cursor, Phase, Segment, Time, clock};

use super::hand::{HandRate, RateKey};
use crate::plan::Plan;
use crate::plan::profile::Stage;

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
    walks: Vec<Walk>,
    /// The grid of each stage.
    grids: Vec<Grid>,
    /// The ends of all elements of `slots` but the last, which has no end.
    slot_ends: Vec<Time>,
    /// Cycles counted so far: first those due before any slot, then those of one window's length
    /// before the first stage, then those of each stage.
    slots: Vec<u64>,
    /// The rate that is set by hand; `None` if the rate of the run can't be changed by hand.
    hand: Option<HandRate>,
    /// `true` if a key came since the last stretch began.
    is_pressed: bool,
}

/// A stretch of the measured window whose rate was set by hand, or that ended by such a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// Its rate, which is 0 in a pause, and its length as it was planned: to the end of the window.
    pub(crate) stage: Stage,
    /// The time until the next stretch began; `None` for the last one.
    pub(crate) run: Option<Duration>,
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
            hand: plan.rate.per_second().filter(|_| plan.profile.is_none()).map(HandRate::new),
            is_pressed: false,
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

    /// Handles a key. Returns the rate that is requested now; `None` if the rate of this run can't be
    /// changed by hand. The stretch with that rate begins with the next lease.
    pub(crate) fn press(&mut self, key: RateKey) -> Option<HandRate> {
        let is_final = self.until >= self.end || self.grids.len() == STAGES_OF_RUN_MAX;
        let hand = self.hand.as_mut()?;
        hand.is_final |= is_final;
        *hand = hand.after(key);
        self.is_pressed |= !hand.is_final;
        Some(*hand)
    }

    /// Returns the stretch that begins where the furthest lease ends, if it is time for the next
    /// lease and a key has changed the rate. All keys between two leases make one stretch.
    pub(crate) fn next_stretch(&mut self, now: Time) -> Option<Segment> {
        let (hand, last) = (self.hand?, *self.segments.last()?);
        let t0 = self.until.max(now);
        if now < self.next_lease || !self.is_pressed || t0 <= last.t0 || t0 >= self.end {
            return None;
        }
        self.is_pressed = false;
        let rate = hand.issued_rate();
        let Pace::Open { rate: before, .. } = last.pace else { return None };
        if before.to_bits() == paced(rate).to_bits() {
            return None;
        }
        // The arrivals of a pause are uniform: a random gap might be as short as any.
        let arrivals = self.segments[0].pace.arrivals().filter(|_| !hand.is_paused);
        let pace = Pace::Open { rate: paced(rate), arrivals: arrivals.unwrap_or_default() };
        let length_ns = clock::nanos(self.end - t0);
        // A byte has a number for each stage: the keys end before.
        let stage = self.grids.len() as u8;
        let segment = Segment { t0, length_ns, pace, phase: Phase::Measured, stage, ..last };
        // The stretch before ends here, and so do its slots.
        for end in &mut self.slot_ends {
            *end = t0.min(*end);
        }
        self.add_grid(Grid::of_stage(&segment, t0));
        let segment = self.append(segment);
        let is_full = self.grids.len() == STAGES_OF_RUN_MAX;
        self.hand = Some(HandRate { is_final: hand.is_final || is_full, ..hand });
        Some(segment)
    }

    /// Returns the stretches of the window; empty if no key has changed the rate.
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        if self.hand.is_none() || self.grids.len() < 2 {
            return Vec::new();
        }
        let measured = self.segments.iter().filter(|segment| segment.phase == Phase::Measured);
        let nexts = measured.clone().skip(1).map(|next| Some(next.t0)).chain([None]);
        let stretch = |(segment, next): (&Segment, Option<Time>)| {
            let rate = match segment.pace {
                Pace::Open { rate, .. } if rate > PAUSED => rate,
                _ => 0.0,
            };
            let duration = Duration::from_nanos(segment.length_ns);
            let stage = Stage { from: rate, to: rate, duration };
            Stretch { stage, run: next.map(|next| next - segment.t0) }
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
        if matches!(segment.pace, Pace::Open { rate, .. } if rate <= PAUSED) {
            segment.lead = PAUSED_LEAD;
        }
        for walk in &mut self.walks {
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

/// Returns the rate of the segment of a stretch with this rate.
fn paced(rate: f64) -> f64 {
    if rate > 0.0 { rate } else { PAUSED }
}

#[cfg(test)]
mod tests;
