//! The worker's bus thread: the only place that reads commands, makes batches and writes.
//!
//! It never waits for the loop, and the loop waits for it only if a ring is full. It turns sources
//! into events of the state machine and performs the machine's actions. It publishes by size (a
//! ring that is half full wakes it) and by time (every flush period), and it ends the process.

pub(super) mod grid;
pub(super) mod publisher;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use dyno_bus::builtin;
use dyno_bus::message::{Bye, Command, Drained, Hello, Report, Start, VERSION};
use dyno_bus::value::Unit;
use dyno_bus::{Link, LinkError, Phase, Received, clock};
use dyno_emitter::{CycleRecorder, Emitter, PhaseSwitch, Recorder};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc::UnboundedSender;

use self::grid::GridMaker;
use self::publisher::Publisher;
use super::control::Control;
use super::counts::Counters;
use super::cycle::leases::Leases;
use super::health::usage::ProcessUsage;
use super::health::{guard, spans};
use super::state::{LastWords, WorkerAction, WorkerEvent, WorkerState};
use crate::identity::Identity;

/// The bytes queued for the primary at which nothing more is taken from the rings. The rings then
/// fill, and recording threads wait, which is counted. One more batch still fits the link's own
/// limit.
const QUEUED_MAX: usize = 4 << 20;
/// The number of batches sent before the primary's commands are read again: where a task records
/// without end, there is always one more batch.
const BATCHES_PER_TURN: usize = 16;
/// The thread's period before it knows the run's flush period, and after the drain.
const IDLE_PERIOD: Duration = Duration::from_secs(1);

/// An order of the bus to the loop.
pub(super) enum LoopOrder {
    /// Run `before`, then the cycles.
    Before(Start),
    /// Run `after`, once no cycle runs.
    After,
}

/// A report of the loop to the bus.
pub(super) enum LoopReport {
    /// The result of `before`, with the error's text.
    BeforeDone(Result<(), String>),
    /// No cycle runs, and none will start.
    CyclesOver(Over),
    /// The result of `after`, with the error's text.
    AfterDone(Result<(), String>),
}

/// The loop's facts about its cycles, once they are over.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Over {
    /// The age of the youngest cycle that never ended; `None` if all ended.
    pub(super) censored_age_min_ns: Option<u64>,
    /// The highest number of cycles that ran at once.
    pub(super) running_max: u64,
}

/// The loop's end of the bus.
pub(super) struct LoopEnd {
    cycles: CycleRecorder,
    values: Recorder,
    loop_lag: u32,
    phase: PhaseSwitch,
    told: Sender<LoopReport>,
    poke: Poke,
}

impl LoopEnd {
    /// Records a cycle that ended.
    #[inline]
    pub(super) fn cycle(
        &self,
        phase: Phase,
        failed: bool,
        place: u64,
        wait_ns: u64,
        service_ns: u64,
    ) {
        self.cycles.record(phase, failed, place, wait_ns, service_ns);
    }

    /// Records the delay with which the probe fired.
    pub(super) fn loop_lag(&self, lag_ns: u64) {
        self.values.record(self.loop_lag, lag_ns);
    }

    /// Gives all values recorded from now on this phase.
    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Notes that no cycle runs and none will start.
    pub(super) fn cycles_over(&self) {
        self.phase.cycles_over();
    }

    /// Sends a report to the bus thread, and wakes it.
    pub(super) fn tell(&self, told: LoopReport) {
        // The bus thread ends only with the process.
        let _ended = self.told.send(told);
        self.poke.poke();
    }
}

/// A handle that wakes the bus thread.
#[derive(Clone)]
struct Poke(Arc<UnixStream>);

impl Poke {
    fn poke(&self) {
        // A full socket means that a wake is under way already.
        let _woken = (&*self.0).write(&[1]);
    }
}

