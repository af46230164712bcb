//! The real thing: benchmarks as programs, their workers as processes, real signals, a real Redis.
//!
//! One binary for all of them, because linking costs more than running. Every test starts programs
//! of `workers/` by [`support`], which waits with deadlines and checks, whatever a test is about,
//! that nothing is left of a run: no process, no temporary file, no cycle unaccounted for.

mod support;

mod accounting;
mod backlog;
mod cli;
mod crash;
mod drain;
mod faults;
mod hlog;
mod hooks;
mod inherited;
mod kernel;
mod library;
mod lifecycle;
mod live;
mod metrics;
mod orphans;
mod output;
mod prompt;
mod protocol;
mod redis;
mod security;
mod signal;
mod steady;
mod verdicts;
mod workspace;
