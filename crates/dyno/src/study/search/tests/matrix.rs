//! Searches of model systems by the thousand, printed, and checked against their bounds.

use super::*;

/// The capacities, the services and arrivals, and the noise between trials.
const CAPACITIES: [f64; 4] = [50.0, 367.0, 5_000.0, 43_000.0];
const SERVICES: [(&str, f64, Arrivals); 2] = [
    ("constant, uniform", 0.001, Arrivals::Uniform),
    ("exponential, Poisson", 1.0, Arrivals::Poisson),
];
const NOISES: [f64; 3] = [0.0, 0.02, 0.05];
/// The share above the capacity at which a confirmed rate is wrong.
const OVER: f64 = 1.03;
/// The widest answer that counts as precise: rates have three digits, so that 5 % may become 5.25 %.
const PRECISE: f64 = 1.0525;
/// The distance from its bound, in standard deviations, that chance gives a share of few searches.
const CHANCE: f64 = 3.0;

/// The results of many searches of one system.
struct Results {
    name: String,
    system: System,
    runs: usize,
    answers: usize,
    holds: usize,
    over: usize,
    precise: usize,
    not_recovered: usize,
    lower: Vec<f64>,
    width: Vec<f64>,
    trials: Vec<f64>,
    time: Vec<f64>,
}

impl Results {
    fn of(name: &str, system: System, runs: usize) -> Self {
        let name = format!("{name}, {}/s, {:.0} % noise", system.capacity, 100.0 * system.noise);
        let mut results = Self {
            name,
            system,
            runs,
            answers: 0,
            holds: 0,
            over: 0,
            precise: 0,
            not_recovered: 0,
            lower: vec![],
            width: vec![],
            trials: vec![],
            time: vec![],
        };
        for run in 0..runs {
            let mut system = system;
            if let Fault::Wrong { .. } = system.fault {
                // Any of the trials after the closed loop.
                system.fault = Fault::Wrong { trial: 2 + run % 9 };
            }
            let seed = (system.capacity + 1e6 * system.noise) as u64 * 10_000 + run as u64;
            let (answer, search) = search(system, settings(&system), seed);
            results.add(&answer, &search);
        }
        for figures in
            [&mut results.lower, &mut results.width, &mut results.trials, &mut results.time]
        {
            figures.sort_by(f64::total_cmp);
        }
        results
    }

    fn add(&mut self, answer: &Answer, search: &Search) {
        self.trials.push(search.tried().len() as f64);
        self.time.push(search.elapsed().as_secs_f64());
        self.not_recovered += usize::from(answer.end == SearchEnd::NotRecovered);
        if answer.exit_code() != 0 {
            return;
        }
        let capacity = self.system.capacity;
        let low = answer.lower.map_or(0.0, |end| end.rate);
        let high = answer.upper.map_or(f64::INFINITY, |end| end.rate);
        self.answers += 1;
        self.holds += usize::from(low <= capacity && capacity <= high);
        self.over += usize::from(low > OVER * capacity);
        self.precise += usize::from(high <= PRECISE * low);
        self.lower.push(low / capacity);
        self.width.push(high / low);
    }

    fn row(&self) -> String {
        let percent = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
        let at = |figures: &[f64], share: f64| {
            let last = figures.len().saturating_sub(1) as f64;
            figures.get((share * last).round() as usize).copied().unwrap_or(f64::NAN)
        };
        format!(
            "| {} | {:.1} | {:.1} | {} | {:.3} ({:.3} to {:.3}) | {:.3} | {:.0} ({:.0}) | {:.0} ({:.0}) |",
            self.name,
            percent(self.answers, self.runs),
            percent(self.holds, self.answers),
            self.over,
            at(&self.lower, 0.5),
            at(&self.lower, 0.025),
            at(&self.lower, 0.975),
            at(&self.width, 0.5),
            at(&self.trials, 0.5),
            at(&self.trials, 0.95),
            at(&self.time, 0.5),
            at(&self.time, 0.95),
        )
    }

