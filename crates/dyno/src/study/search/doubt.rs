//! Trials that can't be taken as they are: contradictions, invalid trials, errors, and a target
//! that did not recover.
//!
//! ```text
//!  overloads that deliver far less than a rate that was held ─▶ that rate again
//!
//!  held above a rate that was not held ─▶ the lower one again ─ held ─▶ it was wrong
//!                                              │ not held
//!                                              ▼
//!                                         the higher one again ─ held ─▶ the lower failure counts,
//!                                              │                         unless it is a broken
//!                                              │                         threshold at one rate only
//!                                              │ not held
//!                                              ▼
//!                it was wrong; or, if it was held before any overload, the lowest rate that was
//!                held then, after a long rest ─ not held ─▶ the target did not recover
//! ```

use std::time::Duration;

use super::choice::rounded;
use super::{Purpose, Request, Search, SearchEnd, Thresholds, Trial, TrialVerdict, Tried};
use crate::plan::{RATE_MIN, Rate};

/// The least distance between two rates, as a share, whose answers contradict each other: within
/// it, noise and the tolerance of a verdict explain them.
const CONTRADICTION: f64 = 0.1;
/// The same, in standard deviations of the noise between trials.
const CONTRADICTION_NOISE: f64 = 4.0;
const CONTRADICTION_MAX: f64 = 0.2;
/// The overloads in a row that deliver less than this share of a rate that was held, after which
/// that rate is run again.
const COLLAPSES: usize = 2;
const COLLAPSED: f64 = 0.5;
/// The share of a rate that a closed loop must reach to show that the rate was held.
const GUESS_SHARE: f64 = 0.9;
/// The rests before the lower and the higher rate are run again, before the recovery is judged, and
/// after an invalid trial: the machine may have been busy.
const REST_LOWER: Duration = Duration::from_secs(4);
const REST_HIGHER: Duration = Duration::from_secs(8);
const REST_RECOVERY: Duration = Duration::from_secs(16);
const REST_INVALID: Duration = Duration::from_secs(5);
/// The invalid trials at a rate that show that it is beyond the harness.
const INVALID_MAX: usize = 2;
/// The next rate to try, as a share of one that is beyond the harness; and how often.
const BELOW_INVALID: f64 = 0.8;
const LIMITS_MAX: usize = 8;
/// The distance between the highest and the lowest rate with failed cycles at which the cause is
/// not the rate.
const FAILED_FACTOR: f64 = 16.0;

impl Search {
    /// Ends a search that can't find anything.
    pub(super) fn hopeless(&self) -> Result<(), SearchEnd> {
        let Some(last) = self.tried.last() else { return Ok(()) };
        if let TrialVerdict::Interrupted { signal } = last.trial.verdict {
            return Err(SearchEnd::Interrupted { signal });
        }
        let mut errors =
            self.tried.iter().filter(|tried| tried.trial.verdict == TrialVerdict::Error);
        if let Some(first) = errors.next()
            && errors.any(|tried| tried.trial.rate != first.trial.rate)
        {
            return Err(SearchEnd::Errors);
        }
        if self.beyond_harness().len() >= LIMITS_MAX || self.top() <= RATE_MIN {
            return Err(SearchEnd::Invalid);
        }
        if last.purpose == Purpose::Recovery && last.trial.is_not_held() {
            return Err(SearchEnd::NotRecovered);
        }
        if self.counted().any(|(_, tried)| tried.trial.is_held()) {
            return Ok(());
        }
        let not_held = || self.counted().filter(|(_, tried)| tried.trial.is_not_held());
        let low = not_held().map(|(rate, _)| rate).fold(f64::INFINITY, f64::min);
        let high = not_held().map(|(rate, _)| rate).fold(0.0, f64::max);
        let failed = not_held().all(|(_, tried)| tried.trial.verdict == TrialVerdict::Failed);
        if failed && (low <= self.floor() || high >= FAILED_FACTOR * low) {
            return Err(SearchEnd::Failed);
        }
        if low <= self.floor() { Err(SearchEnd::LowestNotHeld) } else { Ok(()) }
    }

    /// Returns a trial that has to be run again.
    pub(super) fn again(&self) -> Option<Request> {
        let last = self.tried.last()?;
        let again = |rate: f64, window, rest, purpose| Request {
            rate: Rate::PerSecond(rate),
            window,
            rest,
            purpose,
        };
        if last.trial.verdict == TrialVerdict::Invalid
            && let Some(rate) = last.trial.rate.per_second()
            && self.invalid_at(rate) < INVALID_MAX
        {
            return Some(again(rate, last.trial.window, REST_INVALID, last.purpose));
        }
        if let Some(rate) = self.unrecovered() {
            let window = self.settings.window;
            return Some(again(rate, window, REST_RECOVERY, Purpose::Recovery));
        }
        let window = self.settings.window;
        if let Some(held) = self.collapse() {
            return Some(again(held, window, REST_HIGHER, Purpose::Again));
        }
        let (held, not_held) = self.contradiction()?;
        if self.runs_again(not_held) == 0 {
            return Some(again(not_held, window, REST_LOWER, Purpose::Again));
        }
        (self.runs_again(held) == 0).then(|| again(held, window, REST_HIGHER, Purpose::Again))
    }

