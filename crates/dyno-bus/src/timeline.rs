//! The course of a run in a few kilobytes, as evidence for the verdict: when cycles were due, and
//! when they ended.
//!
//! A [`Batch`](crate::message::Batch) carries how long cycles waited and ran, but not when they
//! were due. The verdict needs that too: it asks whether later cycles take longer than earlier
//! ones, and how many were in flight at each moment. So each worker keeps a [`CycleTimeline`], which
//! cuts the measured window into [`SLOTS`] by the times at which cycles ended, and into [`PARTS`]
//! by the times at which they were due. It sends the timeline once, with its account.
//!
//! A [`Grid`] is the arithmetic of these cuts, on which worker and primary agree. The loop passes a
//! cycle's due time to the bus thread as a [place](Grid::place), a quarter of a slot long, in the
//! unused bits of the cycle's record.
//!
//! Each stage of a load profile is a separate window, with its own grid and its own timeline
//! ([`stages`]).

pub mod stages;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{self, Time};
use crate::segment::Segment;

/// The slots of the measured window. 240 divide evenly into blocks of many sizes, and an interval
/// of a fiftieth of the window still has almost five.
pub const SLOTS: usize = 240;
/// The parts of the window by due time: the least number that makes both six and ten blocks.
pub const PARTS: usize = 30;
/// Places in a slot: a place is the precision of a single cycle's due time.
const PLACES_PER_SLOT: usize = 4;
/// Places in the window.
const PLACES_PER_WINDOW: u64 = (SLOTS * PLACES_PER_SLOT) as u64;
/// All places: one window's length before the window's start, then the window.
pub const PLACES: u64 = 2 * PLACES_PER_WINDOW;
/// The bits of a place's number.
pub const PLACE_BITS: u32 = (PLACES - 1).ilog2() + 1;
/// The cohort's share of the run, if the warm-up is shorter. These cycles show how long a cycle
/// takes: they are early enough that no long queue is before them.
const COHORT_SHARE: f64 = 1.0 / 6.0;
/// The buckets of response in an octave, which is a factor of two.
const BUCKETS_PER_OCTAVE: usize = 8;
/// The octaves below the window's length that have separate buckets. A response that is shorter
/// changes no trend that matters.
const OCTAVES: usize = 12;
/// Buckets of response; the first is for all shorter ones, the last for those at least as long as
/// the window.
pub const BUCKETS: usize = OCTAVES * BUCKETS_PER_OCTAVE + 2;

/// The cuts of one run in time, fixed by its window and its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The measured window's first instant.
    start: Time,
    window_ns: u64,
    /// Places per nanosecond, times 2^64.
    places_per_ns: u64,
    /// The first slot after the cohort, counted from one window's length before the window.
    cohort_end: usize,
}

impl Grid {
    /// Creates the grid of a window that begins at `start`, of a run whose first cycle is due at
    /// `first`.
    #[must_use]
    pub fn new(first: Time, start: Time, window: Duration) -> Self {
        // A real window has more nanoseconds than places, but a foreign peer may send any length.
        let window_ns = clock::nanos(window).max(PLACES_PER_WINDOW + 1);
        let warmup_ns = start.nanos_since(first);
        let share = (window_ns + warmup_ns) as f64 * COHORT_SHARE - warmup_ns as f64;
        let beyond_warmup = (share.max(0.0) / window_ns as f64 * SLOTS as f64).round() as usize;
        Self {
            start,
            window_ns,
            // Rounded up: a span that is a whole number of places must not lose one.
            places_per_ns: ((u128::from(PLACES_PER_WINDOW) << 64) / u128::from(window_ns) + 1)
                as u64,
            cohort_end: SLOTS + beyond_warmup,
        }
    }

    /// Creates the grid of the stage that a measured segment begins, in a run whose first cycle is
    /// due at `first`. The cohort of the first stage is that of the run; a later stage has one of
    /// its own.
    #[must_use]
    pub fn of_stage(segment: &Segment, first: Time) -> Self {
        let first = if segment.stage == 0 { first } else { segment.t0 };
        Self::new(first, segment.t0, Duration::from_nanos(segment.length_ns))
    }

    /// Returns the place of a due time. Times more than a window's length before the window share
    /// the first place, and times after the window the last.
    #[inline]
    #[must_use]
    pub fn place(&self, due: Time) -> u64 {
        self.places_until(due).min(PLACES - 1)
    }

    /// Returns the number of whole places from the first one's start until an instant.
    #[inline]
    fn places_until(&self, at: Time) -> u64 {
        let offset =
            at.as_nanos().saturating_add(self.window_ns).saturating_sub(self.start.as_nanos());
        self.places(offset)
    }

