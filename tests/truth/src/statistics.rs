//! A mean wait and percentiles of the response, and how far chance spreads them.

use crate::queue::{Sample, Seen};
use crate::theory::Service;

/// What is stated of a queue, in any one unit of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// The mean of start − due.
    pub wait_mean: f64,
    /// Percentiles of end − due.
    pub p50: f64,
    /// The ninetieth.
    pub p90: f64,
    /// The ninety-ninth.
    pub p99: f64,
}

impl Statistics {
    /// How its numbers are called, in the order of [`all`](Self::all).
    pub const NAMES: [&str; 4] = ["wait mean", "response p50", "response p90", "response p99"];

    /// Its numbers.
    #[must_use]
    pub const fn all(&self) -> [f64; 4] {
        [self.wait_mean, self.p50, self.p90, self.p99]
    }

    /// Of cycles that were seen; all zero where there are none.
    #[must_use]
    pub fn of(cycles: &[Seen]) -> Self {
        let waits: f64 = cycles.iter().map(|cycle| cycle.wait).sum();
        let mut responses: Vec<_> = cycles.iter().map(|cycle| cycle.response).collect();
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| quantile(&mut responses, share));
        Self { wait_mean: waits / cycles.len().max(1) as f64, p50, p90, p99 }
    }

    /// In the long run, in units of the mean service.
    #[must_use]
    pub fn of_theory(service: Service, utilisation: f64) -> Self {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| service.response_at(utilisation, share));
        Self { wait_mean: service.wait_mean(utilisation), p50, p90, p99 }
    }

    /// In another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let [wait_mean, p50, p90, p99] = self.all().map(|number| number * factor);
        Self { wait_mean, p50, p90, p99 }
    }
}

/// Percentiles of a run, if there were enough values for each of them.
pub fn all<const N: usize>(percentiles: [Option<u64>; N]) -> Option<[u64; N]> {
    let known = percentiles.iter().all(Option::is_some);
    known.then(|| percentiles.map(Option::unwrap_or_default))
}

/// The value of rank ⌈share × count⌉; zero where there is none. Reorders the values.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    // Less a little, because 0.9 × 10 must not become the eleventh.
    let rank = (values.len() as f64 * share - 1e-9).ceil().max(1.0) as usize;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(rank - 1, f64::total_cmp).1
}

/// Between which two values a number lies in 99 of 100 runs.
pub type Interval = (f64, f64);

/// The intervals of each number of [`Statistics`] over runs like this one.
///
/// Waits near each other in time are alike, the more so the higher the utilisation, so that the
/// spread within a run says little of the spread over runs. It is taken from many of them,
/// simulated, each as long as the real one and with its own random stream.
#[must_use]
pub fn intervals(sample: &Sample, runs: u64) -> [Interval; 4] {
    let all: Vec<_> = (0..runs).map(|seed| sample.run(seed).all()).collect();
    std::array::from_fn(|number| {
        let mut values: Vec<_> = all.iter().map(|run| run[number]).collect();
        (quantile(&mut values, 0.005), quantile(&mut values, 0.995))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_value_of_its_rank() {
        let mut values: Vec<_> = (1..=10).rev().map(f64::from).collect();
        assert_eq!(
            [0.0, 0.05, 0.5, 0.9, 0.91, 1.0].map(|q| quantile(&mut values, q)),
            [1.0, 1.0, 5.0, 9.0, 10.0, 10.0]
        );
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn intervals_hold_theory_and_shrink_with_the_run() {
        let theory = Statistics::of_theory(Service::Exponential, 0.6).all();
        let widths = [2_000.0, 32_000.0].map(|window| {
            let sample = Sample {
                service: Service::Exponential,
                utilisation: 0.6,
                warmup: 200.0,
                window,
                workers: 1,
            };
            let intervals = intervals(&sample, 300);
            for ((low, high), theory) in intervals.into_iter().zip(theory) {
                assert!(low < theory && theory < high, "{low} {theory} {high}");
            }
            intervals[0].1 - intervals[0].0
        });
        // Sixteen times the length is a quarter of the width.
        assert!((3.0..5.5).contains(&(widths[0] / widths[1])), "{widths:?}");
    }
}
