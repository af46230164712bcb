//! The random numbers of Poisson arrivals, the same on every machine.

use super::{INDEX_MAX, Segment};

/// The place of a stage's number above all bits of a first index.
const STAGE_SHIFT: u32 = u64::BITS - u8::BITS;
const _: () = assert!(INDEX_MAX < 1 << STAGE_SHIFT);

/// A `SplitMix64` generator (Steele, Lea and Flood, 2014): small, seedable, the same on every
/// machine.
#[derive(Debug, Clone, Default)]
pub(super) struct RandomStream(u64);

impl RandomStream {
    /// Creates a worker's stream in a segment.
    pub(super) fn new(segment: &Segment, worker: u32) -> Self {
        // The seeds are mixed by the generator, so that similar seeds give unrelated streams. A
        // segment without a due cycle has the same first index as the next one: its gap must
        // not be drawn again. The first index leaves the upper bits free for the stage.
        let mut stream = Self(segment.seed);
        let segment = segment.first ^ u64::from(segment.stage) << STAGE_SHIFT;
        let mut mixed = Self(stream.next() ^ segment);
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
    pub(super) fn gap(&mut self, rate: f64) -> f64 {
        self.unit_gap() * 1e9 / rate
    }

    /// Returns an exponential gap with a mean of 1.
    pub(super) fn unit_gap(&mut self) -> f64 {
        // 53 random bits in (0, 1]: the logarithm is never that of zero.
        let uniform = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -uniform.ln()
    }
}
