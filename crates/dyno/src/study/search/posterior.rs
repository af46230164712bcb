//! The knowledge about a capacity: a probability for each, given all clues so far.
//!
//! ```text
//!  clues ─▶ ln P(clues | capacity, noise, kind) on a grid ─▶ sum over noise and kind ─▶ interval
//! ```
//!
//! Three things are unknown. The *capacity*, by its logarithm. The *noise* between trials: two
//! trials of the same system differ by more than chance within a trial explains. And the *kind* of
//! system: one that delivers its capacity under overload, or one that collapses, where the rate
//! that was delivered tells nothing. No clue is believed completely, so a single wrong one is
//! outweighed by a few right ones.

use std::ops::RangeInclusive;

/// The points of the grid.
const POINTS: usize = 121;
/// The grid is made this many times at most, each time around the part that the last one found.
const ZOOMS: usize = 4;
/// A grid with steps this small shows precisions of 0.5 %.
const STEP_MIN: f64 = 0.001;
/// The capacities that are possible: beyond the range of rates on both sides, so that a capacity
/// near its ends is not cut off. As logarithms, from 0.05 to 2 million per second.
const RANGE: RangeInclusive<f64> = -3.0..=14.5;
/// The sizes of the noise between trials, as standard deviations of the logarithm of the capacity,
/// each with its probability before any clue.
const NOISES: [(f64, f64); 5] =
    [(0.003, 0.2), (0.01, 0.2), (0.02, 0.25), (0.04, 0.2), (0.07, 0.15)];
/// The probability, before any clue, that a system delivers its capacity under overload.
const DELIVERS: f64 = 0.9;
/// The probability that a verdict is wrong for a reason that is not in its error.
const WRONG_VERDICT: f64 = 0.02;
/// The probability that a delivered rate is unrelated to the capacity, in a system that delivers.
const WRONG_DELIVERED: f64 = 0.03;
/// The density of a delivered rate that is unrelated to the capacity: over two units of the
/// logarithm.
const UNRELATED: f64 = 0.5;
/// The error of a closed loop as a measure of the capacity, and the probability that it measures
/// something else: the latency of a task that many cycles could share.
const GUESS_ERROR: f64 = 0.15;
const WRONG_GUESS: f64 = 0.2;
/// The standard errors that a verdict keeps between the load and capacity, on both sides.
pub(super) const SURE: f64 = 2.58;
/// The distance between the quartiles of a normal distribution, in standard deviations.
const QUARTILES: f64 = 1.349;
/// The factor between a logistic curve and the normal distribution that it approximates.
const LOGISTIC: f64 = 1.7;

/// A piece of evidence about the capacity. Errors are shares, one standard deviation each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Clue {
    /// A closed loop completed cycles at this rate.
    Guess(f64),
    /// This capacity was measured.
    Capacity {
        /// In cycles per second.
        rate: f64,
        /// The error within the trial.
        error: f64,
    },
    /// This rate was held.
    Held {
        /// In cycles per second.
        rate: f64,
        /// The error of the load in the trial.
        error: f64,
        /// The excess over the capacity at which half of all trials would have been held.
        half: f64,
    },
    /// This rate was not held.
    NotHeld {
        /// In cycles per second.
        rate: f64,
        /// The error of the load in the trial.
        error: f64,
        /// The excess over the capacity at which half of all trials would not have been held.
        half: f64,
        /// The rate at which cycles completed, with its error within the trial.
        delivered: Option<(f64, f64)>,
    },
}

/// The probability of each capacity, in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Posterior {
    /// The capacity is below this with 2.5 %.
    pub(super) low: f64,
    /// The capacity is as likely below this as above it.
    pub(super) median: f64,
    /// The capacity is above this with 2.5 %.
    pub(super) high: f64,
    /// The standard deviation of the logarithm of the capacity, by its quartiles.
    pub(super) deviation: f64,
    /// The expected noise between trials.
    pub(super) noise: f64,
    /// The probability that the system delivers its capacity under overload.
    pub(super) delivers: f64,
}

impl Posterior {
    /// Weighs all clues.
    pub(super) fn of(clues: &[Clue]) -> Self {
        let (mut start, mut end) = (*RANGE.start(), *RANGE.end());
        let mut grid = Weights::over(start, end, clues);
        for _ in 1..ZOOMS {
            // The errors of a coarse grid are widened by its step, so that no peak falls between
            // two points. The next grid is smaller and sees it sharper.
            let margin = 2.0 * grid.step;
            let (low, high) = (grid.quantile(0.0002) - margin, grid.quantile(0.9998) + margin);
            if grid.step < STEP_MIN || high - low > 0.7 * (end - start) {
                break;
            }
            (start, end) = (low, high);
            grid = Weights::over(start, end, clues);
        }
        let [low, median, high] = [0.025, 0.5, 0.975].map(|share| grid.quantile(share).exp());
        Self {
            low,
            median,
            high,
            deviation: grid.deviation(),
            noise: grid.noise,
            delivers: grid.delivers,
        }
    }
}

