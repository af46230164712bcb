//! The identity of a process: the primary, or one of the workers.

use std::fmt;

/// The identity of a process in a run.
///
/// ```
/// use dyno_observer::ProcessId;
///
/// assert_eq!(ProcessId::Primary.to_string(), "primary");
/// assert_eq!(ProcessId::Worker(3).to_string(), "worker 3");
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessId {
    /// The process that issues cycles and decides the verdict.
    Primary,
    /// A worker, by its index from 0.
    Worker(u32),
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary => f.pad("primary"),
            Self::Worker(index) => f.pad(&format!("worker {index}")),
        }
    }
}
