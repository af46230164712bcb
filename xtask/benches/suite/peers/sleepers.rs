//! Bare threads that sleep until due: what pacing costs with nothing around it.
//!
//! One thread a worker, on the same grid: worker k of n starts the cycles i ≡ k mod n. Each sleeps
//! by `clock_nanosleep` until the absolute due time, with the least timer slack that the kernel
//! gives, and keeps how late it was.

use std::time::Duration;

use anyhow::Result;
use dyno_bus::{Time, clock};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use serde::{Deserialize, Serialize};

use crate::child::Child;
use crate::figure::quantile;

/// Nanoseconds by which the kernel may delay a wake-up; 0 would mean its default of 50,000.
const TIMER_SLACK_NS: u64 = 1;

/// What they do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) rate: f64,
    pub(crate) threads: u32,
    pub(crate) window: Duration,
    pub(crate) warmup: Duration,
}

/// How late they were, in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waits {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Calls it at each due time of one thread's share, with the due time and the time by then, until
/// it says no or the window is over.
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
        // Behind schedule the sleep returns at once. A signal would end it early.
        while clock::now() < due {
            let at = Duration::from_nanos(due.as_nanos()).into();
            let _interrupted =
                clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &at);
        }
        cycle(due, clock::now())?;
    }
    Ok(())
}

/// Runs it in this process.
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

/// For all threads to be there by the first due time.
const START: Duration = Duration::from_millis(50);

/// How late they are, measured in a process of its own.
pub(crate) fn waits(load: Load) -> Result<Waits> {
    Child::Sleepers(load).start()?.reply()
}
