//! What dyno measures, against theory: tasks whose right answers are known.
//!
//! Pure, and tested beside the code:
//!
//! - [`random`]: a random stream unrelated to that of due times.
//! - [`theory`]: what queues of known kinds do, by formula.
//! - [`plan`]: which cycles a run has and when they are due, by the arithmetic of the bus.
//! - [`queue`]: what becomes of given cycles in a worker, by Lindley's recursion.
//! - [`statistics`]: a mean wait and percentiles of the response; how far chance spreads them.
//! - [`lag`]: what a periodic timer meets on a loop that is blocked.
//!
//! And what runs:
//!
//! - [`pool`] and [`redis`]: what a cycle waits for, of which there is only a little.
//! - [`task`]: the benchmark, which spins on the clock and notes down what it saw.
//! - [`run`]: a run of it in a process of its own.
//! - [`rows`]: what is measured, a file each; each makes tables of markdown.
//!
//! It refuses to smooth: a figure that differs is shown with what was measured of its cause.

pub mod lag;
pub mod plan;
pub mod pool;
pub mod queue;
pub mod random;
pub mod redis;
pub mod rows;
pub mod run;
pub mod statistics;
pub mod table;
pub mod task;
pub mod theory;
