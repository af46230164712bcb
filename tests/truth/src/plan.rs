//! The plan of a run: its cycles and their due times. Seeded arrivals are known before the run, by
//! the arithmetic of the bus.

use std::time::Duration;

use dyno_bus::segment::{Arrivals, Due, Pace, Segment, Share};
use dyno_bus::{Cursor, Phase, Time};

/// The settings that determine the due times of a run at one rate.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Cycles a second over all workers.
    pub rate: f64,
    /// The distribution of due times.
    pub arrivals: Arrivals,
    /// The seed of the random streams.
    pub seed: u64,
    /// The number of workers.
    pub workers: u32,
    /// The time before the window.
    pub warmup: Duration,
    /// The measured window.
    pub window: Duration,
}

impl Load {
    /// Returns each worker's cycles, in order. Due times count from the warm-up's begin.
    ///
    /// The window's indices begin after all those of the warm-up: for Poisson arrivals, after the
    /// highest that any worker reached.
    #[must_use]
    pub fn dues(&self) -> Vec<Vec<Due>> {
        let pace = Pace::Open { rate: self.rate, arrivals: self.arrivals };
        let (begin, from) = (Time::ZERO, Time::ZERO + self.warmup);
        let nanos = |length: Duration| length.as_nanos() as u64;
        let warmup = Segment {
            first: 0,
            t0: begin,
            length_ns: nanos(self.warmup),
            pace,
            lead: 0.0,
            seed: self.seed,
            phase: Phase::Warmup,
            stage: 0,
        };
        let mut cursors: Vec<_> = (0..self.workers)
            .map(|worker| Cursor::new(Share { worker, workers: self.workers }))
            .collect();
        let mut first = 0;
        if self.warmup > Duration::ZERO {
            let (mut count, mut highest) = (0, 0);
            for cursor in &mut cursors {
                cursor.push(warmup);
                let mut ahead = cursor.clone();
                count += ahead.pass(from).total();
                highest = highest.max(ahead.index());
            }
            first = match self.arrivals {
                Arrivals::Uniform => count,
                _ => highest,
            };
        }
        let length_ns = nanos(self.window);
        let measured = Segment { first, t0: from, length_ns, phase: Phase::Measured, ..warmup };
        let end = from + self.window;
        cursors
            .iter_mut()
            .map(|cursor| {
                cursor.push(measured);
                walk(cursor, end)
            })
            .collect()
    }
}

fn walk(cursor: &mut Cursor, end: Time) -> Vec<Due> {
    let mut dues = Vec::new();
    while let Some(due) = cursor.peek(end).filter(|due| due.at < end) {
        dues.push(due);
        cursor.advance();
    }
    dues
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(arrivals: Arrivals) -> Load {
        let (warmup, window) = (Duration::from_millis(100), Duration::from_secs(1));
        Load { rate: 1_000.0, arrivals, seed: 1, workers: 2, warmup, window }
    }

    #[test]
    fn uniform_cycles_are_on_one_grid() {
        let workers = load(Arrivals::Uniform).dues();
        assert_eq!(workers.iter().map(Vec::len).collect::<Vec<_>>(), [550, 550]);
        for due in workers.iter().flatten() {
            assert_eq!(due.at.as_nanos(), due.index * 1_000_000);
        }
    }

    #[test]
    fn poisson_cycles_are_ordered_distinct_and_inside_the_run() {
        let workers = load(Arrivals::Poisson).dues();
        let mut indices: Vec<_> = workers.iter().flatten().map(|due| due.index).collect();
        let count = indices.len();
        // 1,100 expected; the standard deviation is 33.
        assert!((960..1_240).contains(&count), "{count}");
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices.len(), count);
        for dues in workers {
            assert!(dues.is_sorted_by_key(|due| due.at));
            assert!(
                dues.iter()
                    .all(|due| (due.phase == Phase::Warmup) == (due.at.as_nanos() < 100_000_000))
            );
        }
    }
}
