//! When the grid of the run's timeline is known: once the measured window's first segment is.
//!
//! The loop and the bus each make it of the same segments, so that neither waits for the other.

use std::time::Duration;

use dyno_bus::timeline::Grid;
use dyno_bus::{Phase, Segment, Time};

/// Makes the grid of one run.
#[derive(Debug, Default)]
pub(super) struct GridMaker {
    window: Duration,
    /// The run's first due time.
    first: Option<Time>,
    made: bool,
}

impl GridMaker {
    /// For a window of this length; 0 in a closed loop, which has no grid.
    pub(super) fn new(window_ns: u64) -> Self {
        Self { window: Duration::from_nanos(window_ns), ..Self::default() }
    }

    /// The plan goes on with this segment; the grid, the first time that it is known.
    pub(super) fn follow(&mut self, segment: &Segment) -> Option<Grid> {
        let first = *self.first.get_or_insert(segment.t0);
        let known = segment.phase == Phase::Measured && !self.window.is_zero();
        if !known || self.made {
            return None;
        }
        self.made = true;
        Some(Grid::new(first, segment.t0, self.window))
    }
}
