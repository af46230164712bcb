//! Nothing outlives a run: not after its primary is killed, nor what workers started.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{MISBEHAVES, State, assert_says, benchmark, send, state_of, until};

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
fn a_daemon_that_a_worker_leaves_is_swept_and_said() {
    let ended = benchmark(MISBEHAVES).args("-P how=leave-daemon -P at=before -P worker=1").run();
    let summary = ended.verdict(0, "sustained");
    let (_, rest) = ended.stderr.split_once("left ").expect("its id");
    let daemon: u32 = rest.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("one");
    until("it is gone", SECOND, || state_of(daemon) == State::Gone);
    let parts = ["a process that a worker left behind (pid ", "was killed"];
    assert_says(&summary.warnings.join("\n"), &parts);
}

#[test]
fn a_daemon_that_never_stops_writing_holds_nothing_up() {
    // It has the pipe of a worker that is dead, which is therefore never empty.
    let line = "-P how=leave-loud-daemon -P at=first-cycle --duration 20s";
    assert_says(&benchmark(MISBEHAVES).args(line).run().error(), &["was killed by SIGABRT"]);
}

#[test]
fn a_copy_of_a_worker_that_holds_its_socket_hides_nothing_and_is_gone_with_it() {
    // The copy holds the socket, the pipes, everything: no end of file comes when the worker ends.
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
