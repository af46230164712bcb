//! The library that users import: a benchmark, the processes that run it, and the reports on it.
//!
#![doc = include_str!("../README.md")]
//!
//! # This crate
//!
//! - [`bench`](bench()) declares a benchmark. [`Bench`] has its settings, its hooks and the two ways
//!   to run it: `main` for a program, [`run`](Bench::run) for a test or a tool.
//! - The task is a closure, a function, or a type that implements [`Task`]. It reads its parameters
//!   from a [`Context`] or a [`Cycle`].
//! - [`histogram()`], [`measure()`], [`measure_async()`] and spans record metrics of your own.
//! - [`Study`] is the result of several runs under one question, such as [`search`](Bench::search).
//! - [`compare()`] compares saved results, and [`ab()`] two programs in turn; [`Comparison`] is the
//!   answer.
//! - [`Summary`] is the result of a run; [`mod@summary`] has its parts.
//! - [`List`] shows the metrics while a run goes on; [`mod@list`] has what it returns.
//!
//! To read the code, start with [the architecture][start]: it has the order of reading. The modules
//! below are listed in that order, from the task up to the command line.
//!
//! [start]: https://github.com/nicholaswmin/dyno/blob/main/docs/architecture.md#read-in-this-order

#![cfg_attr(
    not(feature = "cli"),
    allow(
        dead_code,
        unused_imports,
        reason = "a program needs all of it; the build with default features finds what nothing uses"
    )
)]

// In the order of reading: a module uses only modules above it, but `bench`, which uses them all.
mod bench;
mod task;
mod identity;
mod processes;
mod answer;
mod harness;
mod sha256;
mod lateness;
mod keyboard;
mod plan;
mod settings;
mod verdict;
mod study;
mod worker;
mod primary;
mod result;
mod hosts;
mod error;
mod trials;
mod comparison;
#[cfg(feature = "cli")]
mod report;
#[cfg(feature = "cli")]
mod cli;

#[doc(hidden)]
pub mod internal;
#[cfg(test)]
mod simulation;

pub use bench::{Bench, Setup, bench};
pub use comparison::{
    Ab, AbError, CompareError, ComparisonOptions, OptionError, SideEvidence, ab, compare,
    compare_with,
};
pub use error::RunError;
pub use plan::{Arrivals, MaxFailed, OnBacklog, Pacing};
pub use primary::{Remote, StartError};
pub use settings::{ParameterError, SettingsError};
pub use task::{Context, Cycle, CycleReturn, Error, IntoTask, Result, Task, TypedTask, task};

#[cfg(feature = "tracing")]
#[doc(inline)]
pub use dyno_emitter::{FilterError, layer, layer_for};
#[doc(inline)]
pub use dyno_emitter::{
    Histogram, NameError, Value, histogram, measure, measure_async, try_histogram,
};
#[doc(inline)]
pub use dyno_observer::{List, Order, ProcessId, Stat, Stats};
#[doc(no_inline)]
pub use dyno_summary as summary;
#[doc(inline)]
pub use dyno_summary::{Comparison, ComparisonFinding, Study, Summary, Unit, Verdict};
#[cfg(feature = "cli")]
pub use {cli::outcome::Outcome, report::plot};

/// The parts of a [`List`]: picked numbers, and their course over time.
pub mod list {
    #[doc(inline)]
    pub use dyno_observer::{
        Group, History, Label, Line, Pick, Picked, Point, Snapshots, Timeline, UnknownStat,
    };
}

// The doctests fail if a program in the documentation does not compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/recipes.md")]
mod recipes {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/studies.md")]
mod studies {}

#[cfg(not(unix))]
compile_error!("dyno runs on Unix: its processes talk over Unix sockets and end by signals");
