//! The timelines of a run's stages, each with its own grid.
//!
//! A cycle counts in the stage of its due time. Its end counts in the stage of the end, which may be
//! a later one, so that the backlog of each moment follows. A plain run has one stage.

use super::{CycleTimeline, Grid};
use crate::clock::Time;

/// The most stages of a run: as many as a cycle's record has numbers for.
pub const STAGES_OF_RUN_MAX: usize = u8::MAX as usize + 1;

/// The timelines of one worker: one for each stage, in order.
#[derive(Debug, Clone, Default)]
pub struct StageTimelines {
    stages: Vec<KeptStage>,
}

#[derive(Debug, Clone)]
struct KeptStage {
    grid: Grid,
    /// The places of the grid that the stage has, until the next one begins.
    places: u64,
    timeline: CycleTimeline,
}

impl StageTimelines {
    /// Adds the next stage. Its window begins where the stage before ends. It replaces the stages
    /// that begin with it or later: the plan has changed before any of their cycles was due.
    pub fn push(&mut self, grid: Grid) {
        let mut timeline = CycleTimeline::default();
        while let Some(replaced) = self.stages.pop_if(|last| last.grid.start >= grid.start) {
            // Cycles of earlier stages may have ended in it, if the change came late.
            let ended = replaced.timeline.ended.iter().sum::<u64>();
            timeline.ended_before += replaced.timeline.ended_before + ended;
        }
        if let Some(last) = self.stages.last_mut() {
            last.places = last.grid.places_until(grid.start);
        }
        self.stages.push(KeptStage { grid, places: u64::MAX, timeline });
    }

    /// Returns `true` if no stage was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Records a cycle that ended; `place` is the place of its due time in the grid of its stage.
    /// A stage that was not added has no timeline.
    #[inline]
    pub fn record(&mut self, stage: u8, failed: bool, place: u64, wait_ns: u64, service_ns: u64) {
        if let [KeptStage { grid, timeline, .. }] = &mut self.stages[..] {
            timeline.failed += u64::from(failed);
            timeline.record(grid, place, wait_ns, service_ns);
        } else {
            self.record_in(stage.into(), failed, place, wait_ns, service_ns);
        }
    }

    fn record_in(&mut self, stage: usize, failed: bool, place: u64, wait_ns: u64, service_ns: u64) {
        let Some(own) = self.stages.get_mut(stage) else { return };
        let response_ns = wait_ns.saturating_add(service_ns);
        let end_place = own.grid.end_place(place, response_ns);
        own.timeline.failed += u64::from(failed);
        own.timeline.record_due(&own.grid, (place, end_place), wait_ns, service_ns);
        if end_place < own.places {
            return own.timeline.record_end(end_place);
        }
        let end = own.grid.middle(place).as_nanos().saturating_add(response_ns);
        let later = &mut self.stages[stage + 1..];
        // Rounding may put the end just before the next stage, to which its place belongs.
        let begun = later.partition_point(|stage| stage.grid.start.as_nanos() <= end);
        if let Some(stage) = later.get_mut(begun.saturating_sub(1)) {
            let end = end.max(stage.grid.start.as_nanos());
            stage.timeline.record_end(stage.grid.places_until(Time::from_nanos(end)));
        }
    }

