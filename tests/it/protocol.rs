//! Tests of workers that break the protocol: they are named and killed, while the others go on to
//! their end.

use std::time::Duration;

use dyno_bus::message::VERSION;

use crate::support::{Ended, IMPOSTOR, assert_says, benchmark};

#[track_caller]
fn impostor(wrong: &str, line: &str) -> Ended {
    let ended = benchmark(IMPOSTOR).env("IMPOSTOR", wrong).args(line).run();
    assert!(ended.elapsed < Duration::from_secs(8), "{ended:#?}");
    ended
}

/// Runs a benchmark whose worker 1 breaks the protocol, checks that worker 0 ends well, and returns
/// the error.
#[track_caller]
fn error(wrong: &str, line: &str) -> String {
    let ended = impostor(wrong, line);
    let error = ended.error();
    assert_says(&error, &["worker 1 (pid "]);
    let exits: Vec<_> = ended.summary().workers.into_iter().map(|worker| worker.exit).collect();
    assert_eq!(exits[0], Some(dyno::summary::WorkerExit::Code(0)), "{ended:#?}");
    error
}

#[test]
fn an_impostor_that_gets_nothing_wrong_is_a_worker() {
    let summary = impostor("nothing", "--max-failed 100%").summary();
    // The impostor reports all its cycles as unstarted.
    assert_eq!((summary.cycles.completed, summary.cycles.unstarted), (30, 30));
    assert_ne!(summary.verdict.name(), "error");
}

#[test]
fn a_command_that_no_socket_takes_at_once_arrives() {
    // This worker sends nothing before it has read the whole command, so that only a writable
    // socket can wake the primary.
    let summary = impostor("large", "--max-failed 100%").summary();
    assert_eq!((summary.cycles.completed, summary.cycles.unstarted), (30, 30));
}

#[test]
fn a_worker_that_never_says_hello_misses_the_start_deadline() {
    let error = error("silent", "--start-deadline 300ms");
    assert_says(&error, &["was not ready after 300ms (--start-deadline)", "killed"]);
}

#[test]
fn a_worker_that_dies_before_hello_is_named_with_its_last_words() {
    let error = error("dies", "");
    let parts = ["exited with code 3", "while the run was starting", "no such library"];
    assert_says(&error, &parts);
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let error = error("version", "");
    let versions = format!("it speaks version {} of the protocol, this is {VERSION}", VERSION + 1);
    assert_says(&error, &["broke the protocol", &versions]);
}

#[test]
fn a_worker_of_another_run_is_refused() {
    assert_says(&error("nonce", ""), &["broke the protocol", "it is worker 1 of run "]);
}

#[test]
fn a_worker_that_claims_another_identity_is_refused() {
    assert_says(&error("index", ""), &["broke the protocol", "it is worker 0 of run "]);
}

#[test]
fn a_second_hello_is_refused() {
    assert_says(&error("twice", ""), &["broke the protocol", "`Hello`"]);
}

#[test]
fn a_message_before_hello_is_refused() {
    assert_says(&error("early", ""), &["broke the protocol", "`Ready`", "just started"]);
}

#[test]
fn a_last_word_without_an_account_is_refused() {
    assert_says(&error("bye-early", ""), &["broke the protocol", "`Bye`"]);
}

#[test]
fn a_worker_that_closes_the_bus_and_lives_on_is_killed_and_named() {
    assert_says(&error("closes", "--kill-grace 100ms"), &["closed its socket", "was killed"]);
}

#[test]
fn a_worker_that_never_gives_its_account_misses_the_drain_deadline() {
    let error = error("owes", "--drain-deadline 300ms");
    assert_says(&error, &["within 300ms (--drain-deadline)", "while the run was draining"]);
}

#[test]
fn a_worker_that_lies_about_its_cycles_is_found_out() {
    let ended = impostor("lies", "");
    assert_says(&ended.error(), &["worker 1 (pid ", "does not add up", "30"]);
    // Cycles that it claims to have completed, but never sent values of, count as lost.
    assert_eq!((ended.summary().cycles.completed, ended.summary().cycles.lost), (30, 30));
}

#[test]
fn a_worker_that_forgets_cycles_is_found_out() {
    let ended = impostor("forgets", "");
    assert_says(&ended.error(), &["worker 1 (pid ", "does not add up", "30"]);
    assert_eq!((ended.summary().cycles.completed, ended.summary().cycles.lost), (30, 30));
}

#[test]
fn a_batch_that_comes_twice_is_found_by_its_number() {
    assert_says(&error("repeats", ""), &["broke the protocol", "0"]);
}

#[test]
fn a_batch_that_is_missing_is_found_by_the_number_of_the_next() {
    assert_says(&error("gap", ""), &["broke the protocol", "1"]);
}

#[test]
fn values_of_a_metric_that_was_not_declared_are_refused() {
    assert_says(&error("undeclared", ""), &["broke the protocol", "7"]);
}

#[test]
fn a_name_beyond_its_limit_is_refused() {
    assert_says(&error("long-name", ""), &["broke the protocol", "128"]);
}

#[test]
fn a_worker_that_dies_after_its_account_is_an_error_with_whole_numbers() {
    let ended = impostor("dies-late", "");
    let parts = ["exited with code 3", "while the run was finishing", "so close"];
    assert_says(&ended.error(), &parts);
    assert_eq!((ended.summary().cycles.unstarted, ended.summary().cycles.lost), (30, 0));
}

#[test]
fn a_worker_that_lingers_after_its_last_words_is_killed_and_its_data_is_whole() {
    let ended = impostor("lingers", "--kill-grace 100ms");
    let summary = ended.summary();
    assert_ne!(summary.verdict.name(), "error", "{summary:#?}");
    let parts = ["worker 1 (pid ", "did not exit within 100ms", "its data is whole"];
    assert_says(&summary.warnings.join("\n"), &parts);
    assert_eq!(summary.cycles.lost, 0);
}

#[test]
fn a_worker_that_exits_badly_after_its_last_words_is_an_error_with_whole_numbers() {
    let ended = impostor("exits-7", "");
    assert_says(&ended.error(), &["exited with code 7"]);
    assert_eq!(ended.summary().cycles.lost, 0);
}

#[test]
fn a_worker_that_floods_the_primary_does_not_hold_up_the_others() {
    let summary = impostor("floods", "--max-failed 100%").summary();
    assert_ne!(summary.verdict.name(), "error", "{summary:#?}");
    assert_eq!(summary.cycles.completed, 30);
    assert_eq!(summary.warnings.iter().filter(|text| text.contains("look at me")).count(), 1);
}
