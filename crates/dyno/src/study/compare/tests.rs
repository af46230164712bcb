//! The behaviour of comparisons, one by one; `matrix` has their shares of right answers.

mod matrix;

use super::*;

const PAIR: Duration = Duration::from_secs(2);

fn figure(name: &str, tolerance: f64) -> ComparedFigure {
    let better = if name == "rate" { BetterWhen::Higher } else { BetterWhen::Lower };
    ComparedFigure { name: name.to_owned(), better, tolerance, is_decisive: true }
}

fn compare(figures: Vec<ComparedFigure>) -> PairedStudy {
    let time = Duration::from_secs(120);
    PairedStudy::new(CompareSettings { figures, time, pair: PAIR })
}

fn side(values: &[f64]) -> PairSide {
    let values = values.iter().map(|value| Some(*value)).collect();
    PairSide { verdict: TrialVerdict::Sustained, values }
}

fn with(verdict: TrialVerdict) -> PairSide {
    PairSide { verdict, ..side(&[1.0]) }
}

/// Takes pairs until the end; `pair` returns both sides of the pair with this index.
fn run(compare: &mut PairedStudy, pair: impl Fn(u32) -> (PairSide, PairSide)) -> CompareEnd {
    for index in 0.. {
        if let CompareStep::Done(end) = compare.next() {
            return end;
        }
        let (base, new) = pair(index);
        compare.take(&base, &new, PAIR * (index + 1));
    }
    unreachable!("a comparison ends")
}

/// Returns noise of ± 1 %, which differs between neighbouring pairs.
fn noise(index: u32) -> f64 {
    1.0 + 0.01 * f64::from(index * 7 % 5) / 2.0 - 0.01
}

#[test]
fn a_narrow_interval_within_the_tolerance_is_the_same_wherever_it_lies() {
    let ratio = LogRatio { estimate: 0.02, low: 0.01, high: 0.03 };
    assert_eq!(figure("service.mean", 0.05).finding(ratio), ComparisonFinding::Same);
    assert_eq!(figure("service.mean", 0.02).finding(ratio), ComparisonFinding::Worse);
    assert_eq!(figure("rate", 0.02).finding(ratio), ComparisonFinding::Better);
}

#[test]
fn the_tolerance_is_equally_wide_on_both_sides_of_one() {
    let at = |end: f64| LogRatio { estimate: end / 2.0, low: end.min(0.0), high: end.max(0.0) };
    let figure = figure("service.mean", 0.05);
    for end in [1.049_f64.ln(), -1.049_f64.ln()] {
        assert_eq!(figure.finding(at(end)), ComparisonFinding::Same, "{end}");
    }
    for end in [1.051_f64.ln(), -1.051_f64.ln()] {
        assert_eq!(figure.finding(at(end)), ComparisonFinding::Unclear, "{end}");
    }
}

#[test]
fn a_clear_slowdown_is_found_at_the_sixth_pair() {
    let mut compare = compare(vec![figure("service.mean", 0.05)]);
    let wide = |pair: u32| (3.0 * (noise(pair) - 1.0)).exp();
    let end = run(&mut compare, |pair| (side(&[wide(pair)]), side(&[1.3 * wide(3 * pair + 1)])));
    assert_eq!((end, compare.finding()), (CompareEnd::Decided, ComparisonFinding::Worse));
    let found = &compare.figures()[0];
    assert_eq!(found.pairs, 6);
    let ratio = found.ratio.unwrap();
    assert!(ratio.low < 1.3_f64.ln() && 1.3_f64.ln() < ratio.high, "{ratio:?}");
    let [base, new] = found.means().unwrap();
    assert!((new / base - 1.3).abs() < 0.05);
}

