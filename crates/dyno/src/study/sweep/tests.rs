//! Lists of rates as people write them, and the sweep over them.

use std::time::Duration;

use super::*;

fn read(text: &str) -> Option<f64> {
    let (digits, factor) = text.strip_suffix('k').map_or((text, 1.0), |digits| (digits, 1e3));
    digits.parse::<f64>().ok().map(|number| number * factor)
}

fn rates(list: &str) -> Vec<f64> {
    Rates::parse(list, read).unwrap().as_slice().to_vec()
}

fn refusal(list: &str) -> String {
    Rates::parse(list, read).unwrap_err().to_string()
}

fn trial(rate: f64, verdict: TrialVerdict) -> Trial {
    Trial {
        rate: Rate::PerSecond(rate),
        window: Duration::from_secs(5),
        took: Duration::from_secs(6),
        verdict,
        completed: 1,
        delivered: rate,
        error: None,
        load: None,
        enough: None,
    }
}

#[test]
fn a_list_is_its_rates() {
    assert_eq!(rates("1k, 2k,4k"), [1e3, 2e3, 4e3]);
}

#[test]
fn a_range_doubles_and_ends_with_its_last_rate() {
    assert_eq!(rates("1k..8k"), [1e3, 2e3, 4e3, 8e3]);
    assert_eq!(rates("1k..5k"), [1e3, 2e3, 4e3, 5e3]);
    assert_eq!(rates("1k..64k").len(), 7);
}

#[test]
fn a_range_with_a_step_has_no_rounding_errors_and_ends_with_its_last_rate() {
    assert_eq!(rates("1k..8k/1k"), [1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3]);
    assert_eq!(rates("0.1..0.7/0.1").len(), 7);
    assert_eq!(rates("0.1..0.7/0.1").last(), Some(&0.7));
    assert_eq!(rates("1k..8k/3k"), [1e3, 4e3, 7e3, 8e3]);
}

#[test]
fn a_sweep_of_fewer_than_two_rates_is_refused_with_the_way_out() {
    assert_eq!(
        refusal("1k"),
        "invalid rates `1k`: expected at least two; for one run at this rate: `--rate 1k`"
    );
    assert!(refusal(" ").contains("expected at least two, such as `1k,2k,4k`"));
    assert_eq!(
        refusal("1k,,2k"),
        "invalid rate `` in `1k,,2k`: expected 0.1 to 1,000,000 cycles per second, such as `50` or `1.5k`"
    );
}

#[test]
fn a_sweep_downwards_is_refused_with_the_two_rates() {
    let why = "expected each above the one before, but `2k` follows `4k`";
    assert_eq!(refusal("1k,4k,2k"), format!("invalid rates `1k,4k,2k`: {why}"));
    assert_eq!(refusal("4k..2k"), format!("invalid rates `4k..2k`: {why}"));
    assert!(refusal("1k,1k").contains("but `1k` follows `1k`"));
}

#[test]
fn rates_and_steps_out_of_range_are_refused() {
    assert!(refusal("1k,x").starts_with("invalid rate `x` in `1k,x`: expected 0.1 to"));
    assert!(refusal("0..5").starts_with("invalid rate `0` in `0..5`"));
    assert!(refusal("1k..2000k").starts_with("invalid rate `2000k`"));
    assert!(refusal("1k..2k/0").starts_with("invalid rate `0`"));
    assert!(refusal("1k..2k/5k").starts_with("invalid step `5k` in `1k..2k/5k`"));
    assert!(refusal("1..100k/0.1").starts_with("invalid step `0.1`"));
}

/// Runs a sweep over four rates, with these verdicts; returns how many were run.
fn run(verdicts: [TrialVerdict; 4], on_limit: OnLimit) -> usize {
    let options = SweepOptions { on_limit, ..SweepOptions::default() };
    let mut sweep = Sweep::new(Rates::parse("1,2,4,8", read).unwrap(), options);
    while let SweepStep::Trial(rate) = sweep.next() {
        let verdict = verdicts[sweep.trials().len()];
        sweep.take(trial(rate.per_second().unwrap(), verdict));
    }
    sweep.trials().len()
}

