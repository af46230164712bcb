//! The recording ends of an emitter: a ring for one thread, and the rules for a full ring.
//!
//! Once its thread has a ring, a record takes no lock, allocates nothing and makes no system call.
//! The exceptions are rare, and all are in [`Feed::make_room`]: when the ring is half full, the bus
//! thread is woken; when it is full, the recording thread waits for the bus thread, because an
//! emitter never drops a value. The wait is on a condition variable and not `park`, which could
//! swallow an `unpark` that user code is waiting for.

use std::fmt;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use dyno_bus::{Phase, clock};

use crate::reentry::{BusyGuard, lock};
use crate::ring::{Consumer, Producer, Ring, RingRoom, RingSlot};
use crate::ring_word::{pack_key, pack_service, pack_value, pack_wait};

/// The number of the harness's own values that fit between two collections before a [`Recorder`]
/// waits.
///
/// Usually only a few values wait. The number is no larger than the longest block needs, because a
/// ring is used from end to end, so that in time all its pages are in memory: 128 KiB.
pub const RECORDER_SLOTS: usize = 16_384;

/// A recorder of values of the harness's own metrics, in one thread at a time.
///
/// ```compile_fail,E0277
/// fn shared(_: impl Sync) {}
/// shared(dyno_emitter::harness::Emitter::new(|| {}).recorder());
/// ```
#[derive(Debug)]
pub struct Recorder(Feed<1>);

/// A recorder of the cycles that one thread runs.
#[derive(Debug)]
pub struct CycleRecorder(Feed<2>);

impl Recorder {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let slots = shared.ring_slots.min(RECORDER_SLOTS);
        Self(Feed::new(shared, RecordSource::Harness, &Arc::new(Ring::new(slots))))
    }

    /// Records a value of a metric that [`Emitter::metric`](crate::harness::Emitter::metric) numbered, under
    /// the present phase.
    #[inline]
    pub fn record(&self, metric: u32, value: u64) {
        self.0.record(metric, value);
    }
}

impl CycleRecorder {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let (producer, consumer) = Arc::new(Ring::new(shared.ring_slots)).ends();
        lock(&shared.joining).push(Joining::Cycles(consumer));
        Self(Feed { producer, shared: Arc::clone(shared), between: true })
    }

    /// Records a cycle that ended, under the phase, the stage and the
    /// [place](dyno_bus::timeline::Grid::place) that its due time gave it.
    #[inline]
    pub fn record(
        &self,
        phase: Phase,
        stage: u8,
        failed: bool,
        place: u64,
        wait_ns: u64,
        service_ns: u64,
    ) {
        if self.0.open().is_some() {
            let service = pack_service(service_ns, phase, stage, failed);
            self.0.push([pack_wait(wait_ns, place), service]);
        }
    }
}

/// The source of the values in a ring, which defines the meaning of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordSource {
    /// The user's handles: a number is the name's index in the registry.
    Handles,
    /// The harness: a number is the metric's.
    Harness,
}

impl RecordSource {
    pub(crate) const COUNT: usize = 2;
}

/// A recording thread's end of its ring.
#[derive(Debug)]
pub(crate) struct Feed<const N: usize> {
    producer: Producer<N>,
    shared: Arc<Shared>,
    /// Set if it records between cycles: then its wait makes no cycle of this thread longer.
    between: bool,
}

impl Feed<1> {
    /// Creates a feed over a ring that has no ends yet.
    pub(crate) fn new(shared: &Arc<Shared>, source: RecordSource, ring: &Arc<Ring<1>>) -> Self {
        let (producer, consumer) = ring.ends();
        lock(&shared.joining).push(Joining::Values { source, consumer });
        Self { producer, shared: Arc::clone(shared), between: false }
    }

    /// Records a value under the present phase.
    #[inline]
    pub(crate) fn record(&self, number: u32, value: u64) {
        if let Some(phase) = self.open() {
            self.push([pack_value(pack_key(number, phase), value)]);
        }
    }
}

