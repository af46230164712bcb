//! Searches one after another, over a system of 1,000 cycles per second.

use std::time::Duration;

use super::*;
use crate::plan::Arrivals;
use crate::study::search::{Bracket, End, PRECISION_DEFAULT, Purpose, Thresholds};
use crate::study::trial::TrialVerdict;

fn settings() -> SearchSettings {
    SearchSettings {
        from: None,
        to: None,
        precision: PRECISION_DEFAULT,
        time: Duration::from_secs(180),
        warmup: Duration::from_secs(1),
        window: Duration::from_secs(5),
        arrivals: Arrivals::Uniform,
        thresholds: Thresholds::Absent,
    }
}

/// Returns a trial of a system that completes 1,000 cycles per second.
fn trial(request: Request) -> Trial {
    let rate = request.rate.per_second();
    let delivered = rate.unwrap_or(f64::INFINITY).min(1_000.0);
    let verdict = match rate {
        None => TrialVerdict::Completed,
        Some(rate) if rate > 1_000.0 => TrialVerdict::Unsustained,
        Some(_) => TrialVerdict::Sustained,
    };
    Trial {
        rate: request.rate,
        window: request.window,
        took: request.window + Duration::from_secs(1),
        verdict,
        completed: (delivered * request.window.as_secs_f64()) as u64,
        delivered,
        error: Some(0.001),
        load: None,
        enough: None,
    }
}

#[test]
fn each_search_begins_as_the_first_one_did_and_rests_before() {
    let mut searches = Searches::once(settings()).unwrap().repeated(3).unwrap();
    let mut guesses = Vec::new();
    let last = loop {
        match searches.next() {
            Step::Trial(request) => {
                assert_eq!(searches.next(), Step::Trial(request), "it stays the same");
                if request.purpose == Purpose::Guess {
                    guesses.push(request.rest);
                }
                searches.take(trial(request));
            }
            Step::Done(answer) => break answer,
        }
    };
    assert_eq!(guesses, [Duration::ZERO, REST, REST]);
    let answers: Vec<_> = searches.answers().chain([last]).collect();
    assert_eq!(answers.len(), 3);
    assert!(answers.iter().all(|answer| answer.end == SearchEnd::Found), "{answers:?}");
    // The same trials lead to the same answer.
    assert_eq!(answers[0], answers[2]);
    assert_eq!(searches.trials_before(), 2 * searches.current().tried().len());
}

#[test]
fn a_signal_ends_all_searches() {
    let mut searches = Searches::once(settings()).unwrap().repeated(3).unwrap();
    let Step::Trial(request) = searches.next() else { panic!("ended") };
    let verdict = TrialVerdict::Interrupted { signal: Some(2) };
    searches.take(Trial { verdict, ..trial(request) });
    assert!(matches!(
        searches.next(),
        Step::Done(Answer { end: SearchEnd::Interrupted { .. }, .. })
    ));
    assert_eq!(searches.answers().count(), 0);
}

#[test]
fn a_single_search_is_no_repetition() {
    for count in [0, 1, 1_001] {
        assert!(Searches::once(settings()).unwrap().repeated(count).is_err(), "{count}");
    }
    assert_eq!(Searches::once(settings()).unwrap().count(), 1);
}

fn answer(lower: f64, upper: Option<f64>, end: SearchEnd) -> Answer {
    let at = |rate| End { rate, is_confirmed: true };
    Answer {
        lower: Some(at(lower)),
        upper: upper.map(at),
        bracket: Bracket { low: lower, estimate: lower, high: lower },
        precision: None,
        noise: 0.0,
        end,
    }
}

#[test]
fn intervals_that_overlap_have_rates_in_common() {
    let agreement = Agreement::of(&[
        answer(960.0, Some(1_010.0), SearchEnd::Found),
        answer(980.0, Some(1_030.0), SearchEnd::Found),
        // Not an answer.
        answer(100.0, Some(200.0), SearchEnd::Unclear),
    ]);
    let common = Some((980.0, 1_010.0));
    assert_eq!(agreement, Some(Agreement { answers: 2, common, range: (960.0, 1_030.0) }));
}

#[test]
fn intervals_apart_have_no_rate_in_common() {
    let two = [(900.0, 940.0), (960.0, 1_010.0)];
    let two = two.map(|(lower, upper)| answer(lower, Some(upper), SearchEnd::Found));
    let agreement = Agreement::of(&two).unwrap();
    assert_eq!((agreement.common, agreement.range), (None, (900.0, 1_010.0)));
    assert_eq!(Agreement::of(&[]), None);
}

#[test]
fn an_answer_of_at_least_has_no_upper_end() {
    let agreement = Agreement::of(&[
        answer(960.0, None, SearchEnd::AtLeast),
        answer(980.0, None, SearchEnd::AtLeast),
    ]);
    assert_eq!(agreement.unwrap().common, Some((980.0, f64::INFINITY)));
}
