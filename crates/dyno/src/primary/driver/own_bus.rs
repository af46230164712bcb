//! The primary as an emitter: it records like a worker, but its bus is in memory.
//!
//! The driver's knowledge of the run (`issued`, `completed`, `backlog`, `uptime`) and the lag of
//! its own loop (`loop_lag`) take the way of every measurement: an emitter, a batch, a link, the
//! observer. Values that the user records in this process take it too.
//!
//! The live view shows the counts of a [`Tick`](crate::primary::run::Tick), which are those of this
//! moment. The same counts as metrics are for lists and for `metrics.hlog`.

use dyno_bus::builtin;
use dyno_bus::local::{self, Local};
use dyno_bus::message::{Batch, Command, Emitted, HarnessCosts, Report};
use dyno_bus::value::Unit;
use dyno_bus::{Link, Phase, Received, Time};
use dyno_emitter::harness::{Emitter, Installed, Recorder};

/// The primary's emitter and both ends of its link.
pub(crate) struct OwnBus {
    emitter: Emitter,
    /// `None` if the user's handles record elsewhere.
    _installed: Option<Installed>,
    recorder: Recorder,
    numbers: Numbers,
    sender: Link<Local, Command, Report>,
    receiver: Link<Local, Report, Command>,
    batch: Batch,
}

struct Numbers {
    issued: u32,
    completed: u32,
    backlog: u32,
    uptime: u32,
    loop_lag: u32,
}

/// The driver's knowledge of the run at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauges {
    pub(crate) issued: u64,
    pub(crate) completed: u64,
    pub(crate) backlog: u64,
    pub(crate) uptime_ns: u64,
}

impl OwnBus {
    /// Creates the link of this emitter, which need not be installed: a request to collect from it
    /// is one for [`publish`](Self::publish).
    pub(crate) fn new(mut emitter: Emitter) -> Self {
        let numbers = Numbers {
            issued: emitter.metric(builtin::ISSUED, Unit::None),
            completed: emitter.metric(builtin::COMPLETED, Unit::None),
            backlog: emitter.metric(builtin::BACKLOG, Unit::None),
            uptime: emitter.metric(builtin::UPTIME, Unit::Nanoseconds),
            loop_lag: emitter.metric(builtin::LOOP_LAG, Unit::Nanoseconds),
        };
        let (near, far) = local::pair();
        Self {
            _installed: None,
            recorder: emitter.recorder(),
            numbers,
            sender: Link::new(near),
            receiver: Link::new(far),
            batch: Batch::default(),
            emitter,
        }
    }

    /// Lets the user's handles in this process record here too, unless another run has them.
    pub(crate) fn install(mut self) -> Self {
        self._installed = self.emitter.install().ok();
        self
    }

    /// Sets the phase of all values that are recorded from now on.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.emitter.set_phase(phase);
    }

    /// Records the state of the run.
    pub(crate) fn gauges(&self, gauges: Gauges) {
        self.recorder.record(self.numbers.issued, gauges.issued);
        self.recorder.record(self.numbers.completed, gauges.completed);
        self.recorder.record(self.numbers.backlog, gauges.backlog);
        self.recorder.record(self.numbers.uptime, gauges.uptime_ns);
    }

    /// Records how late the driver's loop is, in nanoseconds.
    pub(crate) fn loop_lag(&self, lag_ns: u64) {
        self.recorder.record(self.numbers.loop_lag, lag_ns);
    }

    /// Publishes all recorded values, and passes on each report that arrives.
    pub(crate) fn publish(&mut self, now: Time, mut take: impl FnMut(Report)) {
        loop {
            let mut declares = Vec::new();
            let collected = self.emitter.collect(&mut self.batch, &mut declares);
            self.batch.as_of = now;
            // No cycle is leased to the primary: only its stalls count.
            self.batch.harness =
                HarnessCosts { stall_ns: self.emitter.stalled_ns(), ..HarnessCosts::default() };
            let mut reports: Vec<_> = declares.into_iter().map(Report::Declare).collect();
            reports.push(Report::Batch(std::mem::take(&mut self.batch)));
            for report in &reports {
                self.sender.send(report).expect("a batch fits a frame");
            }
            if let Some(Report::Batch(batch)) = reports.pop() {
                self.batch = batch;
            }
            self.transfer(&mut take);
            if !collected.more {
                return;
            }
        }
    }

    /// Rejects every later value and publishes the rest. Returns the count of all that was emitted.
    pub(crate) fn close(&mut self, now: Time, take: impl FnMut(Report)) -> Emitted {
        self.emitter.close();
        self.publish(now, take);
        self.emitter.emitted()
    }

    fn transfer(&mut self, take: &mut impl FnMut(Report)) {
        // The pipe in memory holds less than the largest frame: both ends move in turn.
        while self.sender.queued() > 0 {
            self.sender.flush().expect("both ends are ours");
            while let Ok(Received::Message(report)) = self.receiver.receive() {
                take(report);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn values_of_the_primary_arrive_over_its_own_link() {
        let mut own = OwnBus::new(Emitter::new(|| {}));
        own.set_phase(Phase::Measured);
        own.gauges(Gauges { issued: 3, completed: 2, backlog: 1, uptime_ns: 9 });
        own.loop_lag(7);
        let mut reports = Vec::new();
        let emitted = own.close(Time::from_nanos(5), |report| reports.push(report));
        assert_eq!(emitted.values, [1, 1, 1, 1, 1]);
        let declared = reports.iter().filter(|report| matches!(report, Report::Declare(_)));
        assert_eq!(declared.count(), 5);
        let Some(Report::Batch(batch)) = reports.last() else { panic!("a batch is last") };
        assert_eq!(batch.columns.iter().flat_map(|column| &column.values).sum::<u64>(), 22);
    }

    #[test]
    fn a_thread_that_fills_its_ring_loses_no_value_and_its_wait_is_counted() {
        const COUNT: u64 = 100_000;
        let (poke, poked) = channel();
        let mut own = OwnBus::new(Emitter::new(move || {
            let _heard = poke.send(());
        }));
        own.set_phase(Phase::Measured);
        let (other, lag) = (own.emitter.recorder(), own.numbers.loop_lag);
        let recording =
            thread::spawn(move || (0..COUNT).for_each(|value| other.record(lag, value)));
        let mut values = Vec::new();
        let mut stall_ns = 0;
        let mut take = |report| {
            let Report::Batch(batch) = report else { return };
            values.extend(batch.columns.into_iter().flat_map(|column| column.values));
            stall_ns = batch.harness.stall_ns;
        };
        while !recording.is_finished() {
            // The wait is bounded: the thread may have ended since the check.
            let _poked = poked.recv_timeout(Duration::from_millis(1));
            own.publish(Time::from_nanos(5), &mut take);
        }
        recording.join().expect("no panic");
        let emitted = own.close(Time::from_nanos(5), &mut take);
        assert!(values.into_iter().eq(0..COUNT));
        assert_eq!(emitted.values.iter().sum::<u64>(), COUNT);
        assert_eq!(stall_ns, own.emitter.stalled_ns());
    }
}
