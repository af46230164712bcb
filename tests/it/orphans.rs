//! Tests that no process outlives a run: not when its primary is killed, and not when a worker
//! started it.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{
    MISBEHAVES, State, assert_says, benchmark, send, state_of, until, zombies_of,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_killed_primary_leaves_no_idle_worker() {
    let running = benchmark(MISBEHAVES).args("--rate 0.1 --duration 20s").logged().start();
    running.until_log("cycle 0");
    running.until_workers(2);
    assert!(running.kill(SECOND) < SECOND);
}

#[test]
fn a_killed_primary_leaves_no_worker_that_starts() {
    let running = benchmark(MISBEHAVES).args("-P how=hang -P at=before").logged().start();
    running.until_log("worker");
    running.kill(SECOND);
}

#[test]
fn a_killed_primary_leaves_no_busy_worker() {
    for how in ["hang", "ignore-and-hang"] {
        let line = format!("-P how={how} -P at=cycle --duration 20s");
        let running = benchmark(MISBEHAVES).args(&line).logged().start();
        running.until_log("worker 0 cycle");
        running.until_log("worker 1 cycle");
        running.kill(SECOND);
    }
}

#[test]
fn a_killed_primary_leaves_no_stopped_worker() {
    let running = benchmark(MISBEHAVES).args("--duration 20s").logged().start();
    running.until_log(" cycle 5");
    let workers = running.workers();
    for worker in &workers {
        send(*worker, Signal::SIGSTOP);
        until("it is stopped", SECOND, || state_of(*worker) == State::Stopped);
    }
    running.kill(SECOND);
}

#[test]
fn a_killed_primary_leaves_no_grandchild() {
    let line = "-P how=leave-child -P at=before --duration 20s";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log(" cycle 5");
    let all = crate::support::processes_of(running.pid);
    assert!(all.len() >= 5, "a primary, two workers, two children: {all:?}");
    running.kill(SECOND);
}

#[test]
fn an_aborted_primary_leaves_nothing() {
    let running = benchmark(MISBEHAVES).args("--duration 20s").logged().start();
    running.until_log(" cycle 5");
    running.signal(Signal::SIGABRT);
    running.kill(SECOND);
}

#[test]
fn a_child_that_a_worker_leaves_is_gone_with_it() {
    let ended = benchmark(MISBEHAVES).args("-P how=leave-child -P at=before").run();
    ended.verdict(0, "sustained");
    assert_says(&ended.stderr, &["left "]);
}

#[test]
fn a_daemon_that_a_worker_leaves_is_killed_and_named() {
    for how in ["leave-daemon", "leave-clean-daemon"] {
        let line = format!("-P how={how} -P at=before -P worker=1");
        let ended = benchmark(MISBEHAVES).args(&line).run();
        let summary = ended.verdict(0, "sustained");
        let daemon = left(&ended.stderr);
        until("it is gone", SECOND, || state_of(daemon) == State::Gone);
        let warning = format!("a process that a worker left behind (pid {daemon}) was killed");
        assert_says(&summary.warnings.join("\n"), &[&warning]);
    }
}

#[test]
fn daemons_of_many_cycles_are_one_warning() {
    let ended = benchmark(MISBEHAVES).args("-P how=leave-daemon -P at=cycle").run();
    // A busy machine may not sustain that many processes.
    let warnings = ended.summary().warnings;
    let about = warnings.iter().filter(|warning| warning.contains("left behind")).count();
    assert_eq!(about, 1, "{warnings:?}");
    assert_says(&warnings.join("\n"), &[" processes that workers left behind were killed (pids "]);
}

#[test]
fn a_daemon_that_the_primarys_before_starts_is_left_alone() {
    for how in ["leave-daemon", "leave-clean-daemon"] {
        let line = format!("-P how={how} -P at=primary-before");
        let ended = benchmark(MISBEHAVES).args(&line).run();
        let daemon = left(&ended.stderr);
        assert_eq!(state_of(daemon), State::Alive);
        send(daemon, Signal::SIGKILL);
        let warnings = ended.verdict(0, "sustained").warnings.join("\n");
        assert!(!warnings.contains("left behind"), "{warnings}");
    }
}

