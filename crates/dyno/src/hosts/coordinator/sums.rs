//! The state of the whole run: the sums of the latest states of its hosts, which are up to a second
//! old. They are for people and for limits; the result is made from the records.

use std::time::Duration;

use dyno_bus::segment::PerPhase;

use crate::hosts::message::{HostProgress, phase_of};
use crate::primary::RunPhase;
use crate::primary::run::Totals;

/// The sums over all hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sums {
    /// The phase of the host that has come least far.
    pub(crate) phase: RunPhase,
    /// Time since the first due time.
    pub(crate) elapsed: Duration,
    pub(crate) totals: Totals,
    /// Cycles due that have not begun.
    pub(crate) waiting: u64,
    /// Cycles that have begun and not ended.
    pub(crate) running: u64,
    /// A number for each threshold, as [`is_certain`](crate::primary::is_certain) judges it.
    pub(crate) beyond: Vec<u64>,
}

impl Sums {
    /// Adds up the states of all hosts that have reported one; `None` if none has.
    pub(super) fn of<'a>(
        elapsed: Duration,
        states: impl Iterator<Item = &'a HostProgress>,
    ) -> Option<Self> {
        states.fold(None, |sums: Option<Self>, state| {
            let phase = phase_of(state.phase);
            let mut sums = sums.unwrap_or(Self {
                phase,
                elapsed,
                totals: Totals::default(),
                waiting: 0,
                running: 0,
                beyond: vec![0; state.beyond.len()],
            });
            sums.phase = sums.phase.min(phase);
            for (sum, [warmup, measured]) in [
                (&mut sums.totals.issued, state.issued),
                (&mut sums.totals.completed, state.completed),
                (&mut sums.totals.failed, state.failed),
            ] {
                *sum = PerPhase {
                    warmup: sum.warmup.saturating_add(warmup),
                    measured: sum.measured.saturating_add(measured),
                };
            }
            sums.waiting = sums.waiting.saturating_add(state.waiting);
            sums.running = sums.running.saturating_add(state.running);
            for (sum, beyond) in sums.beyond.iter_mut().zip(&state.beyond) {
                *sum = sum.saturating_add(*beyond);
            }
            Some(sums)
        })
    }
}
