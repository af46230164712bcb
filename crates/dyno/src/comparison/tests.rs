//! Comparisons of saved results.

use dyno_summary::{Study, StudyTrial, Summary, Verdict};

use super::*;

/// Returns a repetition whose trials take these times, in microseconds.
fn repeat(times: &[f64]) -> Study {
    let mut study = Study::default();
    study.benchmark = "shop".to_owned();
    study.study = "repeat".to_owned();
    study.trials = times.iter().map(|time| trial(50.0, *time, Verdict::Sustained)).collect();
    study
}

fn trial(rate: f64, time: f64, verdict: Verdict) -> StudyTrial {
    let mut trial = StudyTrial::default();
    trial.rate = Some(rate);
    trial.verdict = verdict;
    trial.service_mean_ns = Some(1e3 * time);
    trial.response_p50_ns = Some((1_100.0 * time) as u64);
    trial
}

/// Checks that the JSON of a comparison is by the schema, and is read back as it was.
#[track_caller]
pub(super) fn check_contract(comparison: &Comparison) {
    let schema =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/comparison.schema.json"));
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is one");
    let value = serde_json::to_value(comparison).expect("the comparison is JSON");
    let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {value}");
    let read: Comparison = serde_json::from_value(value).expect("a comparison");
    assert_eq!(read, *comparison);
}

const BASE: [f64; 8] = [100.0, 101.0, 99.0, 100.5, 99.5, 100.2, 99.8, 100.0];

#[test]
fn repetitions_of_the_same_code_are_the_same() {
    let comparison = compare(&repeat(&BASE), &repeat(&BASE)).unwrap();
    assert_eq!((comparison.finding.clone(), comparison.exit_code), (ComparisonFinding::Same, 0));
    assert_eq!(comparison.figures.len(), 2);
    assert!(comparison.answer.starts_with("NEW and BASE are the same: service.mean is the same"));
    assert!(comparison.warnings[0].starts_with("the sides were measured apart"));
}

#[test]
fn comparisons_of_saved_results_are_by_the_schema() {
    let base = repeat(&BASE);
    let mut failed = repeat(&BASE);
    failed.trials.iter_mut().for_each(|trial| trial.verdict = Verdict::Unsustained);
    let mut sweep = repeat(&BASE);
    sweep.study = "sweep".to_owned();
    let slower = repeat(&BASE.map(|time| 1.2 * time));
    for (base, new) in [
        (&base, &base),
        (&base, &slower),
        (&base, &repeat(&BASE[..1])),
        (&base, &failed),
        (&sweep, &sweep),
    ] {
        check_contract(&compare(base, new).expect("they are alike"));
    }
    let mut other = repeat(&BASE);
    other.benchmark = "till".to_owned();
    let options = ComparisonOptions::default().forced(true);
    let sides = [&base, &other].map(SideEvidence::from);
    check_contract(&compare_with(&sides[0], &sides[1], &options).expect("it is forced"));
}

#[test]
fn the_seed_of_a_run_is_not_a_difference_even_as_a_parameter_of_the_task() {
    let run = |seed: u64, of_task: u64| {
        let text = include_str!("../result/gather/tests/run.json");
        let mut run: serde_json::Value = serde_json::from_str(text).expect("JSON");
        run["parameters"]["seed"] = seed.into();
        run["parameters"]["task"]["seed"] = of_task.into();
        Summary::parse(&run.to_string(), "run.json").expect("a summary")
    };
    compare(&run(1, 1), &run(2, 2)).expect("they are alike");
    let error = compare(&run(1, 7), &run(2, 8)).expect_err("the tasks differ").to_string();
    assert!(error.contains("-P seed is 7 in BASE and 8 in NEW"), "{error}");
}

#[test]
fn a_slowdown_is_worse_by_an_interval_that_holds_it() {
    let slower = BASE.map(|time| 1.2 * time);
    let comparison = compare(&repeat(&BASE), &repeat(&slower)).unwrap();
    assert_eq!((comparison.finding.clone(), comparison.exit_code), (ComparisonFinding::Worse, 1));
    let service = &comparison.figures[0];
    let (low, high) = service.ratio_low.zip(service.ratio_high).unwrap();
    assert!(low > 1.15 && low < 1.2 && high > 1.2 && high < 1.25, "{low} to {high}");
    let sentence = &service.sentence;
    let expected = "service.mean is 19 % to 22 % worse (8 trials a side)";
    assert_eq!(sentence, expected);
    let comparison = compare(&repeat(&slower), &repeat(&BASE)).unwrap();
    assert_eq!((comparison.finding, comparison.exit_code), (ComparisonFinding::Better, 0));
    assert!(comparison.answer.contains("service.mean is 16 % to 18 % better"));
}