impl<const N: usize> Feed<N> {
    /// Returns the present phase; once the emitter is closed, counts a rejected record and returns
    /// `None`.
    #[inline]
    fn open(&self) -> Option<Phase> {
        match self.shared.state() {
            0 => Some(Phase::Warmup),
            MEASURED => Some(Phase::Measured),
            _ => {
                self.shared.rejected.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    #[inline]
    fn push(&self, slot: RingSlot<N>) {
        while !self.producer.push(slot) {
            if !self.make_room() {
                return;
            }
        }
    }

    /// Wakes the bus thread if the ring is half full, and waits if it is full. Returns `false` if
    /// the slot must not be pushed.
    #[cold]
    fn make_room(&self) -> bool {
        // A child of a fork without exec has no bus thread to wait for, and its locks may have been
        // held at the fork: its records are dropped.
        if self.shared.forked() {
            return false;
        }
        match self.producer.look() {
            RingRoom::Plenty => true,
            RingRoom::Little => {
                self.shared.poke();
                true
            }
            RingRoom::None => self.wait(),
        }
    }

    /// Waits until the bus thread has taken something. If the emitter is closed instead, counts a
    /// rejected record and returns `false`.
    ///
    /// # Panics
    /// In the thread that collects, which would wait for itself.
    fn wait(&self) -> bool {
        let shared = &*self.shared;
        let (start, state) = (clock::now(), shared.state());
        let is_over = shared.cycles_over.load(Ordering::Relaxed);
        shared.poke();
        let _busy = BusyGuard::enter();
        let mut collector = shared.collector.lock().unwrap_or_else(PoisonError::into_inner);
        assert_ne!(
            *collector,
            Some(thread::current().id()),
            "the thread that collects has to wait"
        );
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        // Either this thread sees the new head, or the bus thread sees that it waits: see `drained`.
        fence(Ordering::SeqCst);
        while self.producer.look() == RingRoom::None && !shared.closed() {
            collector = shared.room.wait(collector).unwrap_or_else(PoisonError::into_inner);
        }
        shared.waiting.fetch_sub(1, Ordering::Relaxed);
        drop(collector);
        if state & MEASURED != 0 && !is_over {
            let stall_ns = clock::now().nanos_since(start);
            let total = if self.between { &shared.stall_between_ns } else { &shared.stall_ns };
            total.fetch_add(stall_ns, Ordering::Relaxed);
        }
        self.open().is_some()
    }
}

/// The state that the recording threads and the emitter share.
pub(crate) struct Shared {
    /// The bits [`MEASURED`] and [`CLOSED`].
    state: AtomicU64,
    /// Wakes the bus thread.
    poke: Box<dyn Fn() + Send + Sync>,
    /// Set if the bus thread has been woken and has not collected since.
    poked: AtomicBool,
    /// The id of the process that has the bus thread.
    pid: u32,
    /// The number of slots of each ring; a power of two.
    pub(crate) ring_slots: usize,
    /// The rings that the emitter has not seen yet.
    pub(crate) joining: Mutex<Vec<Joining>>,
    /// The thread that collected last. Its lock is also the one under which others wait for `room`.
    collector: Mutex<Option<ThreadId>>,
    room: Condvar,
    waiting: AtomicUsize,
    stall_ns: AtomicU64,
    stall_between_ns: AtomicU64,
    /// Set once no cycle runs and none will start: then a wait worsens no result.
    cycles_over: AtomicBool,
    rejected: AtomicU64,
}

/// A new ring, on its way to the emitter.
#[derive(Debug)]
pub(crate) enum Joining {
    /// A ring of values, one word each.
    Values { source: RecordSource, consumer: Consumer<1> },
    /// A ring of cycles: the wait, then the service below the phase, the outcome and the stage.
    Cycles(Consumer<2>),
}

pub(crate) const MEASURED: u64 = 1;
const CLOSED: u64 = 2;
/// The number of bits of a state.
pub(crate) const STATE_BITS: u32 = 2;

impl Shared {
    pub(crate) fn new(ring_slots: usize, poke: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            state: AtomicU64::new(0),
            poke,
            poked: AtomicBool::new(false),
            pid: process::id(),
            ring_slots,
            joining: Mutex::default(),
            collector: Mutex::default(),
            room: Condvar::new(),
            waiting: AtomicUsize::new(0),
            stall_ns: AtomicU64::new(0),
            stall_between_ns: AtomicU64::new(0),
            cycles_over: AtomicBool::new(false),
            rejected: AtomicU64::new(0),
        }
    }

    /// Returns `true` in a child of the process that has the bus thread.
    pub(crate) fn forked(&self) -> bool {
        process::id() != self.pid
    }

    #[inline]
    pub(crate) fn state(&self) -> u64 {
        self.state.load(Ordering::Relaxed)
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        match phase {
            Phase::Warmup => self.state.fetch_and(!MEASURED, Ordering::Relaxed),
            Phase::Measured => self.state.fetch_or(MEASURED, Ordering::Relaxed),
        };
    }

    pub(crate) fn closed(&self) -> bool {
        self.state() & CLOSED != 0
    }

    /// Rejects all that is recorded from now on, and releases the threads that wait.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::Relaxed);
        self.release();
    }

    /// Makes this thread the one that collects.
    pub(crate) fn set_collector(&self, thread: ThreadId) {
        *lock(&self.collector) = Some(thread);
    }

    /// Notes that the rings are about to be drained: a thread that fills one from now on pokes
    /// again.
    pub(crate) fn draining(&self) {
        self.poked.swap(false, Ordering::AcqRel);
    }

    /// Notes that the rings have been drained, and lets threads that wait for room look again.
    pub(crate) fn drained(&self) {
        // Either a thread that is about to wait sees the new head, or it is seen here.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.release();
        }
    }