    /// Returns the place of the end of a cycle that was due in the place `place`.
    #[inline]
    fn end_place(&self, place: u64, response_ns: u64) -> u64 {
        // The due time counts as the middle of its place: the response, in half places, is halved
        // and rounded up.
        place + self.places(response_ns.saturating_mul(2)).div_ceil(2)
    }

    /// Returns the middle of a place.
    fn middle(&self, place: u64) -> Time {
        let halves = u128::from(self.window_ns) * u128::from(2 * place + 1);
        let offset = (halves / u128::from(2 * PLACES_PER_WINDOW)) as u64;
        let from_zero = self.start.as_nanos().saturating_add(offset);
        Time::from_nanos(from_zero.saturating_sub(self.window_ns))
    }

    /// Returns the number of whole places in a span of time.
    #[inline]
    fn places(&self, span_ns: u64) -> u64 {
        ((u128::from(span_ns) * u128::from(self.places_per_ns)) >> 64) as u64
    }

    /// Returns the start of the slot `slot`, counted from one window's length before the window.
    #[must_use]
    pub fn slot_start(&self, slot: usize) -> Time {
        let offset = (u128::from(self.window_ns) * slot as u128).div_ceil(SLOTS as u128) as u64;
        let from_zero = self.start.as_nanos().saturating_add(offset);
        Time::from_nanos(from_zero.saturating_sub(self.window_ns))
    }

    /// Returns the number of the window's slots that belong to the cohort, the earliest cycles of
    /// the run; 0 if the warm-up is long enough to be the cohort.
    #[must_use]
    pub fn cohort_slots(&self) -> usize {
        self.cohort_end - SLOTS
    }
}

/// The course of one worker's cycles over a run, or over a stage of it; once merged, that of all
/// workers'. The window is then the stage's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CycleTimeline {
    /// Cycles of this stage that were recorded, of both phases, whenever they ended.
    pub cycles: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Cycles of any stage that ended before the window.
    pub ended_before: u64,
    /// Cycles of any stage that ended in each slot of the window.
    #[serde(with = "crate::packed")]
    pub ended: Vec<u64>,
    /// Cycles of the cohort, the earliest, by the number of slots from due to ended.
    #[serde(with = "crate::packed")]
    pub ages: Vec<u64>,
    /// Cycles due in each part of the window that ended at any time.
    #[serde(with = "crate::packed")]
    pub part_cycles: Vec<u64>,
    /// The sums of their service, its square and its cube, for each part; unit: a window's length.
    pub part_service: Vec<Moments>,
    /// The sums of their response, for each part; unit: a window's length.
    pub part_response: Vec<f64>,
    /// The numbers of them in each bucket of response: [`BUCKETS`] for each part.
    #[serde(with = "crate::packed")]
    pub part_buckets: Vec<u64>,
}

/// Sums of the powers of values, from which their mean, variance and skew follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// The sum of all values added.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
    /// The sum of their cubes.
    pub cubes: f64,
}

impl Moments {
    /// Adds one value to the three sums.
    #[inline]
    pub fn add(&mut self, value: f64) {
        self.sum += value;
        self.squares += value * value;
        self.cubes += value * value * value;
    }
}

impl std::ops::AddAssign for Moments {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.squares += other.squares;
        self.cubes += other.cubes;
    }
}

impl Default for CycleTimeline {
    fn default() -> Self {
        Self {
            cycles: 0,
            failed: 0,
            ended_before: 0,
            ended: vec![0; SLOTS],
            ages: vec![0; SLOTS],
            part_cycles: vec![0; PARTS],
            part_service: vec![Moments::default(); PARTS],
            part_response: vec![0.0; PARTS],
            part_buckets: vec![0; PARTS * BUCKETS],
        }
    }
}

impl CycleTimeline {
    /// Records a cycle that ended; `place` is the place of its due time.
    #[inline]
    pub fn record(&mut self, grid: &Grid, place: u64, wait_ns: u64, service_ns: u64) {
        let end_place = grid.end_place(place, wait_ns.saturating_add(service_ns));
        self.record_end(end_place);
        self.record_due(grid, (place, end_place), wait_ns, service_ns);
    }

    /// Counts a cycle by its end.
    #[inline]
    fn record_end(&mut self, end_place: u64) {
        let end_slot = (end_place / PLACES_PER_SLOT as u64) as usize;
        if end_slot < SLOTS {
            self.ended_before += 1;
        } else if let Some(ended) = self.ended.get_mut(end_slot - SLOTS) {
            *ended += 1;
        }
    }