#[test]
fn fewer_than_six_trials_a_side_are_unclear_and_say_how_to_ask() {
    for count in [1, 5] {
        let slower = BASE.map(|time| 3.0 * time);
        let comparison = compare(&repeat(&BASE), &repeat(&slower[..count])).unwrap();
        assert_eq!(
            (comparison.finding.clone(), comparison.exit_code),
            (ComparisonFinding::Unclear, 4)
        );
        assert!(comparison.figures[0].ratio.is_some_and(|ratio| ratio > 2.9));
        assert!(comparison.hint.contains("`--repeat 6 --save NAME`"), "{}", comparison.hint);
    }
}

#[test]
fn a_sweep_is_compared_rate_by_rate() {
    let sweep = |factor: f64| {
        let mut study = repeat(&[]);
        study.study = "sweep".to_owned();
        study.trials = [100.0, 200.0]
            .into_iter()
            .flat_map(|rate| BASE.map(|time| trial(rate, factor * time, Verdict::Sustained)))
            .collect();
        study
    };
    let comparison = compare(&sweep(1.0), &sweep(1.0)).unwrap();
    let names: Vec<_> = comparison.figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names[..2], ["service.mean at 100/s", "response.p50 at 100/s"]);
    assert_eq!(names[2..], ["service.mean at 200/s", "response.p50 at 200/s"]);
}

#[test]
fn a_rate_that_only_one_side_sustains_is_the_finding() {
    let mut new = repeat(&BASE);
    for trial in &mut new.trials {
        trial.verdict = Verdict::Unsustained;
    }
    let comparison = compare(&repeat(&BASE), &new).unwrap();
    assert_eq!(comparison.finding, ComparisonFinding::Worse);
    let answer = "NEW is worse: the rate is sustained in 0 of 8 trials of NEW and 8 of 8 of BASE";
    assert_eq!(comparison.answer, answer);
    assert_eq!(compare(&new, &repeat(&BASE)).unwrap().finding, ComparisonFinding::Better);
    new.trials[..6].iter_mut().for_each(|trial| trial.verdict = Verdict::Sustained);
    let comparison = compare(&repeat(&BASE), &new).unwrap();
    assert_eq!(comparison.finding, ComparisonFinding::Same);
    assert!(comparison.warnings[0].contains("6 of 8 trials of NEW"), "{comparison:?}");
}

#[test]
fn results_of_different_benchmarks_are_refused_with_the_difference_unless_forced() {
    let mut new = repeat(&BASE);
    new.benchmark = "io".to_owned();
    let error = compare(&repeat(&BASE), &new).unwrap_err();
    let message =
        "can't compare results of different runs: benchmark is shop in BASE and io in NEW";
    assert_eq!(error.to_string(), message);
    let options = ComparisonOptions::default().forced(true);
    let comparison = compare_with(&(&repeat(&BASE)).into(), &(&new).into(), &options).unwrap();
    assert_eq!(comparison.differences, ["benchmark is shop in BASE and io in NEW"]);
}

#[test]
fn a_result_without_trials_is_refused() {
    let error = compare(&repeat(&[]), &repeat(&BASE)).unwrap_err();
    assert_eq!(error, CompareError::Empty { name: "shop".to_owned() });
}

#[test]
fn two_searches_are_unclear() {
    let search = |capacity: f64| {
        let mut study = repeat(&[]);
        study.study = "search".to_owned();
        study.search = Some(dyno_summary::SearchFinding::default());
        study.search.as_mut().unwrap().estimate = capacity;
        study
    };
    let comparison = compare(&search(1_000.0), &search(700.0)).unwrap();
    assert_eq!(comparison.finding, ComparisonFinding::Unclear);
    assert_eq!(comparison.figures[0].name, "capacity");
    assert_eq!(comparison.figures[0].sentence, "capacity is unclear: -30 % (1 trial a side)");
}

#[test]
fn a_capacity_that_falls_is_found_by_repeated_searches() {
    let searches = |factor: f64| {
        let mut study = repeat(&[]);
        study.study = "search".to_owned();
        let finding = |capacity: &f64| {
            let mut finding = dyno_summary::SearchFinding::default();
            finding.estimate = factor * capacity;
            finding
        };
        let mut repeated = dyno_summary::RepeatedSearch::default();
        repeated.findings = BASE.iter().map(finding).collect();
        study.search = repeated.findings.first().cloned();
        study.searches = Some(repeated);
        study
    };
    let comparison = compare(&searches(10.0), &searches(8.0)).unwrap();
    assert_eq!(comparison.finding, ComparisonFinding::Worse);
    assert!(comparison.figures[0].sentence.starts_with("capacity is 1"), "{comparison:?}");
    assert_eq!(compare(&searches(8.0), &searches(8.0)).unwrap().finding, ComparisonFinding::Same);
}
