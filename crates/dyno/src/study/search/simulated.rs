//! Model systems for the search: a capacity, noise between trials, and what goes wrong.
//!
//! A trial is abstract: its capacity is drawn once, its estimate of the load has the error that
//! chance gives it, and its verdict needs that estimate to be surely on one side. The rule of the
//! real verdict, over simulated queues, is in `verdict::simulation`.

use std::time::Duration;

use super::{Request, Search, SearchSettings, Step, Thresholds, Trial, TrialVerdict, tolerance};
use crate::plan::{Arrivals, Rate};
use crate::study::search::end::Answer;
use crate::verdict::simulation::random::Random;
use crate::verdict::trend::Bounds;

/// The time of a trial besides its window: a warm-up of a second, and starting and ending workers.
const BESIDE: f64 = 1.3;
/// The time for which a target is slow after an overload, and how slow.
const SLOW: f64 = 2.0;
const SLOW_SHARE: f64 = 0.5;
/// The standard errors that the verdict keeps.
const SURE: f64 = 2.58;

/// A model of what is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct System {
    pub(super) capacity: f64,
    /// The standard deviation of the capacity's logarithm between trials.
    pub(super) noise: f64,
    /// The squared coefficient of variation of the service.
    pub(super) uneven: f64,
    pub(super) arrivals: Arrivals,
    /// `true` if workers run one cycle at a time, so that their load is known.
    pub(super) is_serial: bool,
    pub(super) fault: Fault,
}

/// A fault of a system, or of the answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Absent,
    /// Half as fast for two seconds after an overload.
    SlowAfterOverload,
    /// A tenth as fast from the first overload on.
    Breaks,
    /// Delivers half of its capacity under overload.
    Collapses,
    /// One trial has the opposite verdict.
    Wrong {
        trial: usize,
    },
    /// Overload shows as failed cycles.
    Fails,
    /// The closed loop measures a tenth of the capacity, as with a single connection.
    GuessTooLow,
    /// The closed loop measures five times the capacity.
    GuessTooHigh,
    /// Invalid above this share of the capacity.
    Harness {
        share: f64,
    },
}

/// A system in the course of a search.
pub(super) struct World {
    system: System,
    random: Random,
    now: f64,
    slow_until: f64,
    is_broken: bool,
    trials: usize,
}

impl World {
    pub(super) fn new(system: System, seed: u64) -> Self {
        let random = Random::new(seed);
        Self { system, random, now: 0.0, slow_until: 0.0, is_broken: false, trials: 0 }
    }

    /// Runs a trial.
    pub(super) fn run(&mut self, request: Request) -> Trial {
        self.now += request.rest.as_secs_f64();
        self.trials += 1;
        match request.rate {
            Rate::Max => self.closed_loop(request.window),
            Rate::PerSecond(rate) => self.open_loop(rate, request.window.as_secs_f64()),
        }
    }

    fn closed_loop(&mut self, window: Duration) -> Trial {
        let factor = match self.system.fault {
            Fault::GuessTooLow => 0.1,
            Fault::GuessTooHigh => 5.0,
            _ => 1.0,
        };
        let delivered = factor * self.system.capacity * (0.1 * self.random.normal()).exp();
        let took = 0.3 + window.as_secs_f64();
        self.now += took;
        Trial {
            rate: Rate::Max,
            window,
            took: Duration::from_secs_f64(took),
            verdict: TrialVerdict::Completed,
            completed: (delivered * window.as_secs_f64()) as u64,
            delivered,
            error: None,
            load: None,
            enough: None,
        }
    }

