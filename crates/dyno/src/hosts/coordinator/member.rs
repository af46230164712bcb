//! One host, as the coordinator sees it: its stage, its deadline, its clock and its record.

use std::time::Duration;

use dyno_bus::Time;

use super::SILENCE;
use crate::hosts::message::{HostFacts, HostProgress};
use crate::hosts::offset::{ClockMeasure, ClockOffset};
use crate::plan::Deadlines;

/// The longest record of a host, in bytes: a hundred times that of sixteen workers.
const RECORD_MAX: usize = 256 << 20;

/// The stage of a host; stages follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostStage {
    /// Its launcher is started, and the program is copied if it has to be.
    Reaching,
    /// Its agent has begun.
    Greeted,
    /// It has reported the number of its workers.
    Counted,
    /// It starts its workers.
    Starting,
    /// All its workers are ready.
    Ready,
    /// It has the instant of its first due time.
    Running,
    /// Its part of the run is over.
    Over,
    /// It gives its record.
    Giving,
    /// Its stream is closed, and its launcher ends.
    Closing,
    /// It is not waited for any more.
    Gone,
}

/// The coordinator's knowledge of a host.
#[derive(Debug)]
pub(super) struct HostMember {
    pub(super) name: String,
    pub(super) stage: HostStage,
    /// The instant at which it is given up, unless it gets further before.
    pub(super) deadline: Time,
    pub(super) workers: Option<u32>,
    pub(super) facts: Option<HostFacts>,
    /// The reason why it was given up, if it was.
    pub(super) fault: Option<String>,
    pub(super) progress: Option<HostProgress>,
    /// The instant of its last news.
    heard: Time,
    before: ClockMeasure,
    after: ClockMeasure,
    record: Vec<u8>,
    is_complete: bool,
}

impl HostMember {
    pub(super) fn new(name: String, deadline: Time) -> Self {
        Self {
            name,
            stage: HostStage::Reaching,
            deadline,
            workers: None,
            facts: None,
            fault: None,
            progress: None,
            heard: Time::NEVER,
            before: ClockMeasure::default(),
            after: ClockMeasure::default(),
            record: Vec::new(),
            is_complete: false,
        }
    }

    pub(super) fn heard(&mut self, at: Time) {
        self.heard = at;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.stage == HostStage::Gone
    }

    /// Returns `true` if its agent receives messages.
    pub(super) fn is_in_contact(&self) -> bool {
        self.stage > HostStage::Reaching && self.stage < HostStage::Closing
    }

    /// Returns the instant at which it is given up if nothing comes before.
    pub(super) fn next_deadline(&self) -> Time {
        if self.is_in_contact() { self.deadline.min(self.silent_at()) } else { self.deadline }
    }

    fn silent_at(&self) -> Time {
        if self.heard == Time::NEVER { Time::NEVER } else { self.heard + SILENCE }
    }

    /// Returns `true` if no news of it has come for too long.
    pub(super) fn is_silent(&self, now: Time) -> bool {
        self.is_in_contact() && now >= self.silent_at()
    }

    /// Returns the reason why it is given up now, if there is one.
    pub(super) fn overdue(&self, now: Time, deadlines: &Deadlines) -> Option<String> {
        if now < self.deadline {
            return None;
        }
        let start = humantime::format_duration(deadlines.start);
        Some(match self.stage {
            HostStage::Reaching => {
                format!("its agent did not begin within {start} (--start-deadline)")
            }
            HostStage::Greeted | HostStage::Counted => {
                format!("its agent did not answer within {start} (--start-deadline)")
            }
            HostStage::Starting | HostStage::Ready => {
                format!("its workers were not ready within {start} (--start-deadline)")
            }
            HostStage::Running | HostStage::Over | HostStage::Giving => {
                "its record did not arrive in time".to_owned()
            }
            HostStage::Closing | HostStage::Gone => "its launcher did not end".to_owned(),
        })
    }

    /// Returns its last account, as a clause of a sentence; empty if it gave none.
    pub(super) fn account(&self) -> String {
        let Some(progress) = &self.progress else { return String::new() };
        let sum = |[warmup, measured]: [u64; 2]| crate::plan::thousands(warmup + measured);
        format!(
            "; its last account: {} issued, {} completed, {} failed",
            sum(progress.issued),
            sum(progress.completed),
            sum(progress.failed),
        )
    }

    /// Returns the measurement of its clock that is on its way: before the run, or after it.
    pub(super) fn measure(&mut self) -> &mut ClockMeasure {
        if self.stage < HostStage::Over { &mut self.before } else { &mut self.after }
    }

    /// Returns the offset of its clock before the run, once it is measured.
    pub(super) fn first_offset(&self) -> Option<ClockOffset> {
        self.before.offset()
    }

    /// Returns the offset of its clock with its drift over the run.
    pub(super) fn offset(&self) -> Option<ClockOffset> {
        Some(self.before.offset()?.with_later(self.after.offset()?))
    }

    pub(super) fn round_trip(&self) -> Duration {
        self.before.round_trip()
    }

    /// Adds bytes of its record; returns `false` if that is too long.
    pub(super) fn add(&mut self, bytes: &[u8]) -> bool {
        let fits = self.record.len() + bytes.len() <= RECORD_MAX;
        if fits {
            self.record.extend(bytes);
        }
        fits
    }

    /// Notes that its record has ended; returns `false` unless it has this length.
    pub(super) fn complete(&mut self, length: u64) -> bool {
        self.is_complete = self.record.len() as u64 == length;
        self.is_complete
    }

    /// Returns its record, if all of it has arrived.
    pub(super) fn record(&self) -> Option<&[u8]> {
        self.is_complete.then_some(&self.record)
    }
}
