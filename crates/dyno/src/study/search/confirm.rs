//! The ends of the answer: when the interval is narrow enough, and the trials that confirm its ends.
//!
//! An end is confirmed by a trial that had no part in choosing it. Its rate is outside of the
//! interval, and so far from the capacity that its window is likely to give a verdict.

use std::time::Duration;

use super::choice::{REST, longer};
use super::{Posterior, Purpose, Request, Search, SearchEnd, TrialVerdict, WINDOW_MIN, tolerance};

/// The longest window of a trial that confirms, in full-length windows.
const CONFIRM_MAX: f64 = 8.0;
/// The distance from the capacity, in standard deviations, of the trials that confirm the lower and
/// the upper end. A failed trial of an end costs as much as a wider interval.
const LOWER_SURE: f64 = 1.0;
const UPPER_SURE: f64 = 0.5;
/// The overloaded trials that show the noise between trials.
const OVERLOADS_MIN: usize = 3;
/// The trials that narrow if overloads show nothing but a verdict.
const VERDICTS_MIN: usize = 6;
/// The share of the time after which narrowing ends, so that both ends can be confirmed.
const NARROW_TIME: f64 = 0.5;
/// The factor between the windows that are considered for the ends, and the length that is always
/// worth the requested precision, in full-length windows.
const WINDOW_STEP: f64 = 1.5;
const CHEAP: f64 = 2.3;
/// The noise between trials, over the error within one, up to which this is so.
const NOISE_MAX: f64 = 1.5;
/// The least gain that makes the next longer window worth its time: the answer is narrower by this
/// factor.
const GAIN_MIN: f64 = 1.02;
/// The factor between the interval and the precision at which the ends are confirmed already: their
/// trials narrow the interval too.
const ALMOST: f64 = 1.005;
/// The widest interval, over the one that is possible, that is worth no more narrowing.
const WORTH: f64 = 1.03;
/// The distance of a confirmed end from one that could be confirmed now, as a share, at which it is
/// worth another trial.
const FAR: f64 = 0.1;
/// The trials of the lower end that may fail.
const LOWER_FAILURES_MAX: usize = 4;
/// The least and the largest step outwards after an end was inconclusive.
const OUTWARDS: (f64, f64) = (0.002, 0.05);

impl Search {
    /// Returns the next trial of the highest possible rate, if it was held; ends the search if it
    /// was held twice.
    pub(super) fn top_held(&self) -> Result<Option<Request>, SearchEnd> {
        let top = self.top();
        let at_top = self.counted().filter(|(rate, _)| *rate >= 0.999 * top);
        let held = at_top.clone().filter(|(_, tried)| tried.trial.is_held());
        let is_confirmed = held.clone().any(|(_, tried)| tried.purpose == Purpose::ConfirmLower);
        let held = held.count();
        let not_held = at_top.filter(|(_, tried)| tried.trial.is_not_held()).count();
        if held <= not_held {
            return Ok(None);
        }
        if held >= 2 && is_confirmed {
            let is_harness = top < self.rate_max();
            return Err(if is_harness { SearchEnd::HarnessLimit } else { SearchEnd::AtLeast });
        }
        Ok(Some(self.request(top, self.window_of(top, 1.0), Purpose::ConfirmLower)))
    }

    /// Returns `true` if more narrowing is not worth its time.
    pub(super) fn is_narrow(&self) -> bool {
        let counted = || self.counted().map(|(_, tried)| tried);
        let overloads = counted().filter(|tried| self.delivered(&tried.trial).is_some()).count();
        let has_both = counted().any(|tried| tried.trial.is_held())
            && counted().any(|tried| tried.trial.is_not_held());
        let is_late = self.elapsed() >= self.settings.time.mul_f64(NARROW_TIME);
        if is_late {
            return has_both || self.left() < self.settings.time / 4;
        }
        let enough = if self.overloads_tell() {
            overloads >= OVERLOADS_MIN
        } else {
            counted().count() >= VERDICTS_MIN
        };
        if !enough || !has_both {
            return false;
        }
        let is_fine = |low: f64, high: f64| high / low <= 1.0 + self.settings.precision;
        let (_, low, high) = self.ends();
        let Posterior { low: least, high: most, .. } = self.posterior;
        if is_fine(low, high) || is_fine(least, most / ALMOST) {
            return true;
        }
        // The ends that would be left if the capacity were known: those of the two trials alone.
        let median = self.posterior.median;
        let known =
            Posterior { deviation: 0.0, noise: 0.0, low: median, high: median, ..self.posterior };
        let (_, low_known, high_known) = self.ends_of(&known);
        !is_fine(low_known, high_known) && high / low <= WORTH * high_known / low_known
    }

    /// Returns the window and the rates of the trials that confirm the ends.
    fn ends(&self) -> (Duration, f64, f64) {
        self.ends_of(&self.posterior)
    }

