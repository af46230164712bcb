//! The choice of the cycle that starts next, and its time: the plan, the lease and the limits, as
//! arithmetic.
//!
//! Cycles behind schedule wait as numbers, not as a queue in memory: the cursor simply is further
//! back. The module is pure except for the lease, which the bus may move at any moment.

use dyno_bus::backlog::{BacklogLimit, BacklogRule};
use dyno_bus::message::Start;
use dyno_bus::segment::{Due, PerPhase, Share};
use dyno_bus::{Cursor, Segment, Time};

use crate::worker::control::{Control, Ending};

/// The loop's next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Start this cycle now.
    Start(Due),
    /// Start nothing before this instant.
    At(Time),
    /// Start nothing until the bus extends the lease or the plan, or a running cycle ends.
    Wait,
    /// Start nothing ever again: the cut is made, or no more cycles are due before the planned one.
    Over,
}

/// A worker's way through its share of the plan.
#[derive(Debug)]
pub(crate) struct CyclePacer {
    cursor: Cursor,
    in_flight_max: Option<u32>,
    skip: Option<Skip>,
}

/// The state of the policy `skip`.
#[derive(Debug)]
struct Skip {
    /// The limit of the cycles that may wait or run in this worker.
    rule: BacklogRule,
    /// The numbers of cycles that waited and that ran when the measured window began; `None`
    /// before.
    level: Option<(u64, u64)>,
    /// A cursor that moves with the clock, ahead of the one for starts.
    front: Cursor,
    /// The number of cycles between the two cursors.
    waiting: u64,
}

impl Skip {
    /// Moves the cursor past the oldest waiting cycles beyond the limit.
    fn pass(&mut self, cursor: &mut Cursor, now: Time, running: u32, until: Time) -> PerPhase<u64> {
        let mut skipped = PerPhase::default();
        // The front counts the cycles that may have begun by now: those due and under a lease.
        let leased = until.min(Time::from_nanos(now.as_nanos() + 1));
        let passed = self.front.pass(leased);
        self.waiting += passed.warmup;
        let running = u64::from(running);
        // The limit counts from the level that the warm-up left, so the level is taken once: before
        // the first measured cycle is added.
        if passed.measured > 0 {
            self.level.get_or_insert((self.waiting, running));
        }
        self.waiting += passed.measured;
        let Some(BacklogLimit { waiting, total }) = self.rule.limit(self.level) else {
            return skipped;
        };
        let beyond_total = (self.waiting + running).saturating_sub(total);
        let beyond_waiting = self.waiting.saturating_sub(waiting);
        let excess = beyond_waiting.max(beyond_total).min(self.waiting);
        // The oldest go: they have waited longest, and those behind them may still be on time.
        for _ in 0..excess {
            let Some(due) = cursor.peek(now) else { break };
            skipped[due.phase] += 1;
            cursor.advance();
        }
        self.waiting -= excess;
        skipped
    }
}

impl CyclePacer {
    pub(crate) fn new(share: Share, start: &Start) -> Self {
        let skip = start.backlog_max.map(|rule| Skip {
            rule,
            level: None,
            front: Cursor::new(share),
            waiting: 0,
        });
        Self { cursor: Cursor::new(share), in_flight_max: start.in_flight_max, skip }
    }

    /// Appends a segment to the plan.
    pub(crate) fn follow(&mut self, segment: Segment) {
        self.cursor.push(segment);
        if let Some(skip) = &mut self.skip {
            skip.front.push(segment);
        }
    }

    /// Returns the next step at `now`, with this number of cycles running. `now` is read before the
    /// lease, so each cycle that this lets start was due before any cut that it did not see.
    #[inline]
    pub(crate) fn next(&mut self, now: Time, running: u32, control: &Control) -> Next {
        // Read in the reverse of the order in which the bus sets them, so an end is never seen
        // without the lease and the segments that came before it. A change between two of these
        // readings wakes the loop, if the loop would wait for it.
        let ending = control.ending();
        let until = control.until();
        if control.has_segments() {
            return Next::Wait;
        }
        // The plan as it is known has no further cycle: the bus may add a segment until the end.
        let Some(due) = self.cursor.peek(now) else {
            return if ending == Ending::Open { Next::Wait } else { Next::Over };
        };
        // No lease covers the cycle. One that is due later wakes the loop by its own time, because a
        // lease that is extended meanwhile does not.
        if due.at >= until {
            return match ending {
                Ending::Open if due.at > now => Next::At(due.at),
                Ending::Open => Next::Wait,
                // The cut is being made, and is not yet known.
                Ending::Planned if until == Time::ZERO => Next::Wait,
                Ending::Planned | Ending::Cut => Next::Over,
            };
        }
        if due.at > now {
            return Next::At(due.at);
        }
        // The end of a running cycle makes room, and the loop calls this again.
        let in_flight_max = self.cursor.in_flight_max().or(self.in_flight_max);
        if in_flight_max.is_some_and(|max| running >= max) {
            return Next::Wait;
        }
        Next::Start(due)
    }

    /// Notes that the cycle returned by [`next`](Self::next) has begun.
    #[inline]
    pub(crate) fn begun(&mut self) {
        self.cursor.advance();
        if let Some(skip) = &mut self.skip {
            skip.waiting = skip.waiting.saturating_sub(1);
        }
    }

    /// Passes the oldest waiting cycles beyond the limit, if the policy is `skip`, and returns
    /// their numbers by phase.
    #[inline]
    pub(crate) fn skip(&mut self, now: Time, running: u32, until: Time) -> PerPhase<u64> {
        match &mut self.skip {
            None => PerPhase::default(),
            Some(skip) => skip.pass(&mut self.cursor, now, running, until),
        }
    }

