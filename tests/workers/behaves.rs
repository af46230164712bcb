//! Breaks nothing: a task that takes as long as it is told, in the way that it is told.
//!
//! Each worker says `first cycle` on its standard output when that begins, so that a test can wait
//! for it.

#![expect(clippy::print_stdout, reason = "what a worker prints is part of what is tested")]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use dyno_bus::clock;
use serde::{Deserialize, Serialize};

/// How a cycle spends its time.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// Not at all.
    Nothing,
    /// Asleep, so that others go on.
    Sleep,
    /// The same in a task of its own, which holds what can't leave the loop's thread.
    SleepInTask,
    /// Busy, so that none goes on.
    Spin,
    /// Busy in the first cycle of each worker, and not at all in the others.
    SpinOnce,
}

#[derive(Serialize, Deserialize)]
struct Parameters {
    how: How,
    /// For how long.
    us: u64,
}

struct Behaves {
    first: Cell<bool>,
}

impl dyno::Task for Behaves {
    async fn before(_context: &dyno::Context) -> dyno::Result<Self> {
        Ok(Self { first: Cell::new(true) })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let parameters = cycle.parameters::<Parameters>();
        let span = Duration::from_micros(parameters.us);
        let first = self.first.replace(false);
        if first {
            println!("first cycle");
        }
        match parameters.how {
            How::Nothing => {}
            How::Sleep => tokio::time::sleep(span).await,
            How::SleepInTask => {
                let slept = Rc::new(Cell::new(false));
                let inner = Rc::clone(&slept);
                let task = tokio::task::spawn_local(async move {
                    tokio::time::sleep(span).await;
                    inner.set(true);
                });
                task.await?;
                assert!(slept.get(), "the task ran to its end");
            }
            How::SpinOnce if !first => {}
            How::Spin | How::SpinOnce => spin(span),
        }
        Ok(())
    }
}

fn spin(span: Duration) {
    let end = clock::now() + span;
    while clock::now() < end {
        std::hint::spin_loop();
    }
}

fn main() -> dyno::Outcome {
    dyno::bench("behaves", dyno::task::<Behaves>())
        .parameters(Parameters { how: How::Nothing, us: 0 })
        .rate(200.0)
        .main()
}
