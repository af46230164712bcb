//! The place where the handles of this process record: into the one installed emitter, or nowhere.
//!
//! The present run, its phase, and its closed state are one word, which is zero outside a run. Each
//! thread keeps its ring together with the run that it belongs to. So a record is a look at two
//! words and a push, and a thread that outlives a run starts again in the next one: two runs never
//! mix.

use std::cell::{Cell, RefCell};
use std::num::NonZero;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex};

use dyno_bus::Phase;
use dyno_bus::value::VALUE_MAX;

use crate::recorder::{Feed, MEASURED, RecordSource, STATE_BITS, Shared};
use crate::reentry::{self, BusyGuard, lock};
use crate::ring::Ring;
use crate::ring_word::{pack_key, pack_value};

/// The number of the present run, above the state of its emitter; 0 outside a run.
static ACTIVE: AtomicU64 = AtomicU64::new(0);
/// The id of the process that has the present run: a child of a fork has its memory, but no bus.
static PID: AtomicU32 = AtomicU32::new(0);
static CURRENT: Mutex<Current> = Mutex::new(Current { run: 0, shared: None });
/// Every ring that handles ever had, for the next thread that needs one. None is freed, so that a
/// thread reaches its own by a plain reference.
static RINGS: Mutex<Vec<&'static Arc<Ring<1>>>> = Mutex::new(Vec::new());

