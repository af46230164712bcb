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
    /// The number of stages that have a grid.
    made: usize,
}

impl GridMaker {
    /// Takes the plan's next segment, and returns the grid of its stage the first time that it is
    /// known. A closed loop has no grid, since the clock makes no cycle due.
    pub(crate) fn follow(&mut self, segment: &Segment) -> Option<Grid> {
        let first = *self.first.get_or_insert(segment.t0);
        let is_open = segment.pace.arrivals().is_some();
        let is_next = usize::from(segment.stage) == self.made;
        if segment.phase != Phase::Measured || !is_open || !is_next {
            return None;
        }
        self.made += 1;
        Some(Grid::of_stage(segment, first))
    }
}
