//! Tests of the interval table: no value is lost, and each is in its row and its column.

use dyno_bus::value::{Unit, VALUE_MAX};
use proptest::prelude::*;

use super::*;
use crate::rows::{ROWS, row_starts};
use crate::series::RAW_MAX;

fn label(name: &str) -> Label {
    Label { name: name.into(), unit: Unit::Nanoseconds }
}

fn at(nanos: u64) -> Time {
    Time::from_nanos(nanos)
}

/// Returns the row of a value, by the rows' least values.
fn row(value: u64) -> usize {
    row_starts().iter().rposition(|start| *start <= value).expect("the first row begins with 0")
}

/// An event of a run with one metric in three processes.
#[derive(Debug, Clone)]
enum Step {
    /// Values of the process with this index.
    Values(usize, Vec<u64>),
    Cut,
    Rotate,
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        (0..=VALUE_MAX, 0..53u32).prop_map(|(value, bits)| value >> bits),
        Just(VALUE_MAX),
    ];
    prop_oneof![
        3 => (0..3usize, prop::collection::vec(value, 0..20)).prop_map(|(i, v)| Step::Values(i, v)),
        // A series puts its values into buckets once it has many.
        1 => (0..3usize, 1..5_000_000u64)
            .prop_map(|(i, first)| Step::Values(i, (first..).take(RAW_MAX + 1).collect())),
        2 => Just(Step::Cut),
        1 => Just(Step::Rotate),
    ]
}

fn columns(table: &IntervalTable, name: &str) -> Vec<IntervalRows> {
    table.metrics().find(|(label, _)| &*label.name == name).expect("it had values").1
}

fn sum(columns: &[IntervalRows]) -> IntervalRows {
    let mut sum = IntervalRows::default();
    columns.iter().for_each(|column| sum.add(column));
    sum
}

proptest! {
    #[test]
    fn every_value_is_in_the_column_of_its_arrival_and_in_its_row(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let label = label("response");
        let mut table = IntervalTable::new();
        let mut intervals: [Series; 3] = Default::default();
        let (mut open, mut expected) = (IntervalRows::default(), Vec::new());
        for (time, step) in (1..).zip(steps) {
            match step {
                Step::Values(process, values) => {
                    intervals[process].record(&values, at(time));
                    for value in values {
                        open.sum += u128::from(value);
                        open.counts[row(value)] += 1;
                    }
                }
                Step::Cut => {
                    table.count(intervals.iter().map(|series| (&label, series)));
                    table.cut(at(time));
                    expected.push(std::mem::take(&mut open));
                }
                Step::Rotate => {
                    table.count(intervals.iter().map(|series| (&label, series)));
                    table.rotate();
                    intervals.iter_mut().for_each(Series::clear);
                }
            }
        }
        table.count(intervals.iter().map(|series| (&label, series)));
        table.end(at(1_000));
        if !open.is_empty() {
            expected.push(open);
        }
        prop_assert_eq!(columns(&table, "response"), expected);
    }

    #[test]
    fn columns_that_are_added_in_pairs_lose_nothing_and_stay_in_order(cuts in 0..1_500u64) {
        let label = label("response");
        let mut table = IntervalTable::new();
        let mut interval = Series::default();
        for cut in 1..=cuts {
            interval.record(&[cut], at(cut));
            table.count(std::iter::once((&label, &interval)));
            table.cut(at(cut));
        }
        interval.record(&[7_000], at(cuts + 1));
        table.count(std::iter::once((&label, &interval)));
        table.end(at(cuts + 1));

        let columns = columns(&table, "response");
        prop_assert!(columns.len() <= COLUMNS_MAX && columns.len() == table.ends().len());
        prop_assert!(table.ends().is_sorted_by(|a, b| a < b));
        prop_assert_eq!(table.ends().last(), Some(&at(cuts + 1)));
        let sum = sum(&columns);
        prop_assert_eq!(sum.count(), cuts + 1);
        prop_assert_eq!(sum.sum, u128::from(cuts * (cuts + 1) / 2 + 7_000));
        // A value came at each cut, so that a column has as many as it has nanoseconds.
        let starts = std::iter::once(&Time::ZERO).chain(table.ends());
        for ((start, end), column) in starts.zip(table.ends()).zip(&columns) {
            prop_assert_eq!(column.count(), end.nanos_since(*start));
        }
        prop_assert!(columns.len() > COLUMNS_MAX / 2 || cuts < COLUMNS_MAX as u64);
    }
}

#[test]
fn a_metric_that_comes_late_has_empty_columns_before() {
    let (early, late) = (label("early"), label("late"));
    let mut table = IntervalTable::new();
    let mut values = Series::default();
    values.record(&[1_000], at(1));
    table.count(std::iter::once((&early, &values)));
    table.cut(at(1));
    table.count([(&early, &values), (&late, &values)].into_iter());
    table.end(at(2));
    let counts = |name| Vec::from_iter(columns(&table, name).iter().map(IntervalRows::count));
    assert_eq!((counts("early"), counts("late")), (vec![1, 0], vec![0, 1]));
}

#[test]
fn a_short_drain_does_not_halve_the_number_of_columns() {
    let label = label("response");
    let mut table = IntervalTable::new();
    let mut values = Series::default();
    for cut in 1..=COLUMNS_MAX as u64 {
        table.count(std::iter::empty());
        table.cut(at(cut));
    }
    values.record(&[1_000], at(300));
    table.count(std::iter::once((&label, &values)));
    table.end(at(300));
    assert_eq!((table.ends().len(), table.ends()[COLUMNS_MAX - 1]), (COLUMNS_MAX, at(300)));
    assert_eq!(columns(&table, "response")[COLUMNS_MAX - 1].count(), 1);
}

#[test]
fn an_end_without_new_values_adds_no_column() {
    let mut table = IntervalTable::new();
    table.count(std::iter::empty());
    table.cut(at(1));
    table.count(std::iter::empty());
    table.end(at(2));
    assert_eq!(table.ends(), [at(1)]);
}

#[test]
fn rows_differ_by_a_third_from_100_ns_to_562_s() {
    let starts = row_starts();
    assert_eq!((starts[0], starts[1], starts[9]), (0, 100, 1_000));
    let last = starts[ROWS - 1] as f64 / 562e9;
    assert!((0.999..=1.0).contains(&last), "{last}");
    for pair in starts[1..].windows(2) {
        let ratio = pair[1] as f64 / pair[0] as f64;
        assert!((1.32..1.35).contains(&ratio), "{pair:?}");
    }
}
