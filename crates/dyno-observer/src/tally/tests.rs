//! The accounting identity, which holds or is a named error.

use proptest::prelude::*;

use super::*;

const PRIMARY: ProcessId = ProcessId::Primary;

fn per_phase(counts: [u64; 5]) -> PerPhase<Counts> {
    let [completed, failed, skipped, unstarted, abandoned] = counts;
    let started = completed + failed + abandoned;
    let measured = Counts { started, completed, failed, skipped, unstarted, abandoned };
    PerPhase { warmup: Counts { started: 2, completed: 2, ..Counts::default() }, measured }
}

fn issued(measured: u64) -> PerPhase<u64> {
    PerPhase { warmup: 2, measured }
}

#[test]
fn a_violation_names_the_worker_and_all_numbers() {
    let error = Account::drained(3, issued(100), per_phase([90, 4, 3, 2, 0])).expect_err("99");
    assert_eq!(
        error.to_string(),
        "worker 3 was issued 100 cycles (Measured) and accounts for 99: 90 completed, 4 failed, \
         3 skipped, 2 unstarted, 0 abandoned"
    );
}

#[test]
fn only_a_worker_that_died_has_lost_anything() {
    let counts = per_phase([90, 4, 3, 0, 0]);
    assert!(Account::drained(0, issued(100), counts).is_err());
    let account = Account::died(0, issued(100), counts).expect("three are lost");
    assert_eq!(account.lost, PerPhase { warmup: 0, measured: 3 });
    assert!(Account::died(0, issued(96), counts).is_err(), "more outcomes than issued");
}

#[test]
fn the_warm_up_has_its_own_account() {
    let counts = per_phase([5, 0, 0, 0, 0]);
    // The total is right, but a measured cycle was counted as one of the warm-up.
    let error = Account::drained(0, PerPhase { warmup: 1, measured: 6 }, counts);
    assert!(matches!(error, Err(TallyError::Identity { phase: Phase::Warmup, .. })));
}

#[test]
fn each_count_of_what_was_emitted_is_compared() {
    let received = ReceivedCounts {
        batches: 2,
        cycles: PerPhase { warmup: 1, measured: 4 },
        failed: PerPhase { warmup: 1, measured: 2 },
        values: vec![3, 0, 7],
    };
    let emitted = Emitted { batches: 2, cycles: 5, values: vec![3, 0, 7] };
    assert_eq!(received.verify(PRIMARY, &emitted), Ok(()));
    for (wrong, what) in [
        (Emitted { batches: 3, ..emitted.clone() }, What::Batches),
        (Emitted { cycles: 4, ..emitted.clone() }, What::Cycles),
        (Emitted { values: vec![3, 1, 7], ..emitted.clone() }, What::Values(1)),
        (Emitted { values: vec![3, 0], ..emitted.clone() }, What::Values(2)),
        (Emitted { values: vec![3, 0, 7, 9], ..emitted.clone() }, What::Values(3)),
    ] {
        match received.verify(PRIMARY, &wrong) {
            Err(TallyError::Emitted { what: found, .. }) => assert_eq!(found, what),
            other => panic!("{what} differ, found {other:?}"),
        }
    }
}

#[test]
fn a_metric_that_was_declared_and_never_used_needs_no_mention() {
    let received = ReceivedCounts { values: vec![0, 0], ..ReceivedCounts::default() };
    assert_eq!(received.verify(PRIMARY, &Emitted::default()), Ok(()));
}

#[test]
fn an_outcome_without_its_record_is_named() {
    let received = ReceivedCounts { cycles: issued(93), ..ReceivedCounts::default() };
    let error = received.verify_cycles(1, &per_phase([90, 4, 0, 0, 0])).expect_err("one short");
    assert_eq!(error.to_string(), "worker 1 ended 94 cycles (Measured), of which 93 were received");
}

#[test]
fn a_failure_that_came_as_a_cycle_that_completed_is_named() {
    let failed = |measured| PerPhase { warmup: 0, measured };
    let received =
        ReceivedCounts { cycles: issued(94), failed: failed(3), ..ReceivedCounts::default() };
    let error = received.verify_cycles(1, &per_phase([90, 4, 0, 0, 0])).expect_err("one short");
    assert_eq!(error.to_string(), "worker 1 failed 4 cycles (Measured), of which 3 were received");
    let received = ReceivedCounts { failed: failed(4), ..received };
    assert_eq!(received.verify_cycles(1, &per_phase([90, 4, 0, 0, 0])), Ok(()));
}

proptest! {
    #[test]
    fn exactly_the_sum_of_the_outcomes_is_accepted(
        counts in prop::array::uniform5(0u64..1 << 40),
        wrong in -2i64..=2,
    ) {
        let sum: u64 = counts.iter().sum();
        let issued = issued(sum.saturating_add_signed(wrong));
        let exact = issued.measured == sum;
        prop_assert_eq!(Account::drained(0, issued, per_phase(counts)).is_ok(), exact);
    }
}