    /// Lets the last trial overrule those that it was run again for.
    pub(super) fn overrule(&mut self) {
        let Some(last) = self.tried.last().copied() else { return };
        if last.purpose == Purpose::Again {
            let is_opposite = |trial: &Trial| {
                trial.rate == last.trial.rate
                    && (last.trial.is_held() && trial.is_not_held()
                        || last.trial.is_not_held() && trial.is_held())
            };
            for tried in self.tried.iter_mut().filter(|tried| is_opposite(&tried.trial)) {
                tried.is_overruled = true;
            }
        }
        // Both were run again, and both answers stay: the lower failure counts.
        while let Some((held, not_held)) = self.contradiction()
            && self.runs_again(held) > 0
            && self.runs_again(not_held) > 0
        {
            let wrong = if self.is_alone(not_held) { not_held } else { held };
            let is_overruled = |tried: &Tried| {
                tried.trial.is_held() != (wrong == not_held)
                    && tried.trial.rate == Rate::PerSecond(wrong)
            };
            for tried in self.tried.iter_mut().filter(|tried| is_overruled(tried)) {
                tried.is_overruled = true;
            }
        }
    }

    /// Returns the highest rate that was held and the lowest that was not, if the first is above
    /// the second by more than noise explains.
    fn contradiction(&self) -> Option<(f64, f64)> {
        let held = self.counted().filter(|(_, tried)| tried.trial.is_held());
        let held = held.map(|(rate, _)| rate).max_by(f64::total_cmp)?;
        let not_held = self.counted().filter(|(_, tried)| tried.trial.is_not_held());
        let not_held = not_held.map(|(rate, _)| rate).min_by(f64::total_cmp)?;
        let noise = CONTRADICTION_NOISE * self.posterior.noise;
        (held > not_held * (1.0 + noise.clamp(CONTRADICTION, CONTRADICTION_MAX)))
            .then_some((held, not_held))
    }

    /// Returns `true` if a rate broke a threshold while both its neighbours were held. Latency may
    /// fall with the rate, as targets batch or wake up more seldom: one failure below a held rate
    /// does not end the way up, and two in a row do.
    fn is_alone(&self, not_held: f64) -> bool {
        if self.settings.thresholds == Thresholds::Absent {
            return false;
        }
        let failed = |(rate, tried): (f64, &Tried)| tried.trial.is_not_held().then_some(rate);
        let held = |(rate, tried): (f64, &Tried)| tried.trial.is_held().then_some(rate);
        let above = self.counted().filter_map(held).filter(|rate| *rate > not_held);
        let Some(above) = above.min_by(f64::total_cmp) else { return false };
        let is_other = |rate: &f64| *rate != not_held && *rate < above;
        self.counted().filter_map(failed).filter(is_other).count() == 0
    }

    /// Returns a rate that was held, if the last overloads delivered far less than it: the target
    /// collapses under overload, or it no longer works. `None` if it was run again.
    fn collapse(&self) -> Option<f64> {
        let mut held = self.counted().filter(|(_, tried)| tried.trial.is_held());
        let (held, _) = held.next()?;
        let mut last = self.counted().rev().map(|(_, tried)| tried.trial);
        let collapses = |trial: &Trial| trial.is_not_held() && trial.delivered < COLLAPSED * held;
        let is_suspect = (0..COLLAPSES).all(|_| last.next().is_some_and(|trial| collapses(&trial)));
        (is_suspect && self.runs_again(held) == 0).then_some(held)
    }

    /// Returns how often a rate was run again.
    fn runs_again(&self, rate: f64) -> usize {
        let again = self.tried.iter().filter(|tried| {
            tried.purpose == Purpose::Again && tried.trial.rate == Rate::PerSecond(rate)
        });
        again.count()
    }

    /// Returns the rate that shows whether the target has recovered: one that it held before the
    /// first overload, if another one of these was not held again.
    fn unrecovered(&self) -> Option<f64> {
        let last = self.tried.last()?;
        let rate = last.trial.rate.per_second()?;
        if last.purpose != Purpose::Again || !last.trial.is_not_held() {
            return None;
        }
        let overload = self.tried.iter().position(|tried| tried.trial.is_not_held())?;
        let held = self.tried[..overload].iter().filter(|tried| tried.trial.is_held());
        let held: Vec<f64> = held.filter_map(|tried| tried.trial.rate.per_second()).collect();
        let lowest = held.iter().copied().min_by(f64::total_cmp)?;
        // A single trial may have been wrong. Another one below it, or the closed loop, was not.
        let is_sure = lowest < rate || self.guess().is_some_and(|guess| guess > GUESS_SHARE * rate);
        (held.contains(&rate) && is_sure).then_some(lowest)
    }

    /// Returns the highest rate that may be requested: below those that are beyond the harness.
    pub(super) fn top(&self) -> f64 {
        let below = |rate| rounded(rate * BELOW_INVALID, 2, f64::floor);
        let beyond = self.beyond_harness().into_iter().map(below);
        beyond.fold(self.rate_max(), f64::min)
    }

    /// Returns the rates that are beyond the harness: invalid twice, and above all that were held.
    fn beyond_harness(&self) -> Vec<f64> {
        let held = self.tried.iter().filter(|tried| tried.trial.is_held());
        let held = held.filter_map(|tried| tried.trial.rate.per_second()).fold(0.0, f64::max);
        let mut rates: Vec<f64> = Vec::new();
        for rate in self.tried.iter().filter_map(|tried| tried.trial.rate.per_second()) {
            let is_beyond = rate > held && self.invalid_at(rate) >= INVALID_MAX;
            if is_beyond && !rates.contains(&rate) {
                rates.push(rate);
            }
        }
        rates
    }

    fn invalid_at(&self, rate: f64) -> usize {
        let at = |tried: &&Tried| tried.trial.rate == Rate::PerSecond(rate);
        self.tried
            .iter()
            .filter(at)
            .filter(|tried| tried.trial.verdict == TrialVerdict::Invalid)
            .count()
    }
}