#[test]
fn a_difference_before_six_pairs_takes_twice_the_evidence() {
    // The same ten-fold slowdown, with more and with less noise.
    let pairs = |scale: f64| {
        let mut compare = compare(vec![figure("service.mean", 0.05)]);
        let noise = move |pair: u32| (scale * (noise(pair) - 1.0)).exp();
        run(&mut compare, |pair| (side(&[noise(pair)]), side(&[10.0 * noise(3 * pair + 1)])));
        compare.figures()[0].pairs
    };
    assert_eq!(pairs(1.0), 4);
    let interval = |scale: f64| {
        let looks = compare(vec![figure("service.mean", 0.05)]).looks;
        let differences: Vec<_> =
            (0..4).map(|pair| 10_f64.ln() + scale * (noise(3 * pair + 1) - noise(pair))).collect();
        evidence::by_student(&differences, looks[0].student)
    };
    let unsure = interval(10.0);
    assert!(unsure.low > 0.0 && unsure.widened(UNSURE_FACTOR).low < 0.0, "{unsure:?}");
    assert!(pairs(10.0) > 4);
}

#[test]
fn a_figure_is_the_same_as_soon_as_the_interval_is_narrow() {
    let mut compare = compare(vec![figure("service.mean", 0.2)]);
    let end = run(&mut compare, |pair| (side(&[noise(pair)]), side(&[noise(3 * pair + 1)])));
    assert_eq!((end, compare.finding()), (CompareEnd::Decided, ComparisonFinding::Same));
    assert!(compare.figures()[0].pairs <= 10);
}

#[test]
fn a_lower_rate_is_worse_and_a_higher_one_better() {
    for (new, finding) in [(80.0, ComparisonFinding::Worse), (125.0, ComparisonFinding::Better)] {
        let mut compare = compare(vec![figure("rate", 0.05)]);
        run(&mut compare, |pair| {
            (side(&[100.0 * noise(pair)]), side(&[new * noise(3 * pair + 1)]))
        });
        assert_eq!(compare.finding(), finding);
    }
}

#[test]
fn a_spread_that_is_too_large_for_the_tolerance_is_reported_after_six_pairs() {
    let mut compare = compare(vec![figure("service.mean", 0.05), figure("response.p99", 0.05)]);
    let wild = |pair: u32| 60.0 * (noise(pair) - 1.0);
    let end = run(&mut compare, |pair| {
        let (one, other) = (noise(pair), noise(3 * pair + 1));
        (side(&[one, wild(pair).exp()]), side(&[other, wild(3 * pair + 1).exp()]))
    });
    assert_eq!(end, CompareEnd::Decided);
    let [service, p99] = compare.figures() else { panic!("two figures") };
    assert_eq!(service.state, FigureState::Decided(ComparisonFinding::Same));
    let FigureState::OutOfReach { needed } = p99.state else { panic!("{:?}", p99.state) };
    assert!(needed > Duration::from_secs(1_000), "{needed:?}");
    assert_eq!(p99.pairs, SURE_MIN);
    // The figure that is out of reach does not make the whole unclear.
    assert_eq!(compare.finding(), ComparisonFinding::Same);
}

#[test]
fn the_whole_is_unclear_if_every_figure_is_out_of_reach() {
    assert_eq!(overall([(ComparisonFinding::Unclear, true)]), ComparisonFinding::Unclear);
    assert_eq!(
        overall([(ComparisonFinding::Unclear, true), (ComparisonFinding::Better, false)]),
        ComparisonFinding::Better
    );
    assert_eq!(
        overall([(ComparisonFinding::Unclear, false), (ComparisonFinding::Better, false)]),
        ComparisonFinding::Unclear
    );
    assert_eq!(
        overall([(ComparisonFinding::Unclear, false), (ComparisonFinding::Worse, false)]),
        ComparisonFinding::Worse
    );
    assert_eq!(
        overall([(ComparisonFinding::Same, false), (ComparisonFinding::Better, false)]),
        ComparisonFinding::Better
    );
    assert_eq!(overall([]), ComparisonFinding::Unclear);
}

#[test]
fn the_exit_code_leaves_out_figures_that_were_not_requested() {
    let p99 = ComparedFigure { is_decisive: false, ..figure("response.p99", 0.25) };
    let mut compare = compare(vec![figure("service.mean", 0.05), p99]);
    run(&mut compare, |pair| {
        (side(&[noise(pair), 1.0]), side(&[noise(3 * pair + 1), 3.0 * noise(pair)]))
    });
    assert_eq!(compare.figures()[1].finding(), ComparisonFinding::Worse);
    assert_eq!(compare.finding(), ComparisonFinding::Same);
}

