//! The input of a run, and the messages that its workers get from it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use dyno_bus::backlog::BacklogRule;
use dyno_bus::clock;
use dyno_bus::message::Start;

use super::remote::Remote;
use super::target::TargetProcess;
use crate::plan::{OnBacklog, Plan, sampling};

/// All that a run needs in addition to its plan.
pub(crate) struct Launch {
    /// The plan to follow.
    pub plan: Plan,
    /// The workers' program.
    pub worker_exe: PathBuf,
    /// Its command line, beginning with its name. If it is empty, the workers get the program's
    /// name alone.
    pub worker_line: Vec<OsString>,
    /// The variables that workers get in addition to this process's own.
    pub variables: Vec<(String, String)>,
    /// The extent to which the run may change this process.
    pub reach: ProcessOwnership,
    /// The handle that steers the run.
    pub remote: Remote,
    /// The one who decides when the run begins, and when a limit is passed.
    pub conduct: Conduct,
    /// The processes whose usage becomes metrics.
    pub targets: Vec<TargetProcess>,
}

/// The one who decides when a run begins, and when a limit is passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// The run itself: it begins once all workers are ready, and ends at a limit.
    #[default]
    Own,
    /// The holder of its [`Remote`]: the run is one host's part of a larger one.
    Remote,
}

/// The extent to which a run may change the process that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessOwnership {
    /// The process is ours: signals are taken over and orphans adopted.
    Process,
    /// The process is someone else's: nothing in it is changed.
    Guest,
}

/// Returns a number that no other run has. It tells this run's processes from all others.
pub(crate) fn nonce() -> u64 {
    use std::hash::{BuildHasher, RandomState};

    // The standard library's own source of randomness needs no dependency.
    RandomState::new().hash_one((std::process::id(), clock::now()))
}

/// The period of each loop-lag probe if there are few workers. It is a prime of milliseconds
/// because rates are round: a probe that keeps step with the cycles always meets the same part of
/// them.
const PROBE_PERIOD: Duration = Duration::from_millis(31);
/// The most workers whose probes have this period: together they fire about a hundred times a
/// second. With more workers, each fires less often.
const PROBES: u32 = 3;
/// The least time between two batches of all workers together, on average, unless their rings fill
/// before. No worker sends more often than the primary beats.
const FLUSH_PERIOD: Duration = Duration::from_millis(10);
/// The longest time that a worker keeps values before it sends them.
const FLUSH_PERIOD_MAX: Duration = Duration::from_millis(500);

/// Returns the part of the plan that every worker gets at its start.
pub(crate) fn start_of(plan: &Plan) -> Start {
    let flush = (FLUSH_PERIOD * plan.workers).clamp(sampling::period(plan), FLUSH_PERIOD_MAX);
    Start {
        workers: plan.workers_of_run(),
        parameters: parameters_of(plan),
        in_flight_max: plan.in_flight,
        backlog_max: backlog_max(plan),
        pacing: plan.pacing,
        probe_period_ns: clock::nanos(PROBE_PERIOD * plan.workers.div_ceil(PROBES)),
        flush_period_ns: clock::nanos(flush),
        drain_deadline_ns: clock::nanos(plan.deadlines.drain),
        spans: plan.spans.clone(),
    }
}

/// Returns the task's parameters as every worker gets them: a JSON object.
pub(crate) fn parameters_of(plan: &Plan) -> String {
    serde_json::Value::Object(plan.task.clone()).to_string()
}

/// Returns one worker's share of the limit at which cycles are skipped; `None` if the plan skips
/// none.
pub(crate) fn backlog_max(plan: &Plan) -> Option<BacklogRule> {
    let rule = plan.backlog_rule().filter(|_| plan.on_backlog == OnBacklog::Skip)?;
    Some(rule.share(plan.workers))
}
