//! The single point where all recorded values of a process become batches.
//!
//! An [`Emitter`] lives in the thread that writes to the bus. It makes the rings, drains them into
//! the columns of a batch, declares each metric before its first value, and counts the values. It
//! does not know when a batch is due, why a cycle failed, or where a batch goes.

use std::sync::Arc;
use std::thread::{self, ThreadId};

use dyno_bus::Phase;
use dyno_bus::message::{BATCH_VALUES_MAX, Batch, Declare, Emitted};
use dyno_bus::timeline::stages::StageTimelines;
use dyno_bus::timeline::{CycleTimeline, Grid};
use dyno_bus::value::Unit;

use crate::column::Columns;
use crate::install::{self, AlreadyInstalled, Installed};
use crate::name::{self, RESERVED};
use crate::recorder::{CycleRecorder, Joining, RecordSource, Recorder, Shared};
use crate::reentry::lock;
use crate::ring::{Consumer, words};
use crate::ring_word::{unpack_kind, unpack_service, unpack_stage, unpack_value, unpack_wait};

/// The slots of each ring: 512 KiB for a thread that records values, 1 MiB for one that runs
/// cycles; the kernel provides only the pages that are reached. Half of the slots bridge a time
/// slice of 3 ms at 10 million values a second: the bus thread may have to wait that long where all
/// processors are busy. Half of them also limit its wakes to one in 32 thousand values; a wake
/// costs as much as recording ten thousand.
const RING_SLOTS: usize = 65_536;

/// The one point to which all recording threads of a process publish.
///
/// ```
/// use dyno_bus::message::Batch;
/// use dyno_emitter::harness::Emitter;
/// use dyno_emitter::histogram;
///
/// let mut emitter = Emitter::new(|| {}); // Wakes the thread that collects.
/// let installed = emitter.install()?;
/// histogram("rows").record(3);
///
/// let (mut batch, mut declare) = (Batch::default(), Vec::new());
/// let collected = emitter.collect(&mut batch, &mut declare);
/// assert_eq!((collected.values, collected.more), (1, false));
/// assert_eq!(declare[0].name, "rows");
/// assert_eq!(batch.columns[0].values, [3]);
/// # drop(installed);
/// # Ok::<(), dyno_emitter::harness::AlreadyInstalled>(())
/// ```
#[derive(Debug)]
pub struct Emitter {
    pub(crate) shared: Arc<Shared>,
    batch_values_max: usize,
    rings: Vec<Joining>,
    /// The index of the ring to drain first, so that none starves if a batch cannot hold all.
    first: usize,
    /// The thread that collected last.
    collector: Option<ThreadId>,
    metrics: DeclaredMetrics,
    columns: Columns,
    emitted: Emitted,
    /// The timelines of the cycles, by stage, once there is a grid for the first.
    timelines: StageTimelines,
    /// The number of slots taken from rings that have gone since.
    taken_before: u64,
}

/// A switch of the phase under which values are recorded, for any thread.
#[derive(Debug, Clone)]
pub struct PhaseSwitch(Arc<Shared>);

/// The result of [`Emitter::collect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "there may be more than one batch holds"]
pub struct Collected {
    /// The number of values and cycles that the batch holds.
    pub values: usize,
    /// Set if the batch is full and more waits.
    pub more: bool,
}

impl Emitter {
    /// Creates an emitter without rings, in the phase [`Phase::Warmup`].
    ///
    /// `poke` requests a [`collect`](Self::collect), from any recording thread: when a ring is half
    /// full, and when a thread waits. It must return at once, and record nothing.
    pub fn new(poke: impl Fn() + Send + Sync + 'static) -> Self {
        Self::with_limits(RING_SLOTS, BATCH_VALUES_MAX, poke)
    }

    #[cfg(test)]
    pub(crate) fn with_ring_slots(
        ring_slots: usize,
        poke: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self::with_limits(ring_slots, BATCH_VALUES_MAX, poke)
    }

