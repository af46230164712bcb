//! What a run is given, and what it tells its workers of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use dyno_bus::clock;
use dyno_bus::message::{BacklogMax, Start};

use super::beat;
use super::plan::{OnBacklog, Plan, Rate};
use super::remote::Remote;

/// All that a run needs beside its plan.
pub struct Launch {
    /// What to do.
    pub plan: Plan,
    /// The workers' program.
    pub worker_exe: PathBuf,
    /// Its command line, its name first; where it is empty, its name alone.
    pub worker_line: Vec<OsString>,
    /// Whether this process is ours.
    pub reach: Reach,
    /// By which the run can be steered.
    pub remote: Remote,
}

/// How far a run may reach into the process that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is ours: signals are taken over and orphans adopted.
    Process,
    /// It is someone else's: nothing of it is touched.
    Guest,
}

/// A number that no other run has: it tells this run's processes from all others.
pub(super) fn nonce() -> u64 {
    use std::hash::{BuildHasher, RandomState};

    // The standard library's own source of randomness.
    RandomState::new().hash_one((std::process::id(), clock::now()))
}

/// The period of each loop-lag probe of a few workers. A prime of milliseconds, for rates are round:
/// a probe that keeps step with the cycles always meets the same part of them.
const PROBE_PERIOD: Duration = Duration::from_millis(31);
/// So many probes fire a hundred times a second together. Where there are more each fires less often.
const PROBES: u32 = 3;
/// The workers together send so often at most, unless their rings fill before; each no more often
/// than the primary beats.
const FLUSH_PERIOD: Duration = Duration::from_millis(10);
/// The longest that a worker keeps what it has.
const FLUSH_PERIOD_MAX: Duration = Duration::from_millis(500);

/// What every worker is told of the plan.
pub(super) fn start_of(plan: &Plan) -> Start {
    let flush = (FLUSH_PERIOD * plan.workers).clamp(beat::period(plan), FLUSH_PERIOD_MAX);
    Start {
        workers: plan.workers,
        parameters: parameters_of(plan),
        in_flight_max: plan.in_flight,
        backlog_max: backlog_max(plan),
        pacing: plan.pacing,
        window_ns: window_ns(plan),
        probe_period_ns: clock::nanos(PROBE_PERIOD * plan.workers.div_ceil(PROBES)),
        flush_period_ns: clock::nanos(flush),
        drain_deadline_ns: clock::nanos(plan.deadlines.drain),
        spans: plan.spans.clone(),
    }
}

/// The task's parameters as every worker gets them: a JSON object.
pub(crate) fn parameters_of(plan: &Plan) -> String {
    serde_json::Value::Object(plan.task.clone()).to_string()
}

/// What one worker skips by, if it does: its share of the limit.
pub(super) fn backlog_max(plan: &Plan) -> Option<BacklogMax> {
    let limit = plan.backlog_limit(0, 0).filter(|_| plan.on_backlog == OnBacklog::Skip)?;
    let share = |limit: u64| limit.div_ceil(plan.workers.into());
    let (waiting, total) = (share(limit.waiting), share(limit.total));
    Some(match plan.max_backlog {
        Some(_) => BacklogMax::Total(total),
        None => BacklogMax::AboveWarmup { waiting, total },
    })
}

/// The length of the window that workers keep a timeline of: none in a closed loop.
pub(super) fn window_ns(plan: &Plan) -> u64 {
    match plan.rate {
        Rate::PerSecond(_) => clock::nanos(plan.duration),
        Rate::Max => 0,
    }
}
