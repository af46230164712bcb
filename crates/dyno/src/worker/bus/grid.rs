//! The grids of the run's timelines, one for each stage, known from the stage's first segment on.
//!
//! The loop and the bus each make them from the same segments, so that neither waits for the other.

use dyno_bus::timeline::Grid;
use dyno_bus::{Phase, Segment, Time};

/// The maker of one run's grids.
#[derive(Debug, Default)]
pub(crate) struct GridMaker {
    /// The run's first due time; `None` before the first segment.
    first: Option<Time>,
    /// The start of each stage, with its grid.
    made: Vec<(Time, Grid)>,
}

impl GridMaker {
    /// Takes the plan's next segment, and returns the grid of its stage the first time that it is
    /// known. A closed loop has no grid, since the clock makes no cycle due. A segment replaces the
    /// stages that begin with it or later, as it replaces their segments.
    pub(crate) fn follow(&mut self, segment: &Segment) -> Option<Grid> {
        let first = *self.first.get_or_insert(segment.t0);
        if segment.phase != Phase::Measured || segment.pace.arrivals().is_none() {
            return None;
        }
        self.made.retain(|(start, _)| *start < segment.t0);
        if usize::from(segment.stage) != self.made.len() {
            return None;
        }
        let grid = Grid::of_stage(segment, first);
        self.made.push((segment.t0, grid));
        Some(grid)
    }

    /// Returns the place of a due time in the grid of its stage; 0 without a grid.
    #[inline]
    pub(crate) fn place(&self, stage: u8, due: Time) -> u64 {
        self.made.get(usize::from(stage)).map_or(0, |(_, grid)| grid.place(due))
    }
}

#[cfg(test)]
mod tests {
    use dyno_bus::Pace;
    use dyno_bus::segment::Arrivals;

    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn segment(stage: u8, begin: u64, end: u64) -> Segment {
        Segment {
            first: 0,
            t0: at(begin),
            length_ns: (end - begin) * 1_000_000,
            pace: Pace::Open { rate: 100.0, arrivals: Arrivals::Uniform },
            lead: 0.0,
            seed: 0,
            phase: Phase::Measured,
            stage,
        }
    }

    #[test]
    fn a_stage_that_comes_earlier_replaces_those_that_were_planned() {
        let mut maker = GridMaker::default();
        for segment in [segment(0, 0, 1_000), segment(1, 1_000, 2_000), segment(2, 2_000, 3_000)] {
            assert!(maker.follow(&segment).is_some());
        }
        let paused = segment(1, 500, 3_000);
        assert_eq!(maker.follow(&paused), Some(Grid::of_stage(&paused, at(0))));
        assert_eq!(maker.place(2, at(2_500)), 0, "it is not planned any more");
        let resumed = segment(2, 800, 3_000);
        let grid = maker.follow(&resumed).expect("the next stage");
        assert_eq!(maker.place(2, at(900)), grid.place(at(900)));
    }
}
