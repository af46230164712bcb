//! The statistics of a comparison: intervals of a ratio, and the points of the distributions that
//! they need. Pure.
//!
//! Everything is in natural logarithms, so that "twice as long" and "half as long" are equally far
//! from "the same". A tail is the probability that an interval misses on one side.

pub(crate) use crate::verdict::bounds::mean_and_deviation;
use crate::verdict::bounds::quantile;

/// The steps of the integral of Student's density: its relative error is then far below one in a
/// million, also in the tails that are used here.
const STEPS: u32 = 400;
/// The halvings that find a point of a distribution: then the point is exact to all digits shown.
const HALVINGS: u32 = 50;

/// An estimate of the logarithm of a ratio, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LogRatio {
    pub(crate) estimate: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl LogRatio {
    /// Returns an estimate with a margin on both sides.
    fn around(estimate: f64, margin: f64) -> Self {
        Self { estimate, low: estimate - margin, high: estimate + margin }
    }

    /// Returns the same estimate with an interval that is wider by this factor.
    pub(crate) fn widened(self, factor: f64) -> Self {
        let end = |end: f64| self.estimate + factor * (end - self.estimate);
        Self { estimate: self.estimate, low: end(self.low), high: end(self.high) }
    }
}

/// Returns the interval of the mean of differences, by Student's t. `point` is the point of the
/// distribution for one fewer degrees of freedom than there are differences.
pub(crate) fn by_student(differences: &[f64], point: f64) -> LogRatio {
    let (mean, deviation) = mean_and_deviation(differences);
    LogRatio::around(mean, point * deviation / (differences.len() as f64).sqrt())
}

/// Returns the interval of the median of differences, by the signed-rank test of Wilcoxon (1945),
/// and the estimate of Hodges and Lehmann (1963): the median of the means of all two. `point` is the
/// largest sum of ranks in the tail.
pub(crate) fn by_ranks(differences: &[f64], point: usize) -> LogRatio {
    let mut means = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (index, one) in differences.iter().enumerate() {
        means.extend(differences[..=index].iter().map(|other| f64::midpoint(*one, *other)));
    }
    means.sort_by(f64::total_cmp);
    let estimate = f64::midpoint(means[(means.len() - 1) / 2], means[means.len() / 2]);
    LogRatio { estimate, low: means[point], high: means[means.len() - 1 - point] }
}

/// Returns the interval of the difference between the means of two groups whose values are not
/// pairs (Welch, 1947); `None` if a group has fewer than two values.
pub(crate) fn by_groups(base: &[f64], new: &[f64], tail: f64) -> Option<LogRatio> {
    if base.len() < 2 || new.len() < 2 {
        return None;
    }
    let [(base_mean, base_square, base_count), (new_mean, new_square, new_count)] = [base, new]
        .map(|values| {
            let (mean, deviation) = mean_and_deviation(values);
            let count = values.len() as f64;
            (mean, deviation * deviation / count, count)
        });
    let square = base_square + new_square;
    let estimate = new_mean - base_mean;
    if square == 0.0 {
        return Some(LogRatio::around(estimate, 0.0));
    }
    let freedom = square * square
        / (base_square * base_square / (base_count - 1.0)
            + new_square * new_square / (new_count - 1.0));
    Some(LogRatio::around(estimate, student_point(freedom.max(1.0), tail) * square.sqrt()))
}

/// Returns the probability that a fair coin shows one side at least `most` times of `count`.
pub(crate) fn coin_tail(most: usize, count: usize) -> f64 {
    let mut probability = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut tail = if most == 0 { probability } else { 0.0 };
    for heads in 1..=count {
        probability *= (count + 1 - heads) as f64 / heads as f64;
        if heads >= most {
            tail += probability;
        }
    }
    tail.min(1.0)
}

/// Returns the point that Student's t exceeds with this probability.
pub(crate) fn student_point(freedom: f64, tail: f64) -> f64 {
    // By the angle whose tangent is t / √freedom, the density is a power of the cosine.
    let whole = 2.0 * cosine_integral(freedom - 1.0, 0.0);
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if cosine_integral(freedom - 1.0, middle) / whole > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    freedom.sqrt() * f64::midpoint(low, high).tan()
}

/// Returns the integral of a power of the cosine from an angle to the right angle, by Simpson's rule.
fn cosine_integral(power: f64, from: f64) -> f64 {
    let width = (std::f64::consts::FRAC_PI_2 - from) / f64::from(STEPS);
    // The sine of the distance from the right angle, where a cosine would lose its digits.
    let at = |step: u32| (width * f64::from(step)).sin().powf(power);
    let odd: f64 = (1..STEPS).step_by(2).map(at).sum();
    let even: f64 = (2..STEPS).step_by(2).map(at).sum();
    width / 3.0 * (at(0) + 4.0 * odd + 2.0 * even + at(STEPS))
}

