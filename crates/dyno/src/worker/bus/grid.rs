//! The grid of the run's timeline, known from the measured window's first segment on.
//!
//! The loop and the bus each make it from the same segments, so that neither waits for the other.

use std::time::Duration;

use dyno_bus::timeline::Grid;
use dyno_bus::{Phase, Segment, Time};

/// The maker of one run's grid.
#[derive(Debug, Default)]
pub(crate) struct GridMaker {
    window: Duration,
    /// The run's first due time; `None` before the first segment.
    first: Option<Time>,
    made: bool,
}

impl GridMaker {
    /// Creates a maker for a window of this length; 0 in a closed loop, which has no grid.
    pub(crate) fn new(window_ns: u64) -> Self {
        Self { window: Duration::from_nanos(window_ns), ..Self::default() }
    }

    /// Takes the plan's next segment, and returns the grid the first time that it is known.
    pub(crate) fn follow(&mut self, segment: &Segment) -> Option<Grid> {
        let first = *self.first.get_or_insert(segment.t0);
        let known = segment.phase == Phase::Measured && !self.window.is_zero();
        if !known || self.made {
            return None;
        }
        self.made = true;
        Some(Grid::new(first, segment.t0, self.window))
    }
}
