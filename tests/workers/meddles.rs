//! A program that meddles with its own process, as user code may. `-P how=WHAT` selects the way; for
//! the code before `dyno::bench` in `main`, the variable `MEDDLES` does.
//!
//! It panics in odd ways, takes over the panic hook or the subscriber, changes the current folder,
//! closes descriptors. The sentences at [`How`] and [`main`] describe each way.

#![expect(clippy::print_stdout, reason = "what a worker prints is part of what is tested")]

use std::cell::Cell;
use std::fmt;
use std::io::Read;
use std::panic::{catch_unwind, panic_any, resume_unwind, set_hook, take_hook};

use serde::{Deserialize, Serialize};
use tracing::info_span;
use tracing_subscriber::prelude::*;

/// The thing that the task does to its process.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// The task does nothing unusual.
    Nothing,
    /// `before` sets another panic hook, and cycles panic.
    OwnHook,
    /// `before` takes the panic hook away, and cycles panic.
    NoHook,
    /// Cycles resume a panic of another thread.
    Resume,
    /// Cycles panic with a value whose destructor panics.
    Bomb,
    /// Cycles panic, and catch that panic.
    Catch,
    /// A cycle panics while it panics already.
    Twice,
    /// A cycle panics in a function that can't unwind.
    Foreign,
    /// `before` returns an error whose text panics.
    Unprintable,
    /// `before` returns an error of two megabytes.
    Long,
    /// The task's state panics when it is dropped.
    DropState,
    /// Cycles read the parameters as a wrong type.
    Misread,
    /// Cycles declare a benchmark.
    Nested,
    /// `before` sets a subscriber with dyno's layer; cycles have a span.
    Subscriber,
    /// `before` sets a subscriber without it; cycles have a span.
    BareSubscriber,
    /// Cycles have a span.
    Span,
    /// Cycles are measured under an empty name.
    Unnamed,
    /// A cycle closes all descriptors but the first three.
    CloseDescriptors,
    /// Threads record values for as long as the process lives.
    RecordForEver,
    /// The primary's `before` changes the current folder.
    ChangeFolder,
    /// The primary's `before` returns an error whose text panics.
    PrimaryUnprintable,
    /// The primary's `before` starts a thread that reaps every child of the process.
    ReapAll,
    /// A thread of the primary ignores SIGCHLD once there are workers: the kernel reaps them.
    IgnoreChildren,
    /// The same, and the first cycle ends its worker with exit code 3.
    IgnoreChildrenAndExit,
}

#[derive(Serialize, Deserialize)]
struct Parameters {
    how: How,
}

struct Meddles {
    how: How,
    is_bomb: Cell<bool>,
}

impl Drop for Meddles {
    fn drop(&mut self) {
        assert!(!self.is_bomb.get(), "the state is dropped");
    }
}

impl dyno::Task for Meddles {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let how = context.parameters::<Parameters>().how;
        match how {
            How::OwnHook => set_hook(Box::new(|_| println!("the hook of the task"))),
            How::NoHook => drop(take_hook()),
            How::Unprintable => return Err(Unprintable.into()),
            How::Long => return Err("long ".repeat(400_000).into()),
            How::Subscriber => tracing_subscriber::registry().with(dyno::layer()).init(),
            How::BareSubscriber => tracing_subscriber::registry().init(),
            How::RecordForEver => record_for_ever(),
            _ => {}
        }
        Ok(Self { how, is_bomb: Cell::new(how == How::DropState) })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        match self.how {
            How::OwnHook | How::NoHook => panic!("told to panic"),
            How::Resume => resume_unwind(Box::new("resumed".to_owned())),
            How::Bomb => panic_any(Bomb),
            How::Catch => drop(catch_unwind(|| panic!("kept to itself"))),
            How::Twice => {
                let _bomb = Bomb;
                panic!("first of two")
            }
            How::Foreign => foreign(),
            How::Misread => drop(cycle.parameters::<Vec<bool>>().clone()),
            How::Nested => drop(dyno::bench("nested", || ())),
            How::Subscriber | How::BareSubscriber | How::Span => {
                info_span!("inside").in_scope(|| {});
            }
            How::Unnamed => dyno::measure_async("", async {}).await,
            How::CloseDescriptors => close_descriptors(),
            How::IgnoreChildrenAndExit if cycle.index() == 0 => std::process::exit(3),
            _ => {}
        }
        Ok(())
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// An error whose text panics.
#[derive(Debug)]
struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no text");
    }
}

impl std::error::Error for Unprintable {}

extern "C" fn foreign() {
    panic!("told to panic");
}

fn record_for_ever() {
    for _ in 0..8 {
        std::thread::spawn(|| {
            let ever = dyno::histogram("ever");
            loop {
                ever.record(1_u64);
            }
        });
    }
}

fn reap_all() {
    std::thread::spawn(|| {
        loop {
            // Without a child the call returns at once.
            if nix::sys::wait::wait().is_err() {
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
        }
    });
}

#[expect(unsafe_code, reason = "nothing safe sets a signal's disposition")]
fn ignore_children() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    // Dyno resets the disposition before it starts the first worker.
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while waitid(Id::All, flags).is_err() {
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    // SAFETY: a signal that is ignored runs no code of this program.
    let _before = unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) };
}

fn close_descriptors() {
    for descriptor in 3..1024 {
        // Other code loses its descriptors too: that is what is tested.
        let _closed = nix::unistd::close(descriptor);
    }
}

/// Runs the benchmark, after the step that `MEDDLES` names: `stdin` reads standard input to its end;
/// in workers, `panic` panics and `leave` ends the process.
fn main() -> dyno::Outcome {
    let is_worker = std::env::var_os("DYNO_WORKER").is_some();
    match std::env::var("MEDDLES").as_deref() {
        Ok("stdin") => drop(std::io::stdin().read_to_end(&mut Vec::new())),
        Ok("panic") => assert!(!is_worker, "not in a worker"),
        Ok("leave") if is_worker => std::process::exit(0),
        _ => {}
    }
    dyno::bench("meddles", dyno::task::<Meddles>())
        .parameters(Parameters { how: How::Nothing })
        .rate(200.0)
        .before(|run| match run.parameters::<Parameters>().how {
            How::ChangeFolder => Ok(std::env::set_current_dir("/")?),
            How::PrimaryUnprintable => Err(Unprintable.into()),
            How::ReapAll => {
                reap_all();
                Ok(())
            }
            How::IgnoreChildren | How::IgnoreChildrenAndExit => {
                std::thread::spawn(ignore_children);
                Ok(())
            }
            _ => Ok(()),
        })
        .main()
}
