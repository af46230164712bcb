//! A pool of permits behind an async task, such as the connections to a database: a cycle takes a
//! permit, sleeps for its service, and gives the permit back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::random::Random;

/// The permits of each worker.
pub const PERMITS: u32 = 4;
/// With [`Service::Uneven`], one cycle in this many takes longer, on average.
const LONG_IN: f64 = 400.0;
/// That cycle takes this many times as long.
const LONG_TIMES: u64 = 20;
/// The bits that leave room for the index of any cycle of a run.
const INDEX_BITS: u32 = 40;

/// The distribution of how long a cycle keeps its permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Always the same time.
    Constant,
    /// An exponential time.
    Exponential,
    /// The same time, and 20 times as long for one cycle in 400 at random.
    Uneven,
}

impl Service {
    /// The service of a cycle, in nanoseconds. It follows from the seed and the index alone, so that
    /// a closed loop and a run at a rate have the same cycles.
    #[must_use]
    pub fn ns(self, ns: u64, seed: u64, index: u64) -> u64 {
        let draw = || Random::new((seed << INDEX_BITS) + index).exponential();
        match self {
            Self::Constant => ns,
            Self::Exponential => (draw() * ns as f64) as u64,
            // An exponential value is above ln(n) with the probability 1/n.
            Self::Uneven if draw() > LONG_IN.ln() => ns * LONG_TIMES,
            Self::Uneven => ns,
        }
    }
}

/// The permits of one worker.
#[derive(Debug)]
pub struct Permits(Semaphore);

impl Default for Permits {
    fn default() -> Self {
        Self(Semaphore::new(PERMITS as usize))
    }
}

impl Permits {
    /// Waits for a permit, and sleeps with it.
    pub async fn sleep(&self, span: Duration) {
        let _permit = self.0.acquire().await;
        tokio::time::sleep(span).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_times_have_the_distribution_of_their_name() {
        let mean = |service: Service| {
            let all: u64 = (0..200_000).map(|index| service.ns(1_000, 7, index)).sum();
            all as f64 / 200e6
        };
        assert!((mean(Service::Constant) - 1.0).abs() < 1e-9);
        // Three standard errors of the mean.
        assert!((mean(Service::Exponential) - 1.0).abs() < 0.007);
        assert!((mean(Service::Uneven) - (1.0 + 19.0 / 400.0)).abs() < 0.007);
    }

    #[test]
    fn another_seed_gives_other_services() {
        let service = |seed| Service::Exponential.ns(1_000_000, seed, 3);
        assert_eq!(service(1), service(1));
        assert_ne!(service(1), service(2));
    }
}
