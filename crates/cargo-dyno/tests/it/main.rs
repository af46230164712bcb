//! The real `cargo-dyno`, in packages of its own in temporary folders.
//!
//! Most benchmarks here are programs that print what they were given: cargo-dyno knows benchmarks
//! by their command line, exit code and files only, and so do these tests. One binary for all of
//! them, because linking costs more than running.

mod cargo;
mod exec;
mod help;
mod init;
mod run;
mod runs;
mod workbench;
