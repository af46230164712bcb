//! A trial as a study sees it: a rate, a window, and the answer to one question.
//!
//! The study never reads a whole result. Its caller takes these few figures from the plan and the
//! summary of a run, so that a study works the same for local runs, runs over many hosts, and
//! simulated ones.

use std::time::Duration;

use dyno_summary::Verdict;

use crate::plan::Rate;
use crate::verdict::trend::Bounds;

/// A finished trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trial {
    /// The requested rate; [`Rate::Max`] for a closed loop.
    pub(crate) rate: Rate,
    /// The measured window, as it was run: shorter than requested if the trial was cut.
    pub(crate) window: Duration,
    /// The time from the start of the trial to its end, with its warm-up and its drain.
    pub(crate) took: Duration,
    /// The verdict on this rate.
    pub(crate) verdict: TrialVerdict,
    /// The completed cycles in the window.
    pub(crate) completed: u64,
    /// The rate at which cycles completed, per second. For workers that run one cycle at a time:
    /// the number of workers × the rate of the slowest one, because the others would hide it.
    pub(crate) delivered: f64,
    /// The standard error of `delivered` within this trial, as a share of it; `None` if it is not
    /// known.
    pub(crate) error: Option<f64>,
    /// The load of workers that run one cycle at a time: the bounds of a 99 % interval. `None` if
    /// cycles overlap.
    pub(crate) load: Option<Bounds>,
    /// The window that would give a verdict, if this one was inconclusive.
    pub(crate) enough: Option<Duration>,
}

impl Trial {
    /// Returns `true` if the rate was held, and every threshold with it.
    pub(crate) fn is_held(&self) -> bool {
        self.verdict == TrialVerdict::Sustained
    }

    /// Returns `true` if the rate was not held. Failed cycles count as that: many systems answer
    /// an overload with errors.
    pub(crate) fn is_not_held(&self) -> bool {
        matches!(
            self.verdict,
            TrialVerdict::Unsustained | TrialVerdict::Failed | TrialVerdict::Error
        )
    }
}

/// The verdict on a trial: that of its run, in the form that a study reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrialVerdict {
    /// A closed loop ended.
    Completed,
    /// The rate was held.
    Sustained,
    /// The window does not show whether the rate was held.
    Inconclusive,
    /// Too many cycles failed, or a threshold was not kept.
    Failed,
    /// The rate was not held.
    Unsustained,
    /// The harness was the bottleneck.
    Invalid,
    /// A signal ended the trial.
    Interrupted {
        /// The signal's number; `None` if it is not known.
        signal: Option<i32>,
    },
    /// A worker, a hook or the accounting failed.
    Error,
}

impl TrialVerdict {
    /// Returns the verdict of a run that may have been ended by a signal. A verdict of another
    /// version counts as an error.
    pub(crate) fn of(verdict: &Verdict, signal: Option<i32>) -> Self {
        match verdict {
            Verdict::Completed => Self::Completed,
            Verdict::Sustained => Self::Sustained,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Failed => Self::Failed,
            Verdict::Unsustained => Self::Unsustained,
            Verdict::Invalid => Self::Invalid,
            Verdict::Interrupted => Self::Interrupted { signal },
            _ => Self::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_of_a_run_has_its_form_in_a_trial() {
        let signal = Some(15);
        let all = Verdict::KNOWN.map(|verdict| TrialVerdict::of(&verdict, signal));
        assert_eq!(
            all,
            [
                TrialVerdict::Completed,
                TrialVerdict::Sustained,
                TrialVerdict::Inconclusive,
                TrialVerdict::Failed,
                TrialVerdict::Unsustained,
                TrialVerdict::Invalid,
                TrialVerdict::Interrupted { signal },
                TrialVerdict::Error,
            ]
        );
        let unknown = Verdict::Unknown("better".to_owned());
        assert_eq!(TrialVerdict::of(&unknown, None), TrialVerdict::Error);
    }
}
