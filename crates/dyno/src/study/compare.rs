//! The comparison: is NEW worse than BASE, by pairs of trials.
//!
//! ```text
//!   pair ─▶ pair ─▶ … ─▶ a look at each figure ─ all are decided, or out of reach ─▶ done
//!             ▲                    └─ open, and there is time ─┐
//!             └────────────────────────────────────────────────┘
//! ```
//!
//! The unit of evidence is the trial, not the cycle: cycles of one run depend on each other. A pair is
//! a trial of each side, one right after the other. Its evidence is the ratio of the two, so that a
//! machine that is slow for a minute slows both sides. The order in a pair is drawn by a coin, and that
//! of the next pair is its opposite: so what the second trial of a pair gains or loses is even.
//!
//! A look after every pair would find something sooner or later. So there are few looks, at numbers of
//! pairs that are fixed before, and the probability of an error is divided among looks and figures.
//! A figure is decided in this order: *same*, if the interval of the ratio lies within the tolerance;
//! else *worse* or *better*, if it lies on one side of 1; else it stays open.

use std::time::Duration;

use dyno_summary::ComparisonFinding;

pub(crate) mod evidence;
mod figure;

use self::evidence::{LogRatio, coin_tail, rank_point, student_point};
pub(crate) use self::figure::{FigureCourse, FigureState};
use super::trial::TrialVerdict;

/// The pairs after which all figures are looked at. Each is about a quarter above the one before,
/// since a look at almost the same evidence shows nothing new.
const LOOKS: [usize; 13] = [4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 60];
/// The distance of looks beyond the last of these.
const LOOK_GROWTH: f64 = 1.25;
/// The most pairs, for any time: beyond, the machine has changed more than the code.
const PAIRS_MAX: usize = 500;
/// The probability that a comparison of the same code finds a difference, over all its looks and
/// figures.
pub(crate) const ERROR: f64 = 0.003;
/// The most pairs that Student's t is used for. Beyond, the signed-rank test is more powerful where
/// there are outliers, and exact for any distribution; below, it can't show anything this sure.
const STUDENT_MAX: usize = 20;
/// The pairs from which on a difference is found at the usual evidence: the spread of fewer pairs is
/// little known. Before, it takes twice the evidence.
const SURE_MIN: usize = 6;
/// The factor of the interval for fewer pairs.
const UNSURE_FACTOR: f64 = 2.0;
/// The pairs that could not be used, in a row, after which the comparison gives up.
const REPEATED_MAX: usize = 10;

/// The settings of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CompareSettings {
    /// The figures that are compared.
    pub(crate) figures: Vec<ComparedFigure>,
    /// The time for all pairs.
    pub(crate) time: Duration,
    /// The expected time of a pair.
    pub(crate) pair: Duration,
}

/// A figure that is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ComparedFigure {
    /// The metric and its statistic, such as `response.p50`.
    pub(crate) name: String,
    /// The better direction: lower, as for times, or higher.
    pub(crate) better: BetterWhen,
    /// The tolerance: sides that differ by at most this share are the same.
    pub(crate) tolerance: f64,
    /// `true` if the exit code depends on it.
    pub(crate) is_decisive: bool,
}

/// The better direction of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BetterWhen {
    /// As times are.
    Lower,
    /// As rates are.
    Higher,
}

impl ComparedFigure {
    /// Returns the finding that an interval of NEW over BASE shows. *Same* comes first, however narrow
    /// the interval is: it is the test by two one-sided tests (Schuirmann, 1987).
    pub(crate) fn finding(&self, ratio: LogRatio) -> ComparisonFinding {
        let tolerance = self.tolerance.ln_1p();
        if ratio.low > -tolerance && ratio.high < tolerance {
            return ComparisonFinding::Same;
        }
        let (is_higher, is_lower) = (ratio.low > 0.0, ratio.high < 0.0);
        match self.better {
            BetterWhen::Lower if is_higher => ComparisonFinding::Worse,
            BetterWhen::Lower if is_lower => ComparisonFinding::Better,
            BetterWhen::Higher if is_higher => ComparisonFinding::Better,
            BetterWhen::Higher if is_lower => ComparisonFinding::Worse,
            BetterWhen::Lower | BetterWhen::Higher => ComparisonFinding::Unclear,
        }
    }
}

/// One side of a pair: a trial of BASE or of NEW.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PairSide {
    /// The verdict of its run.
    pub(crate) verdict: TrialVerdict,
    /// The value of each compared figure, in their order; `None` if the trial has too few cycles.
    pub(crate) values: Vec<Option<f64>>,
}

impl PairSide {
    /// Returns `true` if the rate was held; `None` if the trial shows nothing of the code: it has to
    /// be repeated. A window that is too short for a verdict still has its figures.
    fn is_held(&self) -> Option<bool> {
        match self.verdict {
            TrialVerdict::Completed | TrialVerdict::Sustained | TrialVerdict::Inconclusive => {
                Some(true)
            }
            TrialVerdict::Unsustained | TrialVerdict::Failed => Some(false),
            TrialVerdict::Invalid | TrialVerdict::Error | TrialVerdict::Interrupted { .. } => None,
        }
    }
}

