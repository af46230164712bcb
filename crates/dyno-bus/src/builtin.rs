//! The names of dyno's own metrics, which no metric of a user may have.

/// The time from a cycle's due time to its start. Open loop only.
pub const WAIT: &str = "wait";
/// The time from a cycle's start to its end.
pub const SERVICE: &str = "service";
/// The time from a cycle's due time to its end: [`WAIT`] + [`SERVICE`].
pub const RESPONSE: &str = "response";
/// The time by which a periodic timer on a process's event loop is late.
pub const LOOP_LAG: &str = "loop_lag";
/// The processor time of a worker, as a share of one core.
pub const CPU: &str = "cpu";
/// The resident memory of a worker.
pub const RSS: &str = "rss";
/// The cycles issued so far, by the primary.
pub const ISSUED: &str = "issued";
/// The cycles completed so far, by the primary.
pub const COMPLETED: &str = "completed";
/// The cycles due and not ended, by the primary.
pub const BACKLOG: &str = "backlog";
/// The time since the primary's start.
pub const UPTIME: &str = "uptime";

/// The share of time that the machine's processors had nothing to do, over all of them.
pub const MACHINE_IDLE: &str = "machine.idle";
/// The processor time of the target and its children, as a share of one core.
pub const TARGET_CPU: &str = "target.cpu";
/// The processor time of the target's busiest thread, as a share of one core.
pub const TARGET_CPU_THREAD_MAX: &str = "target.cpu_thread_max";
/// The resident memory of the target and its children.
pub const TARGET_RSS: &str = "target.rss";
/// The number of threads of the target and its children.
pub const TARGET_THREADS: &str = "target.threads";
/// The context switches of the target's threads in a second, voluntary and involuntary ones.
pub const TARGET_CONTEXT_SWITCHES: &str = "target.context_switches";
/// The involuntary context switches of the target's threads in a second: the kernel took the
/// processor from a thread that could go on.
pub const TARGET_PREEMPTIONS: &str = "target.preemptions";
/// The time for which the target's threads could run and waited for a processor, as a share of one
/// core.
pub const TARGET_RUN_QUEUE_DELAY: &str = "target.run_queue_delay";

/// The names of the metrics of the run's surroundings: the machine and the target. The primary
/// records them for the whole run.
pub const SURROUNDINGS: [&str; 8] = [
    MACHINE_IDLE,
    TARGET_CPU,
    TARGET_CPU_THREAD_MAX,
    TARGET_RSS,
    TARGET_THREADS,
    TARGET_CONTEXT_SWITCHES,
    TARGET_PREEMPTIONS,
    TARGET_RUN_QUEUE_DELAY,
];

/// The names of the metrics of dyno's own processes.
const OF_PROCESSES: [&str; 10] =
    [WAIT, SERVICE, RESPONSE, LOOP_LAG, CPU, RSS, ISSUED, COMPLETED, BACKLOG, UPTIME];

/// The names of all of them.
pub const ALL: [&str; OF_PROCESSES.len() + SURROUNDINGS.len()] = {
    let mut all = [""; OF_PROCESSES.len() + SURROUNDINGS.len()];
    let (of_processes, surroundings) = all.split_at_mut(OF_PROCESSES.len());
    of_processes.copy_from_slice(&OF_PROCESSES);
    surroundings.copy_from_slice(&SURROUNDINGS);
    all
};
