//! A benchmark as a program: its command line, its questions, its test mode, and its exit code.

mod agent;
pub(crate) mod args;
pub(crate) mod command;
mod dashboard;
mod hosts;
pub(crate) mod outcome;
mod prompt;
mod study;
mod test_mode;
mod views;