thread_local! {
    /// The run to which this thread's ring belongs, without a state, and the ring.
    static RING: Cell<(u64, Option<&'static Ring<1>>)> = const { Cell::new((0, None)) };
    static LOCAL: ThreadRing = const { ThreadRing(RefCell::new(None)) };
}

/// This thread's end of its ring, while it has one; [`RING`] is a shortcut to the same ring.
struct ThreadRing(RefCell<Option<Feed<1>>>);

/// The emitter that is installed, if any.
struct Current {
    /// The number of its run, or of the last one.
    run: u64,
    shared: Option<Arc<Shared>>,
}

/// A guard: while it lives, the handles and spans of this process record into its emitter.
#[derive(Debug)]
#[must_use = "handles record while this lives"]
pub struct Installed(());

/// The error that another emitter is installed: the handles of a process record into one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another run in this process has the handles and spans")]
pub struct AlreadyInstalled;

pub(crate) fn install(shared: &Arc<Shared>) -> Result<Installed, AlreadyInstalled> {
    let mut current = lock(&CURRENT);
    if current.shared.is_some() {
        return Err(AlreadyInstalled);
    }
    current.run += 1;
    current.shared = Some(Arc::clone(shared));
    PID.store(process::id(), Ordering::Relaxed);
    ACTIVE.store(word(current.run, shared), Ordering::Relaxed);
    Ok(Installed(()))
}

/// Takes over the changed state of an emitter, if that is the installed one.
pub(crate) fn follow(shared: &Shared) {
    let current = lock(&CURRENT);
    if current.shared.as_deref().is_some_and(|installed| ptr::eq(installed, shared)) {
        ACTIVE.store(word(current.run, shared), Ordering::Relaxed);
    }
}

/// Returns the value of [`ACTIVE`] while an emitter is installed.
fn word(run: u64, shared: &Shared) -> u64 {
    run << STATE_BITS | shared.state()
}

impl Drop for Installed {
    fn drop(&mut self) {
        // Dropped after the lock is released, because dropping it may take locks.
        let _shared = {
            let mut current = lock(&CURRENT);
            ACTIVE.store(0, Ordering::Relaxed);
            current.shared.take()
        };
    }
}

/// Returns the number of the present run; `None` outside a run.
#[inline]
pub(crate) fn run() -> Option<NonZero<u64>> {
    NonZero::new(ACTIVE.load(Ordering::Relaxed) >> STATE_BITS)
}

/// Records a value under a name's index. Outside a run the value is not computed.
#[inline]
pub(crate) fn record(index: u32, value: impl FnOnce() -> u64) {
    let active = ACTIVE.load(Ordering::Relaxed);
    if active == 0 {
        return;
    }
    let value = value();
    let phase = if active & MEASURED == 0 { Phase::Warmup } else { Phase::Measured };
    let recorded = match RING.get() {
        // Not if the emitter is closed: no thread's run has that bit set.
        (run, Some(ring)) if run == active & !MEASURED && value <= VALUE_MAX => {
            ring.push([pack_value(pack_key(index, phase), value)])
        }
        _ => false,
    };
    if !recorded {
        record_rarely(index, value);
    }
}

/// Records a value on the slow path: the thread's first value in a run, a ring that is half full
/// (wake the bus), full (wait) or closed, or a value that is out of range.
#[cold]
#[inline(never)]
fn record_rarely(index: u32, value: u64) {
    if reentry::is_busy() {
        return reentry::keep(index, value, record_kept);
    }
    let _busy = BusyGuard::enter();
    let _in_run = with_feed(|feed| feed.record(index, value));
}

/// Records the values that this thread has kept while it was busy.
fn record_kept() {
    while reentry::has_kept() {
        if !with_feed(|feed| reentry::take_kept(|index, value| feed.record(index, value))) {
            // Outside a run nothing is recorded.
            reentry::take_kept(|_, _| {});
        }
    }
}

/// Calls `record` with this thread's end of a ring of the present run; outside a run, returns
/// `false` instead.
fn with_feed(record: impl FnOnce(&Feed<1>)) -> bool {
    let mut record = Some(record);
    let found = LOCAL.try_with(|local| {
        let active = ACTIVE.load(Ordering::Relaxed);
        if RING.get().0 != active >> STATE_BITS << STATE_BITS && !local.join() {
            return;
        }
        if let Some(feed) = &*local.0.borrow()
            && let Some(record) = record.take()
        {
            record(feed);
        }
    });
    if found.is_err() {
        // Called from the destructor of another thread-local, after this thread's ring has gone.
        // The values that are left get a new ring, which is not kept.
        if let Some((shared, _)) = current()
            && let Some(record) = record.take()
        {
            let ring = Arc::new(Ring::new(shared.ring_slots));
            record(&Feed::new(&shared, RecordSource::Handles, &ring));
        }
    }
    record.is_none()
}

impl ThreadRing {
    /// Replaces the ring of an earlier run by one of the present run; returns `false` if there is
    /// no run.
    fn join(&self) -> bool {
        let Some((shared, run)) = current() else { return false };
        let (feed, ring) = feed(&shared);
        // The old ring is dropped only when the borrow has ended.
        let _left = self.0.borrow_mut().replace(feed);
        RING.set((run, Some(ring)));
        true
    }
}

impl Drop for ThreadRing {
    /// Clears [`RING`], so that nobody pushes to a ring whose end has gone.
    fn drop(&mut self) {
        RING.set((0, None));
    }
}

/// Returns the shared state of the present run, and the run's number above an empty state.
fn current() -> Option<(Arc<Shared>, u64)> {
    // Before any lock, because a lock may have been held at the fork.
    if process::id() != PID.load(Ordering::Relaxed) {
        return None;
    }
    let current = lock(&CURRENT);
    Some((current.shared.clone()?, current.run << STATE_BITS))
}

/// Returns the recording end of a ring that has no ends yet, and the ring.
fn feed(shared: &Arc<Shared>) -> (Feed<1>, &'static Ring<1>) {
    let mut rings = lock(&RINGS);
    let free = |ring: &&&'static Arc<Ring<1>>| {
        Arc::strong_count(ring) == 1 && ring.capacity() == shared.ring_slots
    };
    let ring = rings.iter().find(free).copied().unwrap_or_else(|| {
        let ring = Box::leak(Box::new(Arc::new(Ring::new(shared.ring_slots))));
        rings.push(ring);
        ring
    });
    // The thread that had its ends before does not use it any more.
    fence(Ordering::Acquire);
    (Feed::new(shared, RecordSource::Handles, ring), ring)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{MutexGuard, PoisonError};
    use std::thread;

    use dyno_bus::message::Batch;

    use super::*;
    use crate::harness::Emitter;

    /// Waits for a turn: the installation belongs to the process, so tests that install, or must
    /// not be installed, take turns.
    pub(crate) fn alone() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        // Not by `lock`: then the thread would be busy for the whole test.
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn a_ring_is_the_next_threads_when_both_its_ends_have_gone() {
        let _alone = alone();
        // A size that no other test has.
        const SLOTS: usize = 1 << 6;
        let rings = || lock(&RINGS).iter().filter(|ring| ring.capacity() == SLOTS).count();
        let record = || {
            thread::spawn(|| {
                let metric = crate::histogram("install::next");
                (0..5_u64).for_each(|value| metric.record(value));
            })
            .join()
            .expect("no panic");
        };
        let (mut batch, mut declare) = (Batch::default(), Vec::new());
        for _run in 0..2 {
            let mut emitter = Emitter::with_ring_slots(SLOTS, || {});
            let _installed = emitter.install().expect("alone");
            for _thread in 0..3 {
                record();
                let collected = emitter.collect(&mut batch, &mut declare);
                assert_eq!(collected.values, 5);
                assert_eq!(batch.columns[0].values, [0, 1, 2, 3, 4]);
                assert_eq!(rings(), 1);
            }
            // The next run does not get the values that this thread leaves behind.
            record();
        }
        let emitter = Emitter::with_ring_slots(SLOTS, || {});
        let _installed = emitter.install().expect("alone");
        record();
        record();
        assert_eq!((emitter.pending(), rings()), (10, 2));

        // A destructor that runs after the thread's ring has gone records through new rings, which
        // no thread keeps.
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                crate::histogram("install::next").record(5_u64);
            }
        }
        thread_local!(static LAST: Last = const { Last });
        thread::spawn(|| {
            // Made first, so dropped last.
            LAST.with(|_| crate::histogram("install::next").record(4_u64));
        })
        .join()
        .expect("no panic");
        assert_eq!((emitter.pending(), rings()), (12, 3));
    }
}
