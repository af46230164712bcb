//! The invariants of every run, successful or not: no process and no temporary file is left, and
//! the sums are true.

use std::path::Path;
use std::sync::{LazyLock, Once};
use std::time::Duration;

use dyno::Summary;
use dyno::summary::Fates;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::{Ended, until};

/// The longest that the kernel may take to remove a killed process.
const GONE_DEADLINE: Duration = Duration::from_secs(2);

/// The JSON schema of the summary.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../../docs/summary.schema.json");
    let schema = serde_json::from_str(text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
});

/// Makes this process adopt the orphans of its programs, so that no zombie goes unseen.
pub(super) fn adopt_orphans() {
    static ADOPT: Once = Once::new();
    ADOPT.call_once(|| nix::sys::prctl::set_child_subreaper(true).expect("Linux"));
}

/// The state of a process, as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It runs, or waits for something.
    Alive,
    /// It is stopped by a signal or by a tracer.
    Stopped,
    /// It has ended and is not reaped yet.
    Zombie,
    /// It has ended and is reaped.
    Gone,
}

#[derive(Debug, Clone)]
struct Stat {
    pid: u32,
    #[expect(dead_code, reason = "shown where a test fails")]
    name: String,
    state: State,
    parent: u32,
    session: u32,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may contain anything.
        let (head, rest) = text.rsplit_once(") ")?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<_> = rest.split(' ').collect();
        let state = match fields[0] {
            "T" | "t" => State::Stopped,
            "Z" | "X" => State::Zombie,
            _ => State::Alive,
        };
        let number = |field: usize| fields[field].parse().ok();
        Some(Self { pid, name: name.into(), state, parent: number(1)?, session: number(3)? })
    }
}

fn all() -> Vec<Stat> {
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Stat::of).collect()
}

/// Returns the state of a process.
pub(crate) fn state_of(pid: u32) -> State {
    Stat::of(pid).map_or(State::Gone, |stat| stat.state)
}

/// Returns the processes that have this home folder, without zombies.
pub(crate) fn processes_at(home: &Path) -> Vec<u32> {
    let variable = format!("HOME={}", home.display());
    let is_there = |stat: &Stat| {
        let environment = std::fs::read(format!("/proc/{}/environ", stat.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes())
    };
    let found = all().into_iter().filter(|stat| stat.state != State::Zombie && is_there(stat));
    found.map(|stat| stat.pid).collect()
}

/// Returns the processor time that a process has used, in hundredths of a second; 0 if it is gone.
pub(crate) fn processor_time(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect::<Vec<_>>());
    let number = |field: &str| field.parse::<u64>().ok();
    fields.and_then(|fields| Some(number(fields[11])? + number(fields[12])?)).unwrap_or(0)
}

/// Returns the processes of a benchmark's session, and those that left the session but carry its
/// mark in their environment.
pub(crate) fn processes_of(primary: u32) -> Vec<u32> {
    stats_of(primary).into_iter().map(|stat| stat.pid).collect()
}

fn stats_of(primary: u32) -> Vec<Stat> {
    let mark = format!("DYNO_WORKER={primary}:");
    let carries = |stat: &Stat| {
        let environment = std::fs::read(format!("/proc/{}/environ", stat.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes()))
    };
    all().into_iter().filter(|stat| stat.session == primary || carries(stat)).collect()
}

/// Returns the children of a process, without zombies.
pub(super) fn children_of(parent: u32) -> Vec<u32> {
    let children = all().into_iter().filter(|stat| stat.parent == parent);
    children.filter(|stat| stat.state != State::Zombie).map(|stat| stat.pid).collect()
}

/// Counts the children of a process that have ended and are not reaped yet.
pub(crate) fn zombies_of(parent: u32) -> usize {
    all().iter().filter(|stat| stat.parent == parent && stat.state == State::Zombie).count()
}

/// Asserts that a primary that ended by itself left no process, alive or zombie.
#[track_caller]
pub(super) fn check_processes(primary: u32) {
    let left = stats_of(primary);
    assert!(left.is_empty(), "left behind by {primary}: {left:?}");
}

/// Reaps the processes that a killed primary could not reap; returns `true` if none of its
/// processes is alive.
pub(super) fn reap_orphans(primary: u32) -> bool {
    let left = stats_of(primary);
    let (dead, alive): (Vec<_>, Vec<_>) =
        left.into_iter().partition(|stat| stat.state == State::Zombie);
    for stat in dead.iter().filter(|stat| stat.parent == std::process::id()) {
        let pid = Pid::from_raw(stat.pid.cast_signed());
        // An earlier call may have reaped it.
        let _reaped = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    }
    alive.is_empty()
}

/// Asserts that no temporary file is left, and no unfinished file in the run's folder.
#[track_caller]
pub(super) fn check_files(folder: &Path, ended: &Ended) {
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let temporary = names(&folder.join("tmp"));
    assert!(temporary.is_empty(), "temporary files are left: {temporary:?}");
    let mut unfinished = names(&folder.join("out"));
    unfinished.retain(|name| name.starts_with('.'));
    assert!(unfinished.is_empty(), "unfinished files are left: {unfinished:?}; {ended:#?}");
}

/// Reads the summary on standard output, and asserts that it matches its schema, that its sums are
/// true, and that its workers are gone.
#[track_caller]
pub(super) fn check_summary(ended: &Ended) -> Summary {
    let value: serde_json::Value = match serde_json::from_str(&ended.stdout) {
        Ok(value) => value,
        Err(error) => panic!("one JSON object is expected: {error}; {ended:#?}"),
    };
    if let Err(error) = SCHEMA.validate(&value) {
        panic!("not of the schema: {error} at {}; {ended:#?}", error.instance_path());
    }
    let summary: Summary = serde_json::from_value(value).expect("a summary");
    for cycles in [summary.cycles, summary.warmup] {
        assert_adds_up(cycles);
    }
    assert_eq!(Some(summary.exit_code), ended.status.code(), "{ended:#?}");
    assert!(!summary.reasons.is_empty(), "a verdict says why: {ended:#?}");
    let errors: u64 = summary.errors.iter().map(|error| error.count).sum();
    assert!(errors <= summary.cycles.failed, "{ended:#?}");
    for worker in summary.workers.iter().filter_map(|worker| worker.pid) {
        until("a worker is gone", GONE_DEADLINE, || super::state_of(worker) == State::Gone);
    }
    summary
}

/// Asserts that the issued cycles are the sum of all outcomes.
#[track_caller]
pub(crate) fn assert_adds_up(cycles: Fates) {
    let Fates { issued, completed, failed, skipped, unstarted, abandoned, lost, .. } = cycles;
    let sum = completed + failed + skipped + unstarted + abandoned + lost;
    assert_eq!(issued, sum, "{cycles:?}");
}
