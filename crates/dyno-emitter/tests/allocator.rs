//! A program whose global allocator records each allocation: also those of the emitter itself, under
//! its locks, on the thread that collects, and on threads that end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use dyno_bus::message::Batch;
use dyno_emitter::harness::Emitter;
use dyno_emitter::{Histogram, histogram};

/// The number of threads that record, one after the other.
const THREADS: usize = 20;
/// The allocations of each thread.
const ALLOCATIONS: usize = 1_000;
/// The longest time that the whole test may take: a deadlock would take for ever.
const DEADLINE: Duration = Duration::from_secs(60);

static SIZES: OnceLock<Histogram> = OnceLock::new();
/// `true` while allocations are counted and recorded.
static RECORDS: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// `false` on the threads of the test harness, which outlive the count.
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, which records the size of each allocation.
struct Recording;

#[global_allocator]
static ALLOCATOR: Recording = Recording;

// SAFETY: every call is passed on unchanged to the system's allocator. Recording a value never
// unwinds, and it calls this allocator again a bounded number of times only.
#[expect(unsafe_code, reason = "an allocator can't be written without")]
unsafe impl GlobalAlloc for Recording {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        record(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        record(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

fn record(size: usize) {
    if RECORDS.load(Ordering::SeqCst)
        && IS_OURS.get()
        && let Some(sizes) = SIZES.get()
    {
        COUNT.fetch_add(1, Ordering::SeqCst);
        sizes.record(size);
    }
}

/// Allocates when its thread has ended, after the thread's ring has gone.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        (0..3).for_each(|number| drop(black_box(Box::new(number))));
    }
}

fn allocate() {
    thread_local!(static LAST: Last = const { Last });
    // Made before this thread has a ring, so dropped after it.
    LAST.with(|_| IS_OURS.set(true));
    (0..ALLOCATIONS).for_each(|number| drop(black_box(Box::new(number))));
}

/// Returns the number of values received and recorded, in a run whose threads come and go.
fn run() -> (u64, u64) {
    let mut emitter = Emitter::new(|| {});
    let _installed = emitter.install().expect("the only one");
    SIZES.set(histogram("sizes")).expect("set once");
    RECORDS.store(true, Ordering::SeqCst);
    IS_OURS.set(true);
    let (mut batch, mut declare) = (Batch::default(), Vec::new());
    let mut received = 0;
    let mut collect = |emitter: &mut Emitter| {
        let _collected = emitter.collect(&mut batch, &mut declare);
        received += batch.columns.iter().map(|column| column.values.len() as u64).sum::<u64>();
        received
    };
    for _ in 0..THREADS {
        let recording = thread::spawn(allocate);
        // Its ring comes under a lock, on a thread that records too.
        let _cycles = emitter.cycles();
        while !recording.is_finished() {
            collect(&mut emitter);
        }
        recording.join().expect("no panic");
    }
    RECORDS.store(false, Ordering::SeqCst);
    while emitter.pending() > 0 {
        collect(&mut emitter);
    }
    (collect(&mut emitter), COUNT.load(Ordering::SeqCst))
}

#[test]
fn a_global_allocator_records_each_allocation_of_each_thread() {
    let (done, is_done) = channel();
    thread::spawn(move || done.send(run()));
    let (received, recorded) = is_done.recv_timeout(DEADLINE).expect("no deadlock, no panic");
    assert_eq!(received, recorded);
    assert!(recorded > (2 * THREADS * ALLOCATIONS) as u64, "{recorded}");
}
