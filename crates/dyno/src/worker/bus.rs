//! The worker's bus: the only place that reads commands, makes batches and writes.
//!
//! It never waits for the loop, and the loop waits for it only if a ring is full. It turns sources
//! into events of the state machine and performs the machine's actions. It publishes by size (a
//! ring that is half full wakes it) and by time (every flush period).
//!
//! It is generic over its [world](BusWorld) and ends nothing by itself: a turn returns the reason
//! why the bus is over, and [`thread`] ends the process.

pub(super) mod grid;
mod loop_end;
pub(super) mod publisher;
mod thread;
mod world;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use dyno_bus::builtin;
use dyno_bus::message::{Bye, Command, Drained, Report};
use dyno_bus::value::Unit;
use dyno_bus::{Link, LinkError, Received, Time};
use dyno_emitter::harness::Emitter;
use tokio::sync::mpsc::UnboundedSender;

use self::grid::GridMaker;
pub(crate) use self::loop_end::{LoopEnd, LoopOrder, LoopReport, Over};
use self::publisher::Publisher;
pub(super) use self::thread::start;
pub(crate) use self::world::BusWorld;
use super::control::Control;
use super::counts::Counters;
use super::cycle::leases::Leases;
use super::health::spans;
use super::health::usage::ProcessUsage;
use super::state::{LastWords, WorkerAction, WorkerEvent, WorkerState};

/// The number of batches sent before the primary's commands are read again: where a task records
/// without end, there is always one more batch.
const BATCHES_PER_TURN: usize = 16;
/// The bus's period before it knows the run's flush period, and after the drain.
const IDLE_PERIOD: Duration = Duration::from_secs(1);

/// The state that the bus shares with the loop.
#[derive(Clone)]
pub(crate) struct LoopShare {
    pub(crate) control: Arc<Control>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) orders: UnboundedSender<LoopOrder>,
}

/// The message to send once everything recorded has been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    None,
    /// The account; then the bus waits for the primary.
    Drained,
    /// `Bye`; then the process exits.
    Bye(LastWords),
    /// `Bye` is queued: the process exits once the primary has it.
    Exit(LastWords),
}

/// The reason why a bus is over. The process ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BusEnd {
    /// The primary has the last message: the process exits.
    Exit(LastWords),
    /// The primary is gone or broke the protocol: this process is killed, and all that it started.
    Kill,
    /// The link can't be used any more, for this reason.
    Broken(String),
}

/// The bus of one worker.
pub(crate) struct Bus<W: BusWorld> {
    pub(crate) world: W,
    pub(crate) link: Link<W::Stream, Command, Report>,
    from_loop: Receiver<LoopReport>,
    shared: LoopShare,
    state: WorkerState,
    usage: ProcessUsage,
    publisher: Publisher,
    leases: Leases,
    goal: Goal,
    grid: GridMaker,
    over: Over,
}

impl<W: BusWorld> Bus<W> {
    /// Creates a bus over a link whose first message is sent, and the loop's end of it. The emitter
    /// need not be installed. `wake` ends the bus's sleep, from the loop's thread.
    pub(crate) fn new(
        world: W,
        link: Link<W::Stream, Command, Report>,
        worker: u32,
        mut emitter: Emitter,
        shared: LoopShare,
        wake: impl Fn() + Send + 'static,
    ) -> (Self, LoopEnd) {
        let (reports, from_loop) = channel();
        let end = LoopEnd {
            cycles: emitter.cycles(),
            values: emitter.recorder(),
            loop_lag: emitter.metric(builtin::LOOP_LAG, Unit::Nanoseconds),
            phase: emitter.phase_switch(),
            reports,
            wake: Box::new(wake),
        };
        let bus = Self {
            link,
            from_loop,
            shared,
            state: WorkerState::new(),
            usage: ProcessUsage::new(&mut emitter),
            publisher: Publisher::new(emitter, world.now(), IDLE_PERIOD),
            leases: Leases::new(worker),
            goal: Goal::None,
            grid: GridMaker::default(),
            over: Over::default(),
            world,
        };
        (bus, end)
    }

    /// Sleeps until something happens or is due, then handles all of it. Breaks once the process
    /// has to end.
    ///
    /// The caller has flushed the link once before the first turn.
    pub(crate) fn turn(&mut self) -> ControlFlow<BusEnd> {
        // Every turn ends with a flush. So room in the socket is awaited only if bytes are left,
        // and an idle worker sleeps in this one call.
        let woken = self.wait();
        if let Some(notice) = self.world.notice()
            && !matches!(self.goal, Goal::Exit(_))
        {
            self.send(&Report::Notice(notice.into()))?;
        }
        // Commands come first: a lease or a cut must not wait for a batch that takes a while.
        self.read()?;
        // The loop reports only a few times in a run: the results of its hooks, and the end of its
        // cycles. A report that comes after this look wakes the next turn.
        while let Ok(report) = self.from_loop.try_recv() {
            self.loop_reported(report)?;
        }
        match self.goal {
            // Nothing is sent after the last message.
            Goal::Exit(_) => {}
            // All that is recorded goes before the account and `Bye`, without a wait for its time.
            Goal::Drained | Goal::Bye(_) => self.publish(true)?,
            // A thread that woke the bus has a ring that is half full, or waits for room in it.
            Goal::None => self.publish(woken)?,
        }
        // The account and `Bye` follow the last batch, in the same turn if there was room for it.
        self.reach_goal()?;
        self.flush()
    }