    /// Passes all cycles due before the cut, which never begin, and returns their numbers by phase.
    pub(crate) fn give_up(&mut self, cut: Time) -> PerPhase<u64> {
        self.cursor.pass(cut)
    }
}

#[cfg(test)]
mod tests {
    use dyno_bus::Phase;
    use dyno_bus::message::{Lease, Pacing};
    use dyno_bus::segment::{Arrivals, Pace as Pacemaker};

    use super::*;

    fn start(backlog_max: Option<BacklogRule>) -> Start {
        Start {
            workers: 1,
            parameters: "{}".into(),
            in_flight_max: Some(3),
            backlog_max,
            pacing: Pacing::Sleep,
            probe_period_ns: 1,
            flush_period_ns: 1,
            drain_deadline_ns: 1,
            spans: String::new(),
        }
    }

    fn pace(backlog_max: Option<BacklogRule>) -> CyclePacer {
        let mut pace = CyclePacer::new(Share { worker: 0, workers: 1 }, &start(backlog_max));
        pace.follow(segment());
        pace
    }

    /// A cycle each 10 ns from 100 on.
    fn segment() -> Segment {
        Segment {
            first: 0,
            t0: at(100),
            length_ns: 1_000,
            pace: Pacemaker::Open { rate: 1e8, arrivals: Arrivals::Uniform },
            lead: 0.0,
            seed: 0,
            phase: Phase::Measured,
            stage: 0,
        }
    }

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    fn leased(until: u64, last: bool) -> Control {
        let control = Control::default();
        control.extend(Lease { until: at(until), last }, || at(0));
        control
    }

    #[test]
    fn cycles_start_when_due_and_leased() {
        let mut pace = pace(None);
        let control = leased(115, false);
        assert_eq!(pace.next(at(50), 0, &control), Next::At(at(100)));
        let Next::Start(due) = pace.next(at(130), 0, &control) else { panic!("due and leased") };
        assert_eq!((due.index, due.at), (0, at(100)));
        pace.begun();
        assert!(matches!(pace.next(at(130), 0, &control), Next::Start(Due { index: 1, .. })));
        pace.begun();
        assert_eq!(pace.next(at(130), 0, &control), Next::Wait, "due at 120, leased to 115");
    }

    #[test]
    fn the_last_lease_runs_out_and_the_rest_is_never_begun() {
        let mut pace = pace(None);
        let control = leased(125, true);
        pace.begun();
        assert!(matches!(pace.next(at(130), 0, &control), Next::Start(_)));
        assert_eq!(pace.give_up(at(125)).measured, 2);
        assert_eq!(pace.next(at(130), 0, &control), Next::Over);
    }

    #[test]
    fn segments_planned_before_the_last_lease_are_followed_to_its_end() {
        let control = leased(125, true);
        let mut pace = CyclePacer::new(Share { worker: 0, workers: 1 }, &start(None));
        // The bus appends it just after the loop has looked, and before this reading.
        control.follow(segment());
        assert_eq!(pace.next(at(50), 0, &control), Next::Wait);
        control.take_segments(|segment| pace.follow(segment));
        assert_eq!(pace.next(at(50), 0, &control), Next::At(at(100)));
    }

    #[test]
    fn a_cut_ends_it_at_once() {
        let mut pace = pace(None);
        let control = leased(1_000_000, false);
        control.cut_now(|| at(130));
        assert_eq!(pace.next(at(130), 0, &control), Next::Over);
    }

    #[test]
    fn no_more_start_than_may_be_in_flight() {
        let mut pace = pace(None);
        assert_eq!(pace.next(at(130), 3, &leased(200, false)), Next::Wait);
    }

    #[test]
    fn the_oldest_beyond_the_limit_are_skipped() {
        let mut pace = pace(Some(BacklogRule::Total(2)));
        let control = leased(1_000, false);
        // Due by 130: 0, 1, 2, 3, with one more running.
        assert_eq!(pace.skip(at(130), 1, control.until()).measured, 3);
        assert!(matches!(pace.next(at(130), 1, &control), Next::Start(Due { index: 3, .. })));
        pace.begun();
        assert_eq!(pace.skip(at(139), 2, control.until()).measured, 0);
        assert_eq!(pace.skip(at(140), 2, control.until()).measured, 1);
    }

    #[test]
    fn cycles_beyond_the_limit_at_a_cut_are_skipped_even_if_the_loop_is_late() {
        let mut pace = pace(Some(BacklogRule::Total(2)));
        let control = leased(1_000, false);
        control.cut_now(|| at(130));
        // Due by 130: 0, 1, 2, 3, with one more running.
        assert_eq!(pace.skip(at(500), 1, control.due_before()).measured, 3);
        assert_eq!(pace.give_up(control.cut()).measured, 1);
    }

    #[test]
    fn a_limit_above_the_warm_up_counts_from_what_it_left_and_skips_nothing_in_it() {
        let warmup = Segment { phase: Phase::Warmup, ..segment() };
        let measured = Segment { first: 5, t0: at(150), ..segment() };
        let limit = Some(BacklogRule::Above(BacklogLimit { waiting: 2, total: 2 }));
        let mut pace = CyclePacer::new(Share { worker: 0, workers: 1 }, &start(limit));
        pace.follow(warmup);
        pace.follow(measured);
        let control = leased(1_000, false);
        // Due by 149: all five of the warm-up, next to a hundred that run.
        assert_eq!(pace.skip(at(149), 100, control.until()).total(), 0);
        // Two more are due by 169, and a third by 170.
        assert_eq!(pace.skip(at(169), 100, control.until()).total(), 0);
        assert_eq!(pace.skip(at(170), 100, control.until()).warmup, 1, "the oldest");
        assert_eq!(pace.skip(at(170), 99, control.until()).total(), 0);
    }
}
