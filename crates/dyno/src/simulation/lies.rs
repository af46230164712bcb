//! The lies of a worker: its messages are changed on their way to the primary.

use std::cell::Cell;
use std::rc::Rc;

use dyno_bus::codec::{decode, encode};
use dyno_bus::frame::PREFIX;
use dyno_bus::message::{Batch, Bye, Counts, Drained, Emitted, Hello, Report, VERSION};

/// A false or unexpected message of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    OtherVersion,
    OtherNonce,
    SecondHello,
    ReadyTwice,
    EarlyBye,
    /// Its account, before the primary has requested it.
    DrainedUnasked,
    BatchTwice,
    BatchMissing,
    CountsBack,
    Nonsense,
    MoreCompleted,
    FewerCompleted,
    HugeCounts,
    HugeDelivered,
    MoreBatches,
    MoreAtBye,
    /// Not a lie of the worker: the link loses its last message.
    LastFrameLost,
}

/// A place in a worker's wire where true messages go in and one lie comes out.
#[derive(Debug)]
pub(crate) struct Liar {
    lie: Lie,
    /// Set once it has lied.
    lied: Rc<Cell<bool>>,
    hello: Option<Hello>,
    /// Set once a hook has failed: then a `Bye` is not worth a lie.
    has_failed: bool,
    has_drained: bool,
    /// The cycles that the last batch reported as completed.
    reported: u64,
    emitted: Emitted,
    /// Set once it has ended by itself: nothing more comes out.
    is_silent: bool,
}

impl Liar {
    /// Creates a worker's liar, which sets `lied` when it tells its lie.
    pub(crate) fn new(lie: Lie, lied: Rc<Cell<bool>>) -> Self {
        Self {
            lie,
            lied,
            hello: None,
            has_failed: false,
            has_drained: false,
            reported: 0,
            emitted: Emitted::default(),
            is_silent: false,
        }
    }

    /// Returns the frames to send in place of these.
    pub(super) fn retell(&mut self, mut frames: &[u8]) -> Vec<u8> {
        let mut told = Vec::new();
        while !frames.is_empty() {
            let (prefix, rest) = frames.split_first_chunk::<PREFIX>().expect("whole frames");
            let (frame, rest) = rest.split_at(u32::from_le_bytes(*prefix) as usize);
            frames = rest;
            let report = decode(frame).expect("the bus speaks the truth");
            if !self.is_silent {
                self.report(report, &mut told);
            }
        }
        told
    }

    /// Returns `true` if it is time for this lie. A worker tells one lie at most.
    fn lies(&mut self, lie: Lie) -> bool {
        let tells = self.lie == lie && !self.lied.get();
        self.lied.set(self.lied.get() || tells);
        tells
    }

    fn report(&mut self, report: Report, told: &mut Vec<u8>) {
        let mut tell = |report: &Report| encode(report, told).expect("it fits a frame");
        if self.hello.is_some() && self.lies(Lie::EarlyBye) {
            tell(&Report::Bye(Bye::default()));
        }
        if let Some(hello) = self.hello
            && self.lies(Lie::SecondHello)
        {
            tell(&Report::Hello(hello));
        }
        match report {
            Report::Hello(mut hello) => {
                self.hello = Some(hello);
                hello.version = if self.lies(Lie::OtherVersion) { VERSION + 1 } else { VERSION };
                hello.nonce ^= u64::from(self.lies(Lie::OtherNonce));
                tell(&Report::Hello(hello));
            }
            Report::Ready => {
                if self.lies(Lie::ReadyTwice) {
                    tell(&Report::Ready);
                }
                tell(&Report::Ready);
            }
            Report::Batch(batch) => self.batch(batch, told),
            Report::Drained(drained) => {
                self.has_drained = true;
                let drained = self.account(drained);
                encode(&Report::Drained(drained), told).expect("it fits a frame");
            }
            Report::Bye(mut bye) => {
                bye.emitted.cycles += u64::from(!self.has_failed && self.lies(Lie::MoreAtBye));
                if self.lie != Lie::LastFrameLost {
                    tell(&Report::Bye(bye));
                }
            }
            Report::Failed(_) => {
                self.has_failed = true;
                tell(&report);
            }
            Report::Declare(_) | Report::Notice(_) | Report::Timeline(_) => tell(&report),
        }
    }

    fn batch(&mut self, mut batch: Batch, told: &mut Vec<u8>) {
        let mut tell = |report: Report| encode(&report, told).expect("it fits a frame");
        self.count(&batch);
        let is_busy = batch.counts.measured.completed > 0;
        if self.reported > 0 && self.lies(Lie::CountsBack) {
            batch.counts.measured.completed = self.reported - 1;
        }
        self.reported = batch.counts.measured.completed;
        if is_busy && self.lies(Lie::BatchMissing) {
            return;
        }
        if is_busy && self.lies(Lie::BatchTwice) {
            tell(Report::Batch(batch.clone()));
        }
        let drained = Drained {
            cut: batch.as_of,
            counts: batch.counts,
            delivered: batch.counts.measured.completed,
            emitted: self.emitted.clone(),
            ..Drained::default()
        };
        tell(Report::Batch(batch));
        if is_busy && !self.has_drained && self.lies(Lie::DrainedUnasked) {
            tell(Report::Drained(drained));
            self.is_silent = true;
        }
        if is_busy && self.lies(Lie::Nonsense) {
            // The length of a frame that no peer may send.
            told.extend([0xff; PREFIX]);
        }
    }

    fn count(&mut self, batch: &Batch) {
        self.emitted.batches += 1;
        let cycles = [&batch.cycles, &batch.failed]
            .map(|cycles| cycles.warmup.wait.len() + cycles.measured.wait.len());
        self.emitted.cycles += cycles.iter().sum::<usize>() as u64;
        for column in &batch.columns {
            let metric = column.metric as usize;
            let length = self.emitted.values.len().max(metric + 1);
            self.emitted.values.resize(length, 0);
            self.emitted.values[metric] += column.values.len() as u64;
        }
    }

    fn account(&mut self, mut drained: Drained) -> Drained {
        let measured = &mut drained.counts.measured;
        if self.lies(Lie::MoreCompleted) {
            measured.completed += 1;
        }
        if measured.completed > 0 && self.lies(Lie::FewerCompleted) {
            measured.completed -= 1;
        }
        if self.lies(Lie::HugeCounts) {
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
        if self.lies(Lie::HugeDelivered) {
            drained.delivered = u64::MAX;
        }
        drained.emitted.batches += u64::from(self.lies(Lie::MoreBatches));
        drained
    }
}
