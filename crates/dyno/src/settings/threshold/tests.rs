//! Tests of the parser: each form is read, prints back as it was read, and errors name the place.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Returns the error of a text.
fn refusal(text: &str) -> String {
    threshold(text).expect_err(text)
}

#[test]
fn each_part_is_read_and_printed_back() {
    for (text, printed) in [
        ("response.p99 < 20ms", "response.p99 < 20ms"),
        (" response.p99.9<=1.5s ", "response.p99.9 <= 1.5s"),
        ("response.max < 20 ms over 10s abort", "response.max < 20ms over 10s abort"),
        ("failed.share < 0.1%", "failed.share < 0.1%"),
        ("delivered.share >= 99.9 %", "delivered.share >= 99.9%"),
        ("failed.count < 1.5k abort", "failed.count < 1.5k abort"),
        ("backlog.max < 500", "backlog.max < 500"),
        ("rss.max < 64MB", "rss.max < 64MB"),
        ("cpu.mean < 80%", "cpu.mean < 80%"),
        ("db.query.p100 > 1,000", "db.query.p100 > 1,000"),
        ("rows.mean >= 2 over 1m30s", "rows.mean >= 2 over 1m30s"),
    ] {
        let read = threshold(text).expect(text);
        assert_eq!(read.to_string(), printed);
        assert_eq!(threshold(printed), Ok(read), "{text}");
    }
}

#[test]
fn values_are_in_the_base_unit_of_their_kind() {
    for (text, number, kind) in [
        ("20ms", 20e6, LimitKind::Time),
        ("2m", 120e9, LimitKind::Time),
        ("1.5k", 1_500.0, LimitKind::Number),
        ("1M", 1e6, LimitKind::Number),
        ("64MB", 64e6, LimitKind::Size),
        ("1KiB", 1_024.0, LimitKind::Size),
        ("2%", 0.02, LimitKind::Percent),
    ] {
        let limit = limit(text).unwrap();
        assert!((limit.number - number).abs() < 1e-9 * number && limit.kind == kind, "{limit:?}");
    }
}

#[test]
fn an_error_names_the_place_and_what_would_be_taken() {
    for (text, parts) in [
        ("response.p99 20ms", &["no comparison", "METRIC.STAT OP VALUE"][..]),
        ("response < 20ms", &["`response` names no statistic"]),
        ("response.p99 <", &["no value after `<`"]),
        ("response.p0 < 20ms", &["`p0` at character 10", "above 0 and at most 100"]),
        ("response.p101 < 20ms", &["`p101` at character 10", "at most 100"]),
        ("response.p99.1234567 < 1s", &["up to six decimals"]),
        ("response.median < 20ms", &["`median`", "p99 (or any other percentile)"]),
        ("response.p99 < 20x", &["`20x` at character 16", "20ms"]),
        ("response.p99 < -1ms", &["`-1ms` at character 16"]),
        ("response.p99 < 20", &["`20` is a plain number", "a time", "20ms"]),
        ("response.p99 < 20MB", &["`20MB` is a size", "20ms"]),
        ("rss.max < 20ms", &["`20ms` is a time", "64MB"]),
        ("failed.share < 5", &["`5` is a plain number", "2%"]),
        ("mine.count < 5ms", &["`5ms` is a time", "500"]),
        ("failed.p99 < 5", &["has no `p99`", "failed.share"]),
        ("response.share < 5%", &["`response` has no share"]),
        ("response.p99 < 20ms over", &["no time after `over`"]),
        ("response.p99 < 20ms over ten", &["`ten` at character 26", "250ms"]),
        ("response.p99 < 20ms soon", &["`soon` at character 21", "`abort`"]),
        ("response.p99 < 20ms abort abort", &["`abort` at character 27"]),
    ] {
        let refusal = refusal(text);
        assert!(parts.iter().all(|part| refusal.contains(part)), "{text}: {refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

fn known() -> impl Strategy<Value = Threshold> {
    let names = prop::sample::select(vec!["response", "wait", "loop_lag", "service"]);
    let statistics = prop_oneof![
        (1..=crate::plan::threshold::WHOLE).prop_map(|p| ThresholdStat::Percentile(Percentile(p))),
        Just(ThresholdStat::Min),
        Just(ThresholdStat::Max),
        Just(ThresholdStat::Mean),
        Just(ThresholdStat::Last),
    ];
    let comparisons = prop::sample::select(vec![
        LimitOperator::Below,
        LimitOperator::AtMost,
        LimitOperator::Above,
        LimitOperator::AtLeast,
    ]);
    let over = prop::option::of((1..100_000_u64).prop_map(Duration::from_millis));
    (names, statistics, comparisons, 0..10_000_u64, over, any::<bool>()).prop_map(
        |(metric, statistic, comparison, number, over, aborts)| Threshold {
            metric: metric.to_owned(),
            statistic,
            comparison,
            limit: limit(&format!("{number}us")).unwrap(),
            over,
            aborts,
        },
    )
}

proptest! {
    #[test]
    fn a_threshold_prints_back_as_it_was_parsed(known in known()) {
        prop_assert_eq!(threshold(&known.to_string()), Ok(known));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}", metric in "[a-zµ.]{0,9}") {
        let _read = threshold(&text);
        let _read = threshold(&format!("{metric}.p9{text} < 2{text} over {text}"));
    }
}
