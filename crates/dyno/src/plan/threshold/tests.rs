//! Tests of the refusals: thresholds that a plan can't show to be kept.

use super::*;
use crate::plan::Rate;
use crate::plan::fixture::plan;

/// Returns a threshold on a metric, with a limit of its unit.
fn threshold(metric: &str, statistic: ThresholdStat, comparison: LimitOperator) -> Threshold {
    let limit = ThresholdLimit { number: 20e6, kind: LimitKind::Time, text: "20ms".to_owned() };
    let metric = metric.to_owned();
    Threshold { metric, statistic, comparison, limit, over: None, aborts: false }
}

const P99: ThresholdStat = ThresholdStat::Percentile(Percentile(99_000_000));

/// Returns a limit on the p99 of `response`.
fn p99() -> Threshold {
    threshold(RESPONSE, P99, LimitOperator::Below)
}

#[track_caller]
fn refused(threshold: &Threshold, plan: &Plan, parts: &[&str]) {
    let refusal = threshold.check(plan).expect_err(&threshold.to_string());
    assert!(parts.iter().all(|part| refusal.contains(part)), "{threshold}: {refusal}");
}

#[test]
fn a_percentile_needs_ten_values_beyond_it() {
    for (percent, needed) in [(50.0, 20), (99.0, 1_000), (99.9, 10_000), (100.0, 1)] {
        let percentile = Percentile((percent * 1e6_f64).round() as u32);
        let one = threshold(RESPONSE, ThresholdStat::Percentile(percentile), LimitOperator::Below);
        assert_eq!(one.values_min(), needed, "{percent}");
    }
}

#[test]
fn a_window_with_too_few_cycles_for_the_percentile_is_refused_with_one_that_has_enough() {
    refused(&p99(), &plan(), &["p99 needs 1,000 cycles", "250 in 5s", "--duration 20s"]);
    let long = Plan { duration: Duration::from_secs(20), ..plan() };
    assert_eq!(p99().check(&long), Ok(()));
    let over = Threshold { over: Some(Duration::from_secs(10)), ..p99() };
    refused(&over, &long, &["500 in 10s", "`over 20s`"]);
    // How many values a metric of the user has is not known before.
    assert_eq!(threshold("mine", P99, LimitOperator::Below).check(&plan()), Ok(()));
}

#[test]
fn a_sliding_window_longer_than_the_run_or_too_short_is_refused() {
    let over = |seconds: f64| Threshold {
        over: Some(Duration::from_secs_f64(seconds)),
        ..threshold(RESPONSE, ThresholdStat::Max, LimitOperator::Below)
    };
    refused(&over(6.0), &plan(), &["longer than the run", "5s", "--duration 6s"]);
    refused(&over(0.5), &plan(), &["at least 1s"]);
    assert_eq!(over(5.0).check(&plan()), Ok(()));
    let delivered = Threshold { metric: DELIVERED.to_owned(), ..over(2.0) };
    refused(&delivered, &plan(), &["leave out `over`"]);
}

#[test]
fn an_abort_that_is_certain_only_at_the_end_is_refused() {
    let abort = |metric, statistic, comparison| Threshold {
        aborts: true,
        ..threshold(metric, statistic, comparison)
    };
    let (mean, min) = (ThresholdStat::Mean, ThresholdStat::Min);
    refused(&abort(RESPONSE, mean, LimitOperator::Below), &plan(), &["a mean", "over 10s abort"]);
    refused(&abort(RESPONSE, min, LimitOperator::Above), &plan(), &["a minimum"]);
    refused(&abort(RESPONSE, P99, LimitOperator::Above), &plan(), &["a lower limit"]);
    refused(&abort("mine", P99, LimitOperator::Below), &plan(), &["number of values is not known"]);
    let long = Plan { duration: Duration::from_secs(20), ..plan() };
    assert_eq!(abort(RESPONSE, P99, LimitOperator::Below).check(&long), Ok(()));
    let closed = Plan { rate: Rate::Max, ..plan() };
    refused(&abort(RESPONSE, P99, LimitOperator::Below), &closed, &["closed loop"]);
    // A whole sliding window is certain.
    let over = Some(Duration::from_secs(2));
    let sliding = Threshold { over, ..abort(RESPONSE, mean, LimitOperator::Below) };
    assert_eq!(sliding.check(&plan()), Ok(()));
}

#[test]
fn a_closed_loop_has_no_wait_and_no_backlog() {
    let closed = Plan { rate: Rate::Max, ..plan() };
    for metric in [WAIT, BACKLOG] {
        let one = threshold(metric, ThresholdStat::Max, LimitOperator::Below);
        refused(&one, &closed, &["a closed loop has no", metric, "response"]);
    }
    assert_eq!(p99().check(&closed), Ok(()));
}