/// The weights of a grid's points; their sum is 1.
struct Weights {
    start: f64,
    step: f64,
    points: [f64; POINTS],
    noise: f64,
    delivers: f64,
}

impl Weights {
    fn over(start: f64, end: f64, clues: &[Clue]) -> Self {
        let step = (end - start) / (POINTS - 1) as f64;
        // For each point and each noise: the logarithm of the weight if the system delivers, and if
        // it collapses.
        let mut logs = [[[0.0; 2]; NOISES.len()]; POINTS];
        let mut most = f64::NEG_INFINITY;
        for (index, point) in logs.iter_mut().enumerate() {
            let capacity = start + step * index as f64;
            for (log, (noise, prior)) in point.iter_mut().zip(NOISES) {
                let spread = noise.hypot(step / 2.0);
                let sum = clues.iter().fold([DELIVERS.ln(), (1.0 - DELIVERS).ln()], |sum, clue| {
                    let [delivers, collapses] = clue.log_likelihood(capacity, spread);
                    [sum[0] + delivers, sum[1] + collapses]
                });
                *log = sum.map(|sum| sum + f64::ln(prior));
                most = most.max(log[0]).max(log[1]);
            }
        }
        let mut grid = Self { start, step, points: [0.0; POINTS], noise: 0.0, delivers: 0.0 };
        for (weight, point) in grid.points.iter_mut().zip(&logs) {
            for ([delivers, collapses], (noise, _)) in point.iter().zip(NOISES) {
                let [delivers, collapses] = [delivers, collapses].map(|log| (log - most).exp());
                *weight += delivers + collapses;
                grid.noise += noise * (delivers + collapses);
                grid.delivers += delivers;
            }
        }
        let total: f64 = grid.points.iter().sum();
        grid.points.iter_mut().for_each(|weight| *weight /= total);
        grid.noise /= total;
        grid.delivers /= total;
        grid
    }

    /// Returns the point below which this share of the weight is.
    fn quantile(&self, share: f64) -> f64 {
        let mut sum = 0.0;
        for (index, weight) in self.points.iter().enumerate() {
            if sum + weight >= share {
                // Each point is the middle of a step.
                let within = (share - sum) / weight.max(f64::MIN_POSITIVE);
                return self.start + self.step * (index as f64 - 0.5 + within);
            }
            sum += weight;
        }
        self.start + self.step * POINTS as f64
    }

    /// Returns the standard deviation of a normal distribution with the same quartiles: what is far
    /// away does not count.
    fn deviation(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / QUARTILES
    }
}

impl Clue {
    /// Returns the logarithm of the clue's likelihood, for a system that delivers its capacity
    /// under overload and for one that collapses. `capacity` is a logarithm.
    fn log_likelihood(self, capacity: f64, noise: f64) -> [f64; 2] {
        let chance = |x: f64| WRONG_VERDICT / 2.0 + (1.0 - WRONG_VERDICT) * logistic(x);
        match self {
            Self::Guess(rate) => {
                let near = normal(rate.ln() - capacity, GUESS_ERROR);
                let anywhere = 1.0 / (RANGE.end() - RANGE.start());
                [((1.0 - WRONG_GUESS) * near + WRONG_GUESS * anywhere).ln(); 2]
            }
            Self::Capacity { rate, error } => {
                let near = normal(rate.ln() - capacity, error.hypot(noise));
                [((1.0 - WRONG_DELIVERED) * near + WRONG_DELIVERED * UNRELATED).ln(); 2]
            }
            Self::Held { rate, error, half } => {
                let room = half - (rate.ln() - capacity);
                [chance(room / error.hypot(noise)).ln(); 2]
            }
            Self::NotHeld { rate, error, half, delivered } => {
                let excess = rate.ln() - capacity - half;
                let verdict = chance(excess / error.hypot(noise));
                let Some((delivered, error)) = delivered else { return [verdict.ln(); 2] };
                // The delivered rate includes what the verdict says: they count once.
                let near = normal(delivered.ln() - capacity, error.hypot(noise));
                let unrelated = UNRELATED * verdict;
                let delivers = (1.0 - WRONG_DELIVERED) * near + WRONG_DELIVERED * unrelated;
                [delivers.ln(), unrelated.ln()]
            }
        }
    }
}

/// Returns the normal distribution's probability of a value below `x`, approximately.
fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-LOGISTIC * x).clamp(-50.0, 50.0).exp())
}

/// Returns the density of a normal distribution at a distance from its mean.
fn normal(distance: f64, deviation: f64) -> f64 {
    let standard = distance / deviation;
    (-0.5 * standard * standard).exp() / (deviation * std::f64::consts::TAU.sqrt())
}
