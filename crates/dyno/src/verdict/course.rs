//! The course of a run: the cycles that were due and that had ended, slot by slot, and figures of
//! them.
//!
//! A backlog rises for two reasons: the rate is not held, or cycles take long and the run is young.
//! Until the first cycles end, the number in flight rises in any system. The run's earliest cycles,
//! its *cohort*, tell the two apart. No queue was in front of them, so they show how long a cycle
//! takes by itself: the share of them still in flight at each age. This gives the backlog of the
//! same arrivals in a system that holds the rate. The part of the backlog *beyond* that comes from
//! overload or from chance. No order of service is assumed, since cycles are only counted.

use std::time::Duration;

use dyno_bus::timeline::{BUCKETS, CycleTimeline, Moments, PARTS, SLOTS, bucket_low};
use serde::{Deserialize, Serialize};

use super::bounds;

/// The shortest part of a window that can be judged, in slots: each block must have two.
const SLOTS_MIN: usize = 60;
/// The largest share of the window within which three of four cycles of the cohort may end: only if
/// cycles are short against the window can the cohort show how long they take.
const LONG_SHARE: f64 = 0.25;

/// The cycles that were due and that had ended over the course of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Course {
    /// Cycles due before the slots of `due`.
    pub due_earlier: u64,
    /// Cycles due in each slot: first those of one window's length before the window, then those of
    /// the window.
    pub due: Vec<u64>,
    /// The first slot of `due` that belongs to the cohort. Some cycles of slot 0 were due before it,
    /// so that it is 1 at least.
    pub cohort_from: usize,
    /// The number of the window's slots that belong to the cohort; if 0, the warm-up is the cohort.
    pub cohort_slots: usize,
    /// The outcomes of the cycles, of all workers together.
    pub timeline: CycleTimeline,
    /// The service of each worker.
    pub workers: Vec<Busy>,
}

/// The service of one worker: how busy it was with the cycles due in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Busy {
    /// The number of cycles that ended.
    pub cycles: u64,
    /// The moments of their service, in windows.
    pub service: Moments,
    /// The most cycles that ran at once, warm-up included.
    pub running_max: u64,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            due_earlier: 0,
            due: vec![0; 2 * SLOTS],
            cohort_from: 1,
            cohort_slots: 0,
            timeline: CycleTimeline::default(),
            workers: Vec::new(),
        }
    }
}

impl Course {
    /// Adds one worker's timeline, with the most cycles that it ran at once. The timeline must be
    /// [whole](CycleTimeline::is_whole).
    pub(crate) fn add(&mut self, timeline: &CycleTimeline, running_max: u64) {
        let mut service = Moments::default();
        timeline.part_service.iter().for_each(|part| service += *part);
        let cycles = timeline.part_cycles.iter().sum();
        self.workers.push(Busy { cycles, service, running_max });
        self.timeline.merge(timeline);
    }

    /// Returns `true` if no worker ever ran two cycles at once.
    #[must_use]
    pub(crate) fn is_serial(&self) -> bool {
        self.workers.iter().all(|worker| worker.running_max <= 1)
    }

    /// Returns the backlog at the window's beginning; negative by the rounding of the times at which
    /// cycles ended.
    #[must_use]
    pub(crate) fn backlog_before(&self) -> f64 {
        let due_before = self.due_earlier + self.due[..SLOTS].iter().sum::<u64>();
        due_before as f64 - self.timeline.ended_before as f64
    }

    /// Returns the backlog at the end of each of the first `slots` slots of the window.
    #[must_use]
    pub(crate) fn backlog(&self, slots: usize) -> Vec<f64> {
        let window = &self.due[SLOTS..];
        let mut backlog = self.backlog_before();
        let changes = window.iter().zip(&self.timeline.ended).take(slots);
        let path = changes.map(|(due, ended)| {
            backlog += *due as f64 - *ended as f64;
            // The end of a cycle is known to a quarter of a slot only.
            backlog.max(0.0)
        });
        path.collect()
    }

    /// Returns the ages of the cohort, if the first `slots` slots of the window were run.
    pub(crate) fn ages(&self, slots: usize) -> CohortAges {
        let last = SLOTS + self.cohort_slots.min(slots / 2);
        let watched = slots - (last - SLOTS);
        CohortAges {
            ended: self.timeline.ages[..watched.min(SLOTS)].to_vec(),
            size: self.due[self.cohort_from..last].iter().sum(),
            watched,
        }
    }

