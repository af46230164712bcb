//! A comparison of dyno's measurements with theory, by tasks whose right answers are known.
//!
//! Pure modules, which are tested next to their code:
//!
//! - [`random`]: a random stream unrelated to that of due times.
//! - [`theory`]: the behaviour of queues of known kinds, by formula.
//! - [`plan`]: the cycles of a run and their due times, by the arithmetic of the bus.
//! - [`queue`]: the waits and responses of given cycles in a worker, by Lindley's recursion.
//! - [`statistics`]: a mean wait and percentiles of the response; their spread by chance.
//! - [`lag`]: how late a periodic timer is on a loop that is blocked.
//!
//! Modules that run programs:
//!
//! - [`pool`] and [`redis`]: the scarce resources that a cycle waits for.
//! - [`task`]: the benchmark, which spins on the clock and records what it saw.
//! - [`run`]: a run of the benchmark in a new process.
//! - [`rows`]: the measurements, a file each; each makes tables of markdown.
//!
//! It refuses to smooth: a figure that differs from theory is shown with measurements of the cause.

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
