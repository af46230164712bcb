//! Tests of workers that die or break while cycles run: the run names them at once, and loses
//! nothing else.

use std::time::Duration;

use dyno::Summary;
use nix::sys::signal::Signal;

use crate::support::{Ended, MISBEHAVES, assert_says, benchmark, send};

/// Runs a benchmark of 20 s whose worker 1 dies in its first cycle, and checks what is the same for
/// every kind of death. Returns the error, the ended run and its summary.
#[track_caller]
fn death(how: &str) -> (String, Ended, Summary) {
    let line = format!("-P how={how} -P at=cycle -P worker=1 --duration 20s --rate 500");
    let ended = benchmark(MISBEHAVES).args(&line).logged().run();
    let error = ended.error();
    assert!(ended.elapsed < Duration::from_secs(10), "at once, not at the end: {ended:#?}");
    let summary = ended.summary();
    let pid = summary.worker(1).expect("it was").pid.expect("it started");
    // The phase after this text depends on timing: the primary may not have entered the window yet.
    assert_says(&error, &[&format!("worker 1 (pid {pid}) "), ", while the run was "]);
    // The other worker drained and ran its hook.
    assert_eq!((ended.logged("worker 0 after"), ended.logged("worker 1 after")), (1, 0));
    assert_eq!(summary.worker(0).and_then(|worker| worker.exit.clone()), Some(code(0)));
    // Every cycle of the dead worker is accounted for; a cycle without a report is lost.
    assert!(summary.cycles.lost > 0, "{summary:#?}");
    (error, ended, summary)
}

fn code(code: i32) -> dyno::summary::WorkerExit {
    dyno::summary::WorkerExit::Code(code)
}

fn signal(name: &str) -> dyno::summary::WorkerExit {
    dyno::summary::WorkerExit::Signal(name.into())
}

#[test]
fn a_worker_that_exits_1_at_its_first_cycle_fails_the_run_at_once_by_name() {
    let (error, ended, summary) = death("exit1");
    assert_says(&error, &["exited with code 1", "last lines on stderr: the disk is on fire"]);
    assert_eq!(summary.worker(1).and_then(|worker| worker.exit.clone()), Some(code(1)));
    assert_says(&ended.stderr, &["[1] the disk is on fire"]);
}

#[test]
fn a_worker_that_calls_exit_0_in_a_cycle_is_an_error() {
    let (error, ..) = death("exit0");
    assert_says(&error, &["exited with code 0", "process::exit"]);
}

#[test]
fn a_worker_that_aborts_is_named_with_its_signal() {
    let (error, _, summary) = death("abort");
    assert_says(&error, &["was killed by SIGABRT"]);
    assert_eq!(summary.worker(1).and_then(|worker| worker.exit.clone()), Some(signal("SIGABRT")));
}

#[test]
fn a_worker_whose_memory_access_fails_is_named_with_its_signal() {
    assert_says(&death("segv").0, &["was killed by SIGSEGV"]);
}

#[test]
fn a_worker_whose_stack_overflows_is_named_with_its_last_words() {
    assert_says(&death("overflow").0, &["was killed by SIGABRT", "has overflowed its stack"]);
}

#[test]
fn a_worker_that_dies_inside_a_frame_keeps_the_frames_before_it() {
    let (error, ..) = death("half-frame");
    // The error names the cause of death; the torn frame is only a consequence.
    assert_says(&error, &["was killed by SIGABRT"]);
}

#[test]
fn a_worker_that_writes_junk_into_the_bus_is_killed_and_named() {
    let (error, ..) = death("junk");
    assert_says(&error, &["broke the protocol and was killed: ", "4294967295"]);
}

#[test]
fn a_worker_that_is_killed_from_outside_is_named() {
    let line = "--duration 20s --workers 3";
    let running = benchmark(MISBEHAVES).args(line).logged().start();
    running.until_log(" cycle 10");
    let victim = running.workers()[0];
    send(victim, Signal::SIGKILL);
    let ended = running.end();
    let parts = [&format!("(pid {victim}) was killed by SIGKILL"), "while the run was measuring"];
    assert_says(&ended.error(), &parts.map(|part| -> &str { part }));
    assert_eq!(ended.log.matches(" after").count(), 3, "two workers' and the primary's");
    assert!(ended.elapsed < Duration::from_secs(10), "{ended:#?}");
    assert!(ended.summary().cycles.completed >= 5);
}

#[test]
fn a_worker_that_dies_in_its_after_is_an_error_with_whole_numbers() {
    for (how, cause) in [("exit0", "exited with code 0"), ("abort", "was killed by SIGABRT")] {
        let line = format!("-P how={how} -P at=after -P worker=1");
        let ended = benchmark(MISBEHAVES).args(&line).logged().run();
        assert_says(&ended.error(), &["worker 1 (pid ", cause, "while the run was finishing"]);
        let cycles = ended.summary().cycles;
        assert_eq!((cycles.completed, cycles.lost), (60, 0));
        assert_eq!(ended.logged("worker 0 after"), 1);
    }
}

#[test]
fn a_run_all_of_whose_workers_die_ends_at_once() {
    let line = "-P how=exit1 -P at=cycle --duration 20s --workers 3 --rate 500";
    let ended = benchmark(MISBEHAVES).args(line).run();
    let summary = ended.verdict(5, "error");
    assert!(ended.elapsed < Duration::from_secs(10), "{ended:#?}");
    assert!((1..=3).contains(&summary.reasons.len()), "{summary:#?}");
}

