//! One figure of a comparison: its pairs, its looks, and the time that it would take if it is out of
//! reach.

use std::time::Duration;

use dyno_summary::ComparisonFinding;

use super::evidence::{LogRatio, by_ranks, by_student, mean_and_deviation, robust_deviation};
use super::{ComparedFigure, PlannedLook, SURE_MIN, UNSURE_FACTOR};

/// The normal deviates of 5 % and of 10 % on one side.
const Z95: f64 = 1.645;
const Z90: f64 = 1.282;

/// A figure on its way.
#[derive(Debug, Clone)]
pub(crate) struct FigureCourse {
    /// The figure that is compared.
    pub(crate) figure: ComparedFigure,
    /// The state of the figure after the last look.
    pub(crate) state: FigureState,
    /// The interval at the last look; `None` before the first.
    pub(crate) ratio: Option<LogRatio>,
    /// The pairs at the last look.
    pub(crate) pairs: usize,
    /// The pairs that had too few cycles for the figure.
    pub(crate) missed: usize,
    /// The logarithm of NEW over BASE, for each pair.
    differences: Vec<f64>,
    /// The sums of the logarithms of BASE and of NEW.
    sums: [f64; 2],
}

/// The state of a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FigureState {
    /// More pairs may decide it.
    Open,
    /// A look has decided it.
    Decided(ComparisonFinding),
    /// Its spread is too large for the tolerance within the time.
    OutOfReach {
        /// The time that would decide it, if both sides are the same.
        needed: Duration,
    },
}

impl FigureCourse {
    pub(super) fn new(figure: ComparedFigure) -> Self {
        Self {
            figure,
            state: FigureState::Open,
            ratio: None,
            pairs: 0,
            missed: 0,
            differences: Vec::new(),
            sums: [0.0; 2],
        }
    }

    /// Returns `true` if more pairs may decide it. A figure whose pairs all had too few cycles for it
    /// waits for nothing.
    pub(crate) fn is_open(&self) -> bool {
        self.state == FigureState::Open && (self.missed < SURE_MIN || !self.differences.is_empty())
    }

    /// Returns the finding so far.
    pub(crate) fn finding(&self) -> ComparisonFinding {
        match &self.state {
            FigureState::Decided(finding) => finding.clone(),
            FigureState::Open | FigureState::OutOfReach { .. } => ComparisonFinding::Unclear,
        }
    }

    /// Returns the standard deviation of the ratio within a pair, as a share; `None` for fewer than
    /// two pairs.
    pub(crate) fn spread(&self) -> Option<f64> {
        (self.differences.len() > 1).then(|| mean_and_deviation(&self.differences).1)
    }

    /// Returns the geometric means of BASE and of NEW; `None` without a pair.
    pub(crate) fn means(&self) -> Option<[f64; 2]> {
        let count = self.differences.len() as f64;
        (count > 0.0).then(|| self.sums.map(|sum| (sum / count).exp()))
    }

    /// Notes a pair that had too few cycles for the figure.
    pub(super) fn miss(&mut self) {
        self.missed += 1;
    }

    /// Takes the values of a pair. A time of zero counts as the shortest one that is shown.
    pub(super) fn take(
        &mut self,
        base: f64,
        new: f64,
        looks: &[PlannedLook],
        pairs_left: usize,
        pair: Duration,
    ) {
        let [base, new] = [base, new].map(|value| value.max(f64::MIN_POSITIVE).ln());
        self.differences.push(new - base);
        self.sums[0] += base;
        self.sums[1] += new;
        let count = self.differences.len();
        let Some(at) = looks.iter().position(|look| look.pairs == count) else { return };
        // A figure that is decided is not looked at again: the pairs go on for the others.
        if self.state != FigureState::Open {
            return;
        }
        let ratio = match looks[at].rank {
            Some(point) => by_ranks(&self.differences, point),
            None => by_student(&self.differences, looks[at].student),
        };
        self.ratio = Some(ratio);
        self.pairs = count;
        let found = self.figure.finding(ratio);
        let is_sure = found == ComparisonFinding::Same
            || count >= SURE_MIN
            || self.figure.finding(ratio.widened(UNSURE_FACTOR)) == found;
        if found != ComparisonFinding::Unclear && is_sure {
            self.state = FigureState::Decided(found);
        } else if count >= SURE_MIN
            && let Some(needed) = self.out_of_reach(looks, count + pairs_left)
        {
            self.state = FigureState::OutOfReach { needed: pair.mul_f64(needed) };
        }
    }

    /// Returns the number of pairs that would decide the figure, if the time has no room for them. A
    /// difference that already shows itself may be found in spite of the spread.
    fn out_of_reach(&self, looks: &[PlannedLook], pairs_max: usize) -> Option<f64> {
        let last = looks.iter().rev().find(|look| look.pairs <= pairs_max)?;
        let count = self.differences.len() as f64;
        let (mean, deviation) = mean_and_deviation(&self.differences);
        // An outlier among few pairs is not a spread that stays.
        let spread = deviation.min(robust_deviation(&self.differences)).max(deviation / 3.0);
        // The spread of few pairs is itself uncertain: the least that explains it, with 95 %.
        let spread_min = spread * least_share(count - 1.0);
        let margin = last.student * spread_min / (last.pairs as f64).sqrt();
        let tolerance = self.figure.tolerance.ln_1p();
        let doubt = 2.0 * deviation / count.sqrt();
        let may_be_found = mean.abs() > doubt && mean.abs() + doubt > margin;
        if margin < tolerance || may_be_found {
            return None;
        }
        let needed = ((last.student + Z90) * spread / tolerance).powi(2);
        Some(needed.max(pairs_max as f64 + 1.0))
    }
}

/// Returns the least standard deviation that explains an observed one of 1, with 95 %, by the
/// chi-square distribution (Wilson and Hilferty, 1931).
fn least_share(freedom: f64) -> f64 {
    let share = 2.0 / (9.0 * freedom);
    (1.0 - share + Z95 * share.sqrt()).powi(3).sqrt().recip()
}
