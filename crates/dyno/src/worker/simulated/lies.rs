//! The lies of a simulated worker, each sent where the true message belongs.

use dyno_bus::Time;
use dyno_bus::message::{Counts, Drained, HarnessCosts, Hello, Report, VERSION};

use super::{Lie, SimulatedWorker};

impl SimulatedWorker {
    /// Returns `true` if it is time for this lie. A worker sends one lie at most.
    pub(super) fn lie(&mut self, lie: Lie) -> bool {
        let tells = self.behaviour.lie == lie && !self.lied;
        self.lied |= tells;
        tells
    }

    pub(super) fn greet(&mut self) {
        let version = if self.lie(Lie::OtherVersion) { VERSION + 1 } else { VERSION };
        let nonce = if self.lie(Lie::OtherNonce) { self.nonce ^ 1 } else { self.nonce };
        self.send(Report::Hello(Hello { version, worker: self.index, nonce, pid: 1 }));
    }

    /// Sends an account that is true but that the primary has not requested.
    pub(super) fn end_by_itself(&mut self, now: Time) {
        self.control.cut_now(|| now);
        self.give_up();
        self.send_drained();
        self.flush_next = Time::NEVER;
        self.deaf = true;
    }

    pub(super) fn send_drained(&mut self) {
        let mut drained = Drained {
            cut: self.control.cut(),
            counts: self.counts,
            delivered: self.counts.measured.completed,
            late: 0,
            censored_age_min_ns: None,
            emitted: self.emitted.clone(),
            running_max: self.running_max,
            timeline: self.timeline.as_ref().map(|(_, timeline)| Box::new(timeline.clone())),
            harness: HarnessCosts { unleased: self.leases.unleased, ..HarnessCosts::default() },
        };
        let measured = &mut drained.counts.measured;
        if self.lie(Lie::MoreCompleted) {
            measured.completed += 1;
        }
        if measured.completed > 0 && self.lie(Lie::FewerCompleted) {
            measured.completed -= 1;
        }
        if self.lie(Lie::HugeCounts) {
            let most = u64::MAX;
            *measured = Counts {
                started: most,
                completed: most,
                failed: most,
                skipped: most,
                unstarted: most,
                abandoned: most,
            };
        }
        if self.lie(Lie::HugeDelivered) {
            drained.delivered = u64::MAX;
        }
        drained.emitted.batches += u64::from(self.lie(Lie::MoreBatches));
        self.drained = true;
        self.send(Report::Drained(drained));
    }
}
