//! The messages: one closed enum per direction, and what they hold.
//!
//! Codecs are positional, so order and types here are the protocol: a change of either raises
//! [`VERSION`]. `Hello` stands first in [`Report`] and never changes, so that two versions can at
//! least say so. No recursion, no zero-sized elements, none of serde's `flatten`, `tag` or
//! `skip_serializing_if`: each of them breaks a positional codec or its limit.

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::segment::{PerPhase, Segment};
use crate::timeline::Timeline;
use crate::value::Unit;

/// The protocol's version: both ends must have the same.
pub const VERSION: u32 = 4;
/// The most values that one [`Batch`] holds, cycles counted twice: at eight bytes each, the most
/// that a value takes, they fit a frame with room for the rest.
pub const BATCH_VALUES_MAX: usize = 65_536;
/// The longest name of a metric, in bytes: a line of a table.
pub const METRIC_NAME_MAX: usize = 128;
/// The most metrics that one process may declare: each costs the primary a histogram, and its number
/// shares a word with a value on the way to the bus.
pub const METRICS_MAX: usize = 512;
/// The longest message of a failed cycle or hook that is kept, in bytes.
pub const MESSAGE_MAX: usize = 1_024;
/// The most distinct error messages that one worker keeps apart; others are counted together.
pub const ERRORS_MAX: usize = 64;

/// What the primary asks of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Take these parameters, run `before`, and say when ready.
    Start(Start),
    /// The plan goes on with this segment.
    Segment(Segment),
    /// Cycles due before an instant may start.
    Lease(Lease),
    /// Start nothing from now on; finish what runs.
    Drain,
    /// All that was sent has been received and verified: run `after`.
    Ack,
}

/// All that a worker must know before its first cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// How many workers there are.
    pub workers: u32,
    /// The task's parameters, as a JSON object.
    pub parameters: String,
    /// The most cycles in flight in an open segment.
    pub in_flight_max: Option<u32>,
    /// With the policy `skip`: this worker's own backlog, beyond which its oldest are skipped.
    pub backlog_max: Option<BacklogMax>,
    /// How due times are waited for.
    pub pacing: Pacing,
    /// The measured window's length in nanoseconds, which its [`Timeline`] is cut from; 0 in a closed
    /// loop, which has none.
    pub window_ns: u64,
    /// The period of the loop-lag probe, in nanoseconds.
    pub probe_period_ns: u64,
    /// The longest that a value waits before it is sent, in nanoseconds.
    pub flush_period_ns: u64,
    /// How long running cycles may take to end once the cut is made, in nanoseconds.
    pub drain_deadline_ns: u64,
    /// Which spans become metrics beside the benchmark's own, as a `tracing` filter; may be empty.
    pub spans: String,
}

/// How many cycles of one worker may be due and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BacklogMax {
    /// This many, at any time.
    Total(u64),
    /// More than when the measured window began; before that, any number.
    AboveWarmup {
        /// This many more that wait.
        waiting: u64,
        /// This many more that wait or run.
        total: u64,
    },
}

/// How a worker waits for the next due time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pacing {
    /// On a timer of the kernel.
    #[default]
    Sleep,
    /// On the clock, in a loop: a core for sub-microsecond starts.
    Spin,
}

/// The right to start cycles due before an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Cycles due before this may start.
    pub until: Time,
    /// No lease follows: `until` is the plan's end and the worker's cut.
    pub last: bool,
}

/// What a worker tells the primary. The primary's own emitter speaks it too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The first message of all.
    Hello(Hello),
    /// A metric that later batches may hold.
    Declare(Declare),
    /// `before` is done.
    Ready,
    /// Measurements and cumulative counts.
    Batch(Batch),
    /// A hook of the task failed.
    Failed(Failed),
    /// Something that the user should know.
    Notice(String),
    /// All cycles have ended or are abandoned, all measurements of them are sent.
    Drained(Drained),
    /// `after` is done; nothing follows.
    Bye(Bye),
}

/// Who speaks, and in which version.
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

/// A metric, by the number that its columns carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declare {
    /// Its number, counted from 0 in each process.
    pub metric: u32,
    /// Its name.
    pub name: String,
    /// What its values count.
    pub unit: Unit,
}