    fn ends_of(&self, posterior: &Posterior) -> (Duration, f64, f64) {
        let full = self.window_of(posterior.median, 1.0);
        let most = (self.left() / 2).saturating_sub(self.overhead() + REST);
        let most = most.min(full.max(self.settings.window.mul_f64(CONFIRM_MAX)));
        let steps = std::iter::successors(Some(full.min(most).max(WINDOW_MIN)), |window| {
            (*window < most).then(|| window.mul_f64(WINDOW_STEP).min(most))
        });
        let steps: Vec<_> = steps.map(|window| (window, self.ends_by(posterior, window))).collect();
        let width = |step: &(Duration, (f64, f64))| step.1.1 / step.1.0;
        // A longer window helps against chance within a trial, not against noise between trials.
        let helps = posterior.noise < NOISE_MAX * self.load_error(posterior.median, full);
        let cheap = full.mul_f64(if helps { CHEAP } else { 1.0 });
        let is_cheap = |step: &(Duration, (f64, f64))| step.0 <= cheap;
        let fine = steps
            .iter()
            .find(|step| is_cheap(step) && width(step) <= 1.0 + self.settings.precision);
        // If no window makes the answer as narrow as requested, they get longer while it is worth
        // their time.
        let worth = || {
            steps
                .windows(2)
                .find(|two| width(&two[0]) < GAIN_MIN * width(&two[1]))
                .map(|two| &two[0])
        };
        let &(window, (low, high)) = fine.or_else(worth).unwrap_or(&steps[steps.len() - 1]);
        (window, low, high)
    }

    /// Returns the rates of the ends: outside of the interval, and so far from the capacity that a
    /// verdict can be expected in this window. The noise between trials is left out: a trial that
    /// fails by noise costs time, and tells something.
    fn ends_by(&self, posterior: &Posterior, window: Duration) -> (f64, f64) {
        let &Posterior { low, median, high, deviation, .. } = posterior;
        let (error, sure) = self.errors(median, window);
        let spread = deviation.hypot(error);
        let tolerance = tolerance(median * window.as_secs_f64());
        let held = median * (tolerance - sure - LOWER_SURE * spread).exp();
        let not_held = median * (sure.max(tolerance - sure) + UPPER_SURE * spread).exp();
        (low.min(held), high.max(not_held))
    }

    /// Returns the next trial of an end; ends the search if both are confirmed.
    pub(super) fn confirm(&self) -> Result<Request, SearchEnd> {
        let Posterior { low, high, median, .. } = self.posterior;
        let (window, lower, upper) = self.ends();
        // Later trials may show that a confirmed end is on the wrong side of the estimate, or much
        // further away from it than it has to be.
        let has_lower = self
            .confirmed_lower()
            .is_some_and(|rate| rate <= low.max(0.99 * median) && rate * (1.0 + FAR) > lower);
        let far_enough = high.min(1.01 * median);
        let has_upper = self
            .confirmed_upper()
            .is_some_and(|rate| rate >= far_enough && rate < upper * (1.0 + FAR));
        match (has_lower, has_upper) {
            (true, true) => Err(SearchEnd::Found),
            (false, _) => {
                let failures = self.counted().filter(|(_, tried)| {
                    tried.purpose == Purpose::ConfirmLower && tried.trial.is_not_held()
                });
                if failures.count() >= LOWER_FAILURES_MAX {
                    return Err(SearchEnd::Unclear);
                }
                Ok(self.confirm_at(lower, window, Purpose::ConfirmLower))
            }
            (true, false) => Ok(self.confirm_at(upper, window, Purpose::ConfirmUpper)),
        }
    }

    fn confirm_at(&self, rate: f64, window: Duration, purpose: Purpose) -> Request {
        let inconclusive = self.inconclusive(purpose);
        let Some(last) = self.tried.last().filter(|_| inconclusive > 0) else {
            return self.request(self.presentable(rate), window, purpose);
        };
        // Longer, and a little outwards, by half the error of the trial that gave no answer.
        let rate = last.trial.rate.per_second().unwrap_or(rate);
        let outwards = self.load_error(rate, last.trial.window) / 2.0;
        let outwards = outwards.clamp(OUTWARDS.0, OUTWARDS.1);
        let factor = if purpose == Purpose::ConfirmLower { 1.0 - outwards } else { 1.0 + outwards };
        let most =
            self.settings.window.mul_f64(CONFIRM_MAX).max(window).min(self.left().mul_f64(0.6));
        let window = longer(last).min(most);
        self.request(self.presentable(rate * factor), window, purpose)
    }

    /// Returns how many of the last trials were inconclusive, all with this purpose.
    fn inconclusive(&self, purpose: Purpose) -> usize {
        let last = self.tried.iter().rev();
        last.take_while(|tried| {
            tried.purpose == purpose && tried.trial.verdict == TrialVerdict::Inconclusive
        })
        .count()
    }
}