    /// Returns the course from the slot `slot` of the window on, as that of a window that was cut
    /// short. The slot is the first of a part. The service of a worker stays that of its whole
    /// window.
    #[must_use]
    pub(crate) fn rest(&self, slot: usize) -> Self {
        fn shifted<T: Copy>(values: &[T], by: usize, empty: T) -> Vec<T> {
            let rest = values[by..].iter().copied();
            rest.chain(std::iter::repeat_n(empty, by)).collect()
        }
        let part = slot / (SLOTS / PARTS);
        let of = &self.timeline;
        Self {
            due_earlier: self.due_earlier + self.due[..slot].iter().sum::<u64>(),
            due: shifted(&self.due, slot, 0),
            cohort_from: self.cohort_from,
            cohort_slots: self.cohort_slots,
            timeline: CycleTimeline {
                cycles: of.cycles,
                failed: of.failed,
                ended_before: of.ended_before + of.ended[..slot].iter().sum::<u64>(),
                ended: shifted(&of.ended, slot, 0),
                ages: of.ages.clone(),
                part_cycles: shifted(&of.part_cycles, part, 0),
                part_service: shifted(&of.part_service, part, Moments::default()),
                part_response: shifted(&of.part_response, part, 0.0),
                part_buckets: shifted(&of.part_buckets, part * BUCKETS, 0),
            },
            workers: self.workers.clone(),
        }
    }

    /// Returns bounds of the largest backlog within the first `slots` slots of the window: it was
    /// at least the first number of cycles, and at most the second.
    ///
    /// It is known between samples of the backlog too, for as long as a spike lasts two slots.
    #[must_use]
    pub(crate) fn peak(&self, slots: usize) -> (u64, u64) {
        let (before, window) = self.due.split_at(SLOTS);
        let due_before = self.due_earlier + before.iter().sum::<u64>();
        let mut backlog = due_before as i128 - i128::from(self.timeline.ended_before);
        let (mut least, mut most, mut ended_last) = (0, 0, 0);
        for (due, ended) in window.iter().zip(&self.timeline.ended).take(slots) {
            let (due, ended) = (i128::from(*due), i128::from(*ended));
            // In the slot, no more cycles than those at its start and those due in it are in
            // flight. An end is known to a quarter of a slot: one of this slot may count for the
            // slot before.
            most = most.max(backlog + ended_last + due);
            backlog += due - ended;
            // An end of this slot may count for the next one. A quarter of a slot earlier this many
            // cycles were in flight at least, even if all of the slot's came due after it.
            least = least.max(backlog - due);
            ended_last = ended;
        }
        (least as u64, most as u64)
    }

    /// Returns the mean service of the cycles due in each of `COUNT` blocks of the window's first
    /// `parts` parts, in windows.
    pub(crate) fn service<const COUNT: usize>(&self, parts: usize) -> [f64; COUNT] {
        let all = self.part_rows(parts, |part| self.timeline.part_service[part].sum);
        self.means(&all)
    }

    /// Returns the mean response of the cycles due in each block, in windows.
    pub(crate) fn response<const COUNT: usize>(&self, parts: usize) -> [f64; COUNT] {
        let all = self.part_rows(parts, |part| self.timeline.part_response[part]);
        self.means(&all)
    }

    /// Returns the mean response of the cycles due in each part, in windows; if none was due, that
    /// of the part before.
    pub(crate) fn response_of_parts(&self, parts: usize) -> Vec<f64> {
        let mut last = 0.0;
        let rows = self.part_rows(parts, |part| self.timeline.part_response[part]);
        let means = rows.iter().map(|(cycles, sum)| {
            if *cycles > 0.0 {
                last = sum / cycles;
            }
            last
        });
        means.collect()
    }

    /// Returns the number of cycles and a sum for each part.
    fn part_rows(&self, parts: usize, sum: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        (0..parts).map(|part| (self.timeline.part_cycles[part] as f64, sum(part))).collect()
    }

    /// Returns the mean of each block; for a block without cycles, the mean of all.
    fn means<const COUNT: usize>(&self, parts: &[(f64, f64)]) -> [f64; COUNT] {
        let mean = |block: &[(f64, f64)]| {
            let (cycles, sum) = block
                .iter()
                .fold((0.0, 0.0), |(cycles, sum), part| (cycles + part.0, sum + part.1));
            (cycles > 0.0).then(|| sum / cycles)
        };
        let all = mean(parts).unwrap_or(0.0);
        bounds::blocks(parts, |block| mean(block).unwrap_or(all))
    }