/// Measurements since the batch before, and counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Counted from 0 without a gap.
    pub sequence: u64,
    /// The instant at which `counts` were true.
    pub as_of: Time,
    /// What became of the cycles so far.
    pub counts: PerPhase<Counts>,
    /// Cycles that ended well, at most one entry a phase.
    pub cycles: PerPhase<Cycles>,
    /// Cycles that ended with an error or a panic.
    pub failed: PerPhase<Cycles>,
    /// Values of declared metrics.
    pub columns: Vec<Column>,
    /// Errors of failed cycles since the batch before.
    pub errors: Vec<CycleError>,
    /// The harness's own troubles so far.
    pub harness: Harness,
}

/// What became of cycles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Begun, whatever became of them.
    pub started: u64,
    /// Ended well.
    pub completed: u64,
    /// Ended with an error or a panic.
    pub failed: u64,
    /// Never begun, by the policy `skip`.
    pub skipped: u64,
    /// Due before the cut and never begun.
    pub unstarted: u64,
    /// Begun and dropped at the drain deadline.
    pub abandoned: u64,
}

impl Counts {
    /// Cycles that are over, one way or another: what the backlog no longer holds.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.completed + self.failed + self.skipped + self.unstarted + self.abandoned
    }

    /// Cycles begun and not over.
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

/// Cycles that ended alike, in columns of equal length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycles {
    /// start − due, in nanoseconds.
    #[serde(with = "crate::packed")]
    pub wait: Vec<u64>,
    /// end − start, in nanoseconds.
    #[serde(with = "crate::packed")]
    pub service: Vec<u64>,
}

/// Values of one metric, in the order of one thread's recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The metric's declared number.
    pub metric: u32,
    /// When they were recorded: warm-up values count in no result.
    pub phase: crate::Phase,
    /// In the metric's unit, or a sentinel of [`crate::value`].
    #[serde(with = "crate::packed")]
    pub values: Vec<u64>,
}

/// Failed cycles with one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleError {
    /// What the task said, or its panic.
    pub message: String,
    /// How many since the batch before.
    pub count: u64,
    /// The lowest index among them.
    pub first_cycle: u64,
    /// When they were due.
    pub phase: crate::Phase,
}

/// What the harness itself cost the cycles, so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harness {
    /// Cycles of the measured window that came due while no lease covered them.
    pub unleased: u64,
    /// For how long threads waited for the bus inside cycles or beside the loop, in nanoseconds, in
    /// the measured window: a cycle's service holds the first.
    pub stall_ns: u64,
    /// For how long the bus thread woke later than it asked for, in nanoseconds, once measured cycles
    /// had begun; only what is too long for a busy processor. The process got no time, or was stopped.
    pub stood_still_ns: u64,
    /// For how long the loop waited for room to record a cycle that had ended, in nanoseconds, in
    /// the measured window: no part of that cycle's service.
    pub stall_between_ns: u64,
}

/// A hook of the task that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Which one.
    pub hook: Hook,
    /// What it said, or its panic.
    pub message: String,
}

/// The hooks of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hook {
    /// Before the first cycle.
    Before,
    /// After the last.
    After,
}

/// The worker's account, for the primary to verify.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Drained {
    /// Cycles due before it were this worker's to run.
    pub cut: Time,
    /// What became of them.
    pub counts: PerPhase<Counts>,
    /// Cycles of either phase that ended well inside the measured window.
    pub delivered: u64,
    /// Cycles that ended well after the measured window's end, while draining.
    pub late: u64,
    /// The age of the youngest cycle that never ended, in nanoseconds: what its response is
    /// at least.
    pub censored_age_min_ns: Option<u64>,
    /// All that was emitted up to here.
    pub emitted: Emitted,
    /// The harness's own troubles.
    pub harness: Harness,
    /// The most cycles that ran at once.
    pub running_max: u64,
    /// When the cycles that were emitted were due, and when they ended. Missing in a closed loop.
    pub timeline: Option<Box<Timeline>>,
}

/// The worker's last words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// All that was emitted over the whole run, `after` included.
    pub emitted: Emitted,
}

/// How much was emitted, counted by the sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    /// Batches sent: the next one's sequence number.
    pub batches: u64,
    /// Cycles sent.
    pub cycles: u64,
    /// Values sent, by the metric's number.
    pub values: Vec<u64>,
}