    /// Counts a cycle by its due time.
    #[inline]
    fn record_due(
        &mut self,
        grid: &Grid,
        (place, end_place): (u64, u64),
        wait_ns: u64,
        service_ns: u64,
    ) {
        self.cycles += 1;
        let slot = |place: u64| (place / PLACES_PER_SLOT as u64) as usize;
        let due_slot = slot(place);
        // The first slot also holds cycles that were due before it, at unknown times: its cycles
        // have no known age.
        if due_slot < grid.cohort_end
            && due_slot > 0
            && let Some(age) = self.ages.get_mut(slot(end_place) - due_slot)
        {
            *age += 1;
        }
        // Only cycles that were due in the window belong to a part of it.
        if due_slot >= SLOTS {
            let part = (due_slot - SLOTS) / (SLOTS / PARTS);
            let windows = 1.0 / grid.window_ns as f64;
            let response = wait_ns.saturating_add(service_ns) as f64 * windows;
            self.part_cycles[part] += 1;
            self.part_service[part].add(service_ns as f64 * windows);
            self.part_response[part] += response;
            self.part_buckets[part * BUCKETS + bucket(response)] += 1;
        }
    }

    /// Returns `true` if all its columns have their fixed lengths.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.ended.len() == SLOTS
            && self.ages.len() == SLOTS
            && self.part_cycles.len() == PARTS
            && self.part_service.len() == PARTS
            && self.part_response.len() == PARTS
            && self.part_buckets.len() == PARTS * BUCKETS
    }

    /// Returns `true` if no count is above this number of cycles.
    #[must_use]
    pub fn counts_at_most(&self, cycles: u64) -> bool {
        let columns = [&self.ended, &self.ages, &self.part_cycles, &self.part_buckets];
        let counts = columns.into_iter().flatten();
        counts.chain([&self.cycles, &self.failed, &self.ended_before]).all(|count| *count <= cycles)
    }

    /// Adds another worker's timeline of the same run; both must be [whole](Self::is_whole).
    pub fn merge(&mut self, other: &Self) {
        self.merge_counts(other);
        add(&mut self.part_service, &other.part_service);
        add(&mut self.part_response, &other.part_response);
    }

    /// Adds another worker's counts, without its sums of times.
    pub fn merge_counts(&mut self, other: &Self) {
        self.cycles += other.cycles;
        self.failed += other.failed;
        self.ended_before += other.ended_before;
        add(&mut self.ended, &other.ended);
        add(&mut self.ages, &other.ages);
        add(&mut self.part_cycles, &other.part_cycles);
        add(&mut self.part_buckets, &other.part_buckets);
    }
}

fn add<T: std::ops::AddAssign + Copy>(into: &mut [T], from: &[T]) {
    into.iter_mut().zip(from).for_each(|(sum, more)| *sum += *more);
}

/// Returns the bucket of a response; unit: a window's length.
#[inline]
fn bucket(response: f64) -> usize {
    // The exponent and the first three bits of the fraction give the bucket, without a logarithm.
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1 - BUCKETS_PER_OCTAVE.ilog2();
    let lowest = (1023 - OCTAVES as u64) * BUCKETS_PER_OCTAVE as u64;
    let above = (response.to_bits() >> FRACTION_BITS).saturating_sub(lowest);
    if response < 1.0 / (1_u64 << OCTAVES) as f64 {
        0
    } else {
        (above as usize + 1).min(BUCKETS - 1)
    }
}

