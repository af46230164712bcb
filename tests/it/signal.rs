//! Tests of signals to the primary: the first one drains, the second one kills, Ctrl-Z pauses.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use dyno_bus::clock;
use nix::sys::signal::Signal;

use crate::support::{
    BEHAVES, MISBEHAVES, Running, State, assert_says, benchmark, state_of, until,
};

const SECOND: Duration = Duration::from_secs(1);

/// Starts a run of 20 s, and waits until it runs cycles.
#[track_caller]
fn long_run() -> Running {
    let running = benchmark(MISBEHAVES).args("--duration 20s").logged().start();
    running.until_log(" cycle 20");
    running
}

#[test]
fn the_first_signal_drains_and_leaves_a_partial_report_with_exact_numbers() {
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
        (Signal::SIGQUIT, 131),
    ] {
        let running = long_run();
        running.signal(signal);
        let ended = running.end();
        let summary = ended.verdict(code, "interrupted");
        assert_says(&summary.reasons[0], &[signal.as_str(), "ended the run", "of 20s"]);
        // Exactly the cycles that the task logged.
        let cycles = summary.cycles;
        assert_eq!(cycles.completed as usize, ended.log.matches(" cycle ").count(), "{signal}");
        assert_eq!((cycles.failed, cycles.abandoned, cycles.lost), (0, 0, 0));
        assert_eq!(ended.log.matches(" after").count(), 3, "{ended:#?}");
        assert!(ended.elapsed < Duration::from_secs(8), "{ended:#?}");
    }
}

#[test]
fn the_second_signal_kills_everything_within_a_second() {
    let line = "-P how=hang -P at=cycle --duration 20s --drain-deadline 20s";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log("cycle");
    let begun = clock::now();
    running.signal(Signal::SIGINT);
    running.signal(Signal::SIGTERM);
    let ended = running.end();
    assert!(clock::now() - begun < SECOND, "{ended:#?}");
    let code = ended.status.code();
    assert!(code == Some(130) || code == Some(143), "the first to be read counts: {ended:#?}");
    let summary = ended.summary();
    assert_eq!(summary.verdict.name(), "interrupted");
    // Cycles that hang have reported nothing, so that all of them are counted as lost.
    assert_eq!(summary.cycles.completed, 0);
    assert_eq!(summary.cycles.lost, summary.cycles.issued);
    assert_eq!(ended.log.matches("worker 0 after").count(), 0);
}

#[test]
fn a_second_signal_reports_what_was_received() {
    let line = "-P how=pend -P at=after --duration 20s --after-deadline 20s";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log(" cycle 20");
    running.signal(Signal::SIGINT);
    running.until_log(" after");
    running.signal(Signal::SIGINT);
    let ended = running.end();
    let summary = ended.verdict(130, "interrupted");
    let count = ended.log.matches(" cycle ").count();
    assert_eq!(summary.cycles.completed as usize, count);
    assert_eq!(summary.cycles.lost, 0);
}

#[test]
fn a_signal_while_workers_start_ends_them_within_a_second() {
    let line = "-P how=hang -P at=before --workers 4";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log("before\nworker");
    let begun = clock::now();
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert!(clock::now() - begun < SECOND, "{ended:#?}");
    assert_eq!(ended.verdict(130, "interrupted").cycles.issued, 0);
}

#[test]
fn a_signal_at_any_moment_of_the_start_leaves_nothing() {
    // Each of these lines marks a different moment between the first spawn and the first cycle.
    for moment in ["primary before", "worker 0 before", "worker 1 before", " cycle 0"] {
        let running = benchmark(MISBEHAVES).args("--duration 20s").logged().start();
        running.until_log(moment);
        running.signal(Signal::SIGTERM);
        let ended = running.end();
        // Before the run begins, the signal has its default effect.
        if ended.status.code().is_some() {
            ended.verdict(143, "interrupted");
        }
        assert!(ended.elapsed < Duration::from_secs(8), "{moment}: {ended:#?}");
    }
}

#[test]
fn a_signal_during_the_drain_changes_nothing_but_the_verdict() {
    let line = "-P how=sleep -P us=800000 --rate 50 --duration 200ms";
    let running = benchmark(BEHAVES).args(line).args("--log-file log").start();
    running.until_log("draining");
    running.signal(Signal::SIGINT);
    let summary = running.end().verdict(130, "interrupted");
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (10, 10));
}