    fn open_loop(&mut self, rate: f64, window: f64) -> Trial {
        let System { capacity, noise, uneven, fault, .. } = self.system;
        let mut capacity = capacity * (noise * self.random.normal()).exp();
        // The warm-up of a second is over when the window begins.
        let slow = (self.slow_until - self.now - 1.0).clamp(0.0, window);
        capacity *= 1.0 - (1.0 - SLOW_SHARE) * slow / window;
        if self.is_broken {
            capacity *= 0.1;
        }
        let arrivals = if self.system.arrivals == Arrivals::Poisson { 1.0 } else { 0.0 };
        let cycles = (rate * window).max(1.0);
        let error = ((arrivals + uneven) / cycles).sqrt();
        let excess = rate / capacity - 1.0;
        let weight = if excess > -0.1 { 1.0 } else { 0.3 };
        let estimate = excess + weight * error * self.random.normal();
        // The backlog's limit is two seconds' worth.
        let ran =
            if excess > 0.0 { window.min(2.0 / (1.0 - capacity / rate).max(1e-9)) } else { window };
        let verdict = if estimate + SURE * error < tolerance(cycles) || excess < -0.3 {
            TrialVerdict::Sustained
        } else if estimate - SURE * error > 0.0 || ran < window {
            TrialVerdict::Unsustained
        } else {
            TrialVerdict::Inconclusive
        };
        let is_overload = excess > -0.02;
        let through = if is_overload { rate.min(capacity) } else { rate };
        let shown = (uneven / (through * ran).max(1.0)).sqrt();
        let mut delivered = through;
        if is_overload {
            delivered *= 1.0 + shown * self.random.normal();
        }
        let queued = (rate - capacity).max(0.0) * ran / capacity;
        let took = BESIDE + ran + queued.min(5.0);
        self.now += took;
        if excess > 0.0 {
            match fault {
                Fault::SlowAfterOverload => self.slow_until = self.now + SLOW,
                Fault::Breaks => self.is_broken = true,
                Fault::Collapses => delivered *= 0.5,
                _ => {}
            }
        }
        let (low, high) =
            ((rate / capacity) * (1.0 - SURE * error), (rate / capacity) * (1.0 + SURE * error));
        let chance = 1.0 + error * self.random.normal();
        let mut trial = Trial {
            rate: Rate::PerSecond(rate),
            window: Duration::from_secs_f64(ran),
            took: Duration::from_secs_f64(took),
            verdict,
            completed: (delivered * ran).max(0.0) as u64,
            delivered: delivered.max(0.0),
            // The error is itself measured, from twenty blocks of the window.
            error: Some(shown * (1.0 + 0.16 * self.random.normal()).max(0.3)),
            load: self
                .system
                .is_serial
                .then_some(Bounds { low: low * chance, high: high * chance }),
            enough: (verdict == TrialVerdict::Inconclusive)
                .then(|| Duration::from_secs_f64(3.0 * window)),
        };
        self.spoil(&mut trial);
        trial
    }

    /// Makes a trial's answer a wrong one, or another one than the verdict's.
    fn spoil(&self, trial: &mut Trial) {
        let rate = trial.rate.per_second().unwrap_or_default();
        match self.system.fault {
            Fault::Wrong { trial: wrong } if wrong == self.trials => {
                if trial.is_held() {
                    trial.verdict = TrialVerdict::Unsustained;
                } else {
                    trial.verdict = TrialVerdict::Sustained;
                    trial.delivered = rate;
                }
                trial.load = None;
            }
            Fault::Fails if trial.verdict == TrialVerdict::Unsustained => {
                trial.verdict = TrialVerdict::Failed;
            }
            Fault::Harness { share } if rate > share * self.system.capacity => {
                trial.verdict = TrialVerdict::Invalid;
            }
            _ => {}
        }
    }
}

/// The settings of a search of a system, with the defaults.
pub(super) fn settings(system: &System) -> SearchSettings {
    SearchSettings {
        from: None,
        to: None,
        precision: super::PRECISION_DEFAULT,
        time: super::TIME_DEFAULT,
        warmup: Duration::from_secs(1),
        window: Duration::from_secs(5),
        arrivals: system.arrivals,
        thresholds: Thresholds::Absent,
    }
}

/// Runs a search to its end.
pub(super) fn search(system: System, settings: SearchSettings, seed: u64) -> (Answer, Search) {
    let mut world = World::new(system, seed);
    let mut search = Search::new(settings).unwrap();
    loop {
        match search.next() {
            Step::Trial(request) => search.take(world.run(request)),
            Step::Done(answer) => return (answer, search),
        }
    }
}
