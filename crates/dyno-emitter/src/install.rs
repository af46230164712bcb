//! Where the handles of this process record: into the one emitter that is installed, or nowhere.
//!
//! The emitter is found by a number that is zero outside a run. Each thread keeps its ring with
//! the number of the run that it belongs to, so that a thread that outlives a run begins anew in
//! the next, and two runs never mix.

use std::cell::{Cell, RefCell};
use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::recorder::{Feed, Shared, Source, lock};

/// The run that is on, or 0.
static ACTIVE: AtomicU64 = AtomicU64::new(0);
/// The process in which it is on: a child of a fork has its memory, and no bus.
static PID: AtomicU32 = AtomicU32::new(0);
static CURRENT: Mutex<Current> = Mutex::new(Current { run: 0, shared: None });

/// The emitter that is installed.
struct Current {
    /// The number of its run, or of the last one.
    run: u64,
    shared: Option<Arc<Shared>>,
}

/// While it lives, the handles and spans of this process record into its emitter.
#[derive(Debug)]
#[must_use = "handles record while this lives"]
pub struct Installed(());

/// Another emitter is installed: the handles of a process record into one at a time.
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
    ACTIVE.store(current.run, Ordering::Relaxed);
    Ok(Installed(()))
}

impl Drop for Installed {
    fn drop(&mut self) {
        ACTIVE.store(0, Ordering::Relaxed);
        lock(&CURRENT).shared = None;
    }
}

/// Whether a run is on.
#[inline]
pub(crate) fn active() -> bool {
    ACTIVE.load(Ordering::Relaxed) != 0
}

/// Records a value under a name's index; the value is not asked for outside a run.
#[inline]
pub(crate) fn record(index: u32, value: impl FnOnce() -> u64) {
    let run = ACTIVE.load(Ordering::Relaxed);
    if run != 0 {
        record_in(run, index, value());
    }
}

/// A thread's ring, and the run that it belongs to.
struct Local {
    run: Cell<u64>,
    feed: RefCell<Option<Feed<1>>>,
}

thread_local! {
    static LOCAL: Local = const { Local { run: Cell::new(0), feed: RefCell::new(None) } };
}

#[inline]
fn record_in(run: u64, index: u32, value: u64) {
    let recorded = LOCAL.try_with(|local| {
        if local.run.get() != run && !local.join() {
            return;
        }
        if let Some(feed) = &*local.feed.borrow() {
            feed.record(index, || value);
        }
    });
    if recorded.is_err() {
        record_last(index, value);
    }
}

/// A value from the destructor of another thread-local, after this thread's ring has gone.
#[cold]
fn record_last(index: u32, value: u64) {
    if let Some((_, feed)) = join() {
        feed.record(index, || value);
    }
}

impl Local {
    /// Leaves the ring of a run that is over for one of the run that is on; `false` if none is.
    #[cold]
    fn join(&self) -> bool {
        let Some((run, feed)) = join() else { return false };
        self.run.set(run);
        // The old ring goes when the borrow has ended.
        let _left = self.feed.borrow_mut().replace(feed);
        true
    }
}

/// A ring of the run that is on, and its number.
fn join() -> Option<(u64, Feed<1>)> {
    // Before any lock: it may have been held at the fork.
    if process::id() != PID.load(Ordering::Relaxed) {
        return None;
    }
    let current = lock(&CURRENT);
    let shared = current.shared.as_ref()?;
    Some((current.run, Feed::new(shared, Source::Handles)))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::MutexGuard;

    use super::*;

    /// The installation is the process's: tests that install, or must not be installed, take turns.
    pub(crate) fn alone() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        lock(&TURN)
    }
}
