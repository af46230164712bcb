//! The waits and responses of given cycles in a worker, by Lindley's recursion (1952): a cycle
//! starts when it is due or when the one before has ended, whichever comes later.

use crate::random::Random;
use crate::statistics::Statistics;
use crate::theory::Service;

/// A cycle whose times are known before it runs, in any one unit.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// The instant at which it is due.
    pub due: f64,
    /// The time from when it could start to its start: a cost of the harness.
    pub late: f64,
    /// The time that it takes, including the harness's cost.
    pub service: f64,
    /// `true` if it is in the window, so that it counts.
    pub is_measured: bool,
}

/// The times of a cycle that a client sees, in the unit of its [`Job`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The time start − due.
    pub wait: f64,
    /// The time end − due.
    pub response: f64,
}

/// Computes the times of one worker's cycles, in order, and returns those of cycles that count.
pub fn replay(jobs: impl IntoIterator<Item = Job>) -> Vec<Seen> {
    let mut free = f64::NEG_INFINITY;
    let mut seen = Vec::new();
    for Job { due, late, service, is_measured } in jobs {
        let start = free.max(due) + late;
        free = start + service;
        if is_measured {
            seen.push(Seen { wait: start - due, response: free - due });
        }
    }
    seen
}

/// A run of queues under Poisson arrivals, in units of the mean service.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The distribution of service times.
    pub service: Service,
    /// The share of its time that a worker is busy.
    pub utilisation: f64,
    /// The time from an empty queue to the first cycle that counts.
    pub warmup: f64,
    /// The time from there to the last cycle.
    pub window: f64,
    /// The number of independent queues, whose cycles are counted together.
    pub workers: u32,
}

impl Sample {
    /// Simulates the queues, with random streams that follow from `seed`.
    #[must_use]
    pub fn run(&self, seed: u64) -> Statistics {
        let mut seen = Vec::new();
        for worker in 0..self.workers {
            let mut random = Random::new(seed * u64::from(self.workers) + u64::from(worker));
            seen.extend(replay(self.jobs(&mut random)));
        }
        Statistics::of(&seen)
    }

    fn jobs<'a>(&'a self, random: &'a mut Random) -> impl Iterator<Item = Job> + 'a {
        let mut due = 0.0;
        std::iter::from_fn(move || {
            due += random.exponential() / self.utilisation;
            let service = match self.service {
                Service::Constant => 1.0,
                Service::Exponential => random.exponential(),
            };
            let job = Job { due, late: 0.0, service, is_measured: due >= self.warmup };
            (due < self.warmup + self.window).then_some(job)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(due: f64, late: f64, service: f64) -> Job {
        Job { due, late, service, is_measured: true }
    }

    #[test]
    fn a_cycle_waits_for_those_before_it_and_for_no_other() {
        let seen = replay([job(0.0, 0.0, 5.0), job(1.0, 0.0, 1.0), job(10.0, 0.0, 1.0)]);
        let expected = [(0.0, 5.0), (4.0, 5.0), (0.0, 1.0)];
        assert_eq!(seen, expected.map(|(wait, response)| Seen { wait, response }));
    }

    #[test]
    fn the_delay_of_a_late_start_is_passed_on_to_the_cycles_behind_it() {
        let seen = replay([job(0.0, 0.5, 1.0), job(0.2, 0.1, 1.0)]);
        let waits: Vec<_> = seen.iter().map(|cycle| cycle.wait).collect();
        assert!((waits[0] - 0.5).abs() < 1e-12 && (waits[1] - 1.4).abs() < 1e-12, "{waits:?}");
    }

    #[test]
    fn a_cycle_that_does_not_count_delays_those_that_do() {
        let warmup = Job { is_measured: false, ..job(0.0, 0.0, 9.0) };
        assert_eq!(replay([warmup, job(1.0, 0.0, 1.0)]), [Seen { wait: 8.0, response: 9.0 }]);
    }
}