    /// Returns the instant at which the next turn is needed, if nothing happens before:
    /// [`Time::ZERO`] for now, [`Time::NEVER`] if only an event can give it something to do.
    pub(crate) fn wake_at(&self) -> Time {
        // The primary is behind: due batches wait until it reads. After the last message, nothing
        // is due.
        if self.is_behind() || matches!(self.goal, Goal::Exit(_)) {
            return Time::NEVER;
        }
        if self.publisher.wanted { Time::ZERO } else { self.publisher.next }
    }

    /// Returns `true` once the account is sent.
    #[cfg(test)]
    pub(crate) fn has_drained(&self) -> bool {
        self.publisher.is_settled()
    }

    /// Returns `true` if the primary reads so slowly that nothing more is taken from the rings.
    fn is_behind(&self) -> bool {
        self.link.queued() >= W::QUEUED_MAX
    }

    /// Sleeps. Returns `true` if a recording thread or the loop woke it.
    fn wait(&mut self) -> bool {
        let until = self.wake_at();
        // Anything late from now on is late because the primary does not read.
        self.publisher.wanted_before |= self.is_behind();
        let writes = self.link.queued() > 0;
        self.world.wait(self.link.stream(), writes, until)
    }

    fn read(&mut self) -> ControlFlow<BusEnd> {
        loop {
            let event = match self.link.receive() {
                Ok(Received::Message(command)) => WorkerEvent::Command(command),
                Ok(Received::NotYet) => return ControlFlow::Continue(()),
                Err(error @ LinkError::Io { .. }) => {
                    self.world.complain(&broken(&error));
                    WorkerEvent::PrimaryGone
                }
                Ok(Received::Closed) | Err(_) => WorkerEvent::PrimaryGone,
            };
            let gone = event == WorkerEvent::PrimaryGone;
            self.take(event)?;
            if gone {
                // Only a worker that has queued its last message survives this: it exits now.
                return self.exit_if_done();
            }
        }
    }

    fn loop_reported(&mut self, report: LoopReport) -> ControlFlow<BusEnd> {
        let event = match report {
            LoopReport::BeforeDone(result) => {
                if let Some(notice) = spans::missing().filter(|_| result.is_ok()) {
                    self.send(&notice)?;
                }
                WorkerEvent::BeforeDone(result)
            }
            LoopReport::AfterDone(result) => WorkerEvent::AfterDone(result),
            LoopReport::CyclesOver(over) => {
                self.over = over;
                self.usage.end();
                WorkerEvent::CyclesOver
            }
        };
        self.take(event)
    }

    fn take(&mut self, event: WorkerEvent) -> ControlFlow<BusEnd> {
        for action in self.state.step(event) {
            self.perform(action)?;
        }
        ControlFlow::Continue(())
    }

    fn perform(&mut self, action: WorkerAction) -> ControlFlow<BusEnd> {
        match action {
            WorkerAction::RunBefore(start) => {
                self.publisher.period = Duration::from_nanos(start.flush_period_ns);
                self.leases.begin(start.workers);
                if let Some(notice) = spans::watch(&start.spans) {
                    self.send(&notice)?;
                }
                self.order(LoopOrder::Before(start));
            }
            WorkerAction::Send(report) => self.send(&report)?,
            WorkerAction::Follow(segment) => {
                self.usage.begin(self.world.now(), || self.world.cpu_ns());
                self.leases.follow(segment);
                // Before the loop can record a cycle of this segment.
                if let Some(grid) = self.grid.follow(&segment) {
                    self.publisher.emitter.keep_timeline(grid);
                }
                self.shared.control.follow(segment);
            }
            WorkerAction::Extend(lease) => {
                self.leases.extend(lease, self.world.now());
                self.shared.control.extend(lease, || self.world.now());
            }
            WorkerAction::Cut => self.shared.control.cut_now(|| self.world.now()),
            WorkerAction::RunAfter => self.order(LoopOrder::After),
            WorkerAction::SendDrained => {
                self.publisher.cycles_over();
                self.goal = Goal::Drained;
            }
            WorkerAction::SendBye(exit) => {
                // Values that the user's threads still record are rejected: otherwise there would
                // be no end to them.
                self.publisher.emitter.close();
                self.goal = Goal::Bye(exit);
            }
            WorkerAction::KillGroup => {
                // Nobody waits for the bytes that the socket does not take now.
                let _last = self.link.flush();
                return ControlFlow::Break(BusEnd::Kill);
            }
        }
        ControlFlow::Continue(())
    }

