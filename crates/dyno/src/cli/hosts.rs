//! The hosts that a command line requests: checked before anything is started.

use std::path::PathBuf;

use dyno_summary::Verdict;

use super::args::HostFlags;
use crate::bench::Bench;
use crate::hosts::{HostCheck, Hosts, Launcher, LauncherError};
use crate::report;
use crate::settings::{Setting, Settings};

/// The reason why no run on several hosts begins.
#[derive(Debug, thiserror::Error)]
pub(super) enum HostsRefusal {
    #[error(transparent)]
    Launcher(#[from] LauncherError),
    #[error("{input}: {remedy}; leave it out, or leave out --hosts")]
    Setting { input: String, remedy: &'static str },
    #[error(
        "--hosts-env {name}: the variable is not set here, or is not UTF-8; set it, or leave it out"
    )]
    Variable { name: String },
    #[error(".worker_exe({}): the hosts run this program; leave that out, or leave out --hosts", path.display())]
    WorkerExe { path: PathBuf },
    #[error("--hosts-exe {}: {source}; name the program for the hosts", path.display())]
    Exe { path: PathBuf, source: std::io::Error },
}

/// Returns the hosts that these flags request, for runs with these settings; `None` for this host
/// alone.
///
/// # Errors
/// If a host can't be named so, or a setting does not go with others.
pub(super) fn requested(
    flags: &HostFlags,
    settings: &Settings,
    bench: &Bench,
) -> Result<Option<Hosts>, HostsRefusal> {
    let Some(list) = &flags.hosts else { return Ok(None) };
    let refused = [
        (Setting::Share, "the hosts get their shares by themselves"),
        (Setting::Watch, "a process of this host is not on the others"),
    ];
    for (setting, remedy) in refused {
        if settings.text(setting).is_some() {
            return Err(HostsRefusal::Setting { input: settings.input(setting), remedy });
        }
    }
    let launchers = Launcher::read(list, flags.hosts_via.as_deref())?;
    if let Some(path) = &flags.hosts_exe {
        let readable = std::fs::File::open(path);
        readable.map_err(|source| HostsRefusal::Exe { path: path.clone(), source })?;
    }
    if let Some(path) = &bench.worker_exe {
        return Err(HostsRefusal::WorkerExe { path: path.clone() });
    }
    let variable = |name: &String| match std::env::var(name) {
        Ok(value) => Ok((name.clone(), value)),
        Err(_) => Err(HostsRefusal::Variable { name: name.clone() }),
    };
    let variables = flags.hosts_env.iter().map(variable).collect::<Result<_, _>>()?;
    let (exe, words) = (flags.hosts_exe.as_deref(), bench.words.clone());
    Ok(Some(Hosts::new(launchers, exe, words, (settings.clone(), variables))))
}

/// Prints what a look at the hosts has found, and returns the exit code.
pub(super) fn show(checks: &[HostCheck]) -> i32 {
    let row = |check: &HostCheck| match &check.found {
        Ok((facts, clock, workers)) => vec![
            check.name.clone(),
            workers.to_string(),
            format!("{:+.3} s", clock.offset_ns as f64 / 1e9),
            format!("{:.3} ms", clock.bound_ns as f64 / 1e6),
            facts.disk_free.map_or(String::new(), |free| format!("{:.1} GB", free as f64 / 1e9)),
            format!("{} × {}", facts.cores, facts.processor),
        ],
        Err(reason) => vec![check.name.clone(), format!("error: {reason}")],
    };
    let head = ["host", "workers", "clock", "± at most", "free disk", "processor"];
    let rows: Vec<_> = checks.iter().map(row).collect();
    for line in report::table(&head, &rows).lines() {
        report::print_line(line);
    }
    let is_well = checks.iter().all(|check| check.found.is_ok());
    if is_well { 0 } else { Verdict::Error.exit_code(None) }
}
