//! The processes of this machine, read from `/proc`. On systems other than Linux none are found.
//!
//! Nothing here sends a signal: the caller decides what to do with a process.

#[cfg(target_os = "linux")]
pub(crate) mod pidfd;
pub(crate) mod usage;

use std::collections::HashSet;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use self::usage::ProcessTotals;
use crate::identity::MARK_VARIABLE;

/// One process, as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SystemProcess {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) session: u32,
    /// `true` if it has ended and its parent has not reaped it.
    pub(crate) is_zombie: bool,
    /// Its start, in the kernel's ticks since boot. It differs between two processes that had the
    /// same id one after the other.
    started: u64,
    pub(crate) totals: ProcessTotals,
}

impl SystemProcess {
    /// Returns the process with this id, if there is one.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        // A name may have any bytes.
        let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(pid, &String::from_utf8_lossy(&text))
    }

    /// Reads the fields of proc_pid_stat(5).
    pub(crate) fn parse(pid: u32, text: &str) -> Option<Self> {
        // The name is in parentheses, and may itself contain parentheses and blanks.
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let number = |field: usize| fields.get(field)?.trim().parse::<u64>().ok();
        Some(Self {
            pid,
            parent: number(1)? as u32,
            session: number(3)? as u32,
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            started: number(19)?,
            totals: ProcessTotals::parse(&fields),
        })
    }

    /// Returns `true` if `other` is this process, seen at another time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.pid, self.started) == (other.pid, other.started)
    }

    /// Returns `true` if its environment has a mark for which `is_wanted` returns `true`.
    pub(crate) fn is_marked(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        let environment = std::fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| {
            let variable = String::from_utf8_lossy(variable);
            let mark = variable.strip_prefix(MARK_VARIABLE).and_then(|rest| rest.strip_prefix('='));
            mark.is_some_and(&is_wanted)
        })
    }

    /// Returns the name that the kernel shows, at most 15 bytes of it; empty if the process has
    /// gone.
    pub(crate) fn name(&self) -> String {
        let name = std::fs::read(format!("/proc/{}/comm", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned()
    }

    /// Returns its command line; empty for a thread of the kernel, and if the process has gone.
    pub(crate) fn command(&self) -> Vec<String> {
        let line = std::fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// Returns `true` if this is its name, or the name of the file in its command line.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let is_file = || {
            let command = self.command();
            command.first().is_some_and(|word| word.rsplit('/').next() == Some(name))
        };
        self.name() == name || is_file()
    }
}

/// Returns `true` if this process has a child, dead or alive.
pub(crate) fn has_child() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    waitid(Id::All, flags) != Err(Errno::ECHILD)
}

/// Returns all processes; empty if `/proc` can't be read.
pub(crate) fn all() -> Vec<SystemProcess> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(SystemProcess::of).collect()
}

/// Returns the processes in `all` that descend from one of `roots`, and the roots themselves.
pub(crate) fn descendants(
    all: &[SystemProcess],
    roots: impl Iterator<Item = u32>,
) -> Vec<SystemProcess> {
    let mut pids: HashSet<u32> = roots.collect();
    loop {
        let before = pids.len();
        pids.extend(
            all.iter()
                .filter(|one| pids.contains(&one.parent))
                .map(|one| one.pid)
                .collect::<Vec<_>>(),
        );
        if pids.len() == before {
            return all.iter().filter(|one| pids.contains(&one.pid)).copied().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> SystemProcess {
        let totals = ProcessTotals::default();
        SystemProcess { pid, parent, session: 1, is_zombie: false, started: 0, totals }
    }

    #[test]
    fn a_name_with_parentheses_confuses_no_field() {
        let fields = "S 7 8 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 8192 100";
        for name in ["sleep", "a) b", ") S 1 2 3 ("] {
            let found = SystemProcess::parse(42, &format!("42 ({name}) {fields}"));
            let (started, totals) = (
                4711,
                ProcessTotals { own_ticks: 11, reaped_ticks: 15, threads: 1, rss_pages: 100 },
            );
            let (pid, parent, session) = (42, 7, 9);
            let expected =
                SystemProcess { pid, parent, session, is_zombie: false, started, totals };
            assert_eq!(found, Some(expected), "{name}");
        }
        assert_eq!(SystemProcess::parse(42, "42 (sleep"), None);
    }

    #[test]
    fn descendants_are_found_in_any_order() {
        let all = [process(5, 4), process(2, 1), process(4, 2), process(3, 1), process(1, 0)];
        let mut found: Vec<u32> =
            descendants(&all, [2].into_iter()).iter().map(|process| process.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [2, 4, 5]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_found_with_its_parent() {
        let own = std::process::id();
        let found = all().into_iter().find(|process| process.pid == own).expect("it runs");
        assert_eq!(i64::from(found.parent), i64::from(nix::unistd::getppid().as_raw()));
        assert!(!found.is_zombie);
        let program = std::env::current_exe().expect("it runs");
        let file = program.file_name().and_then(|name| name.to_str()).expect("a plain name");
        assert!(file.starts_with(&found.name()) && !found.name().is_empty(), "{}", found.name());
        assert!(
            found.is_named(file) && found.is_named(&found.name()) && !found.is_named("no such")
        );
    }
}
