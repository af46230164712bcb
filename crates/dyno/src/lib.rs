//! The library that users import: a benchmark, the processes that run it, and the reports on it.
//!
#![doc = include_str!("../README.md")]
//!
//! # This crate
//!
//! - [`bench`](bench()): one benchmark, from its declaration to its result.
//! - [`task`](mod@task): the code that it runs.
//! - [`settings`]: the settings of a run, from code, environment and flags, and their checks.
//! - `worker`: a process that runs the task. It shares only messages with the primary.
//! - [`primary`]: the process that issues cycles, observes and decides; [`verdict`] has
//!   the rules.
//! - [`report`]: the output of a run; [`Summary`] is its result as data.
//!
//! Most users need only `bench`, `task` and the items below.

mod answer;
mod bench;
#[cfg(feature = "cli")]
pub mod cli;
mod harness;
mod identity;
mod lateness;
mod outcome;
pub mod plan;
mod processes;
pub mod settings;
pub mod verdict;

pub mod primary;
#[cfg(feature = "cli")]
pub mod report;
mod result;
pub mod task;
mod worker;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod simulation;

pub use bench::{Bench, bench};
pub use dyno_emitter::{
    Histogram, NameError, Value, histogram, measure, measure_async, try_histogram,
};
#[cfg(feature = "tracing")]
pub use dyno_emitter::{layer, layer_for};
pub use dyno_observer::{Group, List, Order, Picked, ProcessId, Snapshots, Stat, Stats, Timeline};
pub use dyno_summary::{self as summary, Summary, Unit, Verdict};
pub use outcome::Error as RunError;
#[cfg(feature = "cli")]
pub use outcome::Outcome;
pub use plan::{Arrivals, MaxFailed, OnBacklog, Pacing};
pub use primary::Remote;
#[cfg(feature = "cli")]
pub use report::plot;
pub use settings::TaskParameters;
pub use task::{Context, Cycle, CycleReturn, Error, IntoTask, Result, Task, task};

// The doctests fail if a program in the documentation does not compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/recipes.md")]
mod recipes {}

#[cfg(not(unix))]
compile_error!("dyno runs on Unix: its processes talk over Unix sockets and end by signals");
