//! The search: which rate is the highest that is sustained, with every threshold kept?
//!
//! ```text
//!            ┌──────────────────────────────────────────────┐
//!            ▼                                              │ a trial's answer
//!   guess ─▶ narrow: the rate that tells most ─▶ confirm the lower end ─▶ confirm the upper end ─▶ found
//!            ▲          │                            │                        │
//!            │          ▼                            ▼                        ▼
//!            └── again: trials that contradict ◀── not held              held: goes on
//!                each other run once more
//! ```
//!
//! All that is known is a [`Posterior`] over the capacity. [`choice`] picks the next rate from it,
//! [`confirm`] the ends of the answer, and [`doubt`] the trials that are run again.
//! Nothing is remembered but the trials: the same trials always lead to the same next step. The
//! search asks no clock. Its time is the sum of the times that its trials took, and every step has
//! room in the time that is left, so that it always ends. `docs/design/0007-search.md` has the
//! reasons and the share of wrong answers in simulation.

mod choice;
mod confirm;
mod doubt;
mod end;
mod posterior;

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

pub(crate) use self::choice::REST;
pub(crate) use self::end::{Answer, End, SearchEnd};
use self::posterior::{Clue, Posterior, SURE};
use super::trial::{Trial, TrialVerdict};
use crate::plan::{Arrivals, RATE_MIN, Rate};

/// The default precision: the upper end of the answer is 5 % above the lower one.
pub(crate) const PRECISION_DEFAULT: f64 = 0.05;
/// The default time: enough for 5 % at a few hundred cycles per second with uneven service.
pub(crate) const TIME_DEFAULT: Duration = Duration::from_secs(180);
/// The least time: a handful of short trials.
const TIME_MIN: Duration = Duration::from_secs(10);
/// The least precision: finer than this, the processes of one program differ from each other.
const PRECISION_MIN: f64 = 0.005;
const PRECISION_MAX: f64 = 1.0;
/// The most trials: a search whose trials take no time ends too.
const TRIALS_MAX: usize = 60;
/// The least completed cycles, and the least window, that show what an overload delivers.
const COMPLETED_MIN: u64 = 100;
const WINDOW_MIN: Duration = Duration::from_secs(1);
/// The bounds of the excess of a load that a verdict still lets pass as held, and its size for a
/// window of one cycle, which falls with the square root of the cycles.
const TOLERANCE: (f64, f64) = (0.012, 0.03);
const TOLERANCE_ROOTS: f64 = 1.34;
/// The squared coefficient of variation of a service that is not known: that of an exponential
/// one.
const UNEVEN: f64 = 1.0;
/// The standard deviations of a 99 % interval on both sides.
const WIDTH_99: f64 = 2.0 * 2.576;

/// The settings of a search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SearchSettings {
    /// The first rate, in place of a closed loop; the search goes up or down from it.
    pub(crate) from: Option<f64>,
    /// The highest rate to try.
    pub(crate) to: Option<f64>,
    /// The distance between the ends of the answer, as a share of the lower one.
    pub(crate) precision: f64,
    /// The bound of the time of all trials together.
    pub(crate) time: Duration,
    /// The warm-up of each trial.
    pub(crate) warmup: Duration,
    /// The window of a full-length trial.
    pub(crate) window: Duration,
    /// The spread of due times.
    pub(crate) arrivals: Arrivals,
    /// The limits that a rate must keep besides being held.
    pub(crate) thresholds: Thresholds,
}

/// The limits that a rate must keep besides being held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thresholds {
    /// No limits: the capacity is what an overload delivers.
    Absent,
    /// Limits, which each trial must be able to show.
    Present {
        /// The fewest cycles of a trial: ten beyond the highest percentile.
        cycles: u64,
        /// The shortest window of a trial: the longest sliding window.
        window: Duration,
    },
}

/// Settings that no search can keep.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SearchError {
    #[error(
        "invalid precision `{}%`: expected a share from 0.5% to 100%, such as `5%`",
        .0 * 100.0
    )]
    Precision(f64),
    #[error("invalid time `{}`: expected at least 10s, such as `3m`", humantime::format_duration(*.0))]
    Time(Duration),
    #[error(
        "invalid rate `{0}` to search from or to: expected {RATE_MIN} to 1,000,000 cycles per \
         second, such as `50` or `1.5k`"
    )]
    Rate(f64),
    #[error("a search from `{from}` to `{to}` has no rates: the first rate must be below the last")]
    Empty { from: f64, to: f64 },
}