#[test]
fn a_sweep_ends_at_the_first_rate_that_is_not_sustained() {
    use TrialVerdict::{Failed, Inconclusive, Sustained, Unsustained};
    assert_eq!(run([Sustained, Unsustained, Sustained, Sustained], OnLimit::Stop), 2);
    assert_eq!(run([Sustained, Sustained, Failed, Sustained], OnLimit::Stop), 3);
    assert_eq!(run([Sustained, Inconclusive, Sustained, Sustained], OnLimit::Stop), 4);
    assert_eq!(run([Unsustained, Unsustained, Failed, Sustained], OnLimit::KeepGoing), 4);
}

#[test]
fn a_signal_ends_a_sweep_that_keeps_going() {
    let signal = TrialVerdict::Interrupted { signal: Some(2) };
    assert_eq!(run([TrialVerdict::Sustained, signal, signal, signal], OnLimit::KeepGoing), 2);
}

#[test]
fn the_first_rate_that_is_not_sustained_is_marked() {
    let options = SweepOptions { on_limit: OnLimit::KeepGoing, ..SweepOptions::default() };
    let mut sweep = Sweep::new(Rates::parse("1,2,4", read).unwrap(), options);
    assert_eq!(sweep.first_not_held(), None);
    for (rate, verdict) in [
        (1.0, TrialVerdict::Inconclusive),
        (2.0, TrialVerdict::Failed),
        (4.0, TrialVerdict::Unsustained),
    ] {
        sweep.take(trial(rate, verdict));
    }
    assert_eq!(sweep.first_not_held(), Some(Rate::PerSecond(2.0)));
    assert_eq!(sweep.next(), SweepStep::Done);
}

/// Runs a sweep over four rates, with the verdict that `verdict` returns for a rate and the number
/// of its trials before; returns the rates that were run, and the sweep.
fn swept(options: SweepOptions, verdict: impl Fn(f64, usize) -> TrialVerdict) -> (Vec<f64>, Sweep) {
    let mut sweep = Sweep::new(Rates::parse("1,2,4,8", read).unwrap(), options);
    let mut rates = Vec::new();
    while let SweepStep::Trial(rate) = sweep.next() {
        let rate = rate.per_second().unwrap();
        let before = rates.iter().filter(|one| **one == rate).count();
        rates.push(rate);
        sweep.take(trial(rate, verdict(rate, before)));
    }
    (rates, sweep)
}

#[test]
fn every_trial_of_a_rate_is_run_before_the_rate_ends_a_sweep() {
    let options = SweepOptions { trials: 3, ..SweepOptions::default() };
    let (rates, sweep) = swept(options, |rate, before| match (rate, before) {
        // One of three: most trials at this rate were sustained.
        (2.0, 0) | (4.0, 0 | 2) => TrialVerdict::Unsustained,
        _ => TrialVerdict::Sustained,
    });
    assert_eq!(rates, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0]);
    assert_eq!(sweep.first_not_held(), Some(Rate::PerSecond(4.0)));
    assert_eq!((sweep.held_at(2.0).held, sweep.held_at(2.0).of), (2, 3));
    assert!(sweep.is_cut_short());
}

#[test]
fn a_shuffled_sweep_leaves_out_rates_above_one_that_is_not_sustained() {
    for seed in 0..50 {
        let order = SweepOrder::Shuffled { seed };
        let options = SweepOptions { order, ..SweepOptions::default() };
        let (rates, sweep) = swept(options, |rate, _| {
            if rate > 3.0 { TrialVerdict::Unsustained } else { TrialVerdict::Sustained }
        });
        assert_eq!(sweep.first_not_held(), Some(Rate::PerSecond(4.0)), "{rates:?}");
        assert!(rates.contains(&1.0) && rates.contains(&2.0), "{rates:?}");
        // The highest rate is run only if it comes before the other one that is too high.
        let place = |rate: f64| rates.iter().position(|one| *one == rate);
        assert!(place(8.0).is_none_or(|eight| place(4.0) > Some(eight)), "{rates:?}");
    }
}

#[test]
fn a_shuffled_sweep_that_keeps_going_runs_every_rate() {
    let order = SweepOrder::Shuffled { seed: 3 };
    let options = SweepOptions { on_limit: OnLimit::KeepGoing, order, trials: 2 };
    let (rates, sweep) = swept(options, |_, _| TrialVerdict::Unsustained);
    assert_eq!(rates.len(), 8);
    assert!(!sweep.is_cut_short());
}
