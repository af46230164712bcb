//! Confidence bounds of slopes, and the unit-root test. Pure statistics, without any notion of
//! cycles.
//!
//! Each function takes a path: a series of values that are evenly spread over a window. It returns
//! the rise of the path from the window's start to its end, or a figure of its behaviour.

/// Standard normal deviates of one-sided probabilities.
pub(crate) const Z99: f64 = 2.326;
pub(crate) const Z995: f64 = 2.576;
pub(crate) const Z9975: f64 = 2.807;
pub(crate) const Z999: f64 = 3.090;

/// The step of the unit-root test's statistic that lets its error rate fall to 1/e: from the 10 %,
/// 5 % and 1 % points of its distribution.
const UNIT_ROOT_STEP: f64 = 0.374;

/// The share of a run's error rate that one test may use: several tests of a run divide it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Confidence {
    /// The number of tests that share the error rate.
    tests: f64,
}

impl Confidence {
    /// The only test of a run.
    pub(crate) const SINGLE: Self = Self { tests: 1.0 };

    /// Creates the confidence of each of this many tests.
    pub(crate) fn of_each(tests: usize) -> Self {
        Self { tests: tests.max(1) as f64 }
    }

    /// Returns the normal deviate whose one-sided probability is that of `deviate`, divided by the
    /// number of tests.
    pub(crate) fn deviate(self, deviate: f64) -> f64 {
        if self.tests <= 1.0 {
            return deviate;
        }
        let wanted = tail(deviate) / self.tests;
        // Far beyond any probability that is divided here.
        let (mut low, mut high) = (deviate, deviate + 10.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if tail(middle) > wanted { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }

    /// Returns the point of the unit-root test whose error rate is that of `point`, divided by the
    /// number of tests.
    pub(crate) fn unit_root(self, point: f64) -> f64 {
        point - UNIT_ROOT_STEP * self.tests.ln()
    }
}

/// Returns the probability that a standard normal value is above `deviate`, which is not negative.
/// A polynomial with an error below 10⁻⁷ (Abramowitz and Stegun, 26.2.17).
fn tail(deviate: f64) -> f64 {
    const FACTORS: [f64; 5] =
        [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let density = (-deviate * deviate / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let place = 1.0 / (1.0 + 0.231_641_9 * deviate);
    density * FACTORS.iter().rev().fold(0.0, |sum, factor| (sum + factor) * place)
}

/// A slope with its margin of error, in units of the path over the whole window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slope {
    pub(crate) mean: f64,
    pub(crate) margin: f64,
}

impl Slope {
    /// Returns the lower bound.
    pub(crate) fn low(self) -> f64 {
        self.mean - self.margin
    }

    /// Returns the upper bound.
    pub(crate) fn high(self) -> f64 {
        self.mean + self.margin
    }
}

/// Returns Student's t for this many degrees of freedom, from the normal deviate of the same
/// probability. An expansion by Cornish and Fisher (Abramowitz and Stegun, 26.7.5).
pub(crate) fn student(freedom: f64, z: f64) -> f64 {
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * freedom.powi(3))
}

/// Returns the mean and the standard deviation of a sample.
pub(crate) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// Returns the slope of a path, on the assumption that it is a random walk with drift: its error is
/// that of its steps. `error` is the standard error of another figure that the slope depends on.
pub(crate) fn walk_slope(path: &[f64], z: f64, error: f64) -> Slope {
    let count = path.len() as f64;
    let steps: Vec<_> = path.windows(2).map(|pair| (pair[1] - pair[0]) * count).collect();
    let (mean, deviation) = mean_and_deviation(&steps);
    let freedom = steps.len() as f64 - 1.0;
    let margin = student(freedom, z) * deviation / (steps.len() as f64).sqrt();
    Slope { mean, margin: margin.hypot(z * error) }
}

/// Returns the slope of a path, on the assumption that it is a line with independent noise:
/// ordinary least squares.
pub(crate) fn line_slope(path: &[f64], z: f64) -> Slope {
    let count = path.len() as f64;
    let at = |index: usize| (index as f64 + 0.5) / count - 0.5;
    let spread: f64 = (0..path.len()).map(|index| at(index).powi(2)).sum();
    let (mean, _) = mean_and_deviation(path);
    let slope = path.iter().enumerate().map(|(i, value)| value * at(i)).sum::<f64>() / spread;
    let rest: f64 =
        path.iter().enumerate().map(|(i, value)| (value - mean - slope * at(i)).powi(2)).sum();
    let margin = student(count - 2.0, z) * (rest / (count - 2.0) / spread).sqrt();
    Slope { mean: slope, margin }
}

/// Returns the means of `COUNT` blocks of a path, whose lengths are as even as possible.
pub(crate) fn block_means<const COUNT: usize>(path: &[f64]) -> [f64; COUNT] {
    blocks(path, |block| block.iter().sum::<f64>() / block.len() as f64)
}

/// Returns a figure for each of `COUNT` blocks of a path, which has at least `COUNT` values.
pub(crate) fn blocks<T, const COUNT: usize>(
    path: &[T],
    figure: impl Fn(&[T]) -> f64,
) -> [f64; COUNT] {
    std::array::from_fn(|block| {
        let (from, to) = (block * path.len() / COUNT, (block + 1) * path.len() / COUNT);
        figure(&path[from..to])
    })
}

/// Returns the value below which this share of the values is, interpolated.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() - 1) as f64;
    let (low, fraction) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * fraction
}

/// Returns the statistic of the test of Dickey and Fuller (1979), with a constant and two lags. It
/// shows whether a path returns to a level or wanders as a random walk does. Its null hypothesis is
/// the walk, which it rejects if the statistic is far below zero: −2.86 is its 5 % point, −3.43 its
/// 1 % point. Zero if a path is too short or too even to tell.
pub(crate) fn dickey_fuller(path: &[f64]) -> f64 {
    const LAGS: usize = 2;
    const TERMS: usize = LAGS + 2;
    let steps: Vec<_> = path.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if steps.len() < 4 * TERMS {
        return 0.0;
    }
    // The regression of each step on the level before it and the two steps before it.
    let rows = (LAGS..steps.len()).map(|step| {
        let terms: [f64; TERMS] = [1.0, path[step], steps[step - 1], steps[step - 2]];
        (terms, steps[step])
    });
    let mut normal = [[0.0; TERMS]; TERMS];
    let mut right = [0.0; TERMS];
    for (terms, step) in rows.clone() {
        for (i, one) in terms.iter().enumerate() {
            right[i] += one * step;
            terms.iter().enumerate().for_each(|(j, other)| normal[i][j] += one * other);
        }
    }
    let Some(inverse) = inverted(normal) else { return 0.0 };
    let coefficients: [f64; TERMS] =
        std::array::from_fn(|i| inverse[i].iter().zip(right).map(|(a, b)| a * b).sum());
    let rest: f64 = rows
        .map(|(terms, step)| {
            let fit: f64 = terms.iter().zip(coefficients).map(|(a, b)| a * b).sum();
            (step - fit).powi(2)
        })
        .sum();
    let freedom = (steps.len() - LAGS - TERMS) as f64;
    let error = (rest / freedom * inverse[1][1]).sqrt();
    if error > 0.0 { coefficients[1] / error } else { 0.0 }
}

/// Returns the inverse of a symmetric matrix, by elimination; `None` if the matrix is singular.
fn inverted<const N: usize>(mut matrix: [[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut inverse: [[f64; N]; N] =
        std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    for column in 0..N {
        let pivot = (column..N)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        matrix.swap(column, pivot);
        inverse.swap(column, pivot);
        let scale = matrix[column][column];
        if scale.abs() < 1e-12 {
            return None;
        }
        for other in 0..N {
            matrix[column][other] /= scale;
            inverse[column][other] /= scale;
        }
        let (row, inverse_row) = (matrix[column], inverse[column]);
        for other in (0..N).filter(|&other| other != column) {
            let factor = matrix[other][column];
            for place in 0..N {
                matrix[other][place] -= factor * row[place];
                inverse[other][place] -= factor * inverse_row[place];
            }
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_tests_divide_the_error_rate_and_a_single_one_keeps_it() {
        assert_eq!(Confidence::SINGLE.deviate(Z99), Z99);
        assert_eq!(Confidence::SINGLE.unit_root(-2.86), -2.86);
        // 1 % of ten tests is 0.1 % of each, and 0.5 % of two is 0.25 % of each.
        assert!((Confidence::of_each(10).deviate(Z99) - Z999).abs() < 2e-3);
        assert!((Confidence::of_each(2).deviate(Z995) - Z9975).abs() < 2e-3);
        // The 10 % point of the unit-root test becomes its 5 % and its 1 % point.
        assert!((Confidence::of_each(2).unit_root(-2.57) + 2.86).abs() < 0.04);
        assert!((Confidence::of_each(10).unit_root(-2.57) + 3.43).abs() < 0.01);
    }
}
