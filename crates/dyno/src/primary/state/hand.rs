//! The rate that people set while a run goes on: from a key to the rate of the next stretch. Pure.

use dyno_bus::Pace;
use dyno_bus::segment::RATE_MAX;

use crate::plan::{Plan, RATE_MIN};

/// The factor of one key. Faster and then slower is the rate from before.
const FACTOR: f64 = 1.1;
/// The lowest and the highest factor of a load profile. Beyond them, another profile is meant.
const FACTORS: (f64, f64) = (0.01, 100.0);

/// A key that changes the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateKey {
    /// Raises the rate by a tenth.
    Faster,
    /// Lowers the rate by as much.
    Slower,
    /// Pauses the issuing, or resumes it.
    Pause,
}

/// The rate that is requested by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HandRate {
    /// The rate while the issuing is not paused.
    pub steered: Steered,
    /// `true` while no cycle becomes due.
    pub is_paused: bool,
    /// `true` if nothing can be changed any more: the end of the window is leased, or the run has as
    /// many stages as a run can have.
    pub is_final: bool,
}

/// The part of the plan that is changed by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Steered {
    /// The rate of a run at one rate, in cycles per second over all workers.
    Rate(f64),
    /// The factor of all rates of a load profile.
    Factor(f64),
}

impl Steered {
    /// Returns this rate times `by`, rounded to the precision that is shown, within its limits.
    fn times(self, by: f64) -> Self {
        let rounded = |value: f64, digits: f64| (value * digits).round() / digits;
        match self {
            Self::Rate(rate) => Self::Rate(rounded(rate * by, 1e3).clamp(RATE_MIN, RATE_MAX)),
            Self::Factor(factor) => {
                let (least, most) = FACTORS;
                Self::Factor(rounded(factor * by, 1e6).clamp(least, most))
            }
        }
    }

    /// Returns the rate in place of one that was planned.
    pub(crate) fn rate(self, planned: f64) -> f64 {
        match self {
            Self::Rate(rate) => rate,
            Self::Factor(factor) => (planned * factor).clamp(RATE_MIN, RATE_MAX),
        }
    }

    /// Returns the pace in place of one that was planned.
    pub(crate) fn pace(self, planned: Pace) -> Pace {
        match planned {
            Pace::Open { rate, arrivals } => Pace::Open { rate: self.rate(rate), arrivals },
            Pace::Ramp { from, to, arrivals } => {
                Pace::Ramp { from: self.rate(from), to: self.rate(to), arrivals }
            }
            Pace::Closed { .. } => planned,
        }
    }
}

impl HandRate {
    /// Creates the rate of a run at one rate that was not changed.
    pub(crate) const fn new(rate: f64) -> Self {
        Self { steered: Steered::Rate(rate), is_paused: false, is_final: false }
    }

    /// Creates the rate of a plan that was not changed; `None` if it can't be changed by hand.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        let rate = Self::new(plan.rate.per_second().filter(|_| plan.can_be_steered())?);
        match plan.profile {
            Some(_) => Some(Self { steered: Steered::Factor(1.0), ..rate }),
            None => Some(rate),
        }
    }

    /// Returns the rate after a key. While the issuing is paused, the rate changes all the same, and
    /// is that of the next stretch.
    #[must_use]
    pub(crate) fn after(self, key: RateKey) -> Self {
        match key {
            _ if self.is_final => self,
            RateKey::Faster => Self { steered: self.steered.times(FACTOR), ..self },
            RateKey::Slower => Self { steered: self.steered.times(1.0 / FACTOR), ..self },
            RateKey::Pause => Self { is_paused: !self.is_paused, ..self },
        }
    }

    /// Returns another rate, which also ends a pause.
    #[must_use]
    pub(crate) fn with_rate(self, rate: f64) -> Self {
        match self.is_final {
            true => self,
            false => Self { steered: Steered::Rate(rate), is_paused: false, ..self },
        }
    }

    /// Returns `true` if the same cycles become due.
    pub(crate) fn is_same_rate(self, other: Self) -> bool {
        self.is_paused == other.is_paused && (self.is_paused || self.steered == other.steered)
    }
}

#[cfg(test)]
mod tests {
    use dyno_bus::segment::Arrivals;

    use super::*;

    #[test]
    fn a_key_changes_the_rate_by_a_tenth_and_the_other_key_changes_it_back() {
        let start = HandRate::new(1_000.0);
        let faster = start.after(RateKey::Faster);
        assert_eq!(faster, HandRate::new(1_100.0));
        assert_eq!(faster.after(RateKey::Slower), start);
    }

    #[test]
    fn a_key_changes_the_factor_of_a_profile_by_a_tenth_and_the_other_key_changes_it_back() {
        let factor = |factor| HandRate { steered: Steered::Factor(factor), ..HandRate::new(1.0) };
        let mut rate = factor(1.0);
        (0..3).for_each(|_| rate = rate.after(RateKey::Faster));
        assert_eq!(rate, factor(1.331));
        (0..6).for_each(|_| rate = rate.after(RateKey::Slower));
        assert_eq!(rate, factor(0.751_315));
        (0..100).for_each(|_| rate = rate.after(RateKey::Slower));
        assert_eq!(rate, factor(0.01));
    }

    #[test]
    fn a_factor_leaves_each_end_of_a_ramp_in_the_range_of_rates() {
        let arrivals = Arrivals::Poisson;
        let ramp = Pace::Ramp { from: RATE_MIN, to: RATE_MAX, arrivals };
        let raised = Pace::Ramp { from: RATE_MIN * 2.0, to: RATE_MAX, arrivals };
        assert_eq!(Steered::Factor(2.0).pace(ramp), raised);
        let lowered = Pace::Ramp { from: RATE_MIN, to: RATE_MAX / 2.0, arrivals };
        assert_eq!(Steered::Factor(0.5).pace(ramp), lowered);
    }

    #[test]
    fn no_key_leaves_the_range_of_rates() {
        let mut rate = HandRate::new(RATE_MAX / 1.05);
        rate = rate.after(RateKey::Faster).after(RateKey::Faster);
        assert_eq!(rate, HandRate::new(RATE_MAX));
        rate = HandRate::new(RATE_MIN * 1.05).after(RateKey::Slower).after(RateKey::Slower);
        assert_eq!(rate, HandRate::new(RATE_MIN));
    }

    #[test]
    fn a_pause_keeps_the_rate_for_later() {
        let paused = HandRate::new(50.0).after(RateKey::Pause);
        assert!(paused.is_paused && paused.is_same_rate(paused.after(RateKey::Faster)));
        let resumed = paused.after(RateKey::Faster).after(RateKey::Pause);
        assert_eq!(resumed, HandRate::new(55.0));
        assert_eq!(paused.with_rate(70.0), HandRate::new(70.0), "it goes on at another rate");
    }

    #[test]
    fn nothing_changes_once_it_is_final() {
        let end = HandRate { is_final: true, ..HandRate::new(50.0) };
        for key in [RateKey::Faster, RateKey::Slower, RateKey::Pause] {
            assert_eq!(end.after(key), end);
        }
        assert_eq!(end.with_rate(70.0), end);
    }
}
