//! A benchmark as a program: its command line, its questions, its test mode, and its exit code.

pub(crate) mod args;
pub(crate) mod command;
mod dashboard;
pub(crate) mod outcome;
mod prompt;
mod study;
mod test_mode;
mod views;