/// The next step of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    /// Run a trial, and pass its answer to [`Search::take`].
    Trial(Request),
    /// The search is over.
    Done(Answer),
}

/// A trial that a search requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Request {
    /// The rate; [`Rate::Max`] for the closed loop of the guess.
    pub(crate) rate: Rate,
    /// The measured window.
    pub(crate) window: Duration,
    /// The time to wait before the trial, for the target to recover from the last one.
    pub(crate) rest: Duration,
    /// The question that the trial answers.
    pub(crate) purpose: Purpose,
}

/// The purpose of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Finds the order of magnitude of the capacity, by a closed loop.
    Guess,
    /// Tries the rate that tells most about the capacity.
    Narrow,
    /// Decides between two trials that contradict each other.
    Again,
    /// Tries the lowest rate that was held before, to see if the target is over an overload.
    Recovery,
    /// Shows that the lower end of the answer is held.
    ConfirmLower,
    /// Shows that the upper end of the answer is not held.
    ConfirmUpper,
}

/// A finished trial of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tried {
    pub(crate) trial: Trial,
    pub(crate) rest: Duration,
    pub(crate) purpose: Purpose,
    /// `true` if a later trial at the same rate had another answer, which counts in its place.
    pub(crate) is_overruled: bool,
}

/// The interval that holds the capacity with 95 %, by all trials so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bracket {
    /// Its lower end, in cycles per second.
    pub(crate) low: f64,
    /// The most likely capacity; between the ends.
    pub(crate) estimate: f64,
    /// Its upper end.
    pub(crate) high: f64,
}

/// A search for the highest rate that is sustained.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    settings: SearchSettings,
    tried: Vec<Tried>,
    requested: Option<Request>,
    posterior: Posterior,
}

