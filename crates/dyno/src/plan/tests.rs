//! The text of a plan, and the limit of its backlog.

use super::*;

fn plan(rate: Rate) -> Plan {
    Plan { rate, seed: 7, ..fixture::plan() }
}

/// Returns the limit of a plan's backlog, above this many cycles that waited and ran.
fn limit(plan: &Plan, waiting: u64, running: u64) -> Option<BacklogLimit> {
    plan.backlog_rule()?.limit(Some((waiting, running)))
}

#[test]
fn the_backlog_may_grow_by_two_seconds_above_its_level_and_by_a_hundred_at_low_rates() {
    let waiting =
        |rate, waiting| limit(&plan(Rate::PerSecond(rate)), waiting, 7).map(|limit| limit.waiting);
    assert_eq!(waiting(1_000.0, 30), Some(2_030));
    assert_eq!(waiting(40.0, 5), Some(105));
    assert_eq!(waiting(400.0, 0), Some(800));
}

#[test]
fn in_a_long_window_the_backlog_may_wander_as_far_as_a_held_queue_does() {
    let long = Plan { duration: Duration::from_secs(600), ..plan(Rate::PerSecond(50.0)) };
    // 5 × √(30,000 × 2)
    assert_eq!(limit(&long, 0, 0).map(|limit| limit.waiting), Some(1_225));
}

#[test]
fn the_limit_leaves_room_for_the_cycles_that_run_until_the_drain_deadline() {
    let limit = limit(&plan(Rate::PerSecond(40.0)), 3, 37).expect("an open loop");
    assert_eq!(limit, BacklogLimit { waiting: 103, total: 40 + 100 + 200 });
    assert!(!limit.is_passed_by(0, 160), "40/s of cycles that take 4 s");
    assert!(limit.is_passed_by(104, 0) && limit.is_passed_by(0, 341));
}

#[test]
fn a_requested_limit_is_used_unchanged() {
    let asked = Plan { max_backlog: Some(7), ..plan(Rate::PerSecond(1_000.0)) };
    assert_eq!(limit(&asked, 30, 2), Some(BacklogLimit { waiting: 7, total: 7 }));
}

#[test]
fn a_closed_loop_has_no_backlog_and_owes_no_cycles() {
    let closed = Plan { max_backlog: Some(7), ..plan(Rate::Max) };
    assert_eq!(closed.backlog_rule(), None);
    assert_eq!(closed.cycles_due(), None);
}

#[test]
fn a_rate_reads_as_a_short_number() {
    let rates = [12_500.0, 0.1, 337.200_000_000_000_05, 1.0 / 3.0];
    let read = rates.map(|rate| Rate::PerSecond(rate).to_string());
    assert_eq!(read, ["12,500/s", "0.1/s", "337.2/s", "0.333/s"]);
}

#[test]
fn a_plan_reads_as_one_line() {
    let mut open = plan(Rate::PerSecond(12_500.0));
    open.task.insert("n".to_owned(), 30.into());
    assert_eq!(
        open.to_string(),
        "rate 12,500/s · duration 5s · warmup 1s · workers 2 · arrivals uniform · seed 7 \
         · pacing sleep · max-backlog auto · on-backlog stop · max-failed 0 · n=30"
    );
    assert_eq!(
        plan(Rate::Max).to_string(),
        "rate max · duration 5s · warmup 1s · workers 2 · in-flight 1 · max-failed 0"
    );
}

#[test]
fn failed_cycles_are_allowed_by_number_or_by_share() {
    assert!(!MaxFailed::Count(3).is_passed_by(3, 100));
    assert!(MaxFailed::Count(3).is_passed_by(4, 100));
    assert!(!MaxFailed::Share(0.01).is_passed_by(1, 100));
    assert!(MaxFailed::Share(0.01).is_passed_by(2, 100));
    assert_eq!(MaxFailed::Share(0.07).to_string(), "7%");
    assert_eq!(MaxFailed::Share(0.015).to_string(), "1.5%");
}

#[test]
fn counts_are_grouped_by_thousands() {
    let shown: Vec<String> = [0, 999, 1_000, 12_345, 1_234_567].map(thousands).into();
    assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
}

#[test]
fn the_limit_of_a_hosts_backlog_follows_from_its_own_load() {
    let others = hosts::OtherHosts::of(1, &[4, 2]).unwrap();
    let shared = Plan { others, ..plan(Rate::PerSecond(3_000.0)) };
    let alone = plan(Rate::PerSecond(1_000.0));
    assert_eq!(shared.own_rate(), alone.rate);
    assert_eq!(shared.cycles_due(), alone.cycles_due());
    assert_eq!(shared.backlog_rule(), alone.backlog_rule());
    assert!(alone.can_be_steered() && !shared.can_be_steered());
}
