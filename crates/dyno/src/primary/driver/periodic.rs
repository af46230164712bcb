//! The beat of the primary: the work that it repeats while cycles run.
//!
//! At each beat it records its own gauges and how late the beat is, and samples the backlog. In
//! longer periods it rotates the observer's interval, ends a column of its interval table, and sends
//! the sink the state of the run.

use std::time::Duration;

use dyno_bus::message::Report;
use dyno_bus::{Phase as Window, Time};
use dyno_observer::ProcessId;

use super::own_bus::{Gauges, OwnBus};
use crate::lateness::Periods;
use crate::plan::Plan;
use crate::plan::sampling::{column, rotation};
use crate::primary::record::RunRecord;
use crate::primary::run::{Sink, Tick, Update};
use crate::primary::state::event::RunPhase;

/// The times of beats, rotations and ticks, and the primary's own bus.
pub(crate) struct Beat {
    own: OwnBus,
    /// The numbers of the primary's metrics that the observer refused.
    refused: Vec<u32>,
    beats: Periods,
    rotation: Duration,
    next_rotation: Time,
    column: Duration,
    next_column: Time,
    tick: Option<Duration>,
    next_tick: Time,
    /// The instant of the last result so far that the sink got.
    interim_at: Option<Time>,
    /// The run's first due time, once it is known.
    t0: Option<Time>,
    /// `true` if the run is a share of one over several hosts.
    is_share: bool,
}

/// The limits that a beat found to be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BrokenLimits {
    /// The backlog passed its limit, for the first time.
    pub(crate) backlog: bool,
    /// A threshold that aborts is certain to be broken.
    pub(crate) threshold: bool,
}

impl Beat {
    /// Creates the beat of a plan, with this time between two beats and between two ticks.
    pub(crate) fn new(
        plan: &Plan,
        now: Time,
        period: Duration,
        tick: Option<Duration>,
        own: OwnBus,
    ) -> Self {
        Self {
            own,
            refused: Vec::new(),
            beats: Periods::new(now + period, period.as_nanos() as u64),
            rotation: rotation(plan.duration, period),
            next_rotation: Time::NEVER,
            column: column(plan.duration, period),
            next_column: Time::NEVER,
            tick,
            next_tick: now,
            interim_at: None,
            t0: None,
            is_share: plan.keeps_record,
        }
    }

    /// Returns the instant at which [`beat`](Self::beat) is due.
    pub(crate) fn next(&self) -> Time {
        self.beats.next()
    }

    /// Sets the first due time of the run; later calls change nothing.
    pub(crate) fn begin(&mut self, t0: Time) {
        if self.t0.is_none() && self.is_share {
            // All hosts beat at the same times since their first due times, so that their backlogs
            // can be added.
            let period = self.beats.period();
            self.beats = Periods::new(t0 + period, period.as_nanos() as u64);
        }
        self.t0.get_or_insert(t0);
    }

    /// Begins the measured window at `at`.
    pub(crate) fn begin_window(&mut self, at: Time) {
        self.own.set_phase(Window::Measured);
        // Beats do not begin with the window: the first interval ends with the first beat that is
        // at least a whole rotation after the window's start.
        self.next_rotation = at + self.rotation;
        self.next_column = at + self.column;
    }

    /// Does the work that is due at `now`. Returns the limits that are broken.
    pub(crate) fn beat(
        &mut self,
        now: Time,
        phase: RunPhase,
        record: &mut RunRecord,
        sink: &mut dyn Sink,
    ) -> BrokenLimits {
        self.beats.late(now).for_each(|lag_ns| self.own.loop_lag(lag_ns));
        self.gauges(now, record);
        let is_measuring = phase == RunPhase::Measuring;
        let backlog = is_measuring && record.sample(now);
        let threshold = is_measuring && record.judge_thresholds(now, self.beats.period() / 2);
        if now >= self.next_column && phase < RunPhase::Finishing {
            self.next_column = self.after(now, self.column);
            record.observer.cut(now);
        }
        if now >= self.next_rotation && phase < RunPhase::Finishing {
            self.rotate(now, record, sink);
        }
        if let Some(period) = self.tick
            && now >= self.next_tick
        {
            self.next_tick = self.after(now, period);
            self.tick(now, phase, record, sink);
        }
        if let Some(period) = sink.interim_period()
            && self.interim_at.is_none_or(|at| now >= self.after(at, period))
        {
            self.interim_at = Some(now);
            sink.interim(record.interim(phase, self.elapsed(now)));
        }
        BrokenLimits { backlog, threshold }
    }

    /// Ends the current interval.
    pub(crate) fn rotate(&mut self, now: Time, record: &mut RunRecord, sink: &mut dyn Sink) {
        self.next_rotation = self.after(now, self.rotation);
        record.rotate(self.elapsed(now), now, |interval| sink.interval(&interval));
        sink.rotated(now);
    }

    /// Closes the primary's own emitter, and verifies its counts as those of every worker.
    pub(crate) fn close(
        mut self,
        now: Time,
        phase: RunPhase,
        record: &mut RunRecord,
        sink: &mut dyn Sink,
    ) -> Result<(), String> {
        self.gauges(now, record);
        let mut emitted = self.own.close(now, |report| absorb(record, &mut self.refused, report));
        for refused in &self.refused {
            emitted.values[*refused as usize] = 0;
        }
        let verified = record.observer.verify(ProcessId::Primary, &emitted);
        record.observer.end(now);
        self.rotate(now, record, sink);
        self.tick(now, phase, record, sink);
        verified.map_err(|error| error.to_string())
    }