#[test]
fn a_side_that_does_not_hold_the_rate_is_worse_and_its_times_do_not_count() {
    let mut compare = compare(vec![figure("service.mean", 0.05)]);
    let end =
        run(&mut compare, |_| (with(TrialVerdict::Sustained), with(TrialVerdict::Unsustained)));
    assert_eq!((end, compare.finding()), (CompareEnd::Held, ComparisonFinding::Worse));
    let (held, finding) = compare.held();
    assert_eq!((held.base_only, held.both, finding), (16, 0, ComparisonFinding::Worse));
    assert_eq!(compare.figures()[0].means(), None);
}

#[test]
fn a_rate_that_neither_side_holds_gives_no_figure() {
    let mut compare = compare(vec![figure("service.mean", 0.05)]);
    let end = run(&mut compare, |_| (with(TrialVerdict::Unsustained), with(TrialVerdict::Failed)));
    assert_eq!((end, compare.finding()), (CompareEnd::NeitherHeld, ComparisonFinding::Unclear));
    assert_eq!(compare.held().0.neither, SURE_MIN);
}

#[test]
fn pairs_that_show_nothing_of_the_code_are_repeated_and_counted() {
    let mut compare = compare(vec![figure("service.mean", 0.2)]);
    let end = run(&mut compare, |pair| {
        let new = side(&[noise(3 * pair + 1)]);
        let verdict = if pair == 2 { TrialVerdict::Invalid } else { TrialVerdict::Sustained };
        (side(&[noise(pair)]), PairSide { verdict, ..new })
    });
    assert_eq!((end, compare.repeated()), (CompareEnd::Decided, 1));
    assert_eq!(compare.held().0.count(), compare.figures()[0].pairs);
}

#[test]
fn a_comparison_whose_pairs_all_fail_gives_up() {
    let mut compare = compare(vec![figure("service.mean", 0.05)]);
    let end = run(&mut compare, |_| (with(TrialVerdict::Sustained), with(TrialVerdict::Invalid)));
    assert_eq!((end, compare.repeated()), (CompareEnd::Unusable, REPEATED_MAX));
}

#[test]
fn a_signal_ends_a_comparison() {
    let mut compare = compare(vec![figure("service.mean", 0.05)]);
    compare.interrupt();
    assert_eq!(compare.next(), CompareStep::Done(CompareEnd::Interrupted));
    assert_eq!(compare.finding(), ComparisonFinding::Unclear);
}

#[test]
fn a_figure_that_no_trial_has_keeps_no_other_waiting() {
    let mut compare = compare(vec![figure("service.mean", 0.2), figure("response.p99", 0.25)]);
    let end = run(&mut compare, |pair| {
        let missing = |value: f64| PairSide { values: vec![Some(value), None], ..side(&[1.0]) };
        (missing(noise(pair)), missing(noise(3 * pair + 1)))
    });
    assert_eq!((end, compare.finding()), (CompareEnd::Decided, ComparisonFinding::Unclear));
    assert!(compare.figures()[1].ratio.is_none());
}

#[test]
fn the_time_ends_a_comparison_before_a_pair_that_it_has_no_room_for() {
    let settings = CompareSettings {
        figures: vec![figure("service.mean", 0.000_1)],
        time: Duration::from_secs(11),
        pair: PAIR,
    };
    let mut compare = PairedStudy::new(settings);
    let end = run(&mut compare, |pair| (side(&[noise(pair)]), side(&[noise(3 * pair + 1)])));
    assert_eq!((end, compare.held().0.count()), (CompareEnd::Time, 5));
}

#[test]
fn each_two_pairs_have_both_orders_and_a_coin_decides_the_first() {
    let mut orders = PairOrders::default();
    let drawn: Vec<_> = [true, true, false, true].map(|heads| orders.next(heads)).into();
    let (base, new) = (PairOrder::BaseFirst, PairOrder::NewFirst);
    assert_eq!(drawn, [base, new, new, base]);
}

#[test]
fn looks_are_fixed_before_and_do_not_depend_on_a_short_time() {
    assert_eq!(looks_until(3), LOOKS);
    assert_eq!(looks_until(60), LOOKS);
    assert_eq!(looks_until(100)[13..], [75, 94, 118]);
}