/// Returns the least response of a bucket; unit: a window's length.
#[must_use]
pub fn bucket_low(bucket: usize) -> f64 {
    match bucket {
        0 => 0.0,
        _ => {
            let (octave, eighth) =
                ((bucket - 1) / BUCKETS_PER_OCTAVE, (bucket - 1) % BUCKETS_PER_OCTAVE);
            let base = 2_f64.powi(octave as i32 - OCTAVES as i32);
            base * (1.0 + eighth as f64 / BUCKETS_PER_OCTAVE as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(2_400);

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// Returns the grid of a window from 10 s on, with slots of 10 ms, after a warm-up in
    /// milliseconds.
    fn grid(warmup: u64) -> Grid {
        Grid::new(at(10_000 - warmup), at(10_000), WINDOW)
    }

    fn record(timeline: &mut CycleTimeline, grid: &Grid, due: u64, wait: u64, service: u64) {
        timeline.record(grid, grid.place(at(due)), wait * 1_000_000, service * 1_000_000);
    }

    #[test]
    fn places_are_quarters_of_slots_and_end_where_the_window_does() {
        let grid = grid(1_000);
        assert_eq!(grid.place(Time::ZERO), 0);
        assert_eq!(grid.place(at(7_600)), 0);
        assert_eq!(grid.place(at(10_000)), PLACES_PER_WINDOW);
        assert_eq!(grid.place(at(10_004)), PLACES_PER_WINDOW + 1);
        assert_eq!(grid.place(at(12_399)), PLACES - 1);
        assert_eq!(grid.place(Time::NEVER), PLACES - 1);
        assert_eq!((grid.slot_start(0), grid.slot_start(SLOTS + 1)), (at(7_600), at(10_010)));
        assert_eq!(grid.slot_start(2 * SLOTS), at(12_400));
    }

    #[test]
    fn an_end_is_counted_in_the_slot_of_its_time() {
        let (mut timeline, grid) = (CycleTimeline::default(), grid(1_000));
        record(&mut timeline, &grid, 9_500, 0, 100);
        record(&mut timeline, &grid, 9_990, 20, 23);
        record(&mut timeline, &grid, 10_003, 0, 1);
        record(&mut timeline, &grid, 12_390, 0, 500);
        assert_eq!((timeline.cycles, timeline.ended_before), (4, 1));
        assert_eq!((timeline.ended[0], timeline.ended[3]), (1, 1));
        assert_eq!(timeline.ended.iter().sum::<u64>(), 2, "the last one ended after the window");
        // The two of the warm-up ended ten slots and four slots after they were due.
        assert_eq!((timeline.ages[10], timeline.ages[4]), (1, 1));
        assert_eq!(timeline.ages.iter().sum::<u64>(), 2);
    }

    #[test]
    fn the_cohort_is_the_warm_up_or_else_the_first_sixth() {
        assert_eq!(grid(1_000).cohort_slots(), 0);
        assert_eq!(grid(0).cohort_slots(), SLOTS / 6);
        let (mut timeline, grid) = (CycleTimeline::default(), grid(0));
        record(&mut timeline, &grid, 10_000, 0, 5);
        record(&mut timeline, &grid, 11_000, 0, 5);
        assert_eq!(timeline.ages.iter().sum::<u64>(), 1);
    }

    #[test]
    fn parts_hold_sums_in_windows_and_responses_in_their_buckets() {
        let (mut timeline, grid) = (CycleTimeline::default(), grid(0));
        record(&mut timeline, &grid, 10_080, 60, 180);
        record(&mut timeline, &grid, 12_399, 0, 2_400);
        assert_eq!((timeline.part_cycles[1], timeline.part_cycles[PARTS - 1]), (1, 1));
        let service = timeline.part_service[1];
        assert!(
            (service.sum - 0.075).abs() < 1e-9 && (service.cubes - 0.075_f64.powi(3)).abs() < 1e-9
        );
        assert!((timeline.part_response[1] - 0.1).abs() < 1e-9);
        let place =
            timeline.part_buckets[BUCKETS..2 * BUCKETS].iter().position(|&count| count == 1);
        let place = place.expect("it was counted");
        assert!((bucket_low(place)..bucket_low(place + 1)).contains(&0.1));
        assert_eq!(timeline.part_buckets[PARTS * BUCKETS - 1], 1, "as long as the window");
    }

    #[test]
    fn buckets_cover_every_response_in_order() {
        let mut last = 0;
        for step in 0..4_000 {
            let response = f64::from(step) / 2_000.0;
            let bucket = bucket(response);
            assert!(bucket >= last && response >= bucket_low(bucket), "{response} {bucket}");
            assert!(bucket == BUCKETS - 1 || response < bucket_low(bucket + 1), "{response}");
            last = bucket;
        }
        assert_eq!((bucket(0.0), last), (0, BUCKETS - 1));
    }

    #[test]
    fn merged_timelines_are_one_timeline_of_all_cycles() {
        let grid = grid(0);
        let (mut one, mut two, mut all) =
            (CycleTimeline::default(), CycleTimeline::default(), CycleTimeline::default());
        for cycle in 0..200 {
            let half = if cycle % 2 == 0 { &mut one } else { &mut two };
            record(half, &grid, 10_000 + cycle * 12, cycle % 7, 16);
            record(&mut all, &grid, 10_000 + cycle * 12, cycle % 7, 16);
        }
        one.merge(&two);
        assert_eq!((one.cycles, &one.ended, &one.ages), (200, &all.ended, &all.ages));
        assert_eq!(one.part_buckets, all.part_buckets);
        assert!(one.is_whole());
        one.ended.pop();
        assert!(!one.is_whole());
    }
}
