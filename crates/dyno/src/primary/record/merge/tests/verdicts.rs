//! The verdict on a run of several hosts, if one host is the reason of it.

use dyno_bus::backlog::BacklogLimit;
use dyno_summary::Verdict;

use super::*;
use crate::verdict::BacklogSample;

/// Returns the result of two hosts. The record of the second was changed.
fn merged(change: impl FnOnce(&mut HostRecord)) -> Run {
    let mut both = records(&script());
    change(&mut both[1]);
    merge(both).expect("they are of one run")
}

#[test]
fn a_host_that_failed_makes_the_run_an_error_by_its_name() {
    let run = merged(|record| record.faults.push("worker 1 died".to_owned()));
    assert_eq!(run.judgement.verdict, Verdict::Error);
    assert_eq!(run.judgement.reasons[0], "host 1 (h1): worker 1 died");
}

#[test]
fn a_host_that_was_interrupted_makes_the_run_interrupted() {
    let run = merged(|record| record.signal = Some(2));
    assert_eq!((run.judgement.verdict, run.judgement.exit_code), (Verdict::Interrupted, 130));
    let reason = &run.judgement.reasons[0];
    assert!(reason.starts_with("host 1 (h1): SIGINT ended the run"), "{reason}");
    let mut both = records(&script());
    both.iter_mut().for_each(|record| record.signal = Some(2));
    let all = merge(both).expect("they are of one run").judgement;
    assert!(all.reasons[0].starts_with("SIGINT ended the run"), "{:?}", all.reasons);
}

#[test]
fn a_host_that_was_paused_makes_the_run_invalid_by_its_name() {
    let run = merged(|record| record.pauses.push(Duration::from_secs(1)));
    assert_eq!(run.judgement.verdict, Verdict::Invalid);
    let reason = &run.judgement.reasons[0];
    assert!(reason.starts_with("host 1 (h1): the run was stopped once"), "{reason}");
}

#[test]
fn a_host_that_stopped_at_its_limit_makes_the_run_unsustained() {
    let limit = BacklogLimit { waiting: 5, total: 9 };
    let at = Time::from_nanos(2_000_000_000);
    let sample = BacklogSample { at, waiting: 6, running: 1 };
    let run = merged(|record| {
        record.passed = Some(LimitPassed { sample, limit });
        record.window = Some(Duration::from_secs(2));
    });
    assert_eq!(run.judgement.verdict, Verdict::Unsustained);
    assert_eq!(
        run.judgement.reasons[0],
        "host 1 (h1): the backlog passed its limit of 5 waiting cycles 2s into the window, with 6 \
         waiting and 1 running, and the run stopped there"
    );
}

#[test]
fn a_host_that_falls_behind_is_named() {
    // At 60 cycles a second each, 25 ms of service are too much for one worker.
    let script = |service_ms| Script { hosts: vec![2, 1], rate: 180.0, service_ms, ..script() };
    let both = vec![records(&script(2)).remove(0), records(&script(25)).remove(1)];
    let run = merge(both).expect("they are of one run");
    let is_named = |warning: &String| warning.starts_with("host 1 (h1) did not hold its share: ");
    assert!(run.warnings.iter().any(is_named), "{:?}", run.warnings);
    assert!(!run.warnings.iter().any(|warning| warning.starts_with("host 0 (h0) did not")));
}

#[test]
fn what_a_host_warns_of_has_its_name_unless_all_hosts_warn_of_it() {
    let mut both = records(&script());
    both[1].warnings = vec!["low disk".to_owned(), "debug build".to_owned()];
    both[0].warnings = vec!["debug build".to_owned()];
    let run = merge(both).expect("they are of one run");
    assert_eq!(run.warnings[..2], ["debug build", "host 1 (h1): low disk"]);
}