/// The side that runs first in a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PairOrder {
    /// BASE, then NEW.
    BaseFirst,
    /// NEW, then BASE.
    NewFirst,
}

/// The orders of pairs: each two have both orders.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PairOrders {
    /// The order of the second pair of two; `None` before the first of them.
    second: Option<PairOrder>,
}

impl PairOrders {
    /// Returns the order of the next pair. `is_heads` is a coin, which decides for every second pair.
    pub(crate) fn next(&mut self, is_heads: bool) -> PairOrder {
        if let Some(order) = self.second.take() {
            return order;
        }
        let (first, second) = if is_heads {
            (PairOrder::BaseFirst, PairOrder::NewFirst)
        } else {
            (PairOrder::NewFirst, PairOrder::BaseFirst)
        };
        self.second = Some(second);
        first
    }
}

/// The next step of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareStep {
    /// Run a pair of trials, and pass it to [`PairedStudy::take`].
    Pair,
    /// The comparison is over.
    Done(CompareEnd),
}

/// The reason why a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareEnd {
    /// Every figure is decided, or out of reach.
    Decided,
    /// One side holds the rate and the other one does not.
    Held,
    /// Neither side holds the rate: their times say nothing.
    NeitherHeld,
    /// The time, or the number of pairs, was over.
    Time,
    /// No pair could be used.
    Unusable,
    /// A signal came.
    Interrupted,
}

impl CompareEnd {
    /// Returns the word in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Held => "held",
            Self::NeitherHeld => "neither-held",
            Self::Time => "time",
            Self::Unusable => "unusable",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A look: a number of pairs, with the points of the distributions at it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PlannedLook {
    pairs: usize,
    /// The probability that this look at one figure errs on one side.
    tail: f64,
    /// The point of Student's t.
    student: f64,
    /// The point of the signed-rank statistic, where that is used.
    rank: Option<usize>,
}

/// The verdicts of both sides of all pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HeldPairs {
    /// Pairs whose sides both hold the rate.
    pub(crate) both: usize,
    /// Pairs whose BASE alone holds it.
    pub(crate) base_only: usize,
    /// Pairs whose NEW alone holds it.
    pub(crate) new_only: usize,
    /// Pairs whose sides both do not.
    pub(crate) neither: usize,
}

impl HeldPairs {
    /// Returns the number of pairs.
    pub(crate) fn count(self) -> usize {
        self.both + self.base_only + self.new_only + self.neither
    }

    /// Returns the finding of the sign test: a pair whose sides differ is a coin if both hold the rate
    /// equally often.
    fn finding(self, tail: f64) -> ComparisonFinding {
        let (worse, better) = (self.base_only, self.new_only);
        if coin_tail(worse.max(better), worse + better) > tail {
            return ComparisonFinding::Unclear;
        }
        if worse > better { ComparisonFinding::Worse } else { ComparisonFinding::Better }
    }
}

/// A comparison on its way.
#[derive(Debug, Clone)]
pub(crate) struct PairedStudy {
    settings: CompareSettings,
    looks: Vec<PlannedLook>,
    figures: Vec<FigureCourse>,
    held: HeldPairs,
    held_finding: ComparisonFinding,
    elapsed: Duration,
    /// The pairs that were repeated, in all and in a row.
    repeated: usize,
    repeated_in_row: usize,
    is_interrupted: bool,
}

impl PairedStudy {
    /// Creates a comparison before its first pair.
    #[must_use]
    pub(crate) fn new(settings: CompareSettings) -> Self {
        let planned = settings.time.as_secs_f64() / settings.pair.as_secs_f64().max(1e-3);
        let pairs = looks_until(planned.min(PAIRS_MAX as f64) as usize);
        // The verdict is a figure too. A look gets a part of the error by its pairs: later looks decide
        // what is hard to decide.
        let of_figure = ERROR / 2.0 / (settings.figures.len() + 1) as f64;
        let all: usize = pairs.iter().sum();
        let look = |pairs: usize| {
            let tail = of_figure * pairs as f64 / all as f64;
            let student = student_point(pairs as f64 - 1.0, tail);
            let rank = if pairs > STUDENT_MAX { rank_point(pairs, tail) } else { None };
            PlannedLook { pairs, tail, student, rank }
        };
        Self {
            looks: pairs.into_iter().map(look).collect(),
            figures: settings.figures.iter().cloned().map(FigureCourse::new).collect(),
            settings,
            held: HeldPairs::default(),
            held_finding: ComparisonFinding::Unclear,
            elapsed: Duration::ZERO,
            repeated: 0,
            repeated_in_row: 0,
            is_interrupted: false,
        }
    }

