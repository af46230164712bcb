//! The processes that a run watches: found by id or by name, and held from then on.
//!
//! It refuses what would give wrong figures, with the way out: a process that has ended, this program
//! and those that started it, whose children the workers are, and a name that several processes have.
//! Their command lines are shown without secrets.

use crate::plan::WatchChoice;
use crate::primary::TargetProcess;
use crate::processes::{self, SystemProcess};
use crate::result::redact;

/// The most processes that an error lists.
const LISTED_MAX: usize = 8;
/// The most characters of a command line in that list.
const COMMAND_MAX: usize = 80;

/// Finds all chosen processes, and holds each of them once.
///
/// # Errors
/// If one of them can't be watched: the choice, and the remedy.
pub(super) fn find_all(choices: &[WatchChoice]) -> Result<Vec<TargetProcess>, String> {
    let mut found: Vec<TargetProcess> = Vec::new();
    for choice in choices {
        let process = find(choice).map_err(|remedy| format!("--watch {choice}: {remedy}"))?;
        // The same process may be chosen by its name and by its id.
        if found.iter().all(|known| known.pid() != process.pid()) {
            found.push(process);
        }
    }
    Ok(found)
}

/// Finds a chosen process, and holds it.
///
/// # Errors
/// If it can't be watched: the remedy.
pub(super) fn find(choice: &WatchChoice) -> Result<TargetProcess, String> {
    let own = own_line();
    let pid = match choice {
        WatchChoice::Pid(pid) => *pid,
        WatchChoice::Name(name) => named(name, &own)?,
    };
    if own.contains(&pid) {
        return Err(
            "this is the benchmark, or a process that started it: the workers would count \
                    as its children"
                .to_owned(),
        );
    }
    TargetProcess::hold(pid).map_err(|error| error.to_string())
}

/// Returns the id of the only process with this name that no other such process has started, and that
/// is not among `own`.
fn named(name: &str, own: &[u32]) -> Result<u32, String> {
    let all = processes::all();
    let has_name = |process: &&SystemProcess| {
        !process.is_zombie && !own.contains(&process.pid) && process.is_named(name)
    };
    let named: Vec<SystemProcess> = all.iter().filter(has_name).copied().collect();
    match heads(&all, &named)[..] {
        [] => Err("no process has this name: start it first, or give its id".to_owned()),
        [only] => Ok(only.pid),
        ref several => Err(listed(several)),
    }
}

/// Returns this process and those that started it.
fn own_line() -> Vec<u32> {
    let mut line = vec![std::process::id()];
    while let Some(parent) = line.last().copied().and_then(SystemProcess::of).map(|of| of.parent)
        && parent > 0
        && !line.contains(&parent)
    {
        line.push(parent);
    }
    line
}

/// Returns the processes among `named` that do not descend from another one of them: a server and the
/// processes that it has started are one target.
fn heads(all: &[SystemProcess], named: &[SystemProcess]) -> Vec<SystemProcess> {
    let is_child = |process: &SystemProcess| {
        let others = named.iter().map(|other| other.pid).filter(|pid| *pid != process.pid);
        processes::descendants(all, others).iter().any(|one| one.pid == process.parent)
    };
    named.iter().filter(|process| !is_child(process)).copied().collect()
}

/// Returns the error about several processes with one name.
fn listed(several: &[SystemProcess]) -> String {
    let line = |process: &SystemProcess| {
        let command = redact::command(&process.command()).join(" ");
        let mut short: String = command.chars().take(COMMAND_MAX).collect();
        if short.len() < command.len() {
            short.push('…');
        }
        format!("{} (`{short}`)", process.pid)
    };
    let lines: Vec<_> = several.iter().take(LISTED_MAX).map(line).collect();
    let more = match several.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "{} processes have this name: {}{more}; choose one by its id, such as `--watch {}`",
        several.len(),
        lines.join(", "),
        several[0].pid,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32) -> SystemProcess {
        let fields = format!("S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 0 5");
        SystemProcess::parse(pid, &format!("{pid} (server) {fields}")).expect("all fields")
    }

    fn pids(processes: &[SystemProcess]) -> Vec<u32> {
        processes.iter().map(|process| process.pid).collect()
    }

    #[test]
    fn a_server_and_the_processes_that_it_has_started_are_one_target() {
        // 20 is a shell between the server and its last child.
        let all =
            [process(1, 0), process(10, 1), process(11, 10), process(20, 10), process(21, 20)];
        assert_eq!(pids(&heads(&all, &[all[1], all[2], all[4]])), [10]);
        assert_eq!(pids(&heads(&all, &[all[2], all[4]])), [11, 21]);
        assert_eq!(pids(&heads(&all, &[all[1]])), [10]);
        assert!(heads(&all, &[]).is_empty());
    }

    #[test]
    fn several_processes_are_listed_with_the_way_out() {
        let (missing, line) = (u32::MAX, "(``)");
        let two = [process(missing - 1, 1), process(missing, 1)];
        assert_eq!(
            listed(&two),
            format!(
                "2 processes have this name: {} {line}, {missing} {line}; choose one by its id, such \
                 as `--watch {}`",
                missing - 1,
                missing - 1
            )
        );
        let many: Vec<_> = (0..11).map(|pid| process(missing - pid, 1)).collect();
        assert!(listed(&many).contains(", and 3 more; choose one"), "{}", listed(&many));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_benchmark_and_those_that_started_it_are_refused() {
        let own = own_line();
        for &pid in &own {
            let error = find(&WatchChoice::Pid(pid)).expect_err("an ancestor");
            assert!(error.contains("a process that started it"), "{error}");
        }
        let name = SystemProcess::of(std::process::id()).expect("it runs").name();
        // Other tests may have the same name; this one is never found.
        assert_ne!(named(&name, &own), Ok(std::process::id()));
    }

    #[test]
    fn a_process_that_does_not_exist_is_refused_by_its_choice() {
        let choice = WatchChoice::Name("no such process".into());
        let error = find_all(&[choice]).expect_err("it does not exist");
        assert_eq!(
            error,
            "--watch no such process: no process has this name: start it first, or give its id"
        );
    }
}
