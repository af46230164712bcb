//! The check of cumulative counts: they only grow, and no sum of them overflows.
//!
//! A peer's counts are checked once, here, as they arrive. Counts that pass can be added up over
//! all fields, phases and workers without an overflow.

use dyno_bus::Phase;
use dyno_bus::message::Counts;
use dyno_bus::segment::PerPhase;

use crate::id::ProcessId;

/// The highest count that is accepted: a million a second for nine years. The sum of all fields
/// over two phases and four thousand workers still fits 64 bits.
pub const COUNT_MAX: u64 = 1 << 48;

/// Counts that can't be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountsError {
    /// A cumulative count is lower than it was.
    #[error("{process} counted {now} cycles {count} ({phase:?}) after it had counted {before}")]
    Backwards {
        /// The process that counted.
        process: ProcessId,
        /// The phase of the cycles' due times.
        phase: Phase,
        /// The name of the count, such as `started`.
        count: &'static str,
        /// The count in the last message.
        before: u64,
        /// The count in this message, which is lower.
        now: u64,
    },
    /// A count is beyond [`COUNT_MAX`].
    #[error("{process} counted {now} cycles {count} ({phase:?}), over the limit of {COUNT_MAX}")]
    TooLarge {
        /// The process that counted.
        process: ProcessId,
        /// The phase of the cycles' due times.
        phase: Phase,
        /// The name of the count, such as `started`.
        count: &'static str,
        /// The count in this message.
        now: u64,
    },
}

/// Checks that the counts `now` can follow `before`.
pub(crate) fn check(
    process: ProcessId,
    before: &PerPhase<Counts>,
    now: &PerPhase<Counts>,
) -> Result<(), CountsError> {
    for phase in [Phase::Warmup, Phase::Measured] {
        let pairs = fields(&before[phase]).into_iter().zip(fields(&now[phase]));
        for ((count, before), (_, now)) in pairs {
            if now < before {
                return Err(CountsError::Backwards { process, phase, count, before, now });
            }
            if now > COUNT_MAX {
                return Err(CountsError::TooLarge { process, phase, count, now });
            }
        }
    }
    Ok(())
}

fn fields(counts: &Counts) -> [(&'static str, u64); 6] {
    let Counts { started, completed, failed, skipped, unstarted, abandoned } = *counts;
    [
        ("started", started),
        ("completed", completed),
        ("failed", failed),
        ("skipped", skipped),
        ("unstarted", unstarted),
        ("abandoned", abandoned),
    ]
}
