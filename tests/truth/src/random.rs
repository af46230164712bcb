//! A random stream that is independent of the one for due times, so that samples from it can check
//! due times against theory.

/// A generator of random numbers: Marsaglia's xorshift64* (2003; Vigna, 2016).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Creates the stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // The finalizer of MurmurHash3 (Appleby, 2011) makes streams of near seeds begin far apart.
        let mut mixed = seed + 1;
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        // Zero is the only forbidden state. The finalizer maps only zero to it, and `seed + 1` is
        // not zero.
        Self(mixed ^ (mixed >> 33))
    }

    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns an exponential value of mean 1.
    pub fn exponential(&mut self) -> f64 {
        // 53 random bits make a value in (0, 1], so that the logarithm of zero never occurs.
        -(((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_exponential_with_a_mean_of_one() {
        let mut random = Random::new(1);
        let values: Vec<_> = (0..100_000).map(|_| random.exponential()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        // The standard error is 0.003.
        assert!((mean - 1.0).abs() < 0.012, "{mean}");
        let above = values.iter().filter(|value| **value > 3.0).count() as f64;
        assert!((above / values.len() as f64 - (-3.0_f64).exp()).abs() < 0.003);
    }

    #[test]
    fn near_seeds_give_unrelated_values() {
        let firsts: Vec<_> = (0..10_000).map(|seed| Random::new(seed).exponential()).collect();
        let mean = firsts.iter().sum::<f64>() / firsts.len() as f64;
        assert!((mean - 1.0).abs() < 0.04, "{mean}");
    }
}
