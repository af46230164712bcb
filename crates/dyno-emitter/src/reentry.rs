//! Recording inside of recording: a global allocator may record values, and this crate allocates.
//!
//! A thread is *busy* while it gets its ring, waits for room, or holds one of this crate's locks. A
//! value that it records then would need the same lock or ring again, so it is kept, and recorded
//! as soon as that work is done. Nothing here allocates, and no thread-local here has a
//! destructor: both would call the allocator.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most values that a busy thread keeps. A thread that gets its ring allocates about ten times,
/// and an allocator may record several values each time.
const KEPT_MAX: usize = 128;

thread_local! {
    /// The number of [`BusyGuard`] values of this thread.
    static BUSY: Cell<u32> = const { Cell::new(0) };
    static KEPT: RefCell<KeptValues> =
        const { RefCell::new(KeptValues { count: 0, values: [(0, 0); KEPT_MAX], record: || {} }) };
}

/// The values that a busy thread has recorded, each with the index of its name.
#[derive(Clone, Copy)]
struct KeptValues {
    count: usize,
    values: [(u32, u64); KEPT_MAX],
    /// Records all of them.
    record: fn(),
}

/// A guard: while it lives, this thread is busy.
#[derive(Debug)]
pub(crate) struct BusyGuard(());

impl BusyGuard {
    pub(crate) fn enter() -> Self {
        BUSY.set(BUSY.get() + 1);
        Self(())
    }
}

impl Drop for BusyGuard {
    /// Records the values that were kept, if this guard is the outermost.
    fn drop(&mut self) {
        if BUSY.get() == 1 && has_kept() {
            // Still busy: what this records by itself is kept in turn.
            KEPT.with_borrow(|kept| kept.record)();
        }
        BUSY.set(BUSY.get() - 1);
    }
}

/// Returns `true` if this thread is busy.
pub(crate) fn is_busy() -> bool {
    BUSY.get() > 0
}

/// Keeps a value of a busy thread; `record` is called when the thread stops being busy.
///
/// # Aborts
/// If the thread keeps too many values already: none is lost in silence, and an allocator must not
/// panic.
#[expect(clippy::print_stderr, reason = "an allocator can't panic, and its values can't be lost")]
pub(crate) fn keep(index: u32, value: u64, record: fn()) {
    KEPT.with_borrow_mut(|kept| match kept.values.get_mut(kept.count) {
        Some(place) => {
            *place = (index, value);
            kept.count += 1;
            kept.record = record;
        }
        None => {
            eprintln!(
                "dyno: the global allocator recorded more than {KEPT_MAX} values while a thread \
                 made room for them: record fewer values for each allocation"
            );
            process::abort();
        }
    });
}

/// Returns `true` if this thread keeps values.
pub(crate) fn has_kept() -> bool {
    KEPT.with_borrow(|kept| kept.count > 0)
}

/// Passes on each value that this thread keeps, and those that come meanwhile.
pub(crate) fn take_kept(mut record: impl FnMut(u32, u64)) {
    while has_kept() {
        // A copy: `record` may keep values.
        let kept = KEPT.with_borrow_mut(|kept| {
            let taken = *kept;
            kept.count = 0;
            taken
        });
        for (index, value) in &kept.values[..kept.count] {
            record(*index, *value);
        }
    }
}

/// A lock that is held; the thread is busy until it is released.
#[derive(Debug)]
pub(crate) struct Locked<'a, T> {
    // Dropped first: what was kept may need this lock.
    guard: MutexGuard<'a, T>,
    _busy: BusyGuard,
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Locks a mutex, even a poisoned one: the data behind these locks is consistent at any moment, so
/// a panic under one of them spoils nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Locked<'_, T> {
    let busy = BusyGuard::enter();
    Locked { guard: mutex.lock().unwrap_or_else(PoisonError::into_inner), _busy: busy }
}
