//! A sample of the backlog.

use dyno_bus::Time;
use serde::{Deserialize, Serialize};

/// The backlog at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BacklogSample {
    /// The instant of this sample.
    pub at: Time,
    /// Cycles due that have not begun.
    pub waiting: u64,
    /// Cycles that have begun and not ended.
    pub running: u64,
}

impl BacklogSample {
    /// Returns the waiting and the running cycles together.
    #[must_use]
    pub(crate) const fn total(&self) -> u64 {
        self.waiting + self.running
    }
}
