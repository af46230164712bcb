//! Tests of the question: which study a rate requests, and what is refused.

use super::*;
use crate::settings::SettingSource;

fn settings(set: &[(StudySetting, &str)]) -> StudySettings {
    let mut settings = StudySettings::default();
    for (setting, text) in set {
        settings.say(*setting, (*text).to_owned(), SettingSource::Flag);
    }
    settings
}

fn question(rate: &str, set: &[(StudySetting, &str)]) -> Result<Option<StudyQuestion>, String> {
    StudyQuestion::of(Some(rate), || format!("--rate {rate}"), &settings(set))
        .map_err(|error| error.to_string())
}

fn sweep(rate: &str) -> (Vec<f64>, OnLimit) {
    match question(rate, &[]) {
        Ok(Some(StudyQuestion::Sweep(rates, options))) => {
            assert_eq!((options.order, options.trials), (SweepOrder::Rising, 1));
            (rates.as_slice().to_vec(), options.on_limit)
        }
        other => panic!("{rate}: {other:?}"),
    }
}

#[test]
fn the_rate_selects_the_study() {
    assert_eq!(question("50", &[]), Ok(None));
    assert_eq!(question("max", &[]), Ok(None));
    assert_eq!(question("1,000", &[]), Ok(None), "a comma may group the digits of one rate");
    assert_eq!(question("Search", &[]), Ok(Some(StudyQuestion::Search(None))));
    assert_eq!(question("50", &[(StudySetting::Repeat, "5")]), Ok(Some(StudyQuestion::Repeat(5))));
    assert_eq!(sweep("1k,2k,4k"), (vec![1e3, 2e3, 4e3], OnLimit::Stop));
    assert_eq!(sweep("100/s,200/s").0, [100.0, 200.0]);
    assert_eq!(sweep("1k..4k").0, [1e3, 2e3, 4e3]);
    assert_eq!(sweep("1k..3k/1k").0, [1e3, 2e3, 3e3]);
}

#[test]
fn a_comma_that_groups_digits_or_separates_rates_is_refused() {
    let refused = question("100,400", &[]).unwrap_err();
    let ways = "write `100400` for one rate, or `100/s,400/s` for a sweep";
    assert!(refused.starts_with("--rate 100,400") && refused.ends_with(ways), "{refused}");
    // The order does not matter, but none of several rates is 0.
    let refused = question("400,100", &[]).unwrap_err();
    assert!(
        refused.starts_with("--rate 400,100") && refused.ends_with("`100/s,400/s` for a sweep")
    );
    assert_eq!(question("1,000", &[]), Ok(None));
}

#[test]
fn a_sweep_keeps_going_if_it_is_requested() {
    let going = question("1k,2k", &[(StudySetting::KeepGoing, "")]);
    let Ok(Some(StudyQuestion::Sweep(_, options))) = going else { panic!("{going:?}") };
    assert_eq!(options.on_limit, OnLimit::KeepGoing);
}

#[test]
fn a_sweep_is_shuffled_and_repeated_if_it_is_requested() {
    let set = [(StudySetting::Shuffle, ""), (StudySetting::Repeat, "3")];
    let shuffled = question("1k,2k", &set);
    let Ok(Some(StudyQuestion::Sweep(_, options))) = shuffled else { panic!("{shuffled:?}") };
    assert!(matches!(options.order, SweepOrder::Shuffled { .. }));
    assert_eq!(options.trials, 3);
}

#[test]
fn a_search_is_repeated_if_it_is_requested() {
    let repeated = |count| question("search", &[(StudySetting::Repeat, count)]);
    assert_eq!(repeated("3"), Ok(Some(StudyQuestion::Search(Some(3)))));
    assert!(repeated("1").unwrap_err().starts_with("--repeat 1: "));
}

#[test]
fn a_rate_that_is_not_a_list_is_left_to_the_settings() {
    assert_eq!(question("nonsense", &[]), Ok(None));
    assert_eq!(question("", &[]), Ok(None));
}

#[test]
fn a_sweep_of_fewer_than_two_rates_or_downwards_is_refused_with_its_input() {
    for rate in ["1k,", ",", "4k,1k", "1k..1k", "1k..", "1k..4k/9k", "1k,max"] {
        let refused = question(rate, &[]).unwrap_err();
        assert!(refused.starts_with(&format!("--rate {rate}: ")), "{refused}");
    }
    let one = StudyQuestion::sweep("50", || ".sweep([50])".to_owned(), &StudySettings::default());
    assert!(one.unwrap_err().to_string().starts_with(".sweep([50]): "));
}

#[test]
fn a_setting_of_another_study_is_refused_with_the_study_that_has_it() {
    for (rate, setting, text) in [
        ("50", StudySetting::From, "5"),
        ("50", StudySetting::KeepGoing, ""),
        ("50", StudySetting::Shuffle, ""),
        ("1k,2k", StudySetting::Time, "1m"),
        ("search", StudySetting::KeepGoing, ""),
        ("search", StudySetting::Shuffle, ""),
    ] {
        let refused = question(rate, &[(setting, text)]).unwrap_err();
        assert!(refused.starts_with(&format!("--{}", setting.flag())), "{refused}");
        assert!(refused.contains("it has no meaning for "), "{refused}");
    }
}

#[test]
fn a_setting_of_another_study_in_code_is_not_used() {
    let mut code = StudySettings::default();
    code.say(StudySetting::From, "5".to_owned(), SettingSource::Code);
    assert_eq!(StudyQuestion::of(Some("50"), String::new, &code), Ok(None));
}

#[test]
fn a_repetition_of_fewer_than_two_runs_is_refused() {
    for count in ["0", "1", "x", "-3", "1001"] {
        let refused = question("50", &[(StudySetting::Repeat, count)]).unwrap_err();
        assert!(refused.starts_with(&format!("--repeat {count}: ")), "{refused}");
    }
}

#[test]
fn an_invalid_setting_of_a_search_is_named_as_it_was_given() {
    use crate::study::search::Search;
    for (set, input) in [
        (vec![(StudySetting::Precision, "0%")], "--precision 0%: "),
        (vec![(StudySetting::Precision, "0")], "--precision 0: "),
        (vec![(StudySetting::Time, "1s")], "--time 1s: "),
        (vec![(StudySetting::From, "max")], "--from max: "),
        (vec![(StudySetting::From, "4k"), (StudySetting::To, "1k")], "--from 4k --to 1k: "),
    ] {
        let settings = settings(&set);
        let refused = search_settings(&settings, &crate::plan::Plan::default())
            .and_then(|search| Search::new(search).map_err(|error| refused(&settings, &error)))
            .unwrap_err();
        assert!(refused.to_string().starts_with(input), "{refused}");
    }
}

#[test]
fn each_trial_has_its_own_arrivals_that_follow_from_the_seed() {
    let seeds: Vec<_> = (0..3).map(|trial| seed_of(7, trial)).collect();
    assert_eq!(seeds, [7, 8, 9]);
    assert_eq!(seed_of(value::SEED_MAX, 1), 0);
}
