//! When cycles are due: the arithmetic on which both ends must agree to the bit.
//!
//! A [`Segment`] says how due times follow from an instant on. The primary sends it once; each
//! worker walks its own share of it with a [`Cursor`], and the primary walks the same cursors to
//! know, without being told, how many cycles each worker owes. That is why this arithmetic stands
//! in the bus: it is part of the protocol.
//!
//! Nothing here reads a clock or remembers what became of a cycle.

use std::collections::VecDeque;
use std::ops::{Add, AddAssign, Index, IndexMut};

use serde::{Deserialize, Serialize};

use crate::SegmentError;
use crate::clock::Time;

/// The highest rate that can be asked for, in cycles per second: below it, each due time is
/// distinct to well under its own period on a nanosecond clock.
pub const RATE_MAX: f64 = 1_000_000.0;
/// The highest index that a segment may begin at: up to it a float is exact, and it is 285 years'
/// worth of the highest rate.
pub const INDEX_MAX: u64 = 1 << 53;

/// Whether a cycle counts in the results, which its due time decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Due before the warm-up's end: in no result and no verdict.
    Warmup,
    /// Due inside the measured window.
    Measured,
}

/// One value for each [`Phase`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerPhase<T> {
    /// Of the warm-up.
    pub warmup: T,
    /// Of the measured window.
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
    /// Both phases together.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.warmup + self.measured
    }
}

/// How due times are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrivals {
    /// Evenly, on one grid over all workers.
    #[default]
    Uniform,
    /// Independent exponential gaps per worker: their union is a Poisson process.
    Poisson,
}

/// What makes the next cycle due.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// The clock: arrivals never wait for completions.
    Open {
        /// Cycles per second over all workers.
        rate: f64,
        /// How they are spread.
        arrivals: Arrivals,
    },
    /// The end of an earlier cycle: each worker keeps this many going.
    Closed {
        /// Cycles in flight in each worker.
        in_flight: u32,
    },
}

/// A stretch of the plan: from `t0` until the next segment's `t0`.
///
/// One that comes over the bus has been [checked](Segment::check).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Segment {
    /// The number of its first cycle.
    pub first: u64,
    /// When that cycle is due.
    pub t0: Time,
    /// What makes its cycles due.
    pub pace: Pace,
    /// Of its random stream; unused by uniform arrivals.
    pub seed: u64,
    /// Whether its cycles count.
    pub phase: Phase,
}

/// A [`Segment`] as it came, field for field: the bytes are the same.
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
    /// Whether it is one whose arithmetic holds: no step of a walk over it overflows, and no walk
    /// stands still.
    ///
    /// # Errors
    /// If its rate is no number of cycles per second up to [`RATE_MAX`], it keeps no cycle in
    /// flight, or its first index is over [`INDEX_MAX`].
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

    /// When the cycle `index` of a uniform open segment is due: `t0 + (index − first) / rate`.
    fn due(&self, index: u64, rate: f64) -> Time {
        // Multiplied before it is divided, and always from `t0`: no error accumulates.
        let offset = ((index - self.first) as f64 * 1e9 / rate).round();
        // Beyond the clock's end is never, whose cycles no walk reaches.
        Time::from_nanos(self.t0.as_nanos().saturating_add(offset as u64))
    }

    /// The lowest index of a uniform open segment that is not due before `time`.
    fn first_not_before(&self, time: Time, rate: f64) -> u64 {
        let estimate = (time.nanos_since(self.t0) as f64 * rate / 1e9).ceil() as u64;
        let mut index = self.first + estimate;
        // The estimate is off by one at most, by rounding: `due` decides.
        while index > self.first && self.due(index - 1, rate) >= time {
            index -= 1;
        }
        while self.due(index, rate) < time {
            index += 1;
        }
        index
    }
}

/// Which of all workers' cycles are this worker's: those whose index ≡ `worker` mod `workers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Index of the worker, from 0.
    pub worker: u32,
    /// How many workers there are.
    pub workers: u32,
}

impl Share {
    /// The lowest index of this share that is at least `index`.
    fn at_least(self, index: u64) -> u64 {
        let (worker, workers) = (u64::from(self.worker), u64::from(self.workers));
        index + (worker + workers - index % workers) % workers
    }

    /// The lowest index of this share in the segment; what Poisson and closed segments count from.
    fn first_of(self, segment: &Segment) -> u64 {
        self.at_least(segment.first)
    }
}

