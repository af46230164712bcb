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

/// The names of all of them.
pub const ALL: [&str; 10] =
    [WAIT, SERVICE, RESPONSE, LOOP_LAG, CPU, RSS, ISSUED, COMPLETED, BACKLOG, UPTIME];