impl Search {
    /// Creates a search.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range.
    pub(crate) fn new(settings: SearchSettings) -> Result<Self, SearchError> {
        let SearchSettings { from, to, precision, time, .. } = settings;
        if !(PRECISION_MIN..=PRECISION_MAX).contains(&precision) {
            return Err(SearchError::Precision(precision));
        }
        if time < TIME_MIN {
            return Err(SearchError::Time(time));
        }
        let mut rates = from.iter().chain(&to);
        if let Some(rate) = rates.find(|rate| !(RATE_MIN..=RATE_MAX).contains(*rate)) {
            return Err(SearchError::Rate(*rate));
        }
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(SearchError::Empty { from, to });
        }
        let posterior = Posterior::of(&[]);
        Ok(Self { settings, tried: Vec::new(), requested: None, posterior })
    }

    /// Returns the next step. It stays the same until [`take`](Self::take).
    #[must_use]
    pub(crate) fn next(&mut self) -> Step {
        match self.choose() {
            Ok(request) => {
                self.requested = Some(request);
                Step::Trial(request)
            }
            Err(end) => Step::Done(self.answer(end)),
        }
    }

    /// Takes the answer of the trial that was requested last.
    pub(crate) fn take(&mut self, trial: Trial) {
        let requested = self.requested.take();
        let (rest, purpose) = requested
            .map_or((Duration::ZERO, Purpose::Narrow), |asked| (asked.rest, asked.purpose));
        self.tried.push(Tried { trial, rest, purpose, is_overruled: false });
        self.overrule();
        self.posterior = Posterior::of(&self.clues());
    }

    /// Returns the interval so far: for the live view, and for a search that is interrupted.
    #[must_use]
    pub(crate) fn bracket(&self) -> Bracket {
        let Posterior { low, median, high, .. } = self.posterior;
        let [low, estimate, high] =
            [low, median, high].map(|rate| rate.clamp(RATE_MIN, self.rate_max()));
        Bracket { low, estimate, high }
    }

    /// Returns all trials so far, in their order.
    #[must_use]
    pub(crate) fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// Returns the highest rate that may be requested.
    fn rate_max(&self) -> f64 {
        self.settings.to.unwrap_or(RATE_MAX)
    }

    /// Returns the time that all trials took, with the rests before them.
    fn elapsed(&self) -> Duration {
        self.tried.iter().map(|tried| tried.trial.took + tried.rest).sum()
    }

    /// Returns the trials at set rates that count, each with its rate.
    fn counted(&self) -> impl DoubleEndedIterator<Item = (f64, &Tried)> + Clone {
        let counted = self.tried.iter().filter(|tried| !tried.is_overruled);
        counted.filter_map(|tried| Some((tried.trial.rate.per_second()?, tried)))
    }

    /// Returns the evidence of all trials that count.
    fn clues(&self) -> Vec<Clue> {
        let guess = self.guess().map(Clue::Guess);
        guess
            .into_iter()
            .chain(self.counted().filter_map(|(rate, tried)| self.clue(rate, &tried.trial)))
            .collect()
    }

    /// Returns the rate of the closed loop, if it completed enough cycles to tell.
    fn guess(&self) -> Option<f64> {
        let first = self.tried.first()?;
        let tells = first.trial.rate == Rate::Max
            && first.trial.verdict == TrialVerdict::Completed
            && first.trial.completed >= COMPLETED_MIN / 5;
        tells.then_some(first.trial.delivered).filter(|rate| *rate > 0.0)
    }

    /// Returns the evidence of a trial at a rate; `None` if it has none.
    fn clue(&self, rate: f64, trial: &Trial) -> Option<Clue> {
        let error = self.load_error(rate, trial.window);
        let judged =
            trial.is_held() || trial.is_not_held() || trial.verdict == TrialVerdict::Inconclusive;
        if let (Thresholds::Absent, Some(load), true) =
            (self.settings.thresholds, trial.load, judged)
            && trial.verdict != TrialVerdict::Failed
            && trial.verdict != TrialVerdict::Error
        {
            // The load says all that the verdict says, and more: they count once.
            let mean = f64::midpoint(load.low, load.high);
            if mean > 0.0 && mean.is_finite() {
                let error = (load.high - load.low) / WIDTH_99 / mean;
                return Some(Clue::Capacity { rate: rate / mean, error: error.max(1e-6) });
            }
        }
        // A verdict keeps a distance that depends on the error of its window. If that error is only
        // a guess, the verdict is read as if it kept none.
        let sure = if self.shown_unevenness().is_some() { SURE * error } else { 0.0 };
        let tolerance = tolerance(rate * trial.window.as_secs_f64());
        if trial.is_held() {
            return Some(Clue::Held { rate, error, half: tolerance - sure });
        }
        let (half, delivered) = (sure.max(tolerance - sure), self.delivered(trial));
        trial.is_not_held().then_some(Clue::NotHeld { rate, error, half, delivered })
    }

    /// Returns the delivered rate of an overloaded trial, with its error, if it tells something.
    fn delivered(&self, trial: &Trial) -> Option<(f64, f64)> {
        let tells = self.settings.thresholds == Thresholds::Absent
            && trial.verdict == TrialVerdict::Unsustained
            && trial.completed >= COMPLETED_MIN
            && trial.window >= WINDOW_MIN
            && trial.delivered > 0.0;
        let error = trial.error.unwrap_or_else(|| (trial.completed.max(1) as f64).sqrt().recip());
        tells.then_some((trial.delivered, error.max(1e-6)))
    }

    /// Returns the error of the load in a window, as a share: from the arrivals, and from the
    /// service, whose unevenness the overloaded trials showed.
    fn load_error(&self, rate: f64, window: Duration) -> f64 {
        let arrivals = match self.settings.arrivals {
            Arrivals::Uniform => 0.0,
            // Poisson arrivals are the most uneven ones.
            _ => 1.0,
        };
        let cycles = (rate * window.as_secs_f64()).max(1.0);
        let service = self.shown_unevenness().unwrap_or(UNEVEN);
        ((arrivals + service) / cycles).sqrt()
    }

    /// Returns the squared coefficient of variation of the service: the mean of the overloaded
    /// trials that show it; `None` if none does.
    fn shown_unevenness(&self) -> Option<f64> {
        let shown = self.tried.iter().filter_map(|Tried { trial, .. }| {
            self.delivered(trial)?;
            Some(trial.error?.powi(2) * trial.completed as f64)
        });
        let (count, sum) = shown.fold((0.0, 0.0), |(count, sum), one| (count + 1.0, sum + one));
        (count > 0.0).then(|| sum / count)
    }
}

/// Returns the excess of the load that still counts as held in a window of this many cycles.
fn tolerance(cycles: f64) -> f64 {
    (TOLERANCE_ROOTS / cycles.max(1.0).sqrt()).clamp(TOLERANCE.0, TOLERANCE.1)
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