#[test]
fn a_killed_primary_leaves_no_daemon() {
    let line = "-P how=leave-daemon -P at=before --duration 20s";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log(" cycle 5");
    let all = crate::support::processes_of(running.pid);
    assert!(all.len() >= 5, "a primary, two workers, two daemons: {all:?}");
    running.kill(SECOND);
}

#[test]
fn orphans_that_end_while_the_run_goes_on_are_reaped() {
    let line = "-P how=leave-orphan -P at=cycle --duration 20s";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log(" cycle 20");
    until("none waits to be reaped", SECOND * 5, || zombies_of(running.pid) == 0);
    running.signal(Signal::SIGINT);
    running.end().verdict(130, "interrupted");
}

#[test]
fn a_command_that_wants_the_terminal_stops_no_worker() {
    let line = "-P how=use-terminal -P at=first-cycle --quiet";
    let terminal = benchmark(MISBEHAVES).args(line).on_terminal(80, 20);
    assert_eq!(terminal.end(), 0, "{}", terminal.screen());
    assert!(terminal.read("terminal").starts_with("ended: exit status: "), "{}", terminal.screen());
}

/// Returns the id of the process that a worker or the primary reports to have left behind.
#[track_caller]
fn left(stderr: &str) -> u32 {
    let (_, rest) = stderr.split_once("left ").expect("its id");
    rest.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a number")
}

#[test]
fn a_daemon_that_never_stops_writing_holds_nothing_up() {
    // It holds the output pipe of a dead worker, which is therefore never empty.
    let line = "-P how=leave-loud-daemon -P at=first-cycle --duration 20s";
    assert_says(&benchmark(MISBEHAVES).args(line).run().error(), &["was killed by SIGABRT"]);
}

#[test]
fn a_copy_of_a_worker_that_holds_its_socket_hides_nothing_and_is_gone_with_it() {
    // The copy holds the socket and the pipes too: the primary sees no end of file when the worker
    // ends.
    let line = "-P how=fork -P at=first-cycle";
    let summary = benchmark(MISBEHAVES).args(line).run().verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 60);
}

#[test]
fn a_copy_of_a_worker_that_is_killed_does_not_hide_its_death() {
    let line = "-P how=fork -P at=first-cycle --duration 20s --seed 1";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log(" cycle 20");
    for worker in running.workers() {
        send(worker, Signal::SIGKILL);
    }
    let ended = running.end();
    assert_says(&ended.error(), &["was killed by SIGKILL"]);
    assert!(ended.elapsed < Duration::from_secs(10), "{ended:#?}");
}

#[test]
fn a_copy_of_a_worker_that_returns_from_its_cycle_is_ended_and_runs_no_other() {
    let line = "-P how=fork-and-return -P at=first-cycle";
    let ended = benchmark(MISBEHAVES).args(line).logged().run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!((summary.cycles.completed, ended.logged("worker")), (60, 2 + 60 + 2));
    let warnings = summary.warnings.join("\n");
    assert_says(&warnings, &["called `fork`", "returned from the task: it was ended"]);
}

#[test]
fn a_copy_of_a_worker_that_returns_from_a_hook_is_ended() {
    for hook in ["before", "after"] {
        let line = format!("-P how=fork-and-return -P at={hook} -P worker=0");
        let summary = benchmark(MISBEHAVES).args(&line).run().verdict(0, "sustained");
        assert_eq!(summary.cycles.completed, 60);
        // A copy that returns from `after` may be later than the worker's last message.
        if hook == "before" {
            assert_says(&summary.warnings.join("\n"), &["called `fork`", "it was ended"]);
        }
    }
}
