//! The messages: one closed enum per direction, and the types of their fields.
//!
//! The codec is positional, so order and types here are the protocol: a change of either raises
//! [`VERSION`]. `Hello` is the first variant of [`Report`] and never changes, so that two processes
//! of different versions can at least report that. No recursion, no zero-sized elements, none of
//! serde's `flatten`, `tag` or `skip_serializing_if`: each of them breaks a positional codec or its
//! limit.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backlog::BacklogRule;
use crate::clock::Time;
use crate::segment::{PerPhase, Segment};
use crate::timeline::CycleTimeline;
use crate::value::Unit;

/// The protocol's version: both ends must have the same.
pub const VERSION: u32 = 5;
/// The most values that one [`Batch`] holds, cycles counted twice: at eight bytes each, the most
/// that a value takes, they fit a frame with room for the rest.
pub const BATCH_VALUES_MAX: usize = 65_536;
/// The longest name of a metric, in bytes: it fits on a line of a table.
pub const METRIC_NAME_MAX: usize = 128;
/// The most metrics that one process may declare: each costs the primary a histogram, and its
/// number shares a word with a value on the way to the bus.
pub const METRICS_MAX: usize = 512;
/// The longest message of a failed cycle or hook that is kept, in bytes.
pub const MESSAGE_MAX: usize = 1_024;
/// The most distinct error messages that one worker keeps apart; others are counted together.
pub const ERRORS_MAX: usize = 64;

/// A message from the primary to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Take these parameters, run `before`, and report [`Ready`](Report::Ready).
    Start(Start),
    /// The plan goes on with this segment.
    Segment(Segment),
    /// Cycles due before an instant may start.
    Lease(Lease),
    /// Start no cycle from now on; finish those that run.
    Drain,
    /// All messages have been received and verified: run `after`.
    Ack,
}

/// All that a worker must know before its first cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The number of workers in the run.
    pub workers: u32,
    /// The task's parameters, as a JSON object.
    pub parameters: String,
    /// The most cycles in flight in an open segment.
    pub in_flight_max: Option<u32>,
    /// With the policy `skip`: the limit to this worker's backlog, beyond which its oldest cycles
    /// are skipped.
    pub backlog_max: Option<BacklogRule>,
    /// The method of waiting for the next due time.
    pub pacing: Pacing,
    /// The period of the loop-lag probe, in nanoseconds.
    pub probe_period_ns: u64,
    /// The longest time that a value waits before it is sent, in nanoseconds.
    pub flush_period_ns: u64,
    /// The time that running cycles have to end once the cut is made, in nanoseconds.
    pub drain_deadline_ns: u64,
    /// The spans that become metrics in addition to the benchmark's, as a `tracing` filter; may be
    /// empty.
    pub spans: String,
}

/// A worker's method of waiting for the next due time.
///
/// ```
/// use dyno_bus::message::Pacing;
///
/// assert_eq!(Pacing::default(), Pacing::Sleep);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pacing {
    /// On a timer of the kernel.
    #[default]
    Sleep,
    /// In a loop that reads the clock: it occupies a core, and cycles start within a microsecond.
    Spin,
}

impl Pacing {
    /// All methods, the default first.
    pub const ALL: [Self; 2] = [Self::Sleep, Self::Spin];

    /// Returns the name in flags and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sleep => "sleep",
            Self::Spin => "spin",
        }
    }
}

impl fmt::Display for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The right to start cycles due before an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Cycles due before this may start.
    pub until: Time,
    /// No lease follows: `until` is the plan's end and the worker's cut.
    pub last: bool,
}

/// A message from a worker to the primary. The primary's own emitter sends these too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The first message of all.
    Hello(Hello),
    /// A metric whose values later batches may hold.
    Declare(Declare),
    /// `before` has ended.
    Ready,
    /// Measurements and cumulative counts.
    Batch(Batch),
    /// A hook of the task failed.
    Failed(Failed),
    /// A line that the user should see.
    Notice(String),
    /// The times at which the emitted cycles of a stage were due and ended. After the last batch
    /// with cycles, one for each stage, in order; a closed loop has none.
    Timeline(Box<CycleTimeline>),
    /// All cycles have ended or are abandoned, and all their measurements have been sent.
    Drained(Drained),
    /// `after` has ended; no message follows.
    Bye(Bye),
}

/// The sender and its version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The sender's [`VERSION`].
    pub version: u32,
    /// The sender's index among the workers.
    pub worker: u32,
    /// The run's nonce, as the environment gave it.
    pub nonce: u64,
    /// The sender's process id.
    pub pid: u32,
}

/// The declaration of a metric, with the number that its columns carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declare {
    /// The metric's number, counted from 0 in each process.
    pub metric: u32,
    /// The metric's name, at most [`METRIC_NAME_MAX`] bytes.
    pub name: String,
    /// The unit of its values.
    pub unit: Unit,
}

