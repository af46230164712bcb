//! Sums of floating-point numbers without a rounding error, so that their order changes nothing.
//!
//! The method is that of Shewchuk, "Adaptive Precision Floating-Point Arithmetic" (1997), in the
//! form of Python's `math.fsum`: a sum is kept as a few numbers that don't overlap, whose sum is
//! exact. It is rounded once, at the end.

use serde::{Deserialize, Serialize};

/// The exact sum of any finite numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ExactSum {
    /// Parts that don't overlap, from the smallest to the largest.
    parts: Vec<f64>,
}

impl ExactSum {
    /// Adds a number. One that is not finite is left out: no time is infinite.
    pub(super) fn add(&mut self, number: f64) {
        if !number.is_finite() {
            return;
        }
        let mut number = number;
        let mut kept = 0;
        for place in 0..self.parts.len() {
            let part = self.parts[place];
            let (large, small) = match number.abs() < part.abs() {
                true => (part, number),
                false => (number, part),
            };
            let sum = large + small;
            let error = small - (sum - large);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
            number = sum;
        }
        self.parts.truncate(kept);
        self.parts.push(number);
    }

    /// Adds another sum.
    pub(super) fn merge(&mut self, other: &Self) {
        other.parts.iter().for_each(|part| self.add(*part));
    }

    /// Returns the sum, rounded to the nearest number.
    pub(super) fn value(&self) -> f64 {
        let mut parts = self.parts.iter().rev().copied();
        let Some(mut sum) = parts.next() else { return 0.0 };
        let mut rest = 0.0;
        for part in parts.by_ref() {
            let before = sum;
            sum = before + part;
            rest = part - (sum - before);
            if rest != 0.0 {
                break;
            }
        }
        // The rest is half of the last digit, or less. If it is just half, the next part decides.
        if let Some(next) = parts.next()
            && (rest < 0.0) == (next < 0.0)
            && rest != 0.0
        {
            let twice = rest * 2.0;
            let other = sum + twice;
            if (other - sum - twice).abs() == 0.0 {
                sum = other;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        numbers.iter().for_each(|number| sum.add(*number));
        sum
    }

    #[test]
    fn small_numbers_are_not_lost_beside_large_ones() {
        assert_eq!(of(&[1e100, 1.0, -1e100]).value().to_bits(), 1.0_f64.to_bits());
        assert_eq!(of(&[0.1; 10]).value().to_bits(), 1.0_f64.to_bits());
        assert_eq!(of(&[]).value().to_bits(), 0.0_f64.to_bits());
        assert_eq!(of(&[f64::NAN, 2.0, f64::INFINITY]).value().to_bits(), 2.0_f64.to_bits());
    }

    proptest! {
        #[test]
        fn any_order_and_any_groups_have_the_same_sum(
            numbers in prop::collection::vec((0.0..1.0_f64, -60..10_i32), 1..40),
            cut in 0..40_usize,
        ) {
            let numbers: Vec<f64> =
                numbers.iter().map(|(one, power)| one * f64::from(*power).exp2()).collect();
            let whole = of(&numbers).value();
            let mut backwards = numbers.clone();
            backwards.reverse();
            prop_assert_eq!(of(&backwards).value().to_bits(), whole.to_bits());
            let (one, other) = numbers.split_at(cut.min(numbers.len()));
            let mut groups = of(other);
            groups.merge(&of(one));
            prop_assert_eq!(groups.value().to_bits(), whole.to_bits());
            let plain: f64 = numbers.iter().sum();
            prop_assert!((plain - whole).abs() <= whole.abs() * 1e-12);
        }
    }
}
