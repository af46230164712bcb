//! The arithmetic of due times, on which both ends must agree to the bit.
//!
//! A [`Segment`] defines the due times from an instant on. The primary sends it once. Each worker
//! walks its share of it with a [`Cursor`], and the primary walks the same cursors: it knows
//! without a message how many cycles each worker owes. That makes this arithmetic a part of the
//! protocol, which is why it belongs to the bus.
//!
//! Nothing here reads a clock or remembers the outcome of a cycle.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Add, AddAssign, Index, IndexMut};

use serde::{Deserialize, Serialize};

use crate::SegmentError;
use crate::clock::Time;

/// The highest rate, in cycles per second: up to it, a clock of nanoseconds tells due times apart
/// much more finely than by a period.
pub const RATE_MAX: f64 = 1_000_000.0;
/// The highest index of a segment's first cycle: up to it a float is exact, and the highest rate
/// takes 285 years to reach it.
pub const INDEX_MAX: u64 = 1 << 53;

/// The phase of a cycle, by its due time: only measured cycles count in the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Due before the warm-up's end; counts in no result and no verdict.
    Warmup,
    /// Due inside the measured window.
    Measured,
}

/// One value for each [`Phase`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerPhase<T> {
    /// The value of the warm-up.
    pub warmup: T,
    /// The value of the measured window.
    pub measured: T,
}

impl<T> Index<Phase> for PerPhase<T> {
    type Output = T;

    fn index(&self, phase: Phase) -> &T {
        match phase {
            Phase::Warmup => &self.warmup,
            Phase::Measured => &self.measured,
        }
    }
}

impl<T> IndexMut<Phase> for PerPhase<T> {
    fn index_mut(&mut self, phase: Phase) -> &mut T {
        match phase {
            Phase::Warmup => &mut self.warmup,
            Phase::Measured => &mut self.measured,
        }
    }
}

impl<T: Add<Output = T>> Add for PerPhase<T> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { warmup: self.warmup + other.warmup, measured: self.measured + other.measured }
    }
}

impl<T: AddAssign> AddAssign for PerPhase<T> {
    fn add_assign(&mut self, other: Self) {
        self.warmup += other.warmup;
        self.measured += other.measured;
    }
}

impl PerPhase<u64> {
    /// Returns the sum of both phases.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.warmup + self.measured
    }
}

/// The distribution of due times.
///
/// ```
/// use dyno_bus::segment::Arrivals;
///
/// assert_eq!(Arrivals::default(), Arrivals::Uniform);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrivals {
    /// Even gaps, on one grid over all workers.
    #[default]
    Uniform,
    /// Exponential gaps, independent in each worker: all workers together are a Poisson process.
    Poisson,
}

impl Arrivals {
    /// All distributions, the default first.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Poisson];

    /// Returns the name in flags and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Poisson => "poisson",
        }
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The event that makes the next cycle due.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// The clock: arrivals never wait for completions.
    Open {
        /// Cycles per second over all workers.
        rate: f64,
        /// The distribution of their due times.
        arrivals: Arrivals,
    },
    /// The end of an earlier cycle: each worker keeps a fixed number in flight.
    Closed {
        /// The cycles in flight in each worker, at least one.
        in_flight: u32,
    },
}

/// A stretch of the plan: from `t0` until the next segment's `t0`.
///
/// A segment that comes over the bus has been [checked](Segment::check).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Segment {
    /// The index of its first cycle, at most [`INDEX_MAX`].
    pub first: u64,
    /// The start of the segment. With uniform arrivals, its first cycle is due then.
    pub t0: Time,
    /// The event that makes its cycles due.
    pub pace: Pace,
    /// The seed of its random stream; unused by uniform arrivals.
    pub seed: u64,
    /// The phase of all its cycles.
    pub phase: Phase,
}

/// A [`Segment`] that has not been checked; its fields and its bytes are the same.
#[derive(Deserialize)]
struct Unchecked {
    first: u64,
    t0: Time,
    pace: Pace,
    seed: u64,
    phase: Phase,
}

impl TryFrom<Unchecked> for Segment {
    type Error = SegmentError;

    fn try_from(unchecked: Unchecked) -> Result<Self, SegmentError> {
        let Unchecked { first, t0, pace, seed, phase } = unchecked;
        let segment = Self { first, t0, pace, seed, phase };
        segment.check()?;
        Ok(segment)
    }
}

impl Segment {
    /// Checks that no step of a walk over the segment overflows, and that each walk gets on.
    ///
    /// # Errors
    /// If the rate is not a positive number up to [`RATE_MAX`], a closed loop keeps zero cycles in
    /// flight, or the first index is over [`INDEX_MAX`].
    pub fn check(&self) -> Result<(), SegmentError> {
        match self.pace {
            Pace::Open { rate, .. } if !(rate > 0.0 && rate <= RATE_MAX) => {
                return Err(SegmentError::Rate { rate });
            }
            Pace::Closed { in_flight: 0 } => return Err(SegmentError::NothingInFlight),
            Pace::Open { .. } | Pace::Closed { .. } => {}
        }
        if self.first > INDEX_MAX {
            return Err(SegmentError::Index { first: self.first });
        }
        Ok(())
    }

