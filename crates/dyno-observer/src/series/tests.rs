//! The statistics of a series, compared with those of the sorted values themselves.

use proptest::prelude::*;

use dyno_bus::value::ABOVE;

use super::*;

fn series(values: &[u64]) -> Series {
    let mut series = Series::default();
    record(&mut series, values);
    series
}

fn record(series: &mut Series, values: &[u64]) {
    series.record(values, Time::ZERO);
}

const fn is_raw(series: &Series) -> bool {
    matches!(series.values, Values::Raw(_))
}

/// Computes the statistics by their definitions, from all values at once.
fn by_definition(values: &[u64]) -> Stats {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let count = values.len();
    // Relative to the least value, because floating-point numbers are more exact when small.
    let above: Vec<_> = values.iter().map(|value| (value - sorted[0]) as f64).collect();
    let mean = above.iter().sum::<f64>() / count as f64;
    let squares = above.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let [p50, p90, p99, p999] =
        [(2, 500), (10, 900), (100, 990), (1_000, 999)].map(|(least, permille): (usize, usize)| {
            (count >= least).then(|| sorted[(count * permille).div_ceil(1_000) - 1])
        });
    Stats {
        count: count as u64,
        min: sorted[0],
        max: sorted[count - 1],
        mean: sorted[0] as f64 + mean,
        stddev: (squares / count as f64).sqrt(),
        last: values[count - 1],
        p50,
        p90,
        p99,
        p999,
        out_of_range: 0,
    }
}

fn near(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * expected.abs().max(1.0)
}

/// Asserts that all statistics are exact but the percentiles, which are within three digits.
#[track_caller]
fn assert_agrees(found: Stats, expected: Stats) {
    let exact = |stats: Stats| (stats.count, stats.min, stats.max, stats.last, stats.out_of_range);
    assert_eq!(exact(found), exact(expected));
    assert!(near(found.mean, expected.mean, 1e-12), "{found:?} {expected:?}");
    assert!(near(found.stddev, expected.stddev, 1e-6), "{found:?} {expected:?}");
    for stat in [crate::Stat::P50, crate::Stat::P90, crate::Stat::P99, crate::Stat::P999] {
        let (found, expected) = (found.of(stat), expected.of(stat));
        let agree = match (found, expected) {
            (Some(found), Some(expected)) => near(found, expected, 1e-3),
            (found, expected) => found == expected,
        };
        assert!(agree, "{stat}: {found:?} for {expected:?}");
    }
}

/// Values that break estimates: a single value, two modes, a heavy tail, the extremes.
fn adversarial() -> impl Strategy<Value = Vec<u64>> {
    let length = 1..2 * RAW_MAX;
    prop_oneof![
        (0..=VALUE_MAX, length.clone()).prop_map(|(value, count)| vec![value; count]),
        prop::collection::vec(prop_oneof![Just(1_000), Just(1_000_000_000)], length.clone()),
        prop::collection::vec((0.0f64..1.0).prop_map(pareto), length.clone()),
        prop::collection::vec(VALUE_MAX - 10..=VALUE_MAX, length.clone()),
        prop::collection::vec(prop_oneof![99 => Just(0), 1 => Just(VALUE_MAX)], length.clone()),
        prop::collection::vec(0..=VALUE_MAX, length),
    ]
}

/// Returns a value of a Pareto distribution of shape 1, whose mean is infinite.
fn pareto(uniform: f64) -> u64 {
    ((1_000.0 / (1.0 - uniform)) as u64).min(VALUE_MAX)
}

#[test]
fn an_empty_series_has_no_statistics() {
    assert_eq!(Series::default().stats(), Stats::default());
}

#[test]
fn values_are_kept_raw_until_there_is_one_too_many() {
    let values: Vec<_> = (0..=RAW_MAX as u64).map(|value| value * 1_000_003).collect();
    let mut series = series(&values[..RAW_MAX]);
    assert!(is_raw(&series));
    let (found, expected) = (series.stats(), by_definition(&values[..RAW_MAX]));
    assert_agrees(found, expected);
    assert_eq!((found.p50, found.p999), (expected.p50, expected.p999), "raw values are exact");
    record(&mut series, &values[RAW_MAX..]);
    assert!(!is_raw(&series));
    assert_eq!(series.buckets().iter().map(|(_, count)| count).sum::<u64>(), values.len() as u64);
    assert_agrees(series.stats(), by_definition(&values));
}

#[test]
fn a_percentile_of_too_few_values_is_missing() {
    let percentiles = |count: u64| {
        let Stats { p50, p90, p99, p999, max, .. } = series(&vec![7; count as usize]).stats();
        assert_eq!(max, 7, "exact of any count");
        [p50, p90, p99, p999].map(|percentile| percentile.is_some())
    };
    for (least, carried) in [(2, 1), (10, 2), (100, 3), (1_000, 4)] {
        let expected = |carried| [1, 2, 3, 4].map(|place| place <= carried);
        assert_eq!(percentiles(least - 1), expected(carried - 1), "{least}");
        assert_eq!(percentiles(least), expected(carried), "{least}");
    }
}

