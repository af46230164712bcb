//! Tests of the sentences, and of the exit codes of sweeps and repetitions.

use std::time::Duration;

use super::*;
use crate::study::search::{Bracket, End};
use crate::study::sweep::{Rates, SweepOptions};

fn trial(rate: f64, verdict: TrialVerdict) -> Trial {
    Trial {
        rate: Rate::PerSecond(rate),
        window: Duration::from_secs(5),
        took: Duration::from_secs(6),
        verdict,
        completed: 1_000,
        delivered: rate,
        error: None,
        load: None,
        enough: None,
    }
}

fn row(rate: f64, verdict: Verdict) -> StudyTrial {
    let mut row = StudyTrial::default();
    (row.rate, row.verdict) = (Some(rate), verdict);
    (row.response_p50_ns, row.response_p99_ns) = (Some(310_000), Some(1_900_000));
    row.reason = "worker 0 was killed".to_owned();
    row
}

fn swept(trials: &[(f64, TrialVerdict, Verdict)]) -> Study {
    let rates = Rates::parse("1000,2000,4000", |text| text.parse().ok()).unwrap();
    let mut sweep = Sweep::new(rates, SweepOptions::default());
    let mut study = Study::default();
    for (rate, verdict, of_row) in trials {
        sweep.take(trial(*rate, *verdict));
        study.trials.push(row(*rate, of_row.clone()));
    }
    at_end(&mut study, &mut StudyCourse::Sweep { sweep, count: 1, figures: vec![] });
    study
}

#[test]
fn a_sweep_names_the_rates_on_both_sides_of_the_limit() {
    let held = (1_000.0, TrialVerdict::Sustained, Verdict::Sustained);
    let not_held = (2_000.0, TrialVerdict::Unsustained, Verdict::Unsustained);
    let study = swept(&[held.clone(), not_held.clone()]);
    assert_eq!(study.answer, "sustained up to 1,000/s; 2,000/s is not sustained");
    assert_eq!((study.exit_code, study.end.as_deref()), (0, Some("limit")));
    let study = swept(std::slice::from_ref(&not_held));
    assert_eq!(study.exit_code, 1, "not even the lowest rate");
    let error = (2_000.0, TrialVerdict::Error, Verdict::Error);
    assert_eq!(swept(&[held.clone(), error]).exit_code, 5);
    let cut = TrialVerdict::Interrupted { signal: Some(15) };
    let study = swept(&[held, (2_000.0, cut, Verdict::Interrupted)]);
    assert_eq!((study.exit_code, study.end.as_deref()), (143, Some("interrupted")));
}

#[test]
fn a_repetition_has_the_code_of_its_worst_verdict() {
    let mut repeat = Repeat::new(2).unwrap();
    let mut study = Study::default();
    for (verdict, of_row) in [
        (TrialVerdict::Unsustained, Verdict::Unsustained),
        (TrialVerdict::Sustained, Verdict::Sustained),
    ] {
        repeat.take(trial(50.0, verdict));
        study.trials.push(row(50.0, of_row));
    }
    let figures = std::collections::BTreeMap::new();
    let rate = Rate::PerSecond(50.0);
    at_end(&mut study, &mut StudyCourse::Repeat { repeat, count: 2, rate, figures });
    assert!(study.answer.starts_with("1 of 2 trials were sustained: "), "{}", study.answer);
    assert_eq!((study.exit_code, study.end.as_deref()), (1, Some("done")));
}

#[test]
fn the_answer_of_a_search_is_an_interval_with_the_latency_at_its_lower_end() {
    let mut study = Study::default();
    study.trials = vec![row(8_200.0, Verdict::Sustained), row(8_600.0, Verdict::Unsustained)];
    let end = |rate| Some(End { rate, is_confirmed: true });
    let bracket = Bracket { low: 8_201.3, estimate: 8_400.0, high: 8_598.7 };
    let mut answer = Answer {
        lower: end(8_200.0),
        upper: end(8_600.0),
        bracket,
        precision: None,
        noise: 0.0,
        end: SearchEnd::Found,
    };
    let found = "sustains 8,200/s (response p50 310 µs, p99 1.90 ms); 8,600/s is not sustained";
    assert_eq!(sentence(&study, &answer), found);
    for (end, part) in [
        (SearchEnd::TimeOver, "; the time was over before the interval was as narrow as requested"),
        (SearchEnd::AtLeast, "sustains at least 8,200/s (response"),
        (SearchEnd::HarnessLimit, "above it, dyno itself was the limit"),
        (SearchEnd::LowestNotHeld, "not even the lowest rate is sustained, 8,200/s"),
        (SearchEnd::Failed, "every rate that was tried fails: worker 0 was killed"),
        (SearchEnd::Errors, "trials ended in an error: worker 0 was killed"),
        (SearchEnd::Invalid, "dyno itself was the limit: "),
        (SearchEnd::NotRecovered, "no longer sustains 8,200/s, which it did before 8,600/s"),
        (SearchEnd::Unclear, "the trials do not show it: "),
        (SearchEnd::Interrupted { signal: None }, "interrupted: "),
    ] {
        answer.end = end;
        assert!(sentence(&study, &answer).contains(part), "{}", sentence(&study, &answer));
    }
}

#[test]
fn an_estimate_has_three_digits() {
    for (number, rounded) in [(8_201.3, 8_200.0), (0.123_45, 0.123), (99.96, 100.0), (0.0, 0.0)] {
        assert!((digits(number) - rounded).abs() < 1e-9, "{number}");
    }
}

#[test]
fn a_rate_that_is_repeated_is_judged_by_most_of_its_runs() {
    use crate::study::repeat::Figure;
    use TrialVerdict::{Sustained, Unsustained};
    let rates = Rates::parse("1000,2000", |text| text.parse().ok()).unwrap();
    let options = SweepOptions { trials: 3, ..SweepOptions::default() };
    let mut sweep = Sweep::new(rates, options);
    let mut study = Study::default();
    for (rate, verdict) in [
        (1_000.0, Unsustained),
        (1_000.0, Sustained),
        (1_000.0, Sustained),
        (2_000.0, Unsustained),
        (2_000.0, Sustained),
        (2_000.0, Unsustained),
    ] {
        sweep.take(trial(rate, verdict));
        let of_row = if verdict == Sustained { Verdict::Sustained } else { Verdict::Unsustained };
        study.trials.push(row(rate, of_row));
    }
    let figure = |value| Figure { value, error: 1.0 };
    let of_rate = RunFigures::from([("service.mean", vec![figure(90.0), figure(110.0)])]);
    let figures = vec![(Rate::PerSecond(1_000.0), of_rate)];
    at_end(&mut study, &mut StudyCourse::Sweep { sweep, count: 3, figures });
    let answer = "sustained up to 1,000/s (2 of 3 runs); 2,000/s (1 of 3 runs) is not sustained";
    assert_eq!(study.answer, answer);
    assert_eq!((study.exit_code, study.end.as_deref()), (0, Some("done")));
    let sweep = study.sweep.unwrap();
    let [first] = &sweep.repeats[..] else { panic!("{sweep:?}") };
    assert_eq!((first.rate, first.repeat.sustained, first.repeat.judged), (1_000.0, 2, 3));
    assert!(first.repeat.spreads["service.mean"].differs, "{first:?}");
}
