//! The allocations of a cycle, with an allocator that counts them on the thread of the loop.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::OsString;

use dyno::{Context, Cycle, Task};

use super::PipeTask;
use crate::pipe::line::PipeLine;

/// The cycles after which all buffers have their size.
const WARMUP: u64 = 200;
const CYCLES: u64 = 1_000;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of allocations for each thread.
struct CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

// SAFETY: every call is passed on unchanged to the system's allocator. The count is in a constant
// thread-local without a destructor, which neither allocates nor ends before its thread does.
#[expect(unsafe_code, reason = "an allocator can't be written without")]
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Returns the allocations of [`CYCLES`] cycles of a pipe to `cat` with these flags.
fn allocations(flags: &[&str]) -> u64 {
    let words = [&["cargo-dyno", "pipe"], flags, &["--", "cat"]].concat();
    let line = PipeLine::of(words.iter().map(OsString::from).collect());
    let mut parameters = line.parameters().expect("valid");
    (parameters.start_deadline_ms, parameters.after_deadline_ms) = (60_000, 60_000);
    let context = Context::for_test(0, 1, parameters);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime.expect("it starts"), async {
        let task = PipeTask::before(context).await.expect("`cat` starts");
        let mut before = 0;
        for index in 0..WARMUP + CYCLES {
            if index == WARMUP {
                before = ALLOCATIONS.get();
            }
            // Numbers of one length, so that no buffer has to grow.
            let cycle = Cycle::for_test(10_000 + index, context);
            task.cycle(&cycle).await.expect("`cat` answers");
        }
        assert!(before > 0, "the allocator counts");
        let made = ALLOCATIONS.get() - before;
        task.after().await.expect("`cat` ends");
        made
    })
}

#[test]
fn a_cycle_in_steady_state_allocates_nothing() {
    let forms: [&[&str]; 5] = [
        &[],
        &["--line", "SET k{random 1000} {cycle} of {worker}", "--fail-if", "^ERR"],
        &["--line", "one", "--mark", "={cycle}"],
        &["--line", "{cycle} and more", "--matched"],
        &["--lines", "Cargo.toml", "--reply-until", "$"],
    ];
    for flags in forms {
        assert_eq!(allocations(flags), 0, "{flags:?}");
    }
}
