//! The next trial of a search: the rate that tells most.
//!
//! Far above the capacity, a trial shows little but that it is overloaded, and the target has to
//! recover. Close to it, a trial is inconclusive. So a trial that narrows is as far from the median
//! as its own error requires for a verdict, and no further.

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

use super::posterior::SURE;
use super::{
    COMPLETED_MIN, Posterior, Purpose, Request, Search, SearchEnd, TRIALS_MAX, Thresholds,
    TrialVerdict, Tried, WINDOW_MIN, tolerance,
};
use crate::plan::{RATE_MIN, Rate};

/// The length of the closed loop, as a share of a full-length window: a guess needs no more.
const GUESS_SHARE: f64 = 0.3;
/// The first rate after a guess, as a share of it. It should be held, to have a rate that the
/// target must hold again after an overload.
const FIRST_SHARE: f64 = 0.75;
/// The first rate if the closed loop tells nothing, in cycles per second: low enough for most
/// tasks.
const UNGUESSED: f64 = 50.0;
/// The length of a trial that narrows, as a share of a full-length window: its delivered rate needs
/// no more.
const NARROW_SHARE: f64 = 0.45;
/// The error of the load that a trial which narrows should have at most: with more, it has to be so
/// far above the capacity that it measures something else. The time for it is limited.
const NARROW_ERROR: f64 = 0.07;
/// The longest window of a trial that narrows, in full-length windows. Several trials show the
/// noise between them, a single long one doesn't.
const NARROW_MAX: f64 = 3.0;
/// The least distance of an overload from the median, as a logarithm: less is a verdict by chance.
const ABOVE_MIN: f64 = 0.1;
/// The least distance of a trial below the median.
const BELOW_MIN: f64 = 0.03;
/// The distance from the capacity, in standard deviations, of a trial that narrows.
const NARROW_SURE: f64 = 1.3;
/// The largest step beyond the rates that were tried, upwards and downwards: far beyond, a system
/// may break.
const STEP_MAX: f64 = 4.0;
/// The inconclusive trials in a row after which no verdict is expected.
const INCONCLUSIVE_MAX: usize = 8;
/// The rest after an overload. Together with the warm-up, it is enough for most queues, caches and
/// garbage collectors; if not, two trials contradict each other and are run again after more.
pub(crate) const REST: Duration = Duration::from_secs(1);
/// The precision below which rates have a fourth digit.
const FINE: f64 = 0.02;

impl Search {
    /// Returns the next trial, or the reason why the search is over.
    pub(super) fn choose(&self) -> Result<Request, SearchEnd> {
        self.hopeless()?;
        if let Some(request) = self.again() {
            return self.fit(request);
        }
        let request = if let Some(request) = self.first() {
            request
        } else if let Some(request) = self.top_held()? {
            request
        } else if self.is_narrow() {
            self.confirm()?
        } else {
            self.narrow()
        };
        self.fit(request)
    }

    /// Returns the first trial, or the first one after the guess.
    fn first(&self) -> Option<Request> {
        let full = self.settings.window;
        match (self.tried.as_slice(), self.settings.from) {
            ([], None) => {
                let window = full.mul_f64(GUESS_SHARE);
                let rest = Duration::ZERO;
                Some(Request { rate: Rate::Max, window, rest, purpose: Purpose::Guess })
            }
            ([], Some(from)) => Some(self.narrow_at(from)),
            ([one], None) if one.purpose == Purpose::Guess => {
                let rate = self.guess().map_or(UNGUESSED, |guess| FIRST_SHARE * guess);
                Some(self.narrow_at(rate))
            }
            _ => None,
        }
    }

    /// Returns a trial that narrows the interval.
    fn narrow(&self) -> Request {
        let Posterior { median, deviation, noise, .. } = self.posterior;
        let rates = || self.counted().filter(|(_, tried)| tried.purpose == Purpose::Narrow);
        let not_held = rates().filter(|(_, tried)| tried.trial.is_not_held()).count();
        let held = rates().filter(|(_, tried)| tried.trial.is_held()).count();
        // Overloads tell most, as they deliver the capacity. If they don't, both sides tell the
        // same.
        let is_above = match (held, not_held) {
            (_, 0) => true,
            (0, _) => false,
            _ if self.overloads_tell() => rates().count() % 3 != 2,
            _ => rates().count() % 2 == 0,
        };
        let window = self.window_of(median, NARROW_SHARE).as_secs_f64();
        let (error, sure) = self.errors(median, Duration::from_secs_f64(window));
        let spread = deviation.hypot(noise).hypot(error);
        let distance = if is_above {
            let far = if self.overloads_tell() { NARROW_SURE } else { NARROW_SURE / 2.0 };
            (sure + far * spread).max(ABOVE_MIN)
        } else {
            let tolerance = tolerance(median * window);
            (tolerance - sure - NARROW_SURE * spread).min(-BELOW_MIN)
        };
        let rate = median * distance.clamp(-3.0, 3.0).exp();
        if held > 0 || not_held < 2 {
            return self.narrow_at(rate);
        }
        // Nothing was held where it was expected: faster and faster down.
        let steps = i32::try_from(not_held).unwrap_or(i32::MAX) - 1;
        let lowest = rates().map(|(rate, _)| rate).fold(f64::INFINITY, f64::min);
        self.narrow_at(rate.min(lowest / 2_f64.powi(steps.min(10))))
    }