/// Measurements since the previous batch, and counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The batch's number, counted from 0 without a gap.
    pub sequence: u64,
    /// The instant at which `counts` were true.
    pub as_of: Time,
    /// The outcomes of all cycles so far.
    pub counts: PerPhase<Counts>,
    /// Cycles that completed since the previous batch.
    pub cycles: PerPhase<CycleTimes>,
    /// Cycles that ended with an error or a panic since the previous batch.
    pub failed: PerPhase<CycleTimes>,
    /// Values of declared metrics.
    pub columns: Vec<Column>,
    /// Errors of cycles that failed since the previous batch.
    pub errors: Vec<CycleError>,
    /// The delays that the harness has caused so far.
    pub harness: HarnessCosts,
}

/// The numbers of cycles by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Cycles that began, with any outcome or none yet.
    pub started: u64,
    /// Cycles that ended without an error.
    pub completed: u64,
    /// Cycles that ended with an error or a panic.
    pub failed: u64,
    /// Cycles that never began, by the policy `skip`.
    pub skipped: u64,
    /// Cycles that were due before the cut and never began.
    pub unstarted: u64,
    /// Cycles that began and were dropped at the drain deadline.
    pub abandoned: u64,
}

impl Counts {
    /// Returns the number of cycles that have an outcome: the backlog no longer holds them.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.completed + self.failed + self.skipped + self.unstarted + self.abandoned
    }

    /// Returns the number of cycles that have begun and not ended.
    #[must_use]
    pub const fn running(&self) -> u64 {
        self.started.saturating_sub(self.completed + self.failed + self.abandoned)
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.started += other.started;
        self.completed += other.completed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.unstarted += other.unstarted;
        self.abandoned += other.abandoned;
    }
}

/// Cycles with the same outcome, in columns of equal length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleTimes {
    /// Start − due of each cycle, in nanoseconds.
    #[serde(with = "crate::packed")]
    pub wait: Vec<u64>,
    /// End − start of each cycle, in nanoseconds.
    #[serde(with = "crate::packed")]
    pub service: Vec<u64>,
}

/// Values of one metric, in the order of recording by one thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The metric's declared number.
    pub metric: u32,
    /// The phase at their recording: warm-up values count in no result.
    pub phase: crate::Phase,
    /// Values in the metric's unit; each may be a sentinel of [`crate::value`] instead.
    #[serde(with = "crate::packed")]
    pub values: Vec<u64>,
}

/// Failed cycles with the same message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleError {
    /// The message of the task's error or panic.
    pub message: String,
    /// The number of these cycles since the previous batch.
    pub count: u64,
    /// The lowest index of these cycles.
    pub first_cycle: u64,
    /// The phase of their due times.
    pub phase: crate::Phase,
}

/// The delays that the harness itself has caused, so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarnessCosts {
    /// Cycles of the measured window that came due while no lease covered them.
    pub unleased: u64,
    /// The time that threads waited for the bus, in nanoseconds, in the measured window: inside
    /// cycles, where it is part of their service, or on threads other than the loop's.
    pub stall_ns: u64,
    /// The sum of the bus thread's late wake-ups, in nanoseconds, once measured cycles had begun.
    /// Only delays that are too long for a busy processor count: the process got no processor time,
    /// or was stopped.
    pub stood_still_ns: u64,
    /// The time that the loop waited for room to record a cycle that had ended, in nanoseconds, in
    /// the measured window; not part of that cycle's service.
    pub stall_between_ns: u64,
}

/// A hook of the task that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The hook that failed.
    pub hook: Hook,
    /// The message of its error or panic.
    pub message: String,
}

/// The hooks of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hook {
    /// The hook `before`, which runs before the first cycle.
    Before,
    /// The hook `after`, which runs after the last cycle.
    After,
}

/// The worker's account of its cycles, which the primary verifies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Drained {
    /// The cut: cycles due before it were this worker's to run.
    pub cut: Time,
    /// The outcomes of these cycles.
    pub counts: PerPhase<Counts>,
    /// Cycles of either phase that completed inside the measured window.
    pub delivered: u64,
    /// Cycles that completed after the measured window's end, while draining.
    pub late: u64,
    /// The age of the youngest cycle that never ended, in nanoseconds: its response is at least
    /// this.
    pub censored_age_min_ns: Option<u64>,
    /// The numbers of everything emitted up to this message.
    pub emitted: Emitted,
    /// The delays that the harness has caused.
    pub harness: HarnessCosts,
    /// The most cycles that ran at once.
    pub running_max: u64,
}

/// The worker's last message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// The numbers of everything emitted over the whole run, in `after` too.
    pub emitted: Emitted,
}

/// The numbers of everything emitted, counted by the sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    /// Batches that were sent; the sequence number of the next one.
    pub batches: u64,
    /// Cycles in all batches that were sent, of both phases.
    pub cycles: u64,
    /// Values that were sent of each metric, by the metric's number.
    pub values: Vec<u64>,
}
