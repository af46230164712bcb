//! Comparisons of two model programs on a model machine, which may drift, remember, and change its
//! speed.

use std::time::Duration;

use super::super::trial::TrialVerdict;
use super::{
    BetterWhen, CompareEnd, CompareSettings, CompareStep, ComparedFigure, PairOrder, PairOrders,
    PairSide, PairedStudy,
};
use crate::verdict::simulation::random::Random;

/// A machine, with one program on it that is slower than the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    /// The standard deviation of the ratio within a pair.
    pub(super) spread: f64,
    /// The share of trials whose noise is three times as large.
    pub(super) outliers: f64,
    /// The rise of all times over the whole comparison, as a share.
    pub(super) drift: f64,
    /// The correlation of the noise of one trial with that of the next.
    pub(super) memory: f64,
    /// The mean time, in seconds, that the machine keeps its speed; 0 for a constant speed.
    pub(super) stays: f64,
    /// The part that is added to all times while the machine is slow.
    pub(super) slow: f64,
    /// The part that is added to the second trial of a pair.
    pub(super) second: f64,
    /// The part that is added to all times of NEW.
    pub(super) slower: f64,
}

impl Machine {
    /// Returns a machine with noise alone, where a few trials are far off.
    pub(super) fn with(spread: f64, slower: f64) -> Self {
        Self {
            spread,
            outliers: 0.05,
            drift: 0.0,
            memory: 0.0,
            stays: 0.0,
            slow: 1.0 / 3.0,
            second: 0.0,
            slower,
        }
    }
}

/// Returns a comparison of two figures before its first pair: their tolerances are 5 %.
pub(super) fn prepared(time: f64, pair: f64) -> PairedStudy {
    let figure = |name: &str| ComparedFigure {
        name: name.to_owned(),
        better: BetterWhen::Lower,
        tolerance: 0.05,
        is_decisive: true,
    };
    PairedStudy::new(CompareSettings {
        figures: vec![figure("service.mean"), figure("response.p50")],
        time: Duration::from_secs_f64(time),
        pair: Duration::from_secs_f64(pair),
    })
}

/// The state of the machine on its way.
struct World {
    machine: Machine,
    random: Random,
    now: f64,
    is_slow: bool,
    memory: [f64; 2],
}

impl World {
    /// Returns the logarithms of the two figures of a trial of this length.
    fn trial(&mut self, length: f64, time: f64) -> [f64; 2] {
        let Machine { spread, outliers, drift, memory, stays, slow, .. } = self.machine;
        // The speed may change within the trial: ten parts of it.
        let mut slowed = 0.0;
        for _ in 0..10 {
            if stays > 0.0 && self.random.uniform() < length / 10.0 / stays {
                self.is_slow = !self.is_slow;
            }
            slowed += if self.is_slow { slow / 10.0 } else { 0.0 };
        }
        self.now += length;
        let common = slowed.ln_1p() + drift * self.now / time;
        let factor = if self.random.uniform() < outliers { 3.0 } else { 1.0 };
        let fresh = (1.0 - memory * memory).sqrt();
        self.memory = self.memory.map(|last| memory * last + fresh * self.random.normal());
        // A pair has the noise of two trials.
        let noise = factor * spread / std::f64::consts::SQRT_2;
        self.memory.map(|value| common + noise * value)
    }
}

/// Runs a comparison on a machine to its end.
pub(super) fn compare(
    prepared: &PairedStudy,
    machine: Machine,
    seed: u64,
) -> (PairedStudy, CompareEnd) {
    let mut compare = prepared.clone();
    let mut random = Random::new(seed);
    let is_slow = random.uniform() < 0.5;
    let mut world = World { machine, random, now: 0.0, is_slow, memory: [0.0; 2] };
    let time = compare.settings.time.as_secs_f64();
    let length = compare.settings.pair.as_secs_f64() / 2.0;
    let mut orders = PairOrders::default();
    loop {
        if let CompareStep::Done(end) = compare.next() {
            return (compare, end);
        }
        let is_base_first = orders.next(world.random.uniform() < 0.5) == PairOrder::BaseFirst;
        let first = world.trial(length, time);
        let second = world.trial(length, time).map(|log| log + machine.second.ln_1p());
        let (base, new) = if is_base_first { (first, second) } else { (second, first) };
        let new = new.map(|log| log + machine.slower.ln_1p());
        let side = |logs: [f64; 2]| PairSide {
            verdict: TrialVerdict::Sustained,
            values: logs.map(|log| Some(1e6 * log.exp())).into(),
        };
        let elapsed = Duration::from_secs_f64(world.now);
        compare.take(&side(base), &side(new), elapsed);
    }
}