    /// Returns the timelines of all stages so far.
    #[must_use]
    pub fn timelines(&self) -> Vec<CycleTimeline> {
        let mut ended = 0;
        let stage = |stage: &KeptStage| {
            let mut timeline = stage.timeline.clone();
            timeline.ended_before += ended;
            ended = timeline.ended_before + timeline.ended.iter().sum::<u64>();
            timeline
        };
        self.stages.iter().map(stage).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{PARTS, SLOTS};
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// Two stages after a warm-up of a second: of 2.4 s from 10 s on, and of 24 s from then on.
    fn stages() -> ([Grid; 2], StageTimelines) {
        let second = at(12_400);
        let grids = [
            Grid::new(at(9_000), at(10_000), Duration::from_millis(2_400)),
            Grid::new(second, second, Duration::from_secs(24)),
        ];
        let mut timelines = StageTimelines::default();
        grids.iter().for_each(|grid| timelines.push(*grid));
        (grids, timelines)
    }

    #[test]
    fn a_cycle_counts_where_it_was_due_and_its_end_where_it_ended() {
        let (grids, mut timelines) = stages();
        let mut record = |stage: u8, due, response: u64| {
            let place = grids[usize::from(stage)].place(at(due));
            timelines.record(stage, response > 5_000, place, 0, response * 1_000_000);
        };
        record(0, 9_500, 100);
        record(0, 10_003, 1);
        record(0, 12_390, 500);
        record(0, 12_395, 25_000);
        record(1, 12_405, 5);
        record(1, 36_300, 200);
        let [first, second] = &timelines.timelines()[..] else { panic!("two stages") };
        assert_eq!((first.cycles, first.failed, first.ended_before), (4, 1, 1));
        assert_eq!((first.ended[0], first.ended.iter().sum::<u64>()), (1, 1));
        assert_eq!((first.part_cycles[0], first.part_cycles[PARTS - 1]), (1, 2));
        assert_eq!((second.cycles, second.failed, second.ended_before), (2, 0, 2));
        // Slots of 100 ms: one that was due before ended half a second after the stage's start, and
        // another a second after its end. So did one of the stage itself.
        assert_eq!((second.ended[0], second.ended[4]), (1, 1));
        assert_eq!(second.ended.iter().sum::<u64>(), 2);
        assert_eq!((second.part_cycles[0], second.part_cycles[PARTS - 1]), (1, 1));
        assert_eq!(second.ages.iter().sum::<u64>(), 1, "a stage's cohort is its first sixth");
    }

    #[test]
    fn the_ends_of_all_stages_are_counted_once() {
        let (grids, mut timelines) = stages();
        let mut count = 0;
        for due in (10_000..36_400).step_by(7) {
            let stage = u8::from(due >= 12_400);
            let response = due * 31 % 4_000;
            let place = grids[usize::from(stage)].place(at(due));
            timelines.record(stage, false, place, response * 500_000, response * 500_000);
            count += u64::from(due + response < 36_400);
        }
        let [first, second] = &timelines.timelines()[..] else { panic!("two stages") };
        assert_eq!(second.ended_before, first.ended.iter().sum::<u64>());
        let ended = second.ended_before + second.ended.iter().sum::<u64>();
        // The due time is known to a quarter of a slot, 25 ms, and one ends each 7 ms.
        assert!(ended.abs_diff(count) < 8, "{ended} of {count}");
    }

    #[test]
    fn a_stage_that_is_cut_short_ends_where_the_next_one_begins() {
        let first = Grid::new(at(0), at(0), Duration::from_millis(24_000));
        let mut timelines = StageTimelines::default();
        timelines.push(first);
        let second = Grid::new(at(6_000), at(6_000), Duration::from_millis(18_000));
        timelines.push(second);
        timelines.record(0, false, first.place(at(5_000)), 0, 500_000_000);
        timelines.record(0, false, first.place(at(5_000)), 0, 2_000_000_000);
        let [first, second] = &timelines.timelines()[..] else { panic!("two stages") };
        assert_eq!((first.ended.iter().sum::<u64>(), second.ended_before), (1, 1));
        assert_eq!(second.ended.iter().sum::<u64>(), 1);
        assert_eq!(second.ended[..SLOTS / 10].iter().sum::<u64>(), 1, "a second after its start");
    }

    #[test]
    fn a_plain_run_has_the_timeline_of_its_only_stage() {
        let grid = Grid::new(at(0), at(0), Duration::from_millis(2_400));
        let mut timelines = StageTimelines::default();
        timelines.push(grid);
        let mut timeline = CycleTimeline::default();
        for due in 0..2_400 {
            let place = grid.place(at(due));
            timelines.record(0, false, place, 3_000_000, due * 10_000);
            timeline.record(&grid, place, 3_000_000, due * 10_000);
        }
        assert_eq!(timelines.timelines(), [timeline]);
    }
}