#[test]
fn a_panic_in_a_cycle_is_a_failed_cycle_and_the_worker_lives() {
    let ended = benchmark(MISBEHAVES).args("-P how=panic -P at=first-cycle").logged().run();
    let summary = ended.verdict(3, "failed");
    assert_eq!((summary.cycles.failed, summary.cycles.completed), (1, 59));
    assert_eq!(summary.errors.len(), 1);
    let parts = ["panicked at ", "misbehaves.rs:", "told to panic"];
    assert_says(&summary.errors[0].message, &parts);
    assert_eq!((summary.errors[0].count, summary.errors[0].first_cycle), (1, 0));
    assert_eq!(ended.logged("worker 0 after") + ended.logged("worker 1 after"), 2);
}

#[test]
fn failed_cycles_may_be_allowed() {
    for allowed in ["1", "2%"] {
        let line = format!("-P how=panic -P at=first-cycle --max-failed {allowed}");
        let summary = benchmark(MISBEHAVES).args(&line).run().verdict(0, "sustained");
        assert_eq!((summary.cycles.failed, summary.errors.len()), (1, 1));
    }
    let line = "-P how=panic -P at=first-cycle --max-failed 1%";
    benchmark(MISBEHAVES).args(line).run().verdict(3, "failed");
}

#[test]
fn failed_cycles_are_grouped_by_message_and_counted() {
    let ended = benchmark(MISBEHAVES).args("-P how=error -P at=cycle --warmup 100ms").run();
    let summary = ended.verdict(3, "failed");
    assert_eq!((summary.warmup.failed, summary.cycles.failed), (20, 60));
    let groups = summary.errors.iter();
    let groups: Vec<_> = groups.map(|e| (&*e.message, e.count, e.first_cycle)).collect();
    // 20 cycles belong to the warm-up, so that the first cycle of the window has index 20.
    assert_eq!(groups, [("even trouble", 30, 20), ("odd trouble", 30, 21)]);
}

#[test]
fn a_panic_in_a_thread_of_the_tasks_own_is_shown_and_not_silent() {
    let line = "-P how=panic-in-thread -P at=first-cycle";
    let ended = benchmark(MISBEHAVES).args(line).run();
    ended.verdict(0, "sustained");
    assert_says(&ended.stderr, &["] thread ", "panicked at ", "panic aside"]);
}

#[test]
fn a_worker_without_descriptors_fails_cycles_and_its_bus_goes_on() {
    let line = "-P how=use-up-descriptors -P at=cycle -P worker=1 --rate 20 --duration 500ms";
    let ended = benchmark(MISBEHAVES).args(line).launched_by("prlimit --nofile=128").run();
    let summary = ended.verdict(3, "failed");
    assert_eq!(
        (summary.cycles.issued, summary.cycles.failed, summary.cycles.completed),
        (10, 5, 5)
    );
    assert_says(&summary.errors[0].message, &["Too many open files"]);
}

#[test]
fn a_worker_that_can_not_be_started_ends_the_run_with_what_to_do() {
    let line = "-P how=use-up-descriptors -P at=primary-before --workers 6";
    let run = benchmark(MISBEHAVES).args(line).launched_by("prlimit --nofile=128").logged();
    let ended = run.run();
    let parts = ["worker ", "could not be started: Too many open files", "ulimit -n"];
    assert_says(&ended.error(), &parts);
    assert_eq!((ended.summary().cycles.issued, ended.summary().reasons.len()), (0, 1));
}

#[test]
fn a_child_of_a_worker_has_no_descriptor_of_the_run() {
    let ended = benchmark(MISBEHAVES).args("-P how=show-descriptors -P at=before").run();
    ended.verdict(0, "sustained");
    assert_says(&ended.stderr, &["[", " 0 -> /dev/null"]);
    // Neither the bus, nor a timer, nor the poll that the event loop waits on.
    for kind in ["socket:", "anon_inode:"] {
        assert!(!ended.stderr.contains(kind), "{ended:#?}");
    }
}

#[test]
fn a_worker_that_used_up_its_processor_time_is_named_with_its_signal() {
    let line = "-P how=hang -P at=cycle -P worker=1 --duration 20s --drain-deadline 10s";
    let ended = benchmark(MISBEHAVES).args(line).launched_by("prlimit --cpu=1:1").run();
    assert_says(&ended.error(), &["worker 1 (pid ", "was killed by SIG"]);
    assert!(ended.elapsed < Duration::from_secs(15), "{ended:#?}");
}

#[test]
fn a_task_that_starts_its_own_program_does_not_recurse() {
    let ended = benchmark(MISBEHAVES).args("-P how=recurse -P at=first-cycle").logged().run();
    ended.verdict(0, "sustained");
    let parts = ["my own program ended with Some(2): ", "inherited DYNO_WORKER", "unset"];
    assert_says(&ended.stderr, &parts);
    assert_eq!(ended.logged("primary before"), 1);
}

#[test]
fn a_mark_set_by_hand_is_refused() {
    for mark in ["1:00:0:misbehaves", "nonsense", ""] {
        let ended = benchmark(MISBEHAVES).env("DYNO_WORKER", mark).logged().run();
        assert_says(ended.refusal(), &["DYNO_WORKER", "unset"]);
    }
}
