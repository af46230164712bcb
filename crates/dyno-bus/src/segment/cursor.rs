//! One worker's walk over the segments of a plan.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::curve::Curve;
use super::random::RandomStream;
use super::{Arrivals, Pace, PerPhase, Phase, Segment};
use crate::clock::Time;

/// One worker's share of all cycles: those whose index ≡ `worker` mod `workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The worker's index, from 0; less than `workers`.
    pub worker: u32,
    /// The number of workers in the run.
    pub workers: u32,
}

impl Share {
    /// Returns the lowest index of this share that is at least `index`.
    fn at_least(self, index: u64) -> u64 {
        let (worker, workers) = (u64::from(self.worker), u64::from(self.workers));
        index + (worker + workers - index % workers) % workers
    }

    /// Returns the lowest index of this share in the segment, at which its walk begins.
    fn first_of(self, segment: &Segment) -> u64 {
        self.at_least(segment.first)
    }
}

/// A cycle that is, or will be, due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The cycle's index, from 0 over the whole run and all workers.
    pub index: u64,
    /// Its due time; in a closed segment the instant passed to [`Cursor::peek`], or the segment's
    /// start if that is later.
    pub at: Time,
    /// The phase that it counts in.
    pub phase: Phase,
    /// The stage that it belongs to.
    pub stage: u8,
}

/// One worker's walk over the plan's segments, in order, each cycle once.
#[derive(Debug, Clone)]
pub struct Cursor {
    share: Share,
    /// The segment that the walk is in, and those that follow it.
    segments: VecDeque<Segment>,
    /// The next cycle's index in the current segment.
    index: u64,
    /// That cycle's due time by the current segment; the next segment may begin before it.
    at: Time,
    /// The curve of the current segment; that of an earlier one in a closed segment.
    curve: Curve,
    /// The random stream of a Poisson segment.
    stream: RandomStream,
    /// The exact offset of `at` from the `t0` of a Poisson segment: in nanoseconds at a constant
    /// rate, and in cycles of all workers in a ramp.
    offset: f64,
}

impl Cursor {
    /// Creates a walk that has no segments yet.
    #[must_use]
    pub fn new(share: Share) -> Self {
        Self {
            share,
            segments: VecDeque::new(),
            index: 0,
            at: Time::NEVER,
            curve: Curve::default(),
            stream: RandomStream::default(),
            offset: 0.0,
        }
    }

    /// Appends a segment. It replaces the segments that begin with it or later: the plan has changed.
    /// It must begin beyond every lease, since the walk does not go back to cycles that it has
    /// passed.
    pub fn push(&mut self, segment: Segment) {
        // The walk may already be in a segment that is replaced: it goes on to the next one as soon
        // as a segment has no cycle left for it.
        while self.segments.back().is_some_and(|last| last.t0 >= segment.t0) {
            self.segments.pop_back();
        }
        self.segments.push_back(segment);
        if self.segments.len() == 1 {
            self.enter();
        }
    }

    /// Returns the next cycle that this walk has not passed, by the segments so far; `None` without
    /// a segment.
    #[inline]
    pub fn peek(&mut self, now: Time) -> Option<Due> {
        loop {
            let segment = self.segments.front()?;
            let at = match segment.pace {
                Pace::Open { .. } | Pace::Ramp { .. } => self.at,
                Pace::Closed { .. } => now.max(segment.t0),
            };
            // A cycle due at the next segment's start or later is not one of this segment.
            match self.segments.get(1) {
                Some(next) if at >= next.t0 => self.leave(),
                _ => {
                    let (index, phase, stage) = (self.index, segment.phase, segment.stage);
                    return Some(Due { index, at, phase, stage });
                }
            }
        }
    }

    /// Returns the most cycles that a worker may have in flight; `None` outside a closed segment.
    #[must_use]
    pub fn in_flight_max(&self) -> Option<u32> {
        match self.segments.front()?.pace {
            Pace::Open { .. } | Pace::Ramp { .. } => None,
            Pace::Closed { in_flight } => Some(in_flight),
        }
    }

