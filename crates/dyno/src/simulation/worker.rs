//! A worker without threads or a process. Its bus is the real one, with its state machine, its
//! leases and its emitter; its loop is a model of the worker's, in [`super::cycles`].

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dyno_bus::message::{Command, Counts, Hello, Report, Start, VERSION};
use dyno_bus::segment::{Due, PerPhase};
use dyno_bus::{Link, Phase, Time, codec};
use dyno_emitter::harness::Emitter;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::behaviour::{Behaviour, Leaves};
use super::chance::Chance;
use super::cycles::{Loop, Running};
use super::lies::Lie;
use super::process::ProcessState;
use super::wire::{Wire, WireState};
use crate::primary::Exit;
use crate::primary::run::Stream;
use crate::worker::{
    Bus, BusEnd, BusWorld, Control, Counters, CyclePacer, FAILED, GridMaker, LastWords, LoopEnd,
    LoopOrder, LoopShare,
};

/// The slots of each ring: more than the cycles of a run, since a loop that waited for room would
/// wait for itself.
const RING_SLOTS: usize = 2_048;
/// The most values of one batch: few, so that several are needed at a time.
const BATCH_VALUES_MAX: usize = 16;

/// The surroundings of a simulated worker's bus.
pub(super) struct SimulatedBusWorld {
    /// The time that the bus knows: that of the end of its last sleep.
    now: Time,
    /// The time at which its next sleep ends.
    wakes_at: Time,
    chance: Chance,
    woken: Arc<AtomicBool>,
    process: Rc<ProcessState>,
}

impl BusWorld for SimulatedBusWorld {
    type Stream = Wire;

    /// Little, so that the primary is often behind.
    const QUEUED_MAX: usize = 300;

    fn now(&self) -> Time {
        self.now
    }

    fn wait(&mut self, stream: &Wire, _writes: bool, _until: Time) -> bool {
        self.now = self.wakes_at;
        stream.state().turn(&mut self.chance);
        self.woken.swap(false, Ordering::Relaxed)
    }

    fn cpu_ns(&self) -> u64 {
        self.now.as_nanos() / 2
    }

    fn rss_bytes(&self) -> Option<u64> {
        Some(1)
    }

    fn complain(&mut self, line: &str) {
        self.process.print(Stream::Stderr, line.to_owned());
    }
}

/// A worker of a simulated run.
pub(super) struct SimulatedWorker {
    pub(super) behaviour: Behaviour,
    /// `None` once its process has ended.
    bus: Option<Bus<SimulatedBusWorld>>,
    /// Its end of the wire.
    wire: Rc<WireState>,
    process: Rc<ProcessState>,
    /// Set until its bus has had its first turn.
    is_booting: bool,
    /// Set once its bus does nothing any more.
    is_over: bool,
    /// Set once its socket is closed.
    is_closed: bool,
    orders: UnboundedReceiver<LoopOrder>,
    woken: Arc<AtomicBool>,
    pub(super) index: u32,
    pub(super) end: LoopEnd,
    pub(super) control: Arc<Control>,
    pub(super) counters: Arc<Counters>,
    pub(super) pace: Option<CyclePacer>,
    pub(super) start: Option<Start>,
    pub(super) grids: GridMaker,
    /// The phase of the cycle that began last.
    pub(super) phase: Phase,
    pub(super) stage: Loop,
    pub(super) running: Vec<Running>,
    pub(super) running_max: u64,
    /// The true outcomes of its cycles.
    pub(super) counts: PerPhase<Counts>,
    /// The cycles that it started, in order.
    pub(super) started: Vec<Due>,
    /// Set once its account is queued.
    pub(super) drained: bool,
    /// Set once its `Bye` is in the wire.
    pub(super) said_bye: bool,
    /// Set if its `before` failed.
    pub(super) before_failed: bool,
    /// Set if its `after` failed.
    pub(super) after_failed: bool,
    /// The number of times that `after` has begun; at most 1 in a correct run.
    pub(super) afters: u32,
    /// Set once a cycle began that never ends.
    pub(super) hung: bool,
    /// Set once it has killed itself.
    pub(super) killed_itself: bool,
}