    /// Returns the bounds that are broken. Those of shares allow for chance.
    fn broken(&self) -> Vec<String> {
        let System { noise, capacity, uneven, fault, .. } = self.system;
        let median = |figures: &[f64]| figures.get(figures.len() / 2).copied().unwrap_or(0.0);
        let runs = self.runs as f64;
        let at_least = |count: usize, of: usize, share: f64| {
            let chance = CHANCE * (share * (1.0 - share) * of as f64).sqrt();
            count as f64 >= share * of as f64 - chance
        };
        let is_quick = capacity >= 5_000.0 || uneven < 0.1;
        // A median of few searches is too uncertain to be compared.
        let is_fault = self.runs < 100 || fault != Fault::Absent;
        let (most_trials, most_time) = match (noise > 0.02, is_quick) {
            (true, _) => (25.0, 180.0),
            (false, true) => (13.0, 60.0),
            (false, false) => (13.0, 150.0),
        };
        let wrong = matches!(fault, Fault::Wrong { .. });
        let holds = if noise > 0.02 || wrong { 0.9 } else { 0.95 };
        let broken = [
            ("holds the capacity", !at_least(self.holds, self.answers, holds)),
            ("has an answer", !at_least(self.answers, self.runs, 0.95) && !is_fault),
            ("is not over", self.over as f64 > (3e-3 * runs).max(1.0)),
            ("trials", !is_fault && median(&self.trials) > most_trials),
            ("time", !is_fault && median(&self.time) > most_time),
            ("ends", self.time.last().is_some_and(|most| *most > 190.0)),
            (
                "is precise",
                noise == 0.0 && is_quick && !is_fault && !at_least(self.precise, self.runs, 0.8),
            ),
        ];
        broken
            .into_iter()
            .filter(|(_, is_broken)| *is_broken)
            .map(|(bound, _)| format!("{bound}: {}", self.row()))
            .collect()
    }
}

/// Runs searches of all systems with a fault. Returns the broken bounds.
fn table(
    heading: &str,
    fault: Fault,
    capacities: &[f64],
    noises: &[f64],
    runs: usize,
) -> Vec<String> {
    println!("\n{heading}\n");
    println!(
        "| system | answers, % | holds it, % | over | lower ÷ capacity | width | trials | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut broken = Vec::new();
    for (name, uneven, arrivals) in SERVICES {
        for &capacity in capacities {
            for &noise in noises {
                let system = System { capacity, noise, uneven, arrivals, is_serial: false, fault };
                let results = Results::of(name, system, runs);
                println!("{}", results.row());
                if fault == Fault::Breaks {
                    println!("  not recovered: {} of {runs}", results.not_recovered);
                } else {
                    broken.extend(results.broken());
                }
            }
        }
    }
    broken
}

#[test]
#[ignore = "a thousand searches of each system take minutes"]
fn the_whole_table() {
    let runs = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1_000);
    let few = &CAPACITIES[..3];
    let mut broken = table("No fault", Fault::Absent, &CAPACITIES, &NOISES, runs);
    for (heading, fault) in [
        ("Slow for 2 s after an overload", Fault::SlowAfterOverload),
        ("One trial with the opposite verdict", Fault::Wrong { trial: 0 }),
        ("A closed loop that measures a tenth", Fault::GuessTooLow),
        ("A closed loop that measures five times as much", Fault::GuessTooHigh),
        ("Delivers half of its capacity under overload", Fault::Collapses),
        ("Overload shows as failed cycles", Fault::Fails),
        ("Breaks for good at the first overload", Fault::Breaks),
    ] {
        broken.extend(table(heading, fault, few, &NOISES[1..], runs));
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn the_interval_holds_the_capacity_of_every_kind_of_system() {
    let mut broken = table("No fault", Fault::Absent, &CAPACITIES[1..3], &NOISES, 8);
    for fault in [Fault::SlowAfterOverload, Fault::Wrong { trial: 0 }, Fault::Collapses] {
        broken.extend(table("A fault", fault, &CAPACITIES[2..3], &NOISES[1..2], 8));
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn a_target_that_breaks_at_an_overload_is_reported_as_not_recovered() {
    for (name, uneven, arrivals) in SERVICES {
        let fault = Fault::Breaks;
        let system =
            System { capacity: 5_000.0, noise: 0.02, uneven, arrivals, is_serial: false, fault };
        let results = Results::of(name, system, 10);
        assert!(results.not_recovered >= 9, "{} of 10: {}", results.not_recovered, results.row());
    }
}