#[test]
fn a_signal_while_a_worker_dies_gives_one_report() {
    let line = "-P how=exit1 -P at=cycle -P worker=1 --duration 20s";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log("worker 1 cycle");
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert_says(&ended.error(), &["worker 1 (pid "]);
}

#[test]
fn the_first_signal_after_the_run_is_held_back_and_the_second_is_not() {
    let line = "-P how=hang -P at=primary-after";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log("primary after");
    running.signal(Signal::SIGINT);
    // The hook never ends, but dyno can't know that, and there may be a result to write after it.
    until("the first is taken", 5 * SECOND, || !is_pending(running.pid, Signal::SIGINT));
    assert_eq!(state_of(running.pid), State::Alive);
    running.signal(Signal::SIGINT);
    let ended = running.end();
    assert_eq!(ended.status.signal(), Some(Signal::SIGINT as i32), "{ended:#?}");
}

/// Returns `true` if a signal waits to be delivered to a process.
fn is_pending(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let masks = status.lines().filter_map(|line| line.strip_prefix("ShdPnd:"));
    let masks = masks.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    masks.fold(0, |all, mask| all | mask) & (1 << (signal as i32 - 1)) != 0
}

#[test]
fn ctrl_c_reaches_the_workers_through_the_primary_alone() {
    let running = long_run();
    let groups: Vec<_> = running.workers().into_iter().map(group_of).collect();
    assert_eq!(groups.len(), 2);
    assert!(!groups.contains(&group_of(running.pid)), "{groups:?}");
    assert_ne!(groups[0], groups[1]);
    running.signal(Signal::SIGINT);
    running.end().verdict(130, "interrupted");
}

fn group_of(pid: u32) -> i32 {
    let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
    nix::unistd::getpgid(Some(pid)).expect("it lives").as_raw()
}

#[test]
fn ctrl_z_stops_the_workers_too_and_the_pause_is_reported() {
    let running = benchmark(MISBEHAVES).args("--duration 1s").logged().start();
    running.until_log(" cycle 20");
    let all: Vec<_> = running.workers().into_iter().chain([running.pid]).collect();
    running.signal(Signal::SIGTSTP);
    for pid in &all {
        until("it is stopped", 5 * SECOND, || state_of(*pid) == State::Stopped);
    }
    let stopped = clock::now();
    until("100 ms", SECOND, || clock::now() - stopped > Duration::from_millis(100));
    running.signal(Signal::SIGCONT);
    let summary = running.end().verdict(4, "invalid");
    assert_says(&summary.reasons.join("\n"), &["the run was stopped once, for "]);
    assert_eq!(summary.harness.pauses.len(), 1);
    assert!(summary.harness.pauses[0] >= 100_000_000, "{summary:#?}");
    assert_eq!(summary.cycles.lost, 0);
}

#[test]
fn ctrl_z_while_workers_start_does_not_fail_the_run() {
    let running = benchmark(MISBEHAVES).logged().start();
    running.until_log("worker 0 before");
    running.signal(Signal::SIGTSTP);
    until("it is stopped", 5 * SECOND, || state_of(running.pid) == State::Stopped);
    running.signal(Signal::SIGCONT);
    let summary = running.end().summary();
    assert_eq!((summary.cycles.completed, summary.cycles.issued), (60, 60));
}

#[test]
fn a_stopped_run_can_be_ended_once_it_goes_on() {
    let running = long_run();
    running.signal(Signal::SIGTSTP);
    until("it is stopped", 5 * SECOND, || state_of(running.pid) == State::Stopped);
    running.signal(Signal::SIGINT);
    running.signal(Signal::SIGCONT);
    running.end().verdict(130, "interrupted");
}

#[test]
fn a_storm_of_signals_that_mean_nothing_harms_nothing() {
    let running = benchmark(MISBEHAVES).args("--duration 500ms").logged().start();
    running.until_log(" cycle 5");
    let workers = running.workers();
    for _ in 0..500 {
        // Neither signal is handled: they only interrupt system calls that wait.
        for pid in workers.iter().chain([&running.pid]) {
            crate::support::send(*pid, Signal::SIGWINCH);
            crate::support::send(*pid, Signal::SIGCONT);
        }
    }
    let summary = running.end().verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 100);
}