impl SimulatedWorker {
    pub(super) fn new(
        index: u32,
        wire: Wire,
        behaviour: Behaviour,
        process: &Rc<ProcessState>,
        (now, chance): (Time, Chance),
    ) -> Self {
        let woken = Arc::new(AtomicBool::new(false));
        let wake = {
            let woken = Arc::clone(&woken);
            move || woken.store(true, Ordering::Relaxed)
        };
        let (orders, loop_orders) = unbounded_channel();
        let shared = LoopShare { control: Arc::default(), counters: Arc::default(), orders };
        let (control, counters) = (Arc::clone(&shared.control), Arc::clone(&shared.counters));
        let state = Rc::clone(wire.state());
        let mut link: Link<Wire, Command, Report> = Link::new(wire);
        let pid = super::PID + index;
        let hello = Hello { version: VERSION, worker: index, nonce: super::NONCE, pid };
        link.send(&Report::Hello(hello)).expect("there is room for it");
        let emitter = Emitter::with_limits(RING_SLOTS, BATCH_VALUES_MAX, wake.clone());
        let world = SimulatedBusWorld {
            now,
            wakes_at: now,
            chance,
            woken: Arc::clone(&woken),
            process: Rc::clone(process),
        };
        let (bus, end) = Bus::new(world, link, index, emitter, shared, wake);
        Self {
            behaviour,
            bus: Some(bus),
            wire: state,
            process: Rc::clone(process),
            is_booting: true,
            is_over: false,
            is_closed: false,
            orders: loop_orders,
            woken,
            index,
            end,
            control,
            counters,
            pace: None,
            start: None,
            grids: GridMaker::default(),
            phase: Phase::Warmup,
            stage: Loop::Idle,
            running: Vec::new(),
            running_max: 0,
            counts: PerPhase::default(),
            started: Vec::new(),
            drained: false,
            said_bye: false,
            before_failed: false,
            after_failed: false,
            afters: 0,
            hung: false,
            killed_itself: false,
        }
    }

    /// Returns the numbers of bytes that it has read from its wire and written to it.
    pub(super) fn moved(&self) -> (u64, u64) {
        (self.wire.read(), self.wire.written())
    }

    /// Returns `true` once it has sent a lie.
    pub(super) fn lied(&self) -> bool {
        self.process.lied.get()
    }

    /// Returns `true` if its `before` runs, or has run.
    pub(super) fn prepares(&self) -> bool {
        self.start.is_some()
    }

    /// Returns the cut: cycles due before it were this worker's.
    pub(super) fn cut(&self) -> Time {
        self.control.cut()
    }

    /// Closes its socket, at times in the middle of a frame. If the bus is `stuck`, it does not
    /// notice.
    pub(super) fn close(&mut self, chance: &mut Chance, stuck: bool) {
        let Some(bus) = &self.bus else { return };
        self.is_closed = true;
        self.is_over |= stuck;
        let wire = bus.link.stream();
        // A frame that waits for room is cut anyway.
        if bus.link.queued() == 0 && chance.one_in(2) {
            let mut frame = Vec::new();
            let never_read = Report::Notice("never read to its end".into());
            codec::encode(&never_read, &mut frame).expect("it fits a frame");
            wire.write_part(&frame[..chance.between(1, 12) as usize]);
        }
        wire.close();
    }

    /// Ends its process, and returns what holds its socket.
    pub(super) fn die(&mut self) -> Option<impl Sized + 'static> {
        self.bus.take()
    }

    /// Writes a line to its standard output or standard error.
    pub(super) fn print(&self, stream: Stream, line: String) {
        self.process.print(stream, line);
    }

    /// Turns the bus once. Returns the end of the process if this was the last turn.
    pub(super) fn turn_bus(&mut self, now: Time) -> Option<Exit> {
        let bus = self.bus.as_mut().filter(|_| !self.is_over)?;
        bus.world.wakes_at = now;
        let flow = match std::mem::take(&mut self.is_booting) {
            true => bus.flush(),
            false => bus.turn(),
        };
        // The real bus sets this when it queues its account. A lie ends the cycles all the same.
        let has_lied = self.behaviour.lie == Lie::DrainedUnasked && self.process.lied.get();
        self.drained |= bus.has_drained() || has_lied;
        while let Ok(order) = self.orders.try_recv() {
            self.take_order(order, now);
        }
        let end = flow.break_value()?;
        self.is_over = true;
        match end {
            BusEnd::Exit(words) => {
                self.said_bye = true;
                match (self.behaviour.leaves, words) {
                    (Leaves::Never, _) => None,
                    (Leaves::Code3, _) => Some(Exit::Code(3)),
                    (Leaves::Well, LastWords::Well) => Some(Exit::Code(0)),
                    (Leaves::Well, LastWords::HookFailed) => Some(Exit::Code(FAILED)),
                }
            }
            BusEnd::Kill => {
                self.killed_itself = !self.is_closed;
                Some(Exit::Signal(9))
            }
            BusEnd::Broken(reason) => {
                assert!(self.is_closed, "{reason}");
                Some(Exit::Code(FAILED))
            }
        }
    }

    /// Returns the time of the bus's next turn, if nothing arrives before.
    pub(super) fn bus_wakes_at(&self, now: Time, chance: &mut Chance) -> Time {
        let Some(bus) = self.bus.as_ref().filter(|_| !self.is_over) else { return Time::NEVER };
        let at = bus.wake_at();
        let is_soon = at == Time::ZERO || self.wire.is_held();
        if is_soon || self.is_woken() { at.max(now).min(now + chance.delay()) } else { at }
    }

    /// Returns `true` if its loop or its emitter has woken the bus.
    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }
}