/// Starts the bus thread of this worker, and returns the loop's end of it.
pub(super) fn start(
    identity: &Identity,
    socket: UnixStream,
    control: &Arc<Control>,
    counters: &Arc<Counters>,
    orders: UnboundedSender<LoopOrder>,
) -> Result<LoopEnd, Box<dyn std::error::Error>> {
    let (poke, poked) = UnixStream::pair()?;
    poke.set_nonblocking(true)?;
    poked.set_nonblocking(true)?;
    let poke = Poke(Arc::new(poke));
    let waker = poke.clone();
    let mut emitter = Emitter::new(move || waker.poke());
    let installed = emitter.install()?;
    let (told, from_loop) = channel();
    let end = LoopEnd {
        cycles: emitter.cycles(),
        values: emitter.recorder(),
        loop_lag: emitter.metric(builtin::LOOP_LAG, Unit::Nanoseconds),
        phase: emitter.phase_switch(),
        told,
        poke,
    };
    let mut link = Link::over(socket)?;
    link.send(&Report::Hello(Hello {
        version: VERSION,
        worker: identity.worker,
        nonce: identity.nonce,
        pid: std::process::id(),
    }))?;
    let bus = Bus {
        link,
        mark: identity.mark(),
        poked,
        from_loop,
        orders,
        control: Arc::clone(control),
        counters: Arc::clone(counters),
        state: WorkerState::new(),
        usage: ProcessUsage::new(&mut emitter),
        publisher: Publisher::new(emitter, installed, IDLE_PERIOD),
        leases: Leases::new(identity.worker),
        goal: Goal::None,
        grid: GridMaker::default(),
        over: Over::default(),
    };
    std::thread::Builder::new().name("dyno-bus".into()).spawn(move || bus.run())?;
    Ok(end)
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

struct Bus {
    link: Link<UnixStream, Command, Report>,
    /// The mark in the environment of the processes that this worker starts.
    mark: String,
    poked: UnixStream,
    from_loop: Receiver<LoopReport>,
    orders: UnboundedSender<LoopOrder>,
    control: Arc<Control>,
    counters: Arc<Counters>,
    state: WorkerState,
    usage: ProcessUsage,
    publisher: Publisher,
    leases: Leases,
    goal: Goal,
    grid: GridMaker,
    over: Over,
}

impl Bus {
    fn run(mut self) -> ! {
        guard::arm_continue_signal();
        loop {
            // Flushed first: the wait is for room in the socket only if bytes are left.
            self.flush();
            let poked = self.wait();
            self.read();
            while let Ok(told) = self.from_loop.try_recv() {
                self.told(told);
            }
            match self.goal {
                // Nothing is sent after the last message.
                Goal::Exit(_) => {}
                // All that is recorded goes before the account and `Bye`, without a wait for its
                // time.
                Goal::Drained | Goal::Bye(_) => self.publish(true),
                Goal::None => self.publish(poked),
            }
            self.reach_goal();
        }
    }

    /// Sleeps until there is something to read, to write where the peer was slow, or to publish.
    /// Returns `true` if a recording thread or the loop woke it.
    fn wait(&mut self) -> bool {
        let mut interest = PollFlags::POLLIN;
        interest.set(PollFlags::POLLOUT, self.link.queued() > 0);
        let timeout = self.timeout();
        // Anything late from now on is late because the primary does not read.
        self.publisher.wanted_before |= self.link.queued() >= QUEUED_MAX;
        let mut fds = [
            PollFd::new(self.link.stream().as_fd(), interest),
            PollFd::new(self.poked.as_fd(), PollFlags::POLLIN),
        ];
        // EINTR is a wake without a reason; any other error shows in the reads and writes that
        // follow.
        let _woken = poll(&mut fds, timeout);
        let poked = fds[1].any().unwrap_or(false);
        if poked {
            // One read takes all: the rings wake the bus once before it looks, and each report of
            // the loop wakes it once.
            let _taken = (&self.poked).read(&mut [0; 64]);
        }
        poked
    }

    fn timeout(&self) -> PollTimeout {
        // The primary is behind: due batches wait until it reads. After the last message, nothing
        // is due.
        if self.link.queued() >= QUEUED_MAX || matches!(self.goal, Goal::Exit(_)) {
            return PollTimeout::NONE;
        }
        if self.publisher.wanted {
            return PollTimeout::ZERO;
        }
        let left = self.publisher.next - clock::now();
        // Rounded up: a wake before the time would find nothing to do.
        PollTimeout::from(left.as_nanos().div_ceil(1_000_000).min(60_000) as u16)
    }

    fn read(&mut self) {
        loop {
            let event = match self.link.receive() {
                Ok(Received::Message(command)) => WorkerEvent::Command(command),
                Ok(Received::NotYet) => return,
                Err(error @ LinkError::Io { .. }) => {
                    // Nobody reads this if the primary is gone as well.
                    let _written = writeln!(std::io::stderr(), "dyno: {}", broken(&error));
                    WorkerEvent::PrimaryGone
                }
                Ok(Received::Closed) | Err(_) => WorkerEvent::PrimaryGone,
            };
            let gone = event == WorkerEvent::PrimaryGone;
            self.take(event);
            if gone {
                // Only a worker that has queued its last message survives this: it exits now.
                self.exit_if_done();
                return;
            }
        }
    }

    fn told(&mut self, told: LoopReport) {
        let event = match told {
            LoopReport::BeforeDone(result) => {
                if let Some(notice) = spans::missing().filter(|_| result.is_ok()) {
                    self.send(&notice);
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
        self.take(event);
    }

    fn take(&mut self, event: WorkerEvent) {
        for action in self.state.step(event) {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: WorkerAction) {
        match action {
            WorkerAction::RunBefore(start) => {
                self.publisher.period = Duration::from_nanos(start.flush_period_ns);
                self.leases.begin(start.workers);
                self.grid = GridMaker::new(start.window_ns);
                if let Some(notice) = spans::watch(&start.spans) {
                    self.send(&notice);
                }
                self.order(LoopOrder::Before(start));
            }
            WorkerAction::Send(report) => self.send(&report),
            WorkerAction::Follow(segment) => {
                self.usage.begin(clock::now());
                self.leases.follow(segment);
                // Before the loop can record a cycle of this segment.
                if let Some(grid) = self.grid.follow(&segment) {
                    self.publisher.emitter.keep_timeline(grid);
                }
                self.control.follow(segment);
            }
            WorkerAction::Extend(lease) => {
                self.leases.extend(lease, clock::now());
                self.control.extend(lease);
            }
            WorkerAction::Cut => self.control.cut_now(),
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
                guard::kill_all(&self.mark);
            }
        }
    }

    fn order(&self, order: LoopOrder) {
        // The loop is gone only if the user's code unwound through it; then the process ends.
        let _ended = self.orders.send(order);
    }

    fn send(&mut self, report: &Report) {
        if let Err(error) = self.link.send(report) {
            super::fail(&format!("the bus can't send: {error}"));
        }
    }

    fn flush(&mut self) {
        match self.link.flush() {
            // The end of the last message may have waited for room in the socket.
            Ok(_) => self.exit_if_done(),
            Err(LinkError::PeerGone) => {
                self.take(WorkerEvent::PrimaryGone);
                self.exit_if_done();
            }
            Err(error) => super::fail(&broken(&error)),
        }
    }

    /// Sends the recorded values if it is time or if a flush was requested, as far as the primary
    /// keeps up. A flush that finds no room stays requested.
    fn publish(&mut self, asked: bool) {
        let now = clock::now();
        self.usage.sample(now);
        self.publisher.wanted |= asked || now >= self.publisher.next;
        for _ in 0..BATCHES_PER_TURN {
            if !self.publisher.wanted || self.link.queued() >= QUEUED_MAX {
                break;
            }
            self.publisher.collect(&self.counters, self.leases.unleased);
            for declare in std::mem::take(&mut self.publisher.declares) {
                self.send(&Report::Declare(declare));
            }
            // The batch is lent to the message and taken back, so that its buffers are used again.
            let report = Report::Batch(std::mem::take(&mut self.publisher.batch));
            self.send(&report);
            if let Report::Batch(batch) = report {
                self.publisher.batch = batch;
            }
            self.flush();
        }
        self.publisher.wanted_before = self.publisher.wanted;
    }

    /// Sends the goal's message once everything before it is published.
    fn reach_goal(&mut self) {
        match self.goal {
            Goal::None => {}
            Goal::Exit(_) => self.exit_if_done(),
            // First, all recorded cycles. The user's threads may record values for ever, so the
            // account does not wait for these: those that are left are sent before `Bye`.
            Goal::Drained if !self.publisher.has_all_cycles() => {}
            Goal::Bye(_) if self.publisher.wanted => {}
            Goal::Drained => {
                for notice in spans::notices() {
                    self.send(&notice);
                }
                let (_, counts) = self.counters.read();
                let harness = self.publisher.harness(self.leases.unleased);
                self.send(&Report::Drained(Drained {
                    cut: self.control.cut(),
                    counts,
                    delivered: self.counters.read_delivered(),
                    late: self.counters.read_late(),
                    censored_age_min_ns: self.over.censored_age_min_ns,
                    running_max: self.over.running_max,
                    timeline: self.publisher.emitter.timeline().cloned().map(Box::new),
                    emitted: self.publisher.emitter.emitted(),
                    harness,
                }));
                self.publisher.settle(IDLE_PERIOD);
                self.goal = Goal::None;
            }
            Goal::Bye(exit) => {
                let emitted = self.publisher.emitter.emitted();
                self.send(&Report::Bye(Bye { emitted }));
                self.goal = Goal::Exit(exit);
                self.flush();
                self.exit_if_done();
            }
        }
    }

    fn exit_if_done(&self) {
        if let Goal::Exit(code) = self.goal
            && self.link.queued() == 0
        {
            exit(match code {
                LastWords::Well => 0,
                LastWords::HookFailed => super::FAILED,
            });
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