    /// Creates an emitter like [`new`](Self::new), with rings of `ring_slots` slots, a power of two,
    /// and batches of at most `batch_values_max` values, cycles counted twice. Small ones show in a
    /// short test what a long run does.
    ///
    /// # Panics
    /// If a batch might not fit a frame.
    #[doc(hidden)]
    pub fn with_limits(
        ring_slots: usize,
        batch_values_max: usize,
        poke: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        assert!(batch_values_max <= BATCH_VALUES_MAX, "a batch of {batch_values_max} values");
        Self {
            batch_values_max,
            shared: Arc::new(Shared::new(ring_slots, Box::new(poke))),
            rings: Vec::new(),
            first: 0,
            collector: None,
            metrics: DeclaredMetrics::default(),
            columns: Columns::default(),
            emitted: Emitted::default(),
            timelines: StageTimelines::default(),
            taken_before: 0,
        }
    }

    /// Lets the handles and spans of this process record here until the guard is dropped.
    ///
    /// # Errors
    /// If another run has them: this run goes on without them.
    pub fn install(&self) -> Result<Installed, AlreadyInstalled> {
        install::install(&self.shared)
    }

    /// Returns the number of one of the harness's own metrics, for a [`Recorder`]. The same name
    /// has the same number.
    ///
    /// # Panics
    /// If the name is not one of the [`RESERVED`] ones: any other may be a user's.
    pub fn metric(&mut self, name: &str, unit: Unit) -> u32 {
        assert!(RESERVED.contains(&name), "`{name}` is not built in");
        self.metrics.built_in(name, unit)
    }