/// Returns the largest sum of ranks that the signed-rank statistic of this many differences has or
/// falls below with this probability at most; `None` if even its least sum is more likely.
pub(crate) fn rank_point(count: usize, tail: f64) -> Option<usize> {
    let sums = count * (count + 1) / 2;
    // The number of ways to each sum, as a share of all ways: one rank after another is in or out.
    let mut shares = vec![0.0_f64; sums + 1];
    shares[0] = 1.0;
    for rank in 1..=count {
        for sum in (0..=rank * (rank + 1) / 2).rev() {
            let without = shares[sum];
            let with = if sum >= rank { shares[sum - rank] } else { 0.0 };
            shares[sum] = f64::midpoint(without, with);
        }
    }
    let mut total = 0.0;
    let within = shares.iter().take_while(|share| {
        total += **share;
        total <= tail
    });
    within.count().checked_sub(1)
}

/// Returns the standard deviation by the median distance from the median, which a few outliers do
/// not move.
pub(crate) fn robust_deviation(values: &[f64]) -> f64 {
    /// The standard deviation of the normal distribution over its median distance.
    const NORMAL: f64 = 1.482_6;
    let median = quantile(values, 0.5);
    let distances: Vec<_> = values.iter().map(|value| (value - median).abs()).collect();
    NORMAL * quantile(&distances, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(one: f64, other: f64, share: f64) -> bool {
        (one / other - 1.0).abs() < share
    }

    #[test]
    fn the_points_of_students_t_agree_with_tables() {
        for (freedom, tail, point) in [
            (1.0, 0.025, 12.706_2),
            (3.0, 0.025, 3.182_4),
            (3.0, 0.000_5, 12.924_0),
            (5.0, 0.005, 4.032_1),
            (19.0, 0.001, 3.579_4),
            (19.0, 0.000_5, 3.883_4),
            (59.0, 0.025, 2.001_0),
        ] {
            let found = student_point(freedom, tail);
            assert!(is_near(found, point, 1e-4), "{freedom}, {tail}: {found}");
        }
    }

    #[test]
    fn the_points_of_the_signed_rank_test_agree_with_tables() {
        // Wilcoxon's own table, and that of Conover: the tails of one side.
        for (count, tail, point) in
            [(5, 0.05, Some(0)), (5, 0.01, None), (10, 0.025, Some(8)), (25, 0.005, Some(68))]
        {
            assert_eq!(rank_point(count, tail), point, "{count}, {tail}");
        }
        assert_eq!(rank_point(6, 1.0 / 64.0), Some(0));
    }

    #[test]
    fn the_tails_of_a_coin_are_exact() {
        assert!(is_near(coin_tail(10, 10), 1.0 / 1024.0, 1e-12));
        assert!(is_near(coin_tail(9, 10), 11.0 / 1024.0, 1e-12));
        assert!(is_near(coin_tail(5, 9), 0.5, 1e-12));
        assert!(is_near(coin_tail(0, 7), 1.0, 1e-12) && is_near(coin_tail(0, 0), 1.0, 1e-12));
    }

    #[test]
    fn the_interval_by_ranks_is_made_of_means_of_two() {
        let found = by_ranks(&[1.0, 2.0, 4.0], 0);
        // The means of two are 1, 1.5, 2, 2.5, 3 and 4.
        assert_eq!(found, LogRatio { estimate: 2.25, low: 1.0, high: 4.0 });
        let found = by_ranks(&[1.0, 2.0, 4.0], 1);
        assert_eq!((found.low, found.high), (1.5, 3.0));
    }

    #[test]
    fn an_outlier_moves_the_interval_by_ranks_little() {
        let mut values: Vec<f64> = (0..30_u8).map(|index| f64::from(index % 5)).collect();
        let point = rank_point(30, 0.001).unwrap();
        let before = by_ranks(&values, point);
        values[0] = 1_000.0;
        let after = by_ranks(&values, point);
        assert!((after.high - before.high).abs() <= 0.5 && after.low == before.low);
    }

    #[test]
    fn the_interval_of_two_groups_is_that_of_welch() {
        let (base, new) = ([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]);
        let found = by_groups(&base, &new, 0.025).unwrap();
        // By hand: the standard error is √(5/12 + 5/3), with 4.41 degrees of freedom.
        let margin = student_point(4.411_76, 0.025) * (25.0_f64 / 12.0).sqrt();
        assert!((found.estimate - 2.5).abs() < 1e-12);
        assert!(is_near(found.high - 2.5, margin, 1e-5), "{found:?}");
        assert_eq!(by_groups(&[1.0], &new, 0.025), None);
        assert_eq!(by_groups(&[1.0, 1.0], &[2.0, 2.0], 0.01).map(|ratio| ratio.low), Some(1.0));
    }

    #[test]
    fn the_robust_deviation_is_that_of_normal_values_without_the_outlier() {
        let values = [-1.0, -0.5, 0.0, 0.5, 1.0, 500.0];
        assert!(robust_deviation(&values) < 2.0);
    }
}