    /// Returns the lower quartile of the response of the cycles due in each block, in windows.
    pub(crate) fn response_quartile<const COUNT: usize>(&self, parts: usize) -> [f64; COUNT] {
        let rows: Vec<_> = self.timeline.part_buckets.chunks(BUCKETS).take(parts).collect();
        let all = quartile(&rows).unwrap_or(0.0);
        bounds::blocks(&rows, |block| quartile(block).unwrap_or(all))
    }
}

/// Returns the lower quartile of the values counted in these rows of buckets, interpolated within
/// its bucket; `None` if the rows are empty.
fn quartile(rows: &[&[u64]]) -> Option<f64> {
    let in_bucket = |bucket: usize| rows.iter().map(|row| row[bucket]).sum::<u64>();
    let count: u64 = (0..BUCKETS).map(in_bucket).sum();
    let rank = count as f64 / 4.0;
    let mut below = 0.0;
    for bucket in 0..BUCKETS {
        let here = in_bucket(bucket) as f64;
        if here > 0.0 && below + here >= rank {
            let low = bucket_low(bucket);
            let high = if bucket + 1 < BUCKETS { bucket_low(bucket + 1) } else { low };
            return Some(low + (high - low) * (rank - below) / here);
        }
        below += here;
    }
    None
}

/// The slots and parts of a window that were run, if it was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) slots: usize,
    pub(crate) parts: usize,
}

impl Extent {
    /// Returns the extent of a window that was run for `run` of its planned length; `None` if that
    /// is too short to judge.
    pub(crate) fn of(run: Duration, planned: Duration) -> Option<Self> {
        let share = (run.as_secs_f64() / planned.as_secs_f64()).min(1.0);
        let slots = (share * SLOTS as f64 + 1e-6) as usize;
        Self::of_slots(slots)
    }

    /// Returns the extent of this many slots; `None` if they are too few to judge.
    pub(crate) fn of_slots(slots: usize) -> Option<Self> {
        let parts = slots * PARTS / SLOTS;
        (slots >= SLOTS_MIN && parts >= 10).then_some(Self { slots, parts })
    }

    /// Returns the extent as a share of the planned window.
    pub(crate) fn share(self) -> f64 {
        self.slots as f64 / SLOTS as f64
    }
}

/// The backlog without the part that fills up in any system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Beyond {
    /// The rest of the backlog at the end of each slot, in cycles.
    pub(crate) path: Vec<f64>,
    /// The standard error of its rise, as far as it comes from the cohort's own chance.
    pub(crate) error: f64,
    /// The cohort that shows how long a cycle takes.
    pub(crate) cohort: Cohort,
}

/// The ages at which the cycles of a cohort ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CohortAges {
    /// The number that ended at each age, in slots.
    ended: Vec<u64>,
    /// The number of cycles in the cohort.
    size: u64,
    /// The number of slots for which each of them was watched.
    watched: usize,
}

impl CohortAges {
    /// Returns the same ages in slots that are shorter by `factor`, for a window of `slots` of
    /// them.
    #[must_use]
    pub(crate) fn scaled(&self, factor: f64, slots: usize) -> Self {
        let mut ended = vec![0; slots];
        for (age, count) in self.ended.iter().enumerate() {
            // A cycle that ended in the slot of its due time took less than a slot.
            let place = (age as f64 * factor).round() as usize;
            if let Some(sum) = ended.get_mut(place) {
                *sum += count;
            }
        }
        let watched = ((self.watched as f64 * factor) as usize).min(slots);
        Self { ended, size: self.size, watched }
    }
}

/// The time that the run's earliest cycles took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cohort {
    /// The share of the window within which three of four cycles had ended.
    pub(crate) quartile: f64,
    /// The share of the window for which each cycle was watched.
    pub(crate) watched: f64,
    /// `true` if all of them had ended while they were watched.
    pub(crate) ended: bool,
}

impl Cohort {
    /// Returns `true` if the cohort shows how long a cycle takes.
    pub(crate) fn is_known(self) -> bool {
        self.ended && self.quartile < LONG_SHARE
    }
}

