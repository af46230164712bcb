//! A mean wait and percentiles of the response, and their spread by chance.

use crate::queue::{Sample, Seen};
use crate::theory::Service;

/// The figures that describe a queue, all in the same unit of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// The mean of start − due.
    pub wait_mean: f64,
    /// The 50th percentile of end − due.
    pub p50: f64,
    /// The 90th percentile of end − due.
    pub p90: f64,
    /// The 99th percentile of end − due.
    pub p99: f64,
}

impl Statistics {
    /// The names of the figures, in the order of [`all`](Self::all).
    pub const NAMES: [&str; 4] = ["wait mean", "response p50", "response p90", "response p99"];

    /// Returns the figures as an array.
    #[must_use]
    pub const fn all(&self) -> [f64; 4] {
        [self.wait_mean, self.p50, self.p90, self.p99]
    }

    /// Computes the figures of cycles that were seen; all are zero without cycles.
    #[must_use]
    pub fn of(cycles: &[Seen]) -> Self {
        let waits: f64 = cycles.iter().map(|cycle| cycle.wait).sum();
        let mut responses: Vec<_> = cycles.iter().map(|cycle| cycle.response).collect();
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| quantile(&mut responses, share));
        Self { wait_mean: waits / cycles.len().max(1) as f64, p50, p90, p99 }
    }

    /// Returns the figures of theory in the long run, in units of the mean service.
    #[must_use]
    pub fn of_theory(service: Service, utilisation: f64) -> Self {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| service.response_at(utilisation, share));
        Self { wait_mean: service.wait_mean(utilisation), p50, p90, p99 }
    }

    /// Converts the figures to another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let [wait_mean, p50, p90, p99] = self.all().map(|number| number * factor);
        Self { wait_mean, p50, p90, p99 }
    }
}

/// Returns the percentiles of a run if each of them had enough values, else `None`.
pub fn all<const N: usize>(percentiles: [Option<u64>; N]) -> Option<[u64; N]> {
    let known = percentiles.iter().all(Option::is_some);
    known.then(|| percentiles.map(Option::unwrap_or_default))
}

/// Returns the value of rank ⌈share × count⌉; zero without values. Reorders the values.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    // Subtract a little: by rounding, 0.9 × 10 may be slightly above 9, which must not become rank
    // 10.
    let rank = (values.len() as f64 * share - 1e-9).ceil().max(1.0) as usize;
    if values.is_empty() {
        return 0.0;
    }
    *values.select_nth_unstable_by(rank - 1, f64::total_cmp).1
}

/// The two values that a figure lies between in 99 of 100 runs.
pub type Interval = (f64, f64);

/// Returns the intervals of the figures of [`Statistics`] over runs like this one.
///
/// Waits near each other in time are alike, the more so at a higher utilisation, so that the spread
/// within a run says little about the spread over runs. Therefore `runs` runs are simulated, each
/// as long as the real one and with its own random stream.
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
