//! The target's part in a rate that was not held: the busiest of its threads, or the machine, or
//! something else.

use super::Evidence;

/// The share of a core from which a thread has no time left: a sampler's rounding and the thread's
/// own interruptions take the rest.
const BUSY_MIN: f64 = 0.9;
/// The share of a core below which a thread that is busy all the time is out of the question.
const ROOM_MAX: f64 = 0.5;
/// The share of time below which the machine's processors are never idle for long.
const IDLE_MAX: f64 = 0.05;
/// The share of a core below which a target does hardly anything.
const RESTING_MAX: f64 = 0.1;

/// The target's use of the machine in the measured window, each as a share of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TargetUse {
    pub(crate) of: TargetUseSpan,
    /// The processor time of all its processes, of one core.
    pub(crate) cpu: f64,
    /// The processor time of its busiest thread, of one core.
    pub(crate) busiest: Option<f64>,
    /// The time that the machine's processors had nothing to do, over all of them.
    pub(crate) machine_idle: Option<f64>,
}

/// The time that the figures of a target are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TargetUseSpan {
    /// The whole window: they are means.
    Window,
    /// The second of the highest use, because the rate changes in the window.
    Peak,
}

impl TargetUse {
    /// Returns a clause about the bottleneck.
    fn bottleneck(&self) -> String {
        // Without figures of threads, a target of one thread is taken to be its busiest thread.
        let busiest = self.busiest.unwrap_or(self.cpu.min(1.0));
        let named = match self.busiest {
            Some(_) => "the target's busiest thread",
            None => "the target",
        };
        let up_to = match self.of {
            TargetUseSpan::Window => "",
            TargetUseSpan::Peak => "up to ",
        };
        let used = format!("{up_to}{}", percent(busiest));
        if busiest >= BUSY_MIN {
            return format!("{named} used {used} of a core: it is the bottleneck");
        }
        if let Some(idle) = self.machine_idle.filter(|idle| *idle <= IDLE_MAX) {
            return format!(
                "the machine was idle for {} of the time, and the target used {up_to}{} of a core: \
                 the processors are the bottleneck",
                percent(idle),
                percent(self.cpu),
            );
        }
        if self.cpu <= RESTING_MAX {
            return format!(
                "the target was nearly idle, at {up_to}{} of a core: it waits, or the bottleneck \
                 is elsewhere, such as the workers, the connections or a disk",
                percent(self.cpu),
            );
        }
        if busiest < ROOM_MAX {
            return format!(
                "{named} used {used} of a core: its processor time is not the bottleneck"
            );
        }
        format!("{named} used {used} of a core")
    }
}

/// Returns the hint after a rate that was not held, with the bottleneck before it, if a target was
/// watched.
pub(super) fn before(evidence: &Evidence, hint: String) -> String {
    match &evidence.target {
        Some(target) => format!("{}; {hint}", target.bottleneck()),
        None => hint,
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bottleneck(cpu: f64, busiest: Option<f64>, machine_idle: Option<f64>) -> String {
        TargetUse { of: TargetUseSpan::Window, cpu, busiest, machine_idle }.bottleneck()
    }

    #[test]
    fn a_thread_that_fills_a_core_is_the_bottleneck_even_if_others_rest() {
        let expected = "the target's busiest thread used 99 % of a core: it is the bottleneck";
        assert_eq!(bottleneck(1.4, Some(0.991), Some(0.7)), expected);
        assert_eq!(bottleneck(0.99, Some(0.991), None), expected);
        assert_eq!(
            bottleneck(2.5, None, None),
            "the target used 100 % of a core: it is the bottleneck"
        );
    }

    #[test]
    fn many_threads_that_share_busy_processors_are_not_blamed_one_by_one() {
        assert_eq!(
            bottleneck(7.6, Some(0.12), Some(0.031)),
            "the machine was idle for 3 % of the time, and the target used 760 % of a core: the \
             processors are the bottleneck"
        );
    }

    #[test]
    fn a_target_that_rests_is_not_blamed() {
        assert_eq!(
            bottleneck(0.04, Some(0.03), Some(0.6)),
            "the target was nearly idle, at 4 % of a core: it waits, or the bottleneck is \
             elsewhere, such as the workers, the connections or a disk"
        );
        assert_eq!(
            bottleneck(0.9, Some(0.45), Some(0.3)),
            "the target's busiest thread used 45 % of a core: its processor time is not the \
             bottleneck"
        );
        let between = "the target's busiest thread used 72 % of a core";
        assert_eq!(bottleneck(0.9, Some(0.72), Some(0.3)), between);
    }

    #[test]
    fn the_highest_use_counts_if_the_rate_changes() {
        let of = TargetUseSpan::Peak;
        let target = TargetUse { of, cpu: 1.3, busiest: Some(0.97), machine_idle: Some(0.4) };
        let expected =
            "the target's busiest thread used up to 97 % of a core: it is the bottleneck";
        assert_eq!(target.bottleneck(), expected);
    }
}