/// A cycle that is, or will be, due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its number over the whole run.
    pub index: u64,
    /// When it is due; in a closed segment, the instant that was asked about.
    pub at: Time,
    /// Whether it counts.
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
    /// When that cycle is due, as far as the current segment says.
    at: Time,
    /// The random stream of a Poisson segment, and the exact offset of `at` from its `t0`.
    stream: Stream,
    offset: f64,
}

impl Cursor {
    /// A walk over no segments yet.
    #[must_use]
    pub fn new(share: Share) -> Self {
        Self {
            share,
            segments: VecDeque::new(),
            index: 0,
            at: Time::NEVER,
            stream: Stream(0),
            offset: 0.0,
        }
    }

    /// Appends a segment. It must begin after the last one, and beyond every lease: what has
    /// been passed over is not taken back.
    pub fn push(&mut self, segment: Segment) {
        self.segments.push_back(segment);
        if self.segments.len() == 1 {
            self.enter();
        }
    }

    /// The next cycle that this walk has not passed, as the plan stands; `None` without a plan.
    #[inline]
    pub fn peek(&mut self, now: Time) -> Option<Due> {
        loop {
            let segment = self.segments.front()?;
            let at = match segment.pace {
                Pace::Open { .. } => self.at,
                Pace::Closed { .. } => now.max(segment.t0),
            };
            match self.segments.get(1) {
                Some(next) if at >= next.t0 => self.leave(),
                _ => return Some(Due { index: self.index, at, phase: segment.phase }),
            }
        }
    }

    /// How many cycles a worker may have in flight: limited in a closed segment only.
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

    /// Passes every cycle due before `time`, and says how many those were. Constant time for
    /// uniform arrivals; a closed segment owes nothing to the clock.
    pub fn pass(&mut self, time: Time) -> PerPhase<u64> {
        let mut passed = PerPhase::default();
        while let Some(segment) = self.segments.front() {
            let end = self.segments.get(1).map_or(time, |next| next.t0.min(time));
            let count = match segment.pace {
                Pace::Open { rate, arrivals: Arrivals::Uniform } => {
                    let limit = segment.first_not_before(end.max(segment.t0), rate);
                    let stop = self.share.at_least(limit.max(self.index));
                    let count = (stop - self.index) / u64::from(self.share.workers);
                    self.index = stop;
                    self.at = segment.due(stop, rate);
                    count
                }
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
            match self.segments.get(1) {
                Some(next) if next.t0 <= time => self.leave(),
                _ => break,
            }
        }
        passed
    }

    /// The next cycle's index in the current segment: every index that this walk has passed is
    /// below it.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    fn leave(&mut self) {
        self.segments.pop_front();
        self.enter();
    }

    /// Positions the walk at the front segment's first cycle of this share.
    fn enter(&mut self) {
        let Some(segment) = self.segments.front() else { return };
        // A closed segment's length is known only once it is over: the next one counts on.
        let floor = if matches!(segment.pace, Pace::Closed { .. }) { self.index } else { 0 };
        self.index = self.share.first_of(segment).max(self.share.at_least(floor));
        self.at = segment.t0;
        match segment.pace {
            Pace::Open { rate, arrivals: Arrivals::Uniform } => {
                self.at = segment.due(self.index, rate);
            }
            Pace::Open { rate, arrivals: Arrivals::Poisson } => {
                self.stream = Stream::new(segment.seed, segment.first, self.share.worker);
                self.offset = self.stream.gap(rate / f64::from(self.share.workers));
                self.at =
                    Time::from_nanos(segment.t0.as_nanos().saturating_add(self.offset as u64));
            }
            Pace::Closed { .. } => {}
        }
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): small, seedable, the same on every machine.
#[derive(Debug, Clone)]
struct Stream(u64);

impl Stream {
    fn new(seed: u64, first: u64, worker: u32) -> Self {
        // Mixed through the generator itself, so that near seeds give unrelated streams.
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

    /// An exponential gap in nanoseconds, of mean `1e9 / rate`.
    fn gap(&mut self, rate: f64) -> f64 {
        // 53 random bits in (0, 1]: the logarithm of zero is never asked for.
        let uniform = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -uniform.ln() * 1e9 / rate
    }
}

#[cfg(test)]
mod tests;
