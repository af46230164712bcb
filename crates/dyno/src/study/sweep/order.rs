//! The order of a sweep's trials: each rate once or several times.
//!
//! The same seed always gives the same order.

use super::Rates;

/// The order of a sweep's rates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SweepOrder {
    /// From the lowest up; all trials of a rate in a row.
    #[default]
    Rising,
    /// In a random order, drawn again for each round over all rates. A machine that becomes slower
    /// while the sweep goes on then looks like noise, and not like the effect of a higher rate.
    Shuffled {
        /// The seed of the order.
        seed: u64,
    },
}

/// Returns the rates of all trials in their order, with `trials` of each.
pub(super) fn schedule(rates: &Rates, order: SweepOrder, trials: usize) -> Vec<f64> {
    let rates = rates.as_slice();
    match order {
        SweepOrder::Rising => {
            rates.iter().flat_map(|rate| std::iter::repeat_n(*rate, trials)).collect()
        }
        SweepOrder::Shuffled { seed } => {
            let mut draws = Draws(seed);
            let round = |_| {
                let mut round = rates.to_vec();
                draws.shuffle(&mut round);
                round
            };
            (0..trials).flat_map(round).collect()
        }
    }
}

/// A stream of pseudo-random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Shuffles values so that each order is as likely as any other (Fisher and Yates; Durstenfeld,
    /// 1964).
    fn shuffle(&mut self, values: &mut [f64]) {
        for last in (1..values.len()).rev() {
            // A few values among 2^64 make no order measurably more likely.
            let at = (self.next() % (last as u64 + 1)) as usize;
            values.swap(at, last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        Rates::parse("1,2,4,8", |text| text.parse().ok()).unwrap()
    }

    #[test]
    fn rates_rise_with_all_trials_of_a_rate_in_a_row() {
        let order = schedule(&rates(), SweepOrder::Rising, 2);
        assert_eq!(order, [1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0]);
    }

    #[test]
    fn each_round_of_a_shuffled_sweep_has_every_rate_once() {
        let order = schedule(&rates(), SweepOrder::Shuffled { seed: 7 }, 3);
        for round in order.chunks(4) {
            let mut round = round.to_vec();
            round.sort_by(f64::total_cmp);
            assert_eq!(round, [1.0, 2.0, 4.0, 8.0]);
        }
        assert_eq!(order, schedule(&rates(), SweepOrder::Shuffled { seed: 7 }, 3));
    }

    #[test]
    fn every_rate_is_first_about_as_often() {
        let mut firsts = [0; 4];
        for seed in 0..4_000 {
            let order = schedule(&rates(), SweepOrder::Shuffled { seed }, 1);
            firsts[order[0].log2() as usize] += 1;
        }
        // Five standard deviations.
        assert!(firsts.iter().all(|count| (863..=1_137).contains(count)), "{firsts:?}");
    }
}
