//! Breaks nothing: each cycle records, as `allocations`, the number of allocations so far on its
//! thread, which is that of the worker's loop.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::task::Poll;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Parameters {
    /// Each cycle is suspended once and woken at once.
    suspend: bool,
}

fn main() -> dyno::Outcome {
    let allocations = dyno::histogram("allocations");
    dyno::bench("allocates", async move |cycle: &dyno::Cycle| {
        let mut suspend = cycle.parameters::<Parameters>().suspend;
        std::future::poll_fn(|context| {
            if !std::mem::take(&mut suspend) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        allocations.record(ALLOCATIONS.get());
    })
    .parameters(Parameters { suspend: false })
    .main()
}

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of allocations for each thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on unchanged to the system's allocator. The count is in a constant
// thread-local without a destructor, which neither allocates nor ends before its thread does.
#[expect(unsafe_code, reason = "an allocator can't be written without")]
unsafe impl GlobalAlloc for Counting {
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