    /// Returns the next step. It stays the same until [`take`](Self::take).
    #[must_use]
    pub(crate) fn next(&self) -> CompareStep {
        let pairs = self.held.count();
        let end = if self.is_interrupted {
            CompareEnd::Interrupted
        } else if self.held_finding != ComparisonFinding::Unclear {
            CompareEnd::Held
        } else if self.held.neither >= SURE_MIN && self.held.neither == pairs {
            CompareEnd::NeitherHeld
        } else if self.repeated_in_row >= REPEATED_MAX {
            CompareEnd::Unusable
        } else if pairs > 0 && self.figures.iter().all(|figure| !figure.is_open()) {
            CompareEnd::Decided
        } else if self.elapsed + self.pair_time() > self.settings.time && pairs > 0
            || self.looks.last().is_none_or(|last| pairs >= last.pairs)
        {
            CompareEnd::Time
        } else {
            return CompareStep::Pair;
        };
        CompareStep::Done(end)
    }

    /// Takes a pair, after this time since the comparison began.
    pub(crate) fn take(&mut self, base: &PairSide, new: &PairSide, elapsed: Duration) {
        self.elapsed = elapsed;
        let (Some(base_held), Some(new_held)) = (base.is_held(), new.is_held()) else {
            self.repeated += 1;
            self.repeated_in_row += 1;
            return;
        };
        self.repeated_in_row = 0;
        match (base_held, new_held) {
            (true, true) => self.held.both += 1,
            (true, false) => self.held.base_only += 1,
            (false, true) => self.held.new_only += 1,
            (false, false) => self.held.neither += 1,
        }
        let look = self.looks.iter().find(|look| look.pairs == self.held.count());
        if let Some(look) = look.filter(|_| self.held_finding == ComparisonFinding::Unclear) {
            self.held_finding = self.held.finding(look.tail);
        }
        // The times of a rate that is not held grow with the window: they do not count.
        if !(base_held && new_held) {
            return;
        }
        let (pair, pairs_left) = (self.pair_time(), self.pairs_left());
        for (index, figure) in self.figures.iter_mut().enumerate() {
            let (base, new) = (base.values.get(index), new.values.get(index));
            if let (Some(Some(base)), Some(Some(new))) = (base, new) {
                figure.take(*base, *new, &self.looks, pairs_left, pair);
            } else {
                figure.miss();
            }
        }
    }

    /// Ends the comparison, because a signal came.
    pub(crate) fn interrupt(&mut self) {
        self.is_interrupted = true;
    }

    /// Returns the figures with all that is known of them.
    #[must_use]
    pub(crate) fn figures(&self) -> &[FigureCourse] {
        &self.figures
    }

    /// Returns the verdicts of all pairs so far, and the finding that they are.
    #[must_use]
    pub(crate) fn held(&self) -> (HeldPairs, ComparisonFinding) {
        (self.held, self.held_finding.clone())
    }

    /// Returns the number of pairs that were repeated.
    #[must_use]
    pub(crate) fn repeated(&self) -> usize {
        self.repeated
    }

    /// Returns the finding of the whole comparison: the worst of the figures that count. A figure that
    /// is out of reach does not count, unless all are.
    #[must_use]
    pub(crate) fn finding(&self) -> ComparisonFinding {
        if self.held_finding != ComparisonFinding::Unclear {
            return self.held_finding.clone();
        }
        overall(self.figures.iter().filter(|figure| figure.figure.is_decisive).map(|figure| {
            (figure.finding(), matches!(figure.state, FigureState::OutOfReach { .. }))
        }))
    }

    /// Returns the mean time of a pair so far; the expected one before the first.
    fn pair_time(&self) -> Duration {
        match u32::try_from(self.held.count() + self.repeated) {
            Ok(0) | Err(_) => self.settings.pair,
            Ok(pairs) => self.elapsed / pairs,
        }
    }

    /// Returns the number of pairs that the rest of the time has room for.
    fn pairs_left(&self) -> usize {
        let left = self.settings.time.saturating_sub(self.elapsed).as_secs_f64();
        (left / self.pair_time().as_secs_f64().max(1e-3)) as usize
    }
}

/// Returns the finding of several figures, each with `true` if it is out of reach.
pub(crate) fn overall(
    figures: impl IntoIterator<Item = (ComparisonFinding, bool)>,
) -> ComparisonFinding {
    let figures: Vec<_> = figures.into_iter().collect();
    let any = |finding: ComparisonFinding| {
        figures.iter().any(|(found, is_out)| *found == finding && !is_out)
    };
    if any(ComparisonFinding::Worse) {
        ComparisonFinding::Worse
    } else if any(ComparisonFinding::Unclear) || figures.iter().all(|(_, is_out)| *is_out) {
        ComparisonFinding::Unclear
    } else if any(ComparisonFinding::Better) {
        ComparisonFinding::Better
    } else {
        ComparisonFinding::Same
    }
}

/// Returns the numbers of pairs to look at. With little time there are as many looks as with more, so
/// that the time alone changes no finding.
fn looks_until(planned: usize) -> Vec<usize> {
    let mut looks = LOOKS.to_vec();
    while let Some(last) = looks.last().copied().filter(|last| *last < planned) {
        looks.push((last as f64 * LOOK_GROWTH).round() as usize);
    }
    looks
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
