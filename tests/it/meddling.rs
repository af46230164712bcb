//! User code that meddles with its process: its messages reach the user, and no other code is
//! blamed.

use std::time::Duration;

use dyno::Summary;

use crate::support::{Benchmark, Ended, MEDDLES, SEVERAL, assert_says, benchmark};

fn meddling(how: &str) -> Benchmark {
    benchmark(MEDDLES).args(&format!("-P how={how}"))
}

/// Runs `meddles`, where all cycles fail for the same reason; returns the message of that error.
#[track_caller]
fn failure(how: &str) -> (String, Ended) {
    let ended = meddling(how).run();
    let summary = ended.verdict(3, "failed");
    assert_eq!((summary.cycles.failed, summary.errors.len()), (60, 1), "{summary:#?}");
    (summary.errors[0].message.clone(), ended)
}

#[test]
fn a_panic_hook_of_the_users_own_takes_no_text_from_failed_cycles() {
    let (message, ended) = failure("own-hook");
    assert_eq!(message, "panicked: told to panic");
    assert_says(&ended.stderr, &["the hook of the task"]);
    assert_eq!(failure("no-hook").0, "panicked: told to panic");
}

#[test]
fn a_panic_that_is_resumed_has_its_text() {
    assert_eq!(failure("resume").0, "panicked: resumed");
}

#[test]
fn a_panic_whose_value_panics_when_it_is_dropped_is_a_failed_cycle() {
    let (message, _) = failure("bomb");
    assert_says(&message, &["panicked at ", "meddles.rs:", "(with a value that is not text)"]);
}

#[test]
fn a_panic_that_the_task_catches_fails_no_cycle_and_is_shown() {
    let ended = meddling("catch").run();
    ended.verdict(0, "sustained");
    assert_says(&ended.stderr, &["] panicked at ", "meddles.rs:", "kept to itself"]);
}

#[test]
fn a_panic_that_ends_the_process_is_among_its_last_words() {
    for (how, texts) in [
        ("twice", &["meddles.rs:", "first of two", "meddles.rs:", "dropped"][..]),
        ("foreign", &["meddles.rs:", "told to panic"]),
    ] {
        // A backtrace is not kept: it would push these texts out of the last lines.
        let ended = meddling(how).args("--workers 1").env("RUST_BACKTRACE", "1").run();
        let error = ended.error();
        assert_says(&error, &["worker 0 (pid ", "was killed by SIGABRT", "last lines on stderr: "]);
        assert_says(&error, texts);
    }
}

#[test]
fn a_panic_with_a_backtrace_is_among_the_last_words() {
    let ended = meddling("nothing")
        .args("--workers 1")
        .env("MEDDLES", "panic")
        .env("RUST_BACKTRACE", "1")
        .run();
    assert_says(&ended.stderr, &["stack backtrace:"]);
    let parts = ["exited with code 101", "panicked at ", "meddles.rs:", "not in a worker"];
    assert_says(&ended.error(), &parts);
}

#[test]
fn an_error_of_a_hook_that_can_not_be_printed_is_an_error_of_that_hook() {
    let ended = meddling("unprintable").run();
    let parts = ["failed in `before`: panicked at ", "meddles.rs:", "no text"];
    assert_says(&ended.error(), &parts);
    let ended = meddling("primary-unprintable").run();
    assert_says(&ended.error(), &["the primary's `before` failed: panicked: no text"]);
}

#[test]
fn an_error_of_a_hook_of_any_length_reaches_the_user() {
    let error = meddling("long").run().error();
    assert_says(&error, &["failed in `before`: long long "]);
    assert!(error.len() < 2_000, "{}", error.len());
}

#[test]
fn a_state_that_panics_when_it_is_dropped_is_an_error_of_after() {
    let ended = meddling("drop-state").run();
    let parts = ["failed in `after`: panicked at ", "meddles.rs:", "the state is dropped"];
    assert_says(&ended.error(), &parts);
    assert_eq!(ended.summary().cycles.completed, 60);
}

#[test]
fn a_call_that_is_wrong_panics_at_the_users_line_with_the_way_out() {
    for (how, way_out) in [
        ("unnamed", "a metric's name is empty: give it a name"),
        ("misread", "is not the type that was given to `.parameters(…)`"),
        ("nested", "declare it in `main`"),
    ] {
        assert_says(&failure(how).0, &["panicked at ", "workers/meddles.rs:", way_out]);
    }
}

