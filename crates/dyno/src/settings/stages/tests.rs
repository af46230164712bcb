//! The stages that are read, and the error of each text that is refused.

use proptest::prelude::*;

use super::*;
use crate::plan::DURATION_MAX;

fn refusal(text: &str) -> String {
    profile(text).expect_err(text)
}

#[test]
fn constant_stages_and_ramps_are_read_as_people_write_them() {
    let read = profile("30s:1k, 1m:1k..5k,10s : 20_000/s , 1m 30s:1.5k").expect("four stages");
    let stage = |seconds, from, to| Stage { from, to, duration: Duration::from_secs(seconds) };
    let expected = [
        stage(30, 1_000.0, 1_000.0),
        stage(60, 1_000.0, 5_000.0),
        stage(10, 20_000.0, 20_000.0),
        stage(90, 1_500.0, 1_500.0),
    ];
    assert_eq!(read.stages(), expected);
    assert_eq!(read.to_string(), "30s:1k, 1m:1k..5k, 10s:20k, 1m30s:1500");
}

#[test]
fn a_text_that_is_not_a_profile_is_refused_with_the_place_and_what_is_expected_there() {
    let form = "expected `TIME:RATE` or a ramp `TIME:RATE..RATE`, such as `30s:1k` or `1m:1k..5k`";
    let rate = "expected a rate from 0.1 to 1,000,000, such as `50` or `1.5k`";
    for (text, expected) in [
        ("", format!("there are no stages: {form}, with commas between the stages")),
        ("30s:1k,", format!("there is no stage at character 8: {form}")),
        ("30s:1k,,1m:2k", format!("there is no stage at character 8: {form}")),
        ("30s", format!("`30s` at character 1: {form}")),
        ("30s:1,000", format!("`000` at character 7: {form}")),
        ("30s:1k, 1m:0", format!("`0` at character 12: {rate}")),
        ("30s:1k, 1m:1k..0", format!("`0` at character 16: {rate}")),
        ("30s:2M", format!("`2M` at character 5: {rate}")),
        ("30s:1k..", format!("`` at character 9: {rate}")),
        ("30s:fast", format!("`fast` at character 5: {rate}")),
        ("30s:1..2..3", format!("`2..3` at character 8: {rate}")),
        (
            "1m:1k..max",
            "`max` at character 8: a closed loop has no rate, and so no stages: expected a rate \
             such as `50` or `1.5k`"
                .to_owned(),
        ),
        ("0s:1k", "`0s` at character 1: expected a time above zero and at most 30days".to_owned()),
        (
            "5:1k",
            "`5` at character 1: a time is a number with its unit, like 250ms, 5s or 2m".to_owned(),
        ),
        (
            ":1k",
            "`` at character 1: there is no time before `:`: expected one such as `30s`".to_owned(),
        ),
        (
            "20days:1, 20days:1",
            "all stages together last longer than 30days, the longest window of a run".to_owned(),
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
    let many = vec!["1s:5"; 65].join(",");
    assert_eq!(refusal(&many), "there are 65 stages, and a profile has at most 64");
}

/// Returns any valid stage.
fn any_stage() -> impl Strategy<Value = Stage> {
    // A month of 64 stages is half a day for each.
    let most = (DURATION_MAX / 64).as_nanos() as u64;
    let nanos = prop_oneof![1..=most, (1..=3_600_u64).prop_map(|seconds| seconds * 1_000_000_000)];
    let rate = || {
        prop_oneof![
            RATE_MIN..=RATE_MAX,
            (1..=1_000_u32).prop_map(|thousands| { f64::from(thousands) * 1_000.0 })
        ]
    };
    (rate(), prop::option::of(rate()), nanos).prop_map(|(from, to, nanos)| Stage {
        from,
        to: to.unwrap_or(from),
        duration: Duration::from_nanos(nanos),
    })
}

proptest! {
    #[test]
    fn a_profile_prints_as_a_text_that_is_read_as_the_same_profile(
        stages in proptest::collection::vec(any_stage(), 1..=64),
    ) {
        let written = Profile::new(stages).expect("valid stages");
        prop_assert_eq!(profile(&written.to_string()), Ok(written));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[0-9.:,smhkM/ é-]{0,24}") {
        if let Ok(read) = profile(&text) {
            let is_valid = |stage: &Stage| {
                let range = RATE_MIN..=RATE_MAX;
                range.contains(&stage.from) && range.contains(&stage.to) && !stage.duration.is_zero()
            };
            prop_assert!(read.stages().iter().all(is_valid));
            prop_assert_eq!(profile(&read.to_string()), Ok(read));
        }
    }
}