    /// Passes the cycle that [`peek`](Self::peek) showed.
    #[inline]
    pub fn advance(&mut self) {
        let Some(segment) = self.segments.front() else { return };
        self.index += u64::from(self.share.workers);
        match segment.pace.arrivals() {
            Some(Arrivals::Uniform) => self.at = segment.due(self.index, &self.curve),
            Some(Arrivals::Poisson) => self.draw(),
            None => {}
        }
    }

    /// Passes every cycle due before `time`, and returns their number. Takes constant time for
    /// uniform arrivals; in a closed segment the clock makes no cycle due, so none is passed.
    pub fn pass(&mut self, time: Time) -> PerPhase<u64> {
        let mut passed = PerPhase::default();
        while let Some(segment) = self.segments.front() {
            // The segment ends at the start of the next one.
            let end = self.segments.get(1).map_or(time, |next| next.t0.min(time));
            let count = match segment.pace.arrivals() {
                Some(Arrivals::Uniform) => {
                    // On a grid the number follows from the indices, without a walk.
                    let limit = segment.first_not_before(end.max(segment.t0), &self.curve);
                    let stop = self.share.at_least(limit.max(self.index));
                    let count = (stop - self.index) / u64::from(self.share.workers);
                    self.index = stop;
                    self.at = segment.due(stop, &self.curve);
                    count
                }
                // Each random gap has to be drawn, in order, as the worker draws it.
                Some(Arrivals::Poisson) => {
                    let mut count = 0;
                    while self.at < end {
                        count += 1;
                        self.advance();
                    }
                    count
                }
                None => 0,
            };
            let phase = self.segments[0].phase;
            passed[phase] += count;
            // No cycle of this segment is left before its end, so the walk goes on in the next one.
            match self.segments.get(1) {
                Some(next) if next.t0 <= time => self.leave(),
                _ => break,
            }
        }
        passed
    }

    /// Returns the next cycle's index in the current segment: every index that this walk has passed
    /// is below it.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    fn leave(&mut self) {
        self.segments.pop_front();
        self.enter();
    }

    /// Moves the walk to the first cycle of this share in the front segment.
    fn enter(&mut self) {
        let Some(segment) = self.segments.front() else { return };
        // The number of cycles in a closed segment is known only once it is over, so that a closed
        // segment continues the indices of the one before it.
        let floor = if matches!(segment.pace, Pace::Closed { .. }) { self.index } else { 0 };
        self.index = self.share.first_of(segment).max(self.share.at_least(floor));
        self.at = segment.t0;
        if let Some(curve) = Curve::of(segment) {
            self.curve = curve;
        }
        match segment.pace.arrivals() {
            Some(Arrivals::Uniform) => self.at = segment.due(self.index, &self.curve),
            Some(Arrivals::Poisson) => {
                self.stream = RandomStream::new(segment, self.share.worker);
                self.offset = 0.0;
                self.draw();
            }
            None => {}
        }
    }

    /// Draws the gap before the next cycle of a Poisson segment.
    ///
    /// In a ramp the gaps are those of an even process that is stretched in time: one that has
    /// counted as many cycles as the curve has. So the process is exact at every rate.
    #[inline]
    fn draw(&mut self) {
        let Some(segment) = self.segments.front() else { return };
        let workers = f64::from(self.share.workers);
        let offset_ns = match &self.curve {
            Curve::Constant { rate } => {
                self.offset += self.stream.gap(rate / workers);
                self.offset
            }
            Curve::Ramp(ramp) => {
                self.offset += self.stream.unit_gap() * workers;
                ramp.offset_ns(0, self.offset)
            }
        };
        self.at = Time::from_nanos(segment.t0.as_nanos().saturating_add(offset_ns as u64));
    }
}