    /// Creates a recorder of the harness's own metrics, for one thread.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder::new(&self.shared)
    }

    /// Creates a recorder of the cycles of one thread.
    #[must_use]
    pub fn cycles(&self) -> CycleRecorder {
        CycleRecorder::new(&self.shared)
    }

    /// Keeps a timeline of the cycles of the next stage that are collected from now on. Their places
    /// must come from this grid.
    pub fn keep_timeline(&mut self, grid: Grid) {
        self.timelines.push(grid);
    }

    /// Returns the timelines of the cycles collected so far, by stage; empty if none is kept.
    #[must_use]
    pub fn timelines(&self) -> Vec<CycleTimeline> {
        self.timelines.timelines()
    }

    /// Returns a switch of the phase, for any thread.
    #[must_use]
    pub fn phase_switch(&self) -> PhaseSwitch {
        PhaseSwitch(Arc::clone(&self.shared))
    }

    /// Sets the phase of values recorded from now on; a cycle brings its own.
    pub fn set_phase(&self, phase: Phase) {
        self.phase_switch().set(phase);
    }

    /// Fills the batch with all that was recorded since the last one, as far as it fits, in the
    /// order of each thread; appends to `declare` the metrics that have to be declared before it.
    ///
    /// The batch's sequence number, cycles and columns are overwritten, and their buffers used
    /// again: pass the batch that was encoded last. Its `as_of`, `counts`, `errors` and `harness`
    /// are the caller's. Send every collected batch, even an empty one, because it has taken its
    /// sequence number.
    pub fn collect(&mut self, batch: &mut Batch, declare: &mut Vec<Declare>) -> Collected {
        self.enter();
        self.columns.begin(batch);
        let mut collected = Collected { values: 0, more: false };
        let mut room = self.batch_values_max;
        let (first, count) = (self.first, self.rings.len());
        // Once around, from the ring that did not fit the last batch.
        for index in (first..count).chain(0..first) {
            let ring = &mut self.rings[index];
            let slots_max = room / ring.values_per_slot();
            let slots = match ring {
                Joining::Cycles(consumer) => {
                    take_cycles(consumer, slots_max, batch, &mut self.timelines)
                }
                Joining::Values { source, consumer } => {
                    let into = (&mut self.columns, &mut self.metrics);
                    take_values(*source, consumer, slots_max, batch, into)
                }
            };
            room -= slots * ring.values_per_slot();
            collected.values += slots;
            // The first ring that does not fit comes first in the next batch.
            if slots == slots_max && ring.waiting() > 0 && !collected.more {
                collected.more = true;
                self.first = index;
            }
        }
        self.shared.drained();
        declare.append(&mut self.metrics.undeclared);
        self.count(batch);
        self.leave_finished();
        collected
    }

    /// Returns the totals of everything collected so far.
    ///
    /// # Panics
    /// If they differ from the number of slots taken from the rings: a value was lost in here.
    #[must_use]
    pub fn emitted(&self) -> Emitted {
        let counted = self.emitted.cycles + self.emitted.values.iter().sum::<u64>();
        let taken: u64 = self.rings.iter().map(Joining::taken).sum();
        assert_eq!(counted, taken + self.taken_before, "as many emitted as taken from the rings");
        self.emitted.clone()
    }

    /// Returns the number of values and cycles that wait to be collected, as their recorders
    /// counted them. Zero at the end of a run, when all recording threads have ended.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let joining = lock(&self.shared.joining);
        self.rings.iter().chain(joining.iter()).map(Joining::waiting).sum()
    }

    /// Returns the number of cycles among them. Zero once no cycle runs and
    /// [`collect`](Self::collect) has taken the last one, even if other threads go on recording.
    #[must_use]
    pub fn pending_cycles(&self) -> u64 {
        let joining = lock(&self.shared.joining);
        let rings = self.rings.iter().chain(joining.iter());
        rings.filter(|ring| matches!(ring, Joining::Cycles(_))).map(Joining::waiting).sum()
    }

    /// Returns the time for which threads have waited in the measured window because the rings of
    /// their values were full: the sum over all threads, in nanoseconds.
    #[must_use]
    pub fn stalled_ns(&self) -> u64 {
        self.shared.stall_ns()
    }

    /// Returns the time for which threads that run cycles have waited in the measured window for
    /// room to record a cycle that had ended: the sum over all threads, in nanoseconds.
    #[must_use]
    pub fn stalled_between_ns(&self) -> u64 {
        self.shared.stall_between_ns()
    }

    /// Rejects all that is recorded from now on, and releases the threads that wait. Earlier
    /// records can still be collected.
    pub fn close(&self) {
        self.shared.close();
        install::follow(&self.shared);
    }

    /// Returns the number of values and cycles that came too late: after [`close`](Self::close) or,
    /// if they came at the same moment, after the last collection. Every record is either emitted
    /// or rejected.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        let late = if self.shared.closed() { self.pending() } else { 0 };
        self.shared.rejected() + late
    }

    /// Makes this thread the one that must not wait, and adds the rings of new threads.
    fn enter(&mut self) {
        let thread = thread::current().id();
        if self.collector.replace(thread) != Some(thread) {
            self.shared.set_collector(thread);
        }
        self.shared.draining();
        self.rings.append(&mut lock(&self.shared.joining));
    }

    /// Numbers the batch, and adds its contents to the totals. It counts the batch's own lengths,
    /// not the slots that the rings reported.
    fn count(&mut self, batch: &mut Batch) {
        batch.sequence = self.emitted.batches;
        self.emitted.batches += 1;
        let cycles = [&batch.cycles, &batch.failed]
            .map(|cycles| cycles.warmup.wait.len() + cycles.measured.wait.len());
        self.emitted.cycles += cycles.iter().sum::<usize>() as u64;
        self.emitted.values.resize(self.metrics.count as usize, 0);
        for column in &batch.columns {
            self.emitted.values[column.metric as usize] += column.values.len() as u64;
        }
    }

    /// Removes the rings of threads that have ended, once they are empty.
    fn leave_finished(&mut self) {
        let taken_before = &mut self.taken_before;
        let count = self.rings.len();
        self.rings.retain(|ring| {
            let finished = ring.finished();
            if finished {
                *taken_before += ring.taken();
            }
            !finished
        });
        if self.rings.len() < count {
            self.first = 0;
        }
    }
}

impl Drop for Emitter {
    /// Closes it, so that no thread waits for an emitter that is gone.
    fn drop(&mut self) {
        self.close();
    }
}

impl PhaseSwitch {
    /// Sets the phase of values recorded from now on.
    pub fn set(&self, phase: Phase) {
        self.0.set_phase(phase);
        install::follow(&self.0);
    }

    /// Notes that no cycle runs and none will start: threads that wait from now on delay no cycle.
    pub fn cycles_over(&self) {
        self.0.cycles_over();
    }
}