    pub(crate) fn stall_ns(&self) -> u64 {
        self.stall_ns.load(Ordering::Relaxed)
    }

    pub(crate) fn stall_between_ns(&self) -> u64 {
        self.stall_between_ns.load(Ordering::Relaxed)
    }

    /// Notes that no cycle will start: waits are no longer counted.
    pub(crate) fn cycles_over(&self) {
        self.cycles_over.store(true, Ordering::Relaxed);
    }

    /// Returns the number of threads that wait for room.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Wakes the bus thread, unless a wake is under way already.
    fn poke(&self) {
        if !self.poked.swap(true, Ordering::AcqRel) {
            (self.poke)();
        }
    }

    fn release(&self) {
        // Under the lock: otherwise a thread that has looked but does not wait yet would miss the
        // wake.
        let _collector = lock(&self.collector);
        self.room.notify_all();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use dyno_bus::message::Batch;
    use dyno_bus::value::Unit;

    use super::*;
    use crate::harness::Emitter;

    #[test]
    fn a_child_of_a_fork_drops_what_it_records_rather_than_wait_for_a_bus_it_has_not() {
        let mut shared = Shared::new(2, Box::new(|| panic!("the parent's bus is not its own")));
        // No process has this id: all that this one records, it records as a child would.
        shared.pid = 0;
        let cycles = CycleRecorder::new(&Arc::new(shared));
        for number in 0..10 {
            cycles.record(Phase::Measured, 0, false, 0, number, 0);
        }
    }

    /// Returns the time for which a thread waited in a ring of two slots, by the kind of ring, both
    /// in nanoseconds.
    fn stalled(record: impl FnOnce() + Send + 'static, emitter: &mut Emitter) -> (u64, u64) {
        let thread = thread::spawn(record);
        while emitter.shared.waiting() == 0 {
            thread::yield_now();
        }
        while !thread.is_finished() {
            let _taken = emitter.collect(&mut Batch::default(), &mut Vec::new());
        }
        thread.join().expect("no panic");
        (emitter.stalled_ns(), emitter.stalled_between_ns())
    }

    #[test]
    fn a_wait_between_cycles_is_counted_apart_from_one_inside() {
        let mut emitter = Emitter::with_ring_slots(2, || {});
        emitter.set_phase(Phase::Measured);
        let (cycles, recorder) = (emitter.cycles(), emitter.recorder());
        let lag = emitter.metric("loop_lag", Unit::Nanoseconds);
        let record = move || (0..4).for_each(|n| cycles.record(Phase::Measured, 0, false, 0, n, n));
        let (inside, between) = stalled(record, &mut emitter);
        assert!(inside == 0 && between > 0, "{inside} {between}");
        let (inside, after) =
            stalled(move || (0..4).for_each(|n| recorder.record(lag, n)), &mut emitter);
        assert!(inside > 0 && after == between, "{inside} {after}");
    }

    #[test]
    fn a_wait_before_the_window_or_after_its_last_cycle_is_not_counted() {
        let mut emitter = Emitter::with_ring_slots(2, || {});
        let lag = emitter.metric("loop_lag", Unit::Nanoseconds);
        let recorder = emitter.recorder();
        let record = move || (0..4).for_each(|n| recorder.record(lag, n));
        assert_eq!(stalled(record, &mut emitter), (0, 0), "before");
        let switch = emitter.phase_switch();
        switch.set(Phase::Measured);
        switch.cycles_over();
        let (recorder, cycles) = (emitter.recorder(), emitter.cycles());
        let record = move || (0..4).for_each(|n| recorder.record(lag, n));
        assert_eq!(stalled(record, &mut emitter), (0, 0), "after");
        let record = move || (0..4).for_each(|n| cycles.record(Phase::Measured, 0, false, 0, n, n));
        assert_eq!(stalled(record, &mut emitter), (0, 0), "after");
    }
}
