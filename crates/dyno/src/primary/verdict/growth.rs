//! Whether the backlog grew over the window: the rule that tells a rate that is held from one
//! that is not.
//!
//! The growth is the mean backlog of the window's last tenth less that of its first. It counts
//! when it is large, and when it is more than chance makes: a queue's length is a random walk, so
//! that a stable system's may well end higher than it began. And it does not count when it is a
//! slow task that fills up: by Little's law, rate × service cycles are in flight once the run is
//! older than a cycle takes, and until then their number rises in any system.
//!
//! `docs/design/0001-verdict-rule.md` has the reasoning and the figures.

use super::{BacklogSample, Evidence};

/// The parts that the window is cut into.
const TENTHS: usize = 10;
/// The last of them; as many steps lead to it.
const LAST: usize = TENTHS - 1;
/// The share of the cycles due by which a backlog may grow and still be called bounded: a system
/// that is 1 % short of the rate is at the limit of what a run can tell.
const SHARE: f64 = 0.01;
/// The cycles by which it may grow however few are due: of so few, each is a step.
const CYCLES: f64 = 3.0;
/// Standard deviations of growth that chance may make. Poisson arrivals and exponential service,
/// the most random that we expect of a healthy system, add 2 × due to the growth's variance.
const CHANCE: f64 = 2.0;
/// How steady a growth below that must be to count: the mean of the nine steps between tenths over
/// its standard error, as in Student's test. In simulation, chance alone stays below it.
const STEADY: f64 = 8.0;
/// A rise that slows to less than this share of what it was is one that ends.
const SLOWING: f64 = 0.5;
/// Standard deviations that chance may add to the number of running cycles in half a window, of
/// which the variance is that of the cycles due in it, twice: as many as are due in the whole.
const FILLING_CHANCE: f64 = 3.0;
/// How many times a cycle takes until a system has filled: with exponential service, all but
/// exp(−8), or 0.03 %.
const FILLING: f64 = 8.0;

/// What the backlog did over the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// It did not grow by more than is allowed.
    Bounded,
    /// It grew by more than is allowed and by less than chance may make.
    Unclear,
    /// It rose because cycles take long and the run is young.
    Filling,
    /// It grew: the rate is not held.
    Grew,
}

/// The backlog's first and last tenth, and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The mean backlog of the window's first tenth.
    pub first: f64,
    /// The mean backlog of its last tenth.
    pub last: f64,
    /// The growth that is allowed.
    pub allowed: f64,
    /// The mean number of running cycles in the last tenth.
    pub running: f64,
    /// What the backlog did.
    pub trend: Trend,
}

impl Growth {
    /// Judges the backlog of a window at a rate, in cycles per second.
    #[must_use]
    pub fn of(evidence: &Evidence, rate: f64) -> Self {
        let due = evidence.cycles.issued as f64;
        let waiting = tenths(evidence, |sample| sample.waiting);
        let running = tenths(evidence, |sample| sample.running);
        let backlog: [f64; TENTHS] = std::array::from_fn(|tenth| waiting[tenth] + running[tenth]);
        let allowed = (SHARE * due).max(CYCLES);
        let chance = |due: f64| CHANCE * (2.0 * due).sqrt();
        let queue = rise(&waiting);
        let growth = rise(&backlog);
        // Little's law: how long a cycle takes.
        let service = running[LAST] / rate;
        let steady = is_steady(&backlog);
        let trend = if queue > allowed && (queue > chance(due) || is_steady(&waiting)) {
            Trend::Grew
        } else if growth <= allowed {
            Trend::Bounded
        } else if fills(evidence, service, &running, steady) {
            Trend::Filling
        } else if growth > chance(due) || steady {
            Trend::Grew
        } else {
            Trend::Unclear
        };
        let (first, last) = (backlog[0], backlog[LAST]);
        Self { first, last, allowed, running: running[LAST], trend }
    }

    /// How many cycles the backlog grew by; negative where it shrank.
    #[must_use]
    pub fn cycles(&self) -> f64 {
        self.last - self.first
    }
}

/// From the first tenth to the last.
fn rise(tenths: &[f64; TENTHS]) -> f64 {
    tenths[LAST] - tenths[0]
}

/// Whether the mean step from tenth to tenth is many times its standard error. The error is taken from how much
/// one step differs from the next (von Neumann, 1941), so that a queue that grows faster and
/// faster is as steady as one that grows evenly.
fn is_steady(tenths: &[f64; TENTHS]) -> bool {
    let count = LAST as f64;
    let mean = rise(tenths) / count;
    let squares: f64 =
        tenths.windows(3).map(|three| (three[2] - 2.0 * three[1] + three[0]).powi(2)).sum();
    let variance = squares / (2.0 * (count - 1.0));
    mean * count.sqrt() > STEADY * variance.sqrt()
}

/// Whether the running cycles rise only because the run is young: by the window's middle it was
/// not yet many times as old as a cycle takes, and from then on they rise by much less than
/// before; or, where the backlog does not rise steadily all along, by no more than chance may
/// make of the cycles due since.
fn fills(evidence: &Evidence, service: f64, running: &[f64; TENTHS], steady: bool) -> bool {
    let age = (evidence.warmup + evidence.window / 2).as_secs_f64();
    let middle = TENTHS / 2;
    let before = running[middle - 1] - running[0];
    let after = running[LAST] - running[middle];
    let chance = FILLING_CHANCE * (evidence.cycles.issued as f64).sqrt();
    age < FILLING * service && (after < SLOWING * before || (after <= chance && !steady))
}

/// The mean of each tenth of the window. A tenth without a sample is as the one before it.
fn tenths(evidence: &Evidence, part: impl Fn(&BacklogSample) -> u64) -> [f64; TENTHS] {
    let mut sums = [(0.0, 0_u32); TENTHS];
    let window = evidence.window.as_secs_f64();
    for sample in &evidence.backlog {
        let offset = (sample.at - evidence.start).as_secs_f64();
        let tenth = (offset / window * TENTHS as f64) as usize;
        let (sum, count) = &mut sums[tenth.min(LAST)];
        *sum += part(sample) as f64;
        *count += 1;
    }
    let mut mean = evidence.backlog.first().map_or(0.0, |sample| part(sample) as f64);
    sums.map(|(sum, count)| {
        if count > 0 {
            mean = sum / f64::from(count);
        }
        mean
    })
}

#[cfg(test)]
mod tests;
