//! The rate that people set while a run goes on: from a key to the rate of the next stretch. Pure.

use dyno_bus::segment::RATE_MAX;

use crate::plan::RATE_MIN;

/// The factor of one key. Faster and then slower is the rate from before.
const FACTOR: f64 = 1.1;

/// A key that changes the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(any(feature = "cli", test)), expect(dead_code, reason = "the live view reads keys"))]
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
    /// Cycles per second over all workers, while the issuing is not paused.
    pub rate: f64,
    /// `true` while no cycle becomes due.
    pub is_paused: bool,
    /// `true` if nothing can be changed any more: the end of the window is leased, or the run has as
    /// many stages as a run can have.
    pub is_final: bool,
}

impl HandRate {
    /// Creates the rate of a run that no key has changed.
    pub(crate) const fn new(rate: f64) -> Self {
        Self { rate, is_paused: false, is_final: false }
    }

    /// Returns the rate after a key. While the issuing is paused, the rate changes all the same, and
    /// is that of the next stretch.
    #[must_use]
    pub(crate) fn after(self, key: RateKey) -> Self {
        // Rounded to the precision that a rate is shown with.
        let rounded = |rate: f64| ((rate * 1e3).round() / 1e3).clamp(RATE_MIN, RATE_MAX);
        match key {
            _ if self.is_final => self,
            RateKey::Faster => Self { rate: rounded(self.rate * FACTOR), ..self },
            RateKey::Slower => Self { rate: rounded(self.rate / FACTOR), ..self },
            RateKey::Pause => Self { is_paused: !self.is_paused, ..self },
        }
    }

    /// Returns the cycles per second that become due: 0 while the issuing is paused.
    pub(crate) fn issued_rate(self) -> f64 {
        if self.is_paused { 0.0 } else { self.rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_changes_the_rate_by_a_tenth_and_the_other_key_changes_it_back() {
        let start = HandRate::new(1_000.0);
        let faster = start.after(RateKey::Faster);
        assert_eq!(faster, HandRate::new(1_100.0));
        assert_eq!(faster.after(RateKey::Slower), start);
    }

    #[test]
    fn no_key_leaves_the_range_of_rates() {
        let mut rate = HandRate::new(RATE_MAX / 1.05);
        rate = rate.after(RateKey::Faster).after(RateKey::Faster);
        assert_eq!(rate.rate, RATE_MAX);
        rate = HandRate::new(RATE_MIN * 1.05).after(RateKey::Slower).after(RateKey::Slower);
        assert_eq!(rate.rate, RATE_MIN);
    }

    #[test]
    fn a_pause_keeps_the_rate_for_later() {
        let paused = HandRate::new(50.0).after(RateKey::Pause);
        assert_eq!(paused.issued_rate(), 0.0);
        let resumed = paused.after(RateKey::Faster).after(RateKey::Pause);
        assert_eq!(resumed.issued_rate(), 55.0);
    }

    #[test]
    fn nothing_changes_once_it_is_final() {
        let end = HandRate { is_final: true, ..HandRate::new(50.0) };
        for key in [RateKey::Faster, RateKey::Slower, RateKey::Pause] {
            assert_eq!(end.after(key), end);
        }
    }
}
