//! The loop's end of the bus: where the loop records, and the messages between the two threads.

use std::sync::mpsc::Sender;

use dyno_bus::Phase;
use dyno_bus::message::Start;
use dyno_bus::segment::Due;
use dyno_emitter::harness::{CycleRecorder, PhaseSwitch, Recorder};

use crate::worker::health::fork;

/// An order of the bus to the loop.
pub(crate) enum LoopOrder {
    /// Run `before`, then the cycles.
    Before(Start),
    /// Run `after`, once no cycle runs.
    After,
}

/// A report of the loop to the bus.
pub(crate) enum LoopReport {
    /// The result of `before`, with the error's text.
    BeforeDone(Result<(), String>),
    /// No cycle runs, and none will start.
    CyclesOver(Over),
    /// The result of `after`, with the error's text.
    AfterDone(Result<(), String>),
}

/// The loop's facts about its cycles, once they are over.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Over {
    /// The age of the youngest cycle that never ended; `None` if all ended.
    pub(crate) censored_age_min_ns: Option<u64>,
    /// The highest number of cycles that ran at once.
    pub(crate) running_max: u64,
}

/// The loop's end of the bus.
pub(crate) struct LoopEnd {
    pub(super) cycles: CycleRecorder,
    pub(super) values: Recorder,
    pub(super) loop_lag: u32,
    pub(super) phase: PhaseSwitch,
    pub(super) reports: Sender<LoopReport>,
    /// Wakes the bus.
    pub(super) wake: Box<dyn Fn() + Send>,
}

impl LoopEnd {
    /// Records a cycle that ended. Its place is that of its due time, in the grid of its stage.
    #[inline]
    pub(crate) fn cycle(&self, due: Due, failed: bool, place: u64, wait_ns: u64, service_ns: u64) {
        self.cycles.record(due.phase, due.stage, failed, place, wait_ns, service_ns);
    }

    /// Records the delay with which the probe fired.
    pub(crate) fn loop_lag(&self, lag_ns: u64) {
        self.values.record(self.loop_lag, lag_ns);
    }

    /// Gives all values recorded from now on this phase.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Notes that no cycle runs and none will start.
    pub(crate) fn cycles_over(&self) {
        self.phase.cycles_over();
    }

    /// Ends this process if it is a copy of the worker, which the task made by `fork`. The worker
    /// reports it.
    #[inline]
    pub(crate) fn end_copy(&self) {
        if fork::is_copy() {
            (self.wake)();
            fork::end();
        }
    }

    /// Sends a report to the bus, and wakes it.
    pub(crate) fn tell(&self, report: LoopReport) {
        // The bus ends only with the process.
        let _ended = self.reports.send(report);
        (self.wake)();
    }
}
