//! Breaks nothing: records values in every possible way.
//!
//! Each cycle records one value of `plain`, one of `size` in bytes, a measured `block` and
//! `async_block`, the spans `outer` and `inner`, and one value of `aside` from each of two threads.
//! In warm-up cycles `plain` is 1,000,000 rather than 1. The `on_tick` counts its calls.

use std::sync::mpsc::{Sender, channel};

use dyno_bus::clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tracing::instrument;

#[derive(Serialize, Deserialize)]
struct Parameters {
    /// Milliseconds from the due time of the worker's first cycle to the change of the value of
    /// `plain`.
    warmup_ms: u64,
    /// The name of one more metric that each cycle records; empty for none.
    name: String,
    /// Each cycle also records values that no histogram can hold.
    odd: bool,
    /// A value that is not a number is recorded too, as the only one of its metric.
    not_a_number: bool,
    /// The number of further values that each cycle records, each of the largest encoded size.
    wide: u64,
    /// The number of such values that `after` records, after it has stopped the primary; 0 for
    /// neither.
    wide_after: u64,
}

struct Records {
    wide_after: u64,
    asides: Vec<Sender<u64>>,
    first_due: std::cell::Cell<Option<std::time::Duration>>,
}

impl dyno::Task for Records {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let wide_after = context.parameters::<Parameters>().wide_after;
        let aside = || {
            let (sender, receiver) = channel();
            std::thread::spawn(move || {
                let aside = dyno::histogram("aside");
                while let Ok(value) = receiver.recv() {
                    aside.record(value);
                }
            });
            sender
        };
        let (asides, first_due) = (vec![aside(), aside()], std::cell::Cell::new(None));
        Ok(Self { wide_after, asides, first_due })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let parameters = cycle.parameters::<Parameters>();
        let first_due = self.first_due.get().unwrap_or(cycle.due());
        self.first_due.set(Some(first_due));
        let warmup = std::time::Duration::from_millis(parameters.warmup_ms);
        let is_warmup = cycle.due() < first_due + warmup;
        dyno::histogram("plain").record(if is_warmup { 1_000_000_u64 } else { 1 });
        dyno::histogram("size").with_unit(dyno::Unit::Bytes).record(4096_u64);
        for aside in &self.asides {
            aside.send(cycle.index())?;
        }
        dyno::measure("block", || spin(200));
        dyno::measure_async("async_block", async { tokio::task::yield_now().await }).await;
        outer();
        if !parameters.name.is_empty() {
            dyno::histogram(&parameters.name).record(1_u64);
        }
        wide(parameters.wide);
        if parameters.odd {
            dyno::histogram("odd").record(f64::NAN);
            dyno::histogram("odd").record(-1.0);
            dyno::histogram("odd").record(7.0);
        }
        if parameters.not_a_number {
            dyno::histogram("not_a_number").record(f64::NAN);
        }
        Ok(())
    }

    async fn after(self) -> dyno::Result {
        if self.wide_after > 0 {
            let primary = Pid::from_raw(std::os::unix::process::parent_id() as i32);
            kill(primary, Signal::SIGSTOP)?;
        }
        wide(self.wide_after);
        Ok(())
    }
}

fn wide(count: u64) {
    (0..count).for_each(|value| dyno::histogram("wide").record(1 << 52 | value));
}

#[instrument]
fn outer() {
    inner();
}

#[instrument]
fn inner() {
    spin(100);
}

fn spin(us: u64) {
    let end = clock::now() + std::time::Duration::from_micros(us);
    while clock::now() < end {
        std::hint::spin_loop();
    }
}

fn main() -> dyno::Outcome {
    dyno::bench("records", dyno::task::<Records>())
        .parameters(Parameters {
            warmup_ms: 0,
            name: String::new(),
            odd: false,
            not_a_number: false,
            wide: 0,
            wide_after: 0,
        })
        .rate(200.0)
        .on_tick({
            let mut asked = 0;
            move |list| {
                asked += 1;
                let workers = list.clone().workers().metrics(["plain"]).pick(dyno::Stat::Count);
                Some(format!("asked {asked} times\n{workers}"))
            }
        })
        .main()
}