    fn order(&self, order: LoopOrder) {
        // The loop is gone only if the user's code unwound through it; then the process ends.
        let _ended = self.shared.orders.send(order);
    }

    fn send(&mut self, report: &Report) -> ControlFlow<BusEnd> {
        match self.link.send(report) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                ControlFlow::Break(BusEnd::Broken(format!("the bus can't send: {error}")))
            }
        }
    }

    /// Writes what is queued, as far as the socket has room.
    pub(crate) fn flush(&mut self) -> ControlFlow<BusEnd> {
        match self.link.flush() {
            // The end of the last message may have waited for room in the socket.
            Ok(_) => self.exit_if_done(),
            Err(LinkError::PeerGone) => {
                self.take(WorkerEvent::PrimaryGone)?;
                self.exit_if_done()
            }
            Err(error) => ControlFlow::Break(BusEnd::Broken(broken(&error))),
        }
    }

    /// Sends the recorded values if it is time or if a flush was requested, as far as the primary
    /// keeps up. A flush that finds no room stays requested.
    fn publish(&mut self, requested: bool) -> ControlFlow<BusEnd> {
        let now = self.world.now();
        self.usage.sample(now, || self.world.cpu_ns(), || self.world.rss_bytes());
        self.publisher.wanted |= requested || now >= self.publisher.next;
        for _ in 0..BATCHES_PER_TURN {
            if !self.publisher.wanted || self.is_behind() {
                break;
            }
            let unleased = self.leases.unleased;
            self.publisher.collect(&self.shared.counters, unleased, || self.world.now());
            for declare in std::mem::take(&mut self.publisher.declares) {
                self.send(&Report::Declare(declare))?;
            }
            // The batch is lent to the message and taken back, so that its buffers are used again.
            let report = Report::Batch(std::mem::take(&mut self.publisher.batch));
            self.send(&report)?;
            if let Report::Batch(batch) = report {
                self.publisher.batch = batch;
            }
            self.flush()?;
        }
        self.publisher.wanted_before = self.publisher.wanted;
        ControlFlow::Continue(())
    }

    /// Sends the goal's message once everything before it is published.
    fn reach_goal(&mut self) -> ControlFlow<BusEnd> {
        match self.goal {
            Goal::None => ControlFlow::Continue(()),
            Goal::Exit(_) => self.exit_if_done(),
            // First, all recorded cycles. The user's threads may record values for ever, so the
            // account does not wait for these: those that are left are sent before `Bye`.
            Goal::Drained if !self.publisher.has_all_cycles() => ControlFlow::Continue(()),
            Goal::Bye(_) if self.publisher.wanted => ControlFlow::Continue(()),
            Goal::Drained => self.give_account(),
            Goal::Bye(exit) => {
                let emitted = self.publisher.emitter.emitted();
                self.send(&Report::Bye(Bye { emitted }))?;
                self.goal = Goal::Exit(exit);
                self.flush()
            }
        }
    }

    fn give_account(&mut self) -> ControlFlow<BusEnd> {
        for notice in spans::notices() {
            self.send(&notice)?;
        }
        for timeline in self.publisher.emitter.timelines() {
            self.send(&Report::Timeline(Box::new(timeline)))?;
        }
        let counters = &self.shared.counters;
        let (_, counts) = counters.read(|| self.world.now());
        let drained = Drained {
            cut: self.shared.control.cut(),
            counts,
            delivered: counters.read_delivered(),
            late: counters.read_late(),
            censored_age_min_ns: self.over.censored_age_min_ns,
            running_max: self.over.running_max,
            emitted: self.publisher.emitter.emitted(),
            harness: self.publisher.harness(self.leases.unleased),
        };
        self.send(&Report::Drained(drained))?;
        self.publisher.settle(IDLE_PERIOD);
        self.goal = Goal::None;
        ControlFlow::Continue(())
    }

    fn exit_if_done(&self) -> ControlFlow<BusEnd> {
        match self.goal {
            Goal::Exit(words) if self.link.queued() == 0 => ControlFlow::Break(BusEnd::Exit(words)),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Describes an error of a socket that the primary did not close.
fn broken(error: &LinkError) -> String {
    let is_closed = |source: &std::io::Error| {
        matches!(source.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK))
    };
    let hint = match error {
        LinkError::Io { source, .. } if is_closed(source) => {
            "; does the task close descriptors that it did not open?"
        }
        _ => "",
    };
    format!("the bus is broken: {error}{hint}")
}
