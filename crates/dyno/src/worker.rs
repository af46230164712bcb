//! A worker: one process, one event loop that runs the task, one thread that is the bus.
//!
//! ```text
//!   main thread                          bus thread
//!   the user's runtime and task          the socket, the state machine, the emitter's one point
//!   [driver] → [pace] → [slots]          [bus] → [state]
//!        ↑   one atomic: the lease  ←────────┘
//!        └── rings: measurements  ──────────→
//! ```
//!
//! The two threads share [`control::Control`] (what may start, until when) and [`counts::Counters`]
//! (the outcomes). A task that blocks its loop therefore cannot hold back a `Drain`, a lease, or
//! the end of file that tells a worker that its primary is gone.
//!
//! This module starts nothing before the primary's command, decides nothing about the run, and
//! keeps no statistics.

mod bus;
mod control;
mod counts;
mod cycle;
mod driver;
mod health;
mod state;

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(test)]
pub(crate) use self::bus::grid::GridMaker;
#[cfg(test)]
pub(crate) use self::bus::{
    Bus, BusEnd, BusWorld, LoopEnd, LoopOrder, LoopReport, LoopShare, Over,
};
#[cfg(test)]
pub(crate) use self::control::{Control, Ending};
#[cfg(test)]
pub(crate) use self::counts::Counters;
#[cfg(test)]
pub(crate) use self::cycle::pace::{CyclePacer, Next};
#[cfg(test)]
pub(crate) use self::state::LastWords;
use crate::identity::Identity;
use crate::task::Runnable;

/// Exit code of a process that cannot become the worker that its environment names.
pub(crate) const REFUSED: i32 = 2;
/// Exit code of a worker that failed.
pub(crate) const FAILED: i32 = 1;

/// Set once a task runs in this process; never unset.
static RUNS: AtomicBool = AtomicBool::new(false);

/// Returns `true` in a worker whose task runs.
pub(crate) fn runs_here() -> bool {
    RUNS.load(Ordering::Relaxed)
}

/// Runs the task as this worker, to the end of the process.
pub(crate) fn run(identity: &Identity, task: impl Runnable) -> ! {
    RUNS.store(true, Ordering::Relaxed);
    let armed = health::fork::watch().and_then(|()| health::guard::arm(identity));
    let socket = match armed {
        Ok(socket) => socket,
        Err(error) => fail(&format!("can't become a worker: {error}")),
    };
    let control = Arc::new(control::Control::default());
    let counters = Arc::new(counts::Counters::default());
    let (orders, loop_orders) = tokio::sync::mpsc::unbounded_channel();
    let shared =
        bus::LoopShare { control: Arc::clone(&control), counters: Arc::clone(&counters), orders };
    let bus = match bus::start(identity, socket, shared) {
        Ok(bus) => bus,
        Err(error) => fail(&format!("can't start the bus: {error}")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => fail(&format!("can't start the event loop: {error}")),
    };
    // As a task: the future that `block_on` itself runs is polled only after a look at all sockets
    // and timers, even if another task has woken it, as a client's own task does at each answer.
    let cycles = runtime.spawn_local(driver::run(
        task,
        identity.worker,
        loop_orders,
        bus,
        control,
        counters,
    ));
    // A panic of the loop itself ends the process, as if there were no task in between.
    if let Err(error) = runtime.block_on(cycles) {
        std::panic::resume_unwind(error.into_panic());
    }
    // The bus thread ends the process once its last message is written.
    loop {
        std::thread::park();
    }
}

/// Ends the process with this message on standard error, which the primary shows.
#[expect(clippy::print_stderr, reason = "a worker's standard error is what the primary shows")]
pub(crate) fn fail(message: &str) -> ! {
    eprintln!("dyno: {message}");
    exit(FAILED)
}