#[test]
fn buckets_are_kept_for_the_next_interval_only_after_many_values() {
    let mut series = series(&vec![5; RAW_MAX + 1]);
    series.clear();
    assert!(series.is_empty() && !is_raw(&series));
    record(&mut series, &[7]);
    assert_eq!(series.stats(), by_definition(&[7]));
    assert!(series.size() > 1_000 * size_of::<u64>(), "that of the buckets: {}", series.size());
    series.clear();
    assert!(is_raw(&series));
    record(&mut series, &[7]);
    assert_eq!(series.size(), size_of::<u64>());
}

#[test]
fn a_value_out_of_range_is_clamped_and_counted() {
    let stats = series(&[BELOW, 5, ABOVE, VALUE_MAX + 1, VALUE_MAX]).stats();
    assert_eq!((stats.count, stats.out_of_range), (5, 3));
    assert_eq!((stats.min, stats.max, stats.p50), (0, VALUE_MAX, Some(VALUE_MAX)));
}

#[test]
fn a_small_deviation_of_large_values_is_not_lost() {
    let values: Vec<_> = (0..10_000).map(|index| 1_000_000_000_000_000 + index % 2).collect();
    assert_eq!(series(&values).stats().stddev, 0.5);
}

#[test]
fn the_sum_of_squares_never_overflows() {
    let mut all = series(&vec![VALUE_MAX; 1 << 16]);
    for _ in 0..8 {
        let twice = all.clone();
        all.merge(&twice);
    }
    assert_eq!(all.count(), 1 << 24);
    let stats = all.stats();
    assert_eq!((stats.max, stats.mean), (VALUE_MAX, VALUE_MAX as f64));
    assert!(stats.stddev.is_finite());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn statistics_are_those_of_the_sorted_values(values in adversarial()) {
        assert_agrees(series(&values).stats(), by_definition(&values));
    }

    #[test]
    fn a_histogram_and_raw_values_of_the_same_agree(values in adversarial()) {
        let mut counted = series(&values);
        counted.values = Values::Counted(super::counted(&values));
        assert_agrees(counted.stats(), by_definition(&values));
    }

    #[test]
    fn cut_anywhere_and_merged_is_the_same_as_one_series(
        values in adversarial(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(values.len())).collect();
        cuts.extend([0, values.len()]);
        cuts.sort_unstable();
        let mut merged = Series::default();
        for cut in cuts.windows(2) {
            merged.merge(&series(&values[cut[0]..cut[1]]));
        }
        let whole = series(&values);
        prop_assert_eq!(is_raw(&merged), is_raw(&whole));
        prop_assert_eq!(merged.buckets(), whole.buckets());
        prop_assert_eq!(merged.stats(), whole.stats());
    }
}

proptest! {
    #[test]
    fn a_value_that_is_added_some_times_is_as_if_it_was_recorded_that_often(
        first in prop::collection::vec(0..=VALUE_MAX, 0..50),
        value in 0..=VALUE_MAX,
        count in 0..2_000u64,
    ) {
        let (mut added, mut recorded) = (Series::default(), Series::default());
        for series in [&mut added, &mut recorded] {
            series.record(&first, Time::ZERO);
        }
        added.add(value, count, Time::ZERO);
        recorded.record(&vec![value; count as usize], Time::ZERO);
        prop_assert_eq!(added.stats(), recorded.stats());
        prop_assert_eq!(added.count_of(|one| one >= value), recorded.count_of(|one| one >= value));
    }

    #[test]
    fn any_percentile_is_the_value_of_its_rank_within_three_digits(
        mut values in prop::collection::vec(0..=VALUE_MAX, 1..1_500),
        part in 1..=1_000u32,
    ) {
        let mut series = Series::default();
        series.record(&values, Time::ZERO);
        values.sort_unstable();
        let rank = (values.len() * part as usize).div_ceil(1_000);
        let (found, exact) = (series.at(part, 1_000).unwrap(), values[rank - 1]);
        prop_assert!(found >= exact && found as f64 <= exact as f64 * 1.001, "{found} {exact}");
        prop_assert_eq!(Series::default().at(part, 1_000), None);
    }
}

#[test]
fn values_are_counted_up_to_each_bound_before_and_after_they_are_in_buckets() {
    let bounds = [0, 1, 9, 10, 999, 1_000, 2_047];
    for copies in [1, RAW_MAX as u64] {
        let mut series = Series::default();
        for value in [0, 1, 10, 10, 1_000, 2_048] {
            series.add(value, copies, Time::ZERO);
        }
        let expected = [1, 2, 2, 4, 4, 5, 5].map(|count| count * copies);
        assert_eq!(series.counts_up_to(&bounds), expected);
        assert_eq!(series.sum(), u128::from(copies) * 3_069);
    }
    assert_eq!(Series::default().counts_up_to(&[1, 2]), [0, 0]);
}