    /// Returns the due time of the cycle `index` in a uniform open segment:
    /// `t0 + (index − first) / rate`.
    fn due(&self, index: u64, rate: f64) -> Time {
        // Multiplied before it is divided, and always from `t0`: no error accumulates.
        let offset = ((index - self.first) as f64 * 1e9 / rate).round();
        // Beyond the clock's end the due time is `Time::NEVER`, which no walk reaches.
        Time::from_nanos(self.t0.as_nanos().saturating_add(offset as u64))
    }

    /// Returns the lowest index of a uniform open segment that is not due before `time`.
    fn first_not_before(&self, time: Time, rate: f64) -> u64 {
        let estimate = (time.nanos_since(self.t0) as f64 * rate / 1e9).ceil() as u64;
        let mut index = self.first + estimate;
        // Rounding makes the estimate wrong by one at most: `due` decides.
        while index > self.first && self.due(index - 1, rate) >= time {
            index -= 1;
        }
        while self.due(index, rate) < time {
            index += 1;
        }
        index
    }
}

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
    /// The random stream of a Poisson segment, and the exact offset of `at` from its `t0`.
    stream: RandomStream,
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
            stream: RandomStream(0),
            offset: 0.0,
        }
    }

    /// Appends a segment. It must begin after the last one, and beyond every lease: the walk does
    /// not go back to cycles that it has passed.
    pub fn push(&mut self, segment: Segment) {
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
                Pace::Open { .. } => self.at,
                Pace::Closed { .. } => now.max(segment.t0),
            };
            // A cycle due at the next segment's start or later is not one of this segment.
            match self.segments.get(1) {
                Some(next) if at >= next.t0 => self.leave(),
                _ => return Some(Due { index: self.index, at, phase: segment.phase }),
            }
        }
    }

    /// Returns the most cycles that a worker may have in flight; `None` outside a closed segment.
    #[must_use]
    pub fn in_flight_max(&self) -> Option<u32> {
        match self.segments.front()?.pace {
            Pace::Open { .. } => None,
            Pace::Closed { in_flight } => Some(in_flight),
        }
    }

    /// Passes the cycle that [`peek`](Self::peek) showed.
    #[inline]
    pub fn advance(&mut self) {
        let Some(segment) = self.segments.front() else { return };
        self.index += u64::from(self.share.workers);
        match segment.pace {
            Pace::Open { rate, arrivals: Arrivals::Uniform } => {
                self.at = segment.due(self.index, rate);
            }
            Pace::Open { rate, arrivals: Arrivals::Poisson } => {
                self.offset += self.stream.gap(rate / f64::from(self.share.workers));
                self.at =
                    Time::from_nanos(segment.t0.as_nanos().saturating_add(self.offset as u64));
            }
            Pace::Closed { .. } => {}
        }
    }

    /// Passes every cycle due before `time`, and returns their number. Takes constant time for
    /// uniform arrivals; in a closed segment the clock makes no cycle due, so none is passed.
    pub fn pass(&mut self, time: Time) -> PerPhase<u64> {
        let mut passed = PerPhase::default();
        while let Some(segment) = self.segments.front() {
            // The segment ends at the start of the next one.
            let end = self.segments.get(1).map_or(time, |next| next.t0.min(time));
            let count = match segment.pace {
                Pace::Open { rate, arrivals: Arrivals::Uniform } => {
                    // On a grid the number follows from the indices, without a walk.
                    let limit = segment.first_not_before(end.max(segment.t0), rate);
                    let stop = self.share.at_least(limit.max(self.index));
                    let count = (stop - self.index) / u64::from(self.share.workers);
                    self.index = stop;
                    self.at = segment.due(stop, rate);
                    count
                }
                // Each random gap has to be drawn, in order, as the worker draws it.
                Pace::Open { .. } => {
                    let mut count = 0;
                    while self.at < end {
                        count += 1;
                        self.advance();
                    }
                    count
                }
                Pace::Closed { .. } => 0,
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
        match segment.pace {
            Pace::Open { rate, arrivals: Arrivals::Uniform } => {
                self.at = segment.due(self.index, rate);
            }
            Pace::Open { rate, arrivals: Arrivals::Poisson } => {
                self.stream = RandomStream::new(segment.seed, segment.first, self.share.worker);
                self.offset = self.stream.gap(rate / f64::from(self.share.workers));
                self.at =
                    Time::from_nanos(segment.t0.as_nanos().saturating_add(self.offset as u64));
            }
            Pace::Closed { .. } => {}
        }
    }
}

/// A `SplitMix64` generator (Steele, Lea and Flood, 2014): small, seedable, the same on every
/// machine.
#[derive(Debug, Clone)]
struct RandomStream(u64);

impl RandomStream {
    fn new(seed: u64, first: u64, worker: u32) -> Self {
        // The seeds are mixed by the generator, so that similar seeds give unrelated streams.
        let mut stream = Self(seed);
        let mut mixed = Self(stream.next() ^ first);
        Self(mixed.next() ^ (u64::from(worker) << 1 | 1))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns an exponential gap in nanoseconds, with a mean of `1e9 / rate`.
    fn gap(&mut self, rate: f64) -> f64 {
        // 53 random bits in (0, 1]: the logarithm is never that of zero.
        let uniform = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -uniform.ln() * 1e9 / rate
    }
}

#[cfg(test)]
mod tests;