impl Beyond {
    /// Subtracts from `backlog`, which follows from `course`, the part that fills up if cycles take
    /// as long as `ages` shows. `warmup` is in windows, `asked` is the number of cycles that the
    /// rate requests.
    pub(crate) fn of(
        course: &Course,
        ages: &CohortAges,
        backlog: &[f64],
        warmup: f64,
        asked: f64,
    ) -> Self {
        let slots = backlog.len();
        let CohortAges { ended, size, watched } = ages;
        // S(u), the share of the cohort that is still in flight at each age u.
        let mut left = *size as f64;
        let alive: Vec<_> = ended
            .iter()
            .map(|ended| {
                left = (left - *ended as f64).max(0.0);
                left / (*size as f64).max(1.0)
            })
            .collect();
        let at_age = |age: usize| alive[age.min(alive.len() - 1)];
        // What fills up in a system that holds the rate: of the cycles due in each slot so far, the
        // share that S has at their age.
        let path = backlog.iter().enumerate().map(|(slot, backlog)| {
            let until = SLOTS + slot;
            let filled: f64 =
                (1..=until).map(|due| course.due[due] as f64 * at_age(until - due)).sum();
            backlog - filled
        });
        let path = path.collect();
        let error = rise_error(ended, *size, slots, warmup) * asked;
        let within = |share: f64| {
            let place = alive.iter().position(|&alive| alive <= 1.0 - share);
            place.map_or(1.0, |age| (age as f64 + 0.5) / slots as f64)
        };
        let cohort = Cohort {
            quartile: within(0.75),
            watched: *watched as f64 / slots as f64,
            ended: *size > 0 && left <= 0.0,
        };
        Self { path, error, cohort }
    }
}

/// Returns the standard error of the part that fills up between the window's start and its end, for
/// each cycle due in the window: a cycle adds to the rise for as long as it outlasts the warm-up.
fn rise_error(ages: &[u64], size: u64, slots: usize, warmup: f64) -> f64 {
    let rise = |age: f64| age.clamp(warmup, warmup.max(1.0)) - warmup;
    let ended: u64 = ages.iter().sum();
    let of_age = |age: usize| rise((age as f64 + 0.5) / slots as f64);
    let rows = ages.iter().enumerate().map(|(age, &count)| (of_age(age), count as f64));
    let censored = (of_age(ages.len()), size.saturating_sub(ended) as f64);
    let rows: Vec<_> = rows.chain([censored]).filter(|(_, count)| *count > 0.0).collect();
    let count: f64 = rows.iter().map(|(_, count)| count).sum();
    if count < 2.0 {
        return 1.0;
    }
    let mean = rows.iter().map(|(rise, count)| rise * count).sum::<f64>() / count;
    let variance = rows.iter().map(|(rise, count)| (rise - mean).powi(2) * count).sum::<f64>();
    (variance / count).sqrt() / count.sqrt()
}

#[cfg(test)]
mod tests {
    use dyno_bus::Time;
    use dyno_bus::timeline::{Grid, PLACES};
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    proptest! {
        #[test]
        fn the_largest_backlog_is_within_its_bounds(
            cycles in proptest::collection::vec((0..5 * SECOND, 0..SECOND / 2), 1..300),
        ) {
            // The window lasts five seconds from here on.
            let start = Time::from_nanos(10 * SECOND);
            let grid = Grid::new(start, start, Duration::from_secs(5));
            let mut course = Course::default();
            let mut timeline = CycleTimeline::default();
            // Each cycle is in flight from its due time to its end.
            let mut changes = Vec::new();
            for (due, service) in cycles {
                let place = grid.place(start + Duration::from_nanos(due));
                course.due[(place * 2 * SLOTS as u64 / PLACES) as usize] += 1;
                timeline.record(&grid, place, 0, service);
                changes.push((due, 1));
                changes.push((due + service, -1));
            }
            course.add(&timeline, 1);
            changes.sort_unstable();
            let in_window = changes.into_iter().filter(|(at, _)| *at < 5 * SECOND);
            let backlog = in_window.scan(0_i64, |backlog, (_, change)| {
                *backlog += change;
                Some(*backlog)
            });
            let largest = backlog.max().unwrap_or(0) as u64;
            let (least, most) = course.peak(SLOTS);
            prop_assert!(least <= largest && largest <= most, "{least} {largest} {most}");
        }
    }
}