/// The metrics and their numbers: from 0, in the order of their first use.
#[derive(Debug, Default)]
struct DeclaredMetrics {
    count: u32,
    /// The harness's own metrics: name and number.
    built_in: Vec<(String, u32)>,
    /// The numbers of the user's metrics, by the index of their name in the registry.
    of_names: Vec<Option<u32>>,
    undeclared: Vec<Declare>,
}

impl DeclaredMetrics {
    fn built_in(&mut self, name: &str, unit: Unit) -> u32 {
        if let Some((_, metric)) = self.built_in.iter().find(|(known, _)| known == name) {
            return *metric;
        }
        let metric = self.declare(name, unit);
        self.built_in.push((name.to_owned(), metric));
        metric
    }

    fn of_name(&mut self, index: usize) -> u32 {
        if let Some(Some(metric)) = self.of_names.get(index) {
            return *metric;
        }
        let entry = name::entry(index);
        let metric = self.declare(entry.name, entry.unit());
        if index >= self.of_names.len() {
            self.of_names.resize(index + 1, None);
        }
        self.of_names[index] = Some(metric);
        metric
    }

    fn declare(&mut self, name: &str, unit: Unit) -> u32 {
        let metric = self.count;
        self.count += 1;
        self.undeclared.push(Declare { metric, name: name.to_owned(), unit });
        metric
    }
}

impl Joining {
    /// Returns the number of values that a slot counts for in [`BATCH_VALUES_MAX`].
    const fn values_per_slot(&self) -> usize {
        match self {
            Self::Cycles(_) => 2,
            Self::Values { .. } => 1,
        }
    }

    fn waiting(&self) -> u64 {
        match self {
            Self::Cycles(consumer) => consumer.waiting(),
            Self::Values { consumer, .. } => consumer.waiting(),
        }
    }

    fn taken(&self) -> u64 {
        match self {
            Self::Cycles(consumer) => consumer.taken(),
            Self::Values { consumer, .. } => consumer.taken(),
        }
    }

    fn finished(&self) -> bool {
        match self {
            Self::Cycles(consumer) => consumer.finished(),
            Self::Values { consumer, .. } => consumer.finished(),
        }
    }
}

fn take_cycles(
    cycles: &mut Consumer<2>,
    slots_max: usize,
    batch: &mut Batch,
    timelines: &mut StageTimelines,
) -> usize {
    cycles.drain(slots_max, |filled| {
        if !timelines.is_empty() {
            for slot in filled {
                let [wait, service] = words(slot);
                let (wait_ns, place) = unpack_wait(wait);
                let (stage, (_, failed)) = (unpack_stage(service), unpack_kind(service));
                timelines.record(stage, failed, place, wait_ns, unpack_service(service));
            }
        }
        let kind = |slot: &_| unpack_kind(words(slot)[1]);
        for alike in filled.chunk_by(|one, next| kind(one) == kind(next)) {
            let (phase, failed) = kind(&alike[0]);
            let cycles = if failed { &mut batch.failed } else { &mut batch.cycles };
            cycles[phase].wait.extend(alike.iter().map(|slot| unpack_wait(words(slot)[0]).0));
            cycles[phase].service.extend(alike.iter().map(|slot| unpack_service(words(slot)[1])));
        }
    })
}

/// Takes values into their columns. Values of one metric tend to follow each other, so they are
/// taken together, in short loops: meanwhile the next ones are on their way from the other core.
fn take_values(
    source: RecordSource,
    values: &mut Consumer<1>,
    slots_max: usize,
    batch: &mut Batch,
    (columns, metrics): (&mut Columns, &mut DeclaredMetrics),
) -> usize {
    values.drain(slots_max, |filled| {
        let key = |slot: &_| unpack_value(words(slot)[0]).0;
        for alike in filled.chunk_by(|one, next| key(one) == key(next)) {
            let key = key(&alike[0]);
            let place = columns.place(&mut batch.columns, source, key, |number| match source {
                RecordSource::Handles => metrics.of_name(number as usize),
                RecordSource::Harness => number,
            });
            let values = alike.iter().map(|slot| unpack_value(words(slot)[0]).1);
            batch.columns[place].values.extend(values);
        }
    })
}

#[cfg(test)]
mod tests;
