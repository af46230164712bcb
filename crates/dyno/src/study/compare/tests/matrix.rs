//! Comparisons of model programs by the thousand, checked against their bounds.

use super::super::simulated::{Machine, compare, prepared};
use super::*;

/// The number of comparisons of each machine that every test run makes, and of the whole matrix.
const FEW: u64 = 200;
const MANY: u64 = 10_000;

/// The share of comparisons with each finding, and the mean number of pairs.
#[derive(Debug, Clone, Copy)]
struct Shares {
    worse: f64,
    better: f64,
    same: f64,
    unclear: f64,
    pairs: f64,
}

impl Shares {
    fn wrong(&self) -> f64 {
        self.worse + self.better
    }
}

fn shares(time: f64, pair: f64, machine: Machine, count: u64) -> Shares {
    let prepared = prepared(time, pair);
    let mut shares = Shares { worse: 0.0, better: 0.0, same: 0.0, unclear: 0.0, pairs: 0.0 };
    for seed in 0..count {
        let (compare, _) = compare(&prepared, machine, seed);
        let part = 1.0 / count as f64;
        shares.pairs += compare.held().0.count() as f64 * part;
        match compare.finding() {
            ComparisonFinding::Worse => shares.worse += part,
            ComparisonFinding::Better => shares.better += part,
            ComparisonFinding::Same => shares.same += part,
            _ => shares.unclear += part,
        }
    }
    shares
}

/// Machines on which the same code is compared with itself.
fn machines() -> Vec<(&'static str, Machine)> {
    let plain = Machine::with(0.03, 0.0);
    vec![
        ("noise of 1 %", Machine::with(0.01, 0.0)),
        ("noise of 3 %", plain),
        ("noise of 10 %", Machine::with(0.10, 0.0)),
        ("drift of 20 %", Machine { drift: 0.20, ..plain }),
        ("autocorrelation of 0.9", Machine { memory: 0.9, ..plain }),
        ("a third slower for 2 min", Machine { stays: 120.0, ..plain }),
        ("a third slower for 15 s", Machine { stays: 15.0, ..plain }),
        ("a third slower for 3 s", Machine { stays: 3.0, ..plain }),
        ("second trial 5 % slower", Machine { second: 0.05, ..plain }),
        ("all of these", Machine { drift: 0.20, memory: 0.9, stays: 120.0, second: 0.05, ..plain }),
    ]
}

#[test]
fn the_same_code_is_hardly_ever_worse_or_better() {
    for (name, machine) in machines() {
        let found = shares(120.0, 2.0, machine, FEW);
        assert!(found.wrong() <= 0.015, "{name}: {found:?}");
    }
}

#[test]
fn a_slowdown_of_five_percent_is_found_within_two_minutes() {
    for (spread, worse_min, same_min) in [(0.02, 0.98, 0.98), (0.03, 0.97, 0.97), (0.05, 0.9, 0.9)]
    {
        let slower = shares(120.0, 2.0, Machine::with(spread, 0.05), FEW);
        assert!(slower.worse >= worse_min, "{spread}: {slower:?}");
        let same = shares(120.0, 2.0, Machine::with(spread, 0.0), FEW);
        assert!(same.same >= same_min, "{spread}: {same:?}");
    }
}

#[test]
fn a_slowdown_of_a_fifth_is_found_within_half_a_minute() {
    let found = shares(30.0, 2.0, Machine::with(0.05, 0.20), FEW);
    assert!(found.worse >= 0.95, "{found:?}");
}

#[test]
#[ignore = "it takes minutes: cargo test --release -p dyno-bench --lib compare -- --ignored --nocapture"]
fn the_matrix_of_comparisons_keeps_its_bounds() {
    println!("| machine | slower | worse | better | same | unclear | pairs |");
    println!("|:--|--:|--:|--:|--:|--:|--:|");
    let print = |name: &str, slower: f64, found: Shares| {
        let Shares { worse, better, same, unclear, pairs } = found;
        let [worse, better, same, unclear] =
            [worse, better, same, unclear].map(|share| format!("{:.2} %", 100.0 * share));
        let slower = 100.0 * slower;
        println!("| {name} | {slower} % | {worse} | {better} | {same} | {unclear} | {pairs:.1} |");
    };
    let mut wrong = Vec::new();
    for (name, machine) in machines() {
        let found = shares(120.0, 2.0, machine, MANY);
        print(name, 0.0, found);
        if found.wrong() > 0.01 {
            wrong.push(name.to_owned());
        }
    }
    for (time, spread, slower, bound) in [
        (120.0, 0.02, 0.05, 0.995),
        (120.0, 0.03, 0.05, 0.99),
        (120.0, 0.05, 0.05, 0.99),
        (120.0, 0.02, 0.0, 0.99),
        (120.0, 0.03, 0.0, 0.99),
        (120.0, 0.05, 0.0, 0.97),
        (30.0, 0.05, 0.20, 0.99),
    ] {
        let found = shares(time, 2.0, Machine::with(spread, slower), MANY);
        let name = format!("{time} s, noise of {} %", 100.0 * spread);
        print(&name, slower, found);
        if (if slower > 0.0 { found.worse } else { found.same }) < bound {
            wrong.push(format!("{name}, {slower}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
