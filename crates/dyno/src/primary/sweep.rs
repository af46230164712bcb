//! What a worker left behind: daemons that escaped its process group.
//!
//! A primary that owns its process adopts the orphans of its workers. Every process that a worker
//! started inherits the run's nonce in its environment; at the end of the run, whatever still
//! carries it is killed and reaped. What was killed with a worker's group is reaped too: children
//! that the user's own code started in the primary are in no such group, and left alone.

/// Lets this process adopt the orphans of its children.
#[cfg(target_os = "linux")]
pub(super) fn adopt_orphans() -> std::io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true).map_err(Into::into)
}

/// Elsewhere orphans go to the system, and none is found.
#[cfg(not(target_os = "linux"))]
pub(super) fn adopt_orphans() -> std::io::Result<()> {
    Ok(())
}

/// Reaps what the workers' groups left when they were killed. Each group has its worker's id.
pub(super) fn reap(groups: impl Iterator<Item = u32>) {
    use nix::errno::Errno;
    use nix::sys::wait::waitpid;
    use nix::unistd::Pid;

    for group in groups {
        // All of them have been sent SIGKILL: it waits for no more than the kernel.
        while matches!(
            waitpid(Pid::from_raw(-group.cast_signed()), None),
            Ok(_) | Err(Errno::EINTR)
        ) {}
    }
}

/// Kills and reaps every process that carries the run's nonce; their ids.
#[cfg(target_os = "linux")]
pub(super) fn sweep(nonce: u64) -> Vec<u32> {
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::waitpid;
    use nix::unistd::Pid;

    let needle = format!(":{nonce:016x}:");
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let carries = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let prefix = format!("{}=", crate::identity::VARIABLE);
        environment.split(|byte| *byte == 0).any(|variable| {
            let variable = String::from_utf8_lossy(variable);
            variable.starts_with(&prefix) && variable.contains(&needle)
        })
    };
    let left: Vec<u32> = pids.filter(|pid| *pid != own).filter(carries).collect();
    for pid in &left {
        let pid = Pid::from_raw(pid.cast_signed());
        // Its id can't have passed to another: it is our child by now, and not reaped.
        if kill(pid, Signal::SIGKILL).is_ok() {
            let _not_ours = waitpid(pid, None);
        }
    }
    left
}

/// Elsewhere nothing is known of other processes.
#[cfg(not(target_os = "linux"))]
pub(super) fn sweep(_nonce: u64) -> Vec<u32> {
    Vec::new()
}