#[test]
fn a_subscriber_that_before_sets_up_is_in_use() {
    let inside = |summary: &Summary| summary.metric("inside").map(|metric| metric.count);
    for how in ["span", "subscriber"] {
        let summary = meddling(how).run().verdict(0, "sustained");
        assert_eq!(inside(&summary), Some(60), "{how}");
    }
    let summary = meddling("bare-subscriber").run().verdict(0, "sustained");
    assert_eq!(inside(&summary), None);
    assert_says(&summary.warnings.join("\n"), &["without `dyno::layer()`", ".with(dyno::layer())"]);
}

#[test]
fn a_task_that_closes_the_bus_is_named_with_what_it_did() {
    let error = meddling("close-descriptors").args("--workers 1").run().error();
    assert_says(&error, &["worker 0 (pid ", "does the task close descriptors"]);
}

#[test]
fn threads_that_never_stop_recording_hold_nothing_up() {
    let ended = meddling("record-for-ever").run();
    let summary = ended.summary();
    assert_ne!(summary.verdict.name(), "error", "{summary:#?}");
    assert!(summary.metric("ever").expect("it came").count > 0);
    assert!(ended.elapsed < Duration::from_secs(10), "{ended:#?}");
}

#[test]
fn a_relative_folder_is_the_one_that_was_meant_where_the_run_began() {
    // By its defaults, the benchmark saves its files in `out`.
    let ended = meddling("change-folder").args("--log-file log").run();
    ended.verdict(0, "sustained");
    let kept: Summary = serde_json::from_str(&ended.read("out/run.json")).expect("a summary");
    assert!(kept.warnings.iter().all(|warning| !warning.contains("not kept")), "{kept:#?}");
    assert_says(&ended.log, &["verdict"]);
    let ended = meddling("change-folder").args("--format human").run();
    assert_says(&ended.stdout, &["\nfiles      out\n"]);
}

#[test]
fn a_worker_that_waits_before_it_is_declared_is_named_with_what_to_do() {
    let ended = benchmark(MEDDLES).args("--start-deadline 300ms").env("MEDDLES", "stdin").run();
    let parts = ["was not ready after 300ms", "before it reached `dyno::bench`", "standard input"];
    assert_says(&ended.error(), &parts);
}

#[test]
fn a_worker_whose_main_ends_before_it_is_declared_is_named_with_the_likely_cause() {
    let ended = benchmark(MEDDLES).args("--workers 1").env("MEDDLES", "leave").run();
    assert_says(&ended.error(), &["exited with code 0 before it was ready", "`dyno::bench`"]);
}

#[test]
fn several_mains_of_one_program_run_in_turn_and_leave_whole_files() {
    let folder = |ended: &Ended| std::fs::read_dir(ended.path("dyno-runs")).map(Iterator::count);
    let mains = || benchmark(SEVERAL).env("SEVERAL", "mains");
    let ended = mains().env("DYNO_OUT", "").args("--format csv --duration 50ms").run();
    assert_says(&ended.stdout, &["\nfirst,", "\nsecond,"]);
    assert_eq!(folder(&ended).expect("it was left"), 2, "{ended:#?}");

    // The second benchmark would replace the files of the first.
    let ended = mains().args("--format csv").run();
    assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
    assert_says(&ended.read("out/run.json"), &["\"benchmark\": \"first\""]);
    assert_says(
        &ended.stderr,
        &["error: --out out: an earlier run of this program", "leave --out"],
    );
}

#[test]
fn a_worker_that_other_code_of_the_primary_reaps_is_noticed_and_its_end_is_unknown() {
    // Here either of the two may be first.
    assert_eq!(meddling("reap-all").run().verdict(0, "sustained").cycles.completed, 60);

    let summary = meddling("ignore-children").run().verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 60);
    let warnings = summary.warnings.join("\n");
    assert_says(&warnings, &["the exit codes of workers are unknown", "(`waitpid(-1)`)"]);
    assert_eq!(warnings.matches("are unknown").count(), 1, "{warnings}");

    let ended = meddling("ignore-children-and-exit --workers 1").args("--duration 20s").run();
    let parts = ["worker 0 (pid ", "ended, with an unknown exit code", "reaped it"];
    assert_says(&ended.error(), &parts);
    assert!(ended.elapsed < Duration::from_secs(10), "{ended:#?}");
}
