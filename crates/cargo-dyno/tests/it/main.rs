//! The real `cargo-dyno`, run in packages that the tests make in temporary folders.
//!
//! Most benchmarks here are programs that print their arguments: cargo-dyno knows benchmarks by
//! their command line, exit code and files only, and so do these tests. All tests are one binary,
//! because linking costs more than running.

mod cargo;
mod compare;
mod exec;
mod help;
mod http;
mod init;
mod kubernetes;
mod merge;
mod pipe;
mod run;
mod runs;
mod servers;
mod workbench;
