//! Orphans: processes that outlive the process of a worker that started them.
//!
//! A primary that owns its process adopts the orphans of its workers. An orphan that ends during
//! the run is reaped within a moment: otherwise a task that leaves a process behind in each cycle
//! would use up the process ids. An orphan that is alive at the run's end is killed.
//!
//! A process is the run's if it carries the run's mark in its environment, or if the primary has
//! adopted it since the first worker was started. A process is the user's, and left alone, if it
//! existed before the first worker, descends from a process that did, or is in the session of one:
//! a server that `.before` has started in the background stays until `.after` stops it. Processes
//! in the primary's own session are the user's too, for example those that other threads of the
//! program start: each worker has a different session.

use std::collections::HashSet;
use std::time::Duration;

use dyno_bus::Time;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;

use crate::identity::run_mark;
use crate::processes::{self, SystemProcess};

/// The time between two calls that reap ended orphans.
const REAP_PERIOD: Duration = Duration::from_millis(100);
/// The most generations of orphans that are looked for: killing a process makes its children ours.
const GENERATIONS_MAX: usize = 64;

/// The orphans of one run.
#[derive(Debug)]
pub(crate) struct Orphans {
    /// The beginning of every mark of the run.
    mark: String,
    own: u32,
    /// The user's processes: those that existed before the first worker, without this one.
    users: Vec<SystemProcess>,
    /// The sessions of these processes, and this process's session.
    users_sessions: HashSet<u32>,
    next_reap: Time,
}

impl Orphans {
    /// Lets this process adopt the orphans of its children, before the first worker is started.
    ///
    /// # Errors
    /// If the kernel refuses to make this process a subreaper.
    pub(crate) fn adopt(nonce: u64) -> std::io::Result<Self> {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_child_subreaper(true)?;
        let own = std::process::id();
        // Most programs have no child yet, and reading all processes would delay the workers.
        let all = if processes::has_child() {
            processes::all()
        } else {
            SystemProcess::of(own).into_iter().collect()
        };
        let mut users = processes::descendants(&all, std::iter::once(own));
        let users_sessions = users.iter().map(|process| process.session).collect();
        users.retain(|process| process.pid != own);
        Ok(Self { mark: run_mark(nonce), own, users, users_sessions, next_reap: Time::ZERO })
    }

    /// Reaps the orphans that have ended, if it is time. `workers` are left to the driver.
    pub(crate) fn reap(&mut self, now: Time, workers: impl Iterator<Item = u32>) {
        if now < self.next_reap {
            return;
        }
        self.next_reap = now + REAP_PERIOD;
        let workers: Vec<u32> = workers.collect();
        let is_reaped = |pid: u32| {
            let is_ours =
                |process: SystemProcess| !workers.contains(&pid) && !self.is_users(&process);
            SystemProcess::of(pid).is_some_and(is_ours)
                && wait_for(Pid::from_raw(pid.cast_signed()))
        };
        while let Some(pid) = ended_child(None) {
            if !is_reaped(pid) {
                // A child that is not ours hides the others from that call, so each worker's group
                // is searched too: most orphans are in the group of the worker that started them.
                for group in &workers {
                    while ended_child(Some(*group)).is_some_and(is_reaped) {}
                }
                return;
            }
        }
    }

    /// Kills and reaps all orphans that are left once every worker has ended. Returns the ids of
    /// those that were alive, without those that were killed with their worker's group.
    pub(crate) fn sweep(&self, workers: impl Iterator<Item = u32>) -> Vec<u32> {
        // Every process of these groups has been sent SIGKILL: this waits for the kernel only.
        workers.for_each(|group| while wait_for(Pid::from_raw(-group.cast_signed())) {});
        let mut killed = Vec::new();
        for _ in 0..GENERATIONS_MAX {
            let all = processes::all();
            let users = self.users_of(&all);
            let is_ours = |process: &&SystemProcess| {
                process.pid != self.own
                    && (process.parent == self.own && !users.contains(&process.pid)
                        || process.is_marked(|mark| mark.starts_with(&self.mark)))
            };
            let left: Vec<_> = all.iter().filter(is_ours).collect();
            if left.is_empty() {
                break;
            }
            for process in left {
                let pid = Pid::from_raw(process.pid.cast_signed());
                if !process.is_zombie {
                    killed.push(process.pid);
                    // Its id can't have passed to another process: it is our child, and not reaped.
                    let _gone = kill(pid, Signal::SIGKILL);
                }
                wait_for(pid);
            }
        }
        killed.sort_unstable();
        killed.dedup();
        killed
    }

    /// Returns the ids of the user's processes among `all`.
    fn users_of(&self, all: &[SystemProcess]) -> HashSet<u32> {
        let below = processes::descendants(all, std::iter::once(self.own));
        let roots = below.iter().filter(|one| one.pid != self.own && self.is_users(one));
        let users = processes::descendants(&below, roots.map(|process| process.pid));
        users.iter().map(|process| process.pid).collect()
    }

    fn is_users(&self, process: &SystemProcess) -> bool {
        self.users.iter().any(|user| user.is_same(process))
            || self.users_sessions.contains(&process.session)
    }
}

/// Returns the id of a child that has ended and is not reaped, in process group `group` if given.
fn ended_child(group: Option<u32>) -> Option<u32> {
    let id = group.map_or(Id::All, |group| Id::PGid(Pid::from_raw(group.cast_signed())));
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    // It is not an error here if no child exists.
    waitid(id, flags).ok()?.pid().map(|pid| pid.as_raw().cast_unsigned())
}

/// Reaps a child, or one of a group. Returns `false` if no such child exists.
fn wait_for(id: Pid) -> bool {
    matches!(waitpid(id, None), Ok(_) | Err(Errno::EINTR))
}
