//! Integration tests with benchmarks as programs, their workers as processes, real signals and a
//! real Redis server.
//!
//! All tests are one binary, because linking takes longer than running. Every test starts programs
//! of `workers/` by [`support`], which waits with deadlines. It also checks after every run that
//! nothing is left: no process, no temporary file, no cycle unaccounted for.

mod support;

mod accounting;
mod agents;
mod backlog;
mod cli;
mod crash;
#[cfg(target_os = "linux")]
mod dashboard;
mod drain;
mod faults;
mod hlog;
mod hooks;
mod hosts;
mod http;
mod inherited;
mod kernel;
mod library;
mod lifecycle;
mod live;
mod meddling;
mod metrics;
mod orphans;
mod otlp;
mod output;
#[cfg(target_os = "linux")]
mod page;
mod postgres;
mod prometheus;
mod prompt;
mod protocol;
mod redis;
mod security;
mod signal;
mod stages;
mod steady;
mod studies;
mod target;
mod thresholds;
mod verdicts;
mod workspace;
