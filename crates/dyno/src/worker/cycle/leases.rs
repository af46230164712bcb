//! The count of cycles that came due while no lease covered them: the harness as the bottleneck.

use dyno_bus::message::Lease;
use dyno_bus::segment::Share;
use dyno_bus::{Cursor, Phase, Segment, Time};

/// The bus's own walk over the plan, behind the loop's.
#[derive(Debug)]
pub(crate) struct Leases {
    worker: u32,
    cursor: Cursor,
    /// The end of the last lease; `None` before the first one.
    until: Option<Time>,
    /// The number of cycles of the measured window that came due without a lease.
    pub(crate) unleased: u64,
}

impl Leases {
    pub(crate) fn new(worker: u32) -> Self {
        let cursor = Cursor::new(Share { worker, workers: 1 });
        Self { worker, cursor, until: None, unleased: 0 }
    }

    /// Starts the count, with this number of workers.
    pub(crate) fn begin(&mut self, workers: u32) {
        self.cursor = Cursor::new(Share { worker: self.worker, workers });
    }

    /// Appends a segment to the plan.
    pub(crate) fn follow(&mut self, segment: Segment) {
        self.cursor.push(segment);
    }

    /// Takes a lease that came at `now`: cycles that came due since the one before ended had no
    /// lease.
    pub(crate) fn extend(&mut self, lease: Lease, now: Time) {
        if let Some(until) = self.until.filter(|until| *until < now) {
            let _covered = self.cursor.pass(until);
            // Nothing is due beyond the plan's end, which no lease passes.
            self.unleased += self.cursor.pass(now.min(lease.until))[Phase::Measured];
        }
        self.until = Some(lease.until);
    }
}

#[cfg(test)]
mod tests {
    use dyno_bus::Pace;
    use dyno_bus::segment::Arrivals;

    use super::*;

    fn lease(millis: u64) -> Lease {
        Lease { until: at(millis), last: false }
    }

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn only_what_came_due_in_a_gap_is_unleased() {
        let mut leases = Leases::new(1);
        leases.begin(2);
        leases.follow(Segment {
            first: 0,
            t0: at(0),
            length_ns: 10_000_000_000,
            pace: Pace::Open { rate: 1_000.0, arrivals: Arrivals::Uniform },
            lead: 0.0,
            seed: 0,
            phase: Phase::Measured,
            stage: 0,
        });
        leases.extend(lease(1_000), at(0));
        leases.extend(lease(1_250), at(250));
        assert_eq!(leases.unleased, 0);
        // 250 ms late: 250 cycles of both workers, half of them this one's.
        leases.extend(lease(2_500), at(1_500));
        assert_eq!(leases.unleased, 125);
    }
}
