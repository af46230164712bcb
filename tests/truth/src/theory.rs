//! The long-run behaviour of queues of known kinds, by formula. Times are in units of the mean
//! service.

/// The distribution of service times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Always the same: with Poisson arrivals, an M/D/1 queue.
    Constant,
    /// Exponential: with Poisson arrivals, an M/M/1 queue.
    Exponential,
}

impl Service {
    /// Returns the queue's name in Kendall's notation.
    #[must_use]
    pub const fn queue(self) -> &'static str {
        match self {
            Self::Constant => "M/D/1",
            Self::Exponential => "M/M/1",
        }
    }

    /// Returns the mean wait at a utilisation below 1 (Pollaczek, 1930; Khinchine, 1932).
    #[must_use]
    pub fn wait_mean(self, utilisation: f64) -> f64 {
        let whole = utilisation / (1.0 - utilisation);
        match self {
            Self::Constant => whole / 2.0,
            Self::Exponential => whole,
        }
    }

    /// Returns the response that this share of the cycles does not exceed.
    #[must_use]
    pub fn response_at(self, utilisation: f64, share: f64) -> f64 {
        match self {
            // Exponential, of mean 1 / (1 − ρ).
            Self::Exponential => -(1.0 - share).ln() / (1.0 - utilisation),
            Self::Constant => 1.0 + solve(|wait| constant_wait_share(utilisation, wait), share),
        }
    }
}

/// Returns the share of an M/D/1 queue's cycles that wait no longer than `wait` (Crommelin, 1932,
/// in the form of Franx, 2001, whose terms are all positive; those of Erlang's form alternate in
/// sign and cancel out).
fn constant_wait_share(utilisation: f64, wait: f64) -> f64 {
    let services = wait.floor() as usize + 1;
    let in_system = constant_in_system(utilisation, services);
    // Element n is the share of time with at most n cycles in the queue, besides the one that is
    // served.
    let at_most: Vec<f64> = in_system
        .iter()
        .scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        })
        .skip(1)
        .collect();
    let rest = utilisation * (services as f64 - wait);
    poisson(rest).zip(at_most.iter().rev()).map(|(arrivals, queued)| arrivals * queued).sum()
}

/// Returns the shares of time that an M/D/1 queue has 0, 1, … and up to `most` cycles waiting or
/// running.
///
/// The recursion follows from a balance: the number falls from j to j − 1 as often as it passes
/// from below j to j or above.
fn constant_in_system(utilisation: f64, most: usize) -> Vec<f64> {
    // Poisson terms of a mean below 1 soon become negligible.
    let arrivals: Vec<_> = poisson(utilisation).take(most + 40).collect();
    let at_least = |least: usize| arrivals[least..].iter().rev().sum::<f64>();
    let passing: Vec<_> = (0..=most + 1).map(at_least).collect();
    let mut shares = vec![1.0 - utilisation];
    for j in 1..=most {
        let from_empty = shares[0] * passing[j];
        let from_others: f64 = (1..j).map(|i| shares[i] * passing[j - i + 1]).sum();
        shares.push((from_empty + from_others) / arrivals[0]);
    }
    shares
}

/// Returns the Poisson probabilities of 0, 1, 2, … events, where `mean` events happen on average.
fn poisson(mean: f64) -> impl Iterator<Item = f64> {
    (1..).scan((-mean).exp(), move |term, next| {
        let this = *term;
        *term *= mean / f64::from(next);
        Some(this)
    })
}

/// Returns the point where a function that never falls reaches a value; zero if the function has
/// reached it there already.
fn solve(function: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while function(high) < value {
        (low, high) = (high, high * 2.0);
    }
    if function(low) >= value {
        return low;
    }
    // Halve the interval down to the last bit of a double.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if function(middle) < value {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Sample;
    use crate::statistics::Statistics;

    #[test]
    fn nobody_waits_for_long_in_an_empty_queue() {
        for service in [Service::Constant, Service::Exponential] {
            assert!(service.wait_mean(1e-9) < 1e-8);
        }
        assert!((Service::Constant.response_at(1e-9, 0.99) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_formulas_give_the_published_values() {
        assert!((Service::Exponential.wait_mean(0.9) - 9.0).abs() < 1e-9);
        assert!((Service::Constant.wait_mean(0.9) - 4.5).abs() < 1e-9);
        assert!((Service::Exponential.response_at(0.5, 0.5) - 2.0 * 2.0_f64.ln()).abs() < 1e-9);
        // A cycle does not wait at all with probability 1 − ρ.
        assert!((constant_wait_share(0.6, 0.0) - 0.4).abs() < 1e-12);
        // It waits less than one service with probability (1 − ρ) e^ρ.
        assert!((constant_wait_share(0.5, 1.0 - 1e-12) - 0.5 * 0.5_f64.exp()).abs() < 1e-9);
    }

    #[test]
    fn the_share_of_waits_grows_to_one() {
        for utilisation in [0.3, 0.6, 0.9] {
            let shares: Vec<_> =
                (0..600).map(|t| constant_wait_share(utilisation, f64::from(t) / 10.0)).collect();
            assert!(shares.is_sorted_by(|a, b| *a <= b + 1e-12), "{shares:?}");
            assert!((shares[599] - 1.0).abs() < 0.01, "{}", shares[599]);
        }
    }

    #[test]
    fn a_long_simulation_agrees_with_the_formulas() {
        for service in [Service::Constant, Service::Exponential] {
            for utilisation in [0.3, 0.6, 0.9] {
                let sample = Sample { service, utilisation, warmup: 1e3, window: 1e6, workers: 1 };
                let found = sample.run(1);
                let expected = Statistics::of_theory(service, utilisation);
                for (found, expected) in found.all().into_iter().zip(expected.all()) {
                    // At a utilisation of 0.9, a million services contain few independent waits.
                    let near = (found - expected).abs() < expected * 0.03;
                    assert!(near, "{service:?} {utilisation}: {found} for {expected}");
                }
            }
        }
    }
}
