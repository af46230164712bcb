//! Bare threads that sleep until due: pacing without a harness around it.
//!
//! One thread replaces each worker, on the same grid: thread k of n starts the cycles i ≡ k mod n.
//! Each sleeps by `clock_nanosleep` until the absolute due time, with the least timer slack that
//! the kernel allows, and records how late it woke.

use std::time::Duration;

use anyhow::Result;
use dyno_bus::{Time, clock};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use serde::{Deserialize, Serialize};

use crate::child::Child;
use crate::figure::quantile;

/// The longest delay of a wake-up that the kernel may add, in nanoseconds; 0 would mean its default
/// of 50,000.
const TIMER_SLACK_NS: u64 = 1;

/// The rate of all threads together, their number, and the times that they run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) rate: f64,
    pub(crate) threads: u32,
    pub(crate) window: Duration,
    pub(crate) warmup: Duration,
}

/// Percentiles of the wait in the window (start − due), in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waits {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Calls `cycle` at each due time of one thread, with the due time and the current time, until it
/// returns an error or the window is over.
pub(crate) fn each_due(
    load: &Load,
    thread: u32,
    t0: Time,
    mut cycle: impl FnMut(Time, Time) -> Result<()>,
) -> Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_timerslack(TIMER_SLACK_NS)?;
    let cycles = (load.rate * (load.warmup + load.window).as_secs_f64()) as u64;
    for index in (u64::from(thread)..cycles).step_by(load.threads as usize) {
        let due = t0 + Duration::from_secs_f64(index as f64 / load.rate);
        // Behind schedule the sleep returns at once. The loop is needed because a signal ends it
        // early.
        while clock::now() < due {
            let at = Duration::from_nanos(due.as_nanos()).into();
            let _interrupted =
                clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &at);
        }
        cycle(due, clock::now())?;
    }
    Ok(())
}

/// Runs the threads in this process, and returns their waits.
pub(crate) fn run(load: &Load) -> Result<Waits> {
    let t0 = clock::now() + START;
    let measured = t0 + load.warmup;
    let threads: Vec<_> = (0..load.threads)
        .map(|thread| {
            let load = load.clone();
            std::thread::spawn(move || {
                let mut waits = Vec::with_capacity(1 << 20);
                each_due(&load, thread, t0, |due, now| {
                    // A cycle that does nothing still reads the clock at its end.
                    std::hint::black_box(clock::now());
                    if due >= measured {
                        waits.push(now.nanos_since(due));
                    }
                    Ok(())
                })
                .map(|()| waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for thread in threads {
        waits.extend(thread.join().expect("it does not panic")?);
    }
    let mut of = |share| quantile(&mut waits, share).unwrap_or_default();
    Ok(Waits { p50: of(0.5), p99: of(0.99) })
}

/// The time from the start of the threads to the first due time.
const START: Duration = Duration::from_millis(50);

/// Returns the waits, measured in a new process.
pub(crate) fn waits(load: Load) -> Result<Waits> {
    Child::Sleepers(load).start()?.reply()
}
