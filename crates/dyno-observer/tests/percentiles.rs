//! Percentiles, compared with those of the sorted raw values, for many distributions, and for many
//! ways to cut the values into batches, intervals and workers.
//!
//! It uses the public interface only. The tests of a series by itself are next to that type; this
//! one adds the way of values through a run, and values at the borders of buckets.

use dyno_bus::message::{Batch, Column, Declare};
use dyno_bus::segment::Arrivals;
use dyno_bus::value::{Unit, VALUE_MAX};
use dyno_bus::{Pace, Phase, Time};
use dyno_observer::{Observer, ProcessId, Stat, Stats};
use proptest::prelude::*;

/// The percentiles, with their ranks in thousandths.
const PERCENTILES: [(Stat, usize); 4] =
    [(Stat::P50, 500), (Stat::P90, 900), (Stat::P99, 990), (Stat::P999, 999)];
/// The most values of one case: several times the number that a series keeps raw.
const VALUES_MAX: usize = 4_000;
/// The relative error of three significant digits.
const DIGITS: f64 = 1e-3;

/// Returns the statistics of the one metric over all workers, and those of each worker in order.
fn observed(workers: &[Vec<u64>], batch: usize, rotate_every: usize) -> (Stats, Vec<Stats>) {
    let mut observer = Observer::new(Pace::Open { rate: 50.0, arrivals: Arrivals::Poisson });
    for worker in 0..workers.len() as u32 {
        let process = ProcessId::Worker(worker);
        observer.hello(process, worker + 1).expect("it is new");
        let declare = Declare { metric: 0, name: "own".into(), unit: Unit::Nanoseconds };
        observer.declare(process, &declare).expect("it is new");
    }
    let rounds = workers.iter().map(|values| values.len().div_ceil(batch)).max().unwrap_or(0);
    for round in 0..rounds {
        let as_of = Time::from_nanos(round as u64);
        for (worker, values) in workers.iter().enumerate() {
            let Some(values) = values.chunks(batch).nth(round) else { continue };
            let values = values.to_vec();
            let columns = vec![Column { metric: 0, phase: Phase::Measured, values }];
            let sequence = round as u64;
            let batch = Batch { sequence, as_of, columns, ..Batch::default() };
            observer.absorb(ProcessId::Worker(worker as u32), &batch).expect("it can be true");
        }
        if round % rotate_every == 0 {
            observer.rotate(as_of, |_| {});
        }
    }
    let merged = observer.merged().into_iter().find(|metric| &*metric.label.name == "own");
    let list = observer.list();
    let each = list
        .processes()
        .map(|process| list.stats(process, "own").expect("it has values"))
        .collect();
    (merged.expect("it has values").stats, each)
}

/// Asserts that each percentile is within three digits of the sorted value of its rank, and that
/// the least and the largest value are exact.
fn assert_sorted(found: &Stats, values: &[u64]) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    assert_eq!(found.count, sorted.len() as u64);
    assert_eq!((found.min, found.max), (sorted[0], sorted[sorted.len() - 1]));
    for (stat, permille) in PERCENTILES {
        let expected = sorted[(sorted.len() * permille).div_ceil(1_000) - 1] as f64;
        let Some(value) = found.of(stat) else {
            assert!(found.count < stat.values_min(), "{stat} of {} values", found.count);
            continue;
        };
        assert!(
            (value - expected).abs() <= expected * DIGITS,
            "{stat} of {} values: {value} for {expected}",
            sorted.len()
        );
    }
}

/// Values at and around the borders of a histogram's buckets, where a value needs one more bit.
fn at_borders() -> impl Strategy<Value = u64> {
    (0..=53_u32, 0..=2_048_u64, 0..=2_u64).prop_map(|(power, step, off)| {
        let width = (1_u64 << power) / 2_048;
        let value = (1_u64 << power) + step * width.max(1) + off;
        value.saturating_sub(1).min(VALUE_MAX)
    })
}

fn adversarial() -> impl Strategy<Value = Vec<u64>> {
    let length = 1..VALUES_MAX;
    let pareto = (0.0_f64..1.0).prop_map(|u| ((1_000.0 / (1.0 - u)) as u64).min(VALUE_MAX));
    let two_points = |share: u32, low, high| {
        prop::collection::vec(
            prop_oneof![1_000 - share => Just(low), share => Just(high)],
            length.clone(),
        )
    };
    prop_oneof![
        (0..=VALUE_MAX, length.clone()).prop_map(|(value, count)| vec![value; count]),
        // The higher value begins at the rank of each percentile.
        two_points(500, 1_000_u64, 1_000_000_000),
        two_points(100, 0, VALUE_MAX),
        two_points(10, 1, 2_048),
        two_points(1, 2_047, VALUE_MAX - 1),
        prop::collection::vec(pareto, length.clone()),
        prop::collection::vec(at_borders(), length.clone()),
        prop::collection::vec(VALUE_MAX - 2_000..=VALUE_MAX, length),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn percentiles_are_those_of_the_sorted_values(
        values in adversarial(),
        batch in 1_usize..2_000,
        rotate_every in 1_usize..20,
    ) {
        let (merged, each) = observed(std::slice::from_ref(&values), batch, rotate_every);
        assert_sorted(&merged, &values);
        prop_assert_eq!(merged, each[0]);
    }

    #[test]
    fn merged_over_workers_they_are_those_of_one_histogram_of_all(
        workers in prop::collection::vec(adversarial(), 2..5),
        batch in 1_usize..2_000,
        rotate_every in 1_usize..20,
    ) {
        let all = workers.concat();
        let (merged, each) = observed(&workers, batch, rotate_every);
        let (one, _) = observed(std::slice::from_ref(&all), batch, rotate_every);
        // Which of several workers' last values is the last one depends on their batches.
        let [merged, one] = [merged, one].map(|mut stats| {
            stats.last = 0;
            stats
        });
        prop_assert_eq!(merged, one);
        assert_sorted(&merged, &all);
        for (found, values) in each.iter().zip(&workers) {
            assert_sorted(found, values);
        }
    }
}