    /// Returns a trial that narrows at a rate near this one: at most a step beyond those tried.
    fn narrow_at(&self, rate: f64) -> Request {
        let tried = self.counted().map(|(rate, _)| rate).chain(self.guess());
        let (low, high) = tried
            .fold((f64::INFINITY, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
        let rate = if high > 0.0 { rate.clamp(low / STEP_MAX, high * STEP_MAX) } else { rate };
        let rate = self.presentable(rate);
        let mut window = self.window_of(rate, NARROW_SHARE);
        if let Some(last) = self.tried.last().filter(|last| last.purpose == Purpose::Narrow) {
            window = window.max(longer(last));
        }
        let most =
            self.settings.window.mul_f64(NARROW_MAX).max(self.left() / 6).min(self.left() / 3);
        self.request(rate, window.min(most), Purpose::Narrow)
    }

    /// Returns `true` if overloads deliver the capacity, so that each is a measurement of it.
    pub(super) fn overloads_tell(&self) -> bool {
        self.settings.thresholds == Thresholds::Absent && self.posterior.delivers > 0.5
    }

    /// Returns the error of the load in a window, and the distance from the capacity that a verdict
    /// needs. If trials that were not held showed no error, there is nothing to keep a distance by.
    pub(super) fn errors(&self, rate: f64, window: Duration) -> (f64, f64) {
        let error = self.load_error(rate, window);
        let is_unknown = self.shown_unevenness().is_none()
            && self.counted().any(|(_, tried)| tried.trial.is_not_held());
        if is_unknown { (0.0, 0.0) } else { (error, SURE * error) }
    }

    /// Returns a trial, after a rest if the last one was an overload.
    pub(super) fn request(&self, rate: f64, window: Duration, purpose: Purpose) -> Request {
        let is_overload = self.tried.last().is_some_and(|last| last.trial.is_not_held());
        let rest = if is_overload { REST } else { Duration::ZERO };
        Request { rate: Rate::PerSecond(rate), window, rest, purpose }
    }

    /// Returns the length of a trial at a rate: this share of a full-length window, or as long as
    /// its cycles need to tell something.
    pub(super) fn window_of(&self, rate: f64, share: f64) -> Duration {
        let full = self.settings.window;
        let one = self.load_error(1.0, Duration::from_secs(1));
        let cycles = (one / NARROW_ERROR).powi(2).max(1.1 * COMPLETED_MIN as f64);
        let (cycles, least) = match self.settings.thresholds {
            Thresholds::Present { cycles: least, window } => (cycles.max(least as f64), window),
            Thresholds::Absent => (cycles, Duration::ZERO),
        };
        let seconds = (cycles / rate).clamp(0.0, self.settings.time.as_secs_f64());
        full.mul_f64(share).max(Duration::from_secs_f64(seconds)).max(least)
    }

    /// Returns the time that is left.
    pub(super) fn left(&self) -> Duration {
        self.settings.time.saturating_sub(self.elapsed())
    }

    /// Returns the time that a trial takes besides its window: the longest so far.
    pub(super) fn overhead(&self) -> Duration {
        let beside = |tried: &Tried| tried.trial.took.saturating_sub(tried.trial.window);
        self.tried.iter().map(beside).fold(self.settings.warmup, Duration::max)
    }

    /// Fits a trial into the time that is left.
    fn fit(&self, request: Request) -> Result<Request, SearchEnd> {
        if self.tried.len() >= TRIALS_MAX {
            return Err(self.time_over());
        }
        let last = self.tried.iter().rev();
        let inconclusive =
            last.take_while(|tried| tried.trial.verdict == TrialVerdict::Inconclusive);
        if inconclusive.count() >= INCONCLUSIVE_MAX {
            return Err(SearchEnd::Unclear);
        }
        let room = self.left().saturating_sub(request.rest + self.overhead());
        if room < WINDOW_MIN.min(request.window) {
            return Err(self.time_over());
        }
        Ok(Request { window: request.window.min(room), ..request })
    }

    /// Returns the end of a search without time: if no rate was held by then, that is the answer.
    fn time_over(&self) -> SearchEnd {
        let held = self.counted().any(|(_, tried)| tried.trial.is_held());
        let not_held = self.counted().filter(|(_, tried)| tried.trial.is_not_held());
        if !held && not_held.count() >= 2 { SearchEnd::LowestNotHeld } else { SearchEnd::TimeOver }
    }

    /// Returns the lowest rate that may be requested: below it, there is not enough time for the
    /// cycles that a threshold needs.
    pub(super) fn floor(&self) -> f64 {
        match self.settings.thresholds {
            Thresholds::Absent => RATE_MIN,
            Thresholds::Present { cycles, .. } => {
                let longest = (self.settings.time / 6).as_secs_f64();
                (cycles as f64 / longest).min(self.top()).max(RATE_MIN)
            }
        }
    }

    /// Returns the nearest rate that people can read and that may be requested.
    pub(super) fn presentable(&self, rate: f64) -> f64 {
        let digits = if self.settings.precision < FINE { 4 } else { 3 };
        rounded(rate.clamp(self.floor(), RATE_MAX), digits, f64::round).clamp(RATE_MIN, self.top())
    }
}

/// Returns a rate with this many digits, at most three of them decimals, as reports print it.
pub(super) fn rounded(rate: f64, digits: i32, round: fn(f64) -> f64) -> f64 {
    let decimals = (digits - 1 - rate.log10().floor() as i32).min(3);
    let scale = 10_f64.powi(decimals.abs());
    // A quotient of whole numbers is the float that is nearest to the decimal number.
    if decimals >= 0 { round(rate * scale) / scale } else { round(rate / scale) * scale }
}

/// Returns the window for a trial after an inconclusive one: as long as that one suggested, within
/// half as long again and twice as long.
pub(super) fn longer(last: &Tried) -> Duration {
    if last.trial.verdict != TrialVerdict::Inconclusive {
        return Duration::ZERO;
    }
    let window = last.trial.window;
    let least = window.mul_f64(1.5);
    last.trial.enough.map_or(least, |enough| enough.clamp(least, window * 2))
}