    fn gauges(&mut self, now: Time, record: &mut RunRecord) {
        record.beat(now, false);
        let totals = record.totals();
        self.own.gauges(Gauges {
            issued: totals.issued.total(),
            completed: totals.completed.total(),
            backlog: record.backlog(now).total(),
            uptime_ns: self.elapsed(now).as_nanos() as u64,
        });
        self.publish(now, record);
    }

    /// Publishes the values that this process has recorded, and adds them to the record.
    pub(crate) fn publish(&mut self, now: Time, record: &mut RunRecord) {
        self.own.publish(now, |report| absorb(record, &mut self.refused, report));
    }

    fn tick(&self, now: Time, phase: RunPhase, record: &mut RunRecord, sink: &mut dyn Sink) {
        sink.update(Update::Tick(Box::new(Tick {
            phase,
            elapsed: self.elapsed(now),
            totals: record.totals(),
            backlog: record.backlog(now),
            list: record.observer.list(),
            thresholds: record.thresholds_so_far(),
            beyond: record.beyond(),
        })));
    }

    /// Returns the instant from which the next work of this period is due, half a beat early: after
    /// a late beat, the right beat comes a little less than `period` later.
    fn after(&self, now: Time, period: Duration) -> Time {
        now + period.saturating_sub(self.beats.period() / 2)
    }

    fn elapsed(&self, now: Time) -> Duration {
        self.t0.map_or(Duration::ZERO, |t0| now - t0)
    }
}

/// Adds a report of the primary's own emitter to the record. It is believed: apart from a user's
/// metric that clashes, a refusal is a bug in dyno.
fn absorb(record: &mut RunRecord, refused: &mut Vec<u32>, report: Report) {
    match report {
        Report::Declare(declare) => {
            // The workers may have declared a user's metric with another unit. Then it keeps their
            // unit, and the primary's values are left out with a warning.
            if let Err(error) = record.observer.declare(ProcessId::Primary, &declare) {
                record.warn(&error.to_string());
                refused.push(declare.metric);
            }
        }
        Report::Batch(mut batch) => {
            batch.columns.retain(|column| !refused.contains(&column.metric));
            if let Err(error) = record.observer.absorb(ProcessId::Primary, &batch) {
                record.warn(&error.to_string());
            }
        }
        // The primary's own emitter sends nothing else.
        Report::Hello(_)
        | Report::Ready
        | Report::Failed(_)
        | Report::Notice(_)
        | Report::Timeline(_)
        | Report::Drained(_)
        | Report::Bye(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use dyno_bus::message::{Batch, Column, Declare};
    use dyno_bus::value::Unit;
    use dyno_emitter::harness::Emitter;

    use super::*;
    use crate::plan::fixture::plan;
    use crate::plan::sampling::period;
    use crate::primary::run::Silent;

    #[test]
    fn a_primary_that_was_stopped_for_a_week_beats_on() {
        let plan = plan();
        let mut record = RunRecord::new(&plan);
        record.observer.hello(ProcessId::Primary, 1).unwrap();
        let begun = Time::from_nanos(1);
        let own = OwnBus::new(Emitter::new(|| {}));
        let mut beat = Beat::new(&plan, begun, period(&plan), None, own);
        beat.begin(begun);
        beat.begin_window(begun);
        // Twice: the values that the first beat recorded must have left the ring.
        for weeks in [1, 2] {
            let late = begun + Duration::from_secs(weeks * 7 * 24 * 60 * 60);
            beat.beat(late, RunPhase::Measuring, &mut record, &mut Silent);
            assert!(beat.next() > late && beat.next() <= late + beat.beats.period());
        }
        let end = beat.next();
        beat.close(end, RunPhase::Finishing, &mut record, &mut Silent).unwrap();
        let metrics = record.observer.metrics(ProcessId::Primary);
        let lag = metrics.iter().find(|metric| &*metric.label.name == "loop_lag").unwrap();
        assert!(lag.stats.count > 10_000, "{lag:?}");
        assert!(lag.stats.max > 6 * 24 * 60 * 60 * 1_000_000_000, "{lag:?}");
    }

    #[test]
    fn a_metric_that_the_observer_refuses_is_left_out_and_the_rest_is_taken() {
        let mut record = RunRecord::new(&plan());
        record.observer.hello(ProcessId::Primary, 1).unwrap();
        let mut refused = Vec::new();
        let declare =
            |metric, name: &str, unit| Report::Declare(Declare { metric, name: name.into(), unit });
        let batch = |sequence| {
            let column = |metric| Column { metric, phase: Window::Measured, values: vec![7] };
            let columns = vec![column(0), column(1), column(2)];
            Report::Batch(Batch { sequence, columns, ..Batch::default() })
        };
        // `wait` is made from cycles: no process may declare it.
        for report in [
            declare(0, "issued", Unit::None),
            declare(1, "wait", Unit::Bytes),
            declare(2, "backlog", Unit::None),
            batch(0),
            batch(1),
        ] {
            absorb(&mut record, &mut refused, report);
        }
        assert_eq!(refused, [1]);
        let received = record.observer.received(ProcessId::Primary).unwrap();
        assert_eq!((received.batches, &received.values[..]), (2, &[2, 0, 2][..]));
    }
}
