//! The number of trials, and the spread between them.

use std::time::Duration;

use super::*;
use crate::plan::Rate;

fn trial(verdict: TrialVerdict) -> Trial {
    Trial {
        rate: Rate::PerSecond(50.0),
        window: Duration::from_secs(5),
        took: Duration::from_secs(6),
        verdict,
        completed: 250,
        delivered: 50.0,
        error: None,
        load: None,
        enough: None,
    }
}

fn spread(values: &[f64], error: f64) -> Spread {
    let figures: Vec<_> = values.iter().map(|&value| Figure { value, error }).collect();
    Spread::of(&figures).unwrap()
}

#[test]
fn a_repetition_runs_the_requested_number_of_trials() {
    let mut repeat = Repeat::new(3).unwrap();
    for index in 0..3 {
        assert_eq!(repeat.next(), RepeatStep::Trial(index));
        repeat.take(trial(TrialVerdict::Unsustained));
    }
    assert_eq!(repeat.next(), RepeatStep::Done);
    assert_eq!(repeat.trials().len(), 3);
}

#[test]
fn a_signal_ends_a_repetition() {
    let mut repeat = Repeat::new(3).unwrap();
    repeat.take(trial(TrialVerdict::Interrupted { signal: Some(2) }));
    assert_eq!(repeat.next(), RepeatStep::Done);
}

#[test]
fn a_single_trial_is_not_a_repetition() {
    let message = "invalid number of trials `1`: expected 2 to 1000, such as `5`";
    assert_eq!(Repeat::new(1).unwrap_err().to_string(), message);
    assert!(Repeat::new(0).is_err() && Repeat::new(1_001).is_err());
}

#[test]
fn the_share_of_sustained_trials_leaves_out_those_without_a_verdict() {
    let mut repeat = Repeat::new(5).unwrap();
    for verdict in [
        TrialVerdict::Sustained,
        TrialVerdict::Inconclusive,
        TrialVerdict::Failed,
        TrialVerdict::Sustained,
    ] {
        repeat.take(trial(verdict));
    }
    let share = repeat.held();
    assert_eq!((share.held, share.of), (2, 3));
    let (low, high) = share.interval;
    // Wilson's interval for 2 of 3.
    assert!((low - 0.208).abs() < 0.001 && (high - 0.939).abs() < 0.001, "{low} to {high}");
    assert_eq!(HeldShare::of(0, 0).interval, (0.0, 1.0));
    assert!(HeldShare::of(5, 5).interval.0 > 0.5);
}

#[test]
fn trials_that_differ_by_chance_alone_are_one_sample() {
    let spread = spread(&[10.0, 11.0, 9.0, 10.5, 9.5], 0.8);
    assert!((spread.mean - 10.0).abs() < 1e-9 && (spread.between - 0.79).abs() < 0.01);
    assert!((spread.within - 0.8).abs() < 1e-9 && !spread.differs);
}

#[test]
fn trials_that_differ_by_more_than_chance_are_reported() {
    assert!(spread(&[10.0, 11.0, 9.0, 10.5, 9.5], 0.3).differs);
    assert!(spread(&[10.0, 11.0], 0.1).differs);
    assert!(!spread(&[10.0, 10.0], 0.0).differs);
}

#[test]
fn a_single_figure_has_no_spread() {
    assert_eq!(Spread::of(&[Figure { value: 1.0, error: 0.1 }]), None);
}

#[test]
fn the_chi_square_point_agrees_with_tables() {
    for (degrees, point) in [(1.0, 6.635), (4.0, 13.277), (9.0, 21.666), (30.0, 50.892)] {
        assert!((chi_square_99(degrees) / point - 1.0).abs() < 0.02, "{degrees}");
    }
}
