//! A study: a series of trials under one question.
//!
//! ```text
//!                    ┌───────────── a study ─────────────┐
//!   a rate ◀── next ─┤ search   how much is sustained?   │
//!      │             │ sweep    what happens at each?    ├─▶ done: the numbers of the answer
//!   a whole run      │ repeat   how far do two differ?   │
//!      │             │ compare  is NEW worse than BASE?  │
//!      │             └───────────────▲───────────────────┘
//!      └──▶ trial: verdict, delivered rate, time ──── take
//! ```
//!
//! A [`trial`] is one complete run, with its warm-up, its drain and its verdict. A study decides
//! only which trial is next. It starts nothing, reads no clock, draws no random numbers, and prints
//! nothing: its caller runs the trials, one at a time, and makes the sentences. So each study is
//! tested over model systems, thousands of times in seconds.

pub(crate) mod compare;
pub(crate) mod repeat;
pub(crate) mod search;
pub(crate) mod searches;
pub(crate) mod sweep;
pub(crate) mod trial;
