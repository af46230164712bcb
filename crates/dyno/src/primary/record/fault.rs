//! Faults as sentences: worker, pid, phase, cause, last lines on stderr. Pure.

use dyno_bus::message::Hook;

use crate::plan::Deadlines;
use crate::primary::state::event::{Cause, Exit, Fault, RunPhase};
use crate::primary::state::stage::MemberStage;

/// The faults of a run; equal ones of several workers are one sentence.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    told: Vec<ReportedFault>,
    /// Every fault as it came.
    #[cfg(test)]
    pub(crate) all: Vec<Fault>,
}

#[derive(Debug)]
struct ReportedFault {
    cause: Cause,
    sentence: String,
    /// The number of other workers with the same fault.
    more: u32,
}

/// The process id and output that a fault's sentence quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) pid: Option<u32>,
    /// The last lines of the worker's standard error.
    pub(crate) tail: &'a [String],
}

/// The sentence about a fault, at the moment when it comes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FaultReport {
    /// The fault makes the run an error.
    Fault(String),
    /// The fault leaves the result whole.
    Warning(String),
}

impl Faults {
    /// Adds a fault. Returns its sentence, unless another worker had the same fault before.
    pub(crate) fn add(
        &mut self,
        fault: Fault,
        named: Named<'_>,
        deadlines: &Deadlines,
    ) -> Option<FaultReport> {
        #[cfg(test)]
        self.all.push(fault.clone());
        if fault.cause == Cause::LateExit {
            return Some(FaultReport::Warning(describe(&fault, named, deadlines)));
        }
        // A fault of the same cause in every worker is one fault: a server that can't be reached, a
        // limit.
        let is_common = matches!(fault.cause, Cause::Hook(..) | Cause::Spawn(_));
        let alike = |told: &&mut ReportedFault| is_common && told.cause == fault.cause;
        if let Some(told) = self.told.iter_mut().find(alike) {
            told.more += 1;
            return None;
        }
        let sentence = describe(&fault, named, deadlines);
        let told = ReportedFault { cause: fault.cause, sentence: sentence.clone(), more: 0 };
        self.told.push(told);
        Some(FaultReport::Fault(sentence))
    }

    /// Returns one sentence for each fault.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let count = |told: &ReportedFault| match told.more {
            0 => told.sentence.clone(),
            1 => format!("{} (and another worker in the same way)", told.sentence),
            more => format!("{} (and {more} more workers in the same way)", told.sentence),
        };
        self.told.iter().map(count).collect()
    }
}

fn describe(fault: &Fault, named: Named<'_>, deadlines: &Deadlines) -> String {
    let Fault { worker, phase, cause } = fault;
    let who = match named.pid {
        Some(pid) => format!("worker {worker} (pid {pid})"),
        None => format!("worker {worker}"),
    };
    let seconds = |duration: std::time::Duration| humantime::format_duration(duration).to_string();
    let what = match cause {
        Cause::Spawn(error) => return format!("{who} could not be started: {error}"),
        Cause::Hook(Hook::Before, message) => {
            return format!("{who} failed in `before`: {message}");
        }
        Cause::Hook(Hook::After, message) => return format!("{who} failed in `after`: {message}"),
        Cause::StartDeadline(MemberStage::Spawned) => format!(
            "was not ready after {} (--start-deadline) and was killed before it reached \
             `dyno::bench` (what is before it in `main` runs in every worker too: it must not \
             wait, nor read standard input)",
            seconds(deadlines.start)
        ),
        Cause::StartDeadline(_) => format!(
            "was not ready after {} (--start-deadline) and was killed",
            seconds(deadlines.start)
        ),
        Cause::DrainDeadline => format!(
            "did not end its running cycles within {} (--drain-deadline) and was killed",
            seconds(deadlines.drain)
        ),
        Cause::AfterDeadline => format!(
            "did not end its `after` within {} (--after-deadline) and was killed",
            seconds(deadlines.after)
        ),
        Cause::LateExit => format!(
            "did not exit within {} of its last message (--kill-grace) and was killed; its data is \
             whole",
            seconds(deadlines.kill_grace)
        ),
        Cause::ClosedEarly => "closed its socket, went on without it, and was killed".into(),
        Cause::Died(exit @ Exit::Code(0)) if *phase == RunPhase::Starting => format!(
            "{exit} before it was ready: does `main` end before it reaches `dyno::bench`, or does \
             the task call `process::exit`?"
        ),
        Cause::Died(exit @ Exit::Code(0)) => {
            format!("{exit} in the middle of the run: does the task call `process::exit`?")
        }
        Cause::Died(exit) => exit.to_string(),
        Cause::Broken(error) => format!("broke the protocol and was killed: {error}"),
        Cause::Accounting(error) => format!("gave an account that does not add up: {error}"),
    };
    format!("{who} {what}, while the run was {}{}", phase, last_words(named.tail))
}

fn last_words(tail: &[String]) -> String {
    if tail.is_empty() {
        return String::new();
    }
    format!("; its last lines on stderr: {}", tail.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(worker: u32, cause: Cause) -> Fault {
        Fault { worker, phase: RunPhase::Measuring, cause }
    }

    fn named(tail: &[String]) -> Named<'_> {
        Named { pid: Some(7), tail }
    }

    #[test]
    fn a_death_names_worker_pid_phase_cause_and_last_words() {
        let deadlines = crate::plan::fixture::plan().deadlines;
        let tail = ["a".to_owned(), "b".to_owned()];
        let died = fault(1, Cause::Died(Exit::Signal(9)));
        let sentence = Faults::default().add(died, named(&tail), &deadlines);
        assert_eq!(
            sentence,
            Some(FaultReport::Fault(
                "worker 1 (pid 7) was killed by SIGKILL, while the run was measuring; its last \
                 lines on stderr: a | b"
                    .into()
            ))
        );
    }

    #[test]
    fn a_worker_that_exits_late_after_its_account_causes_no_error() {
        let deadlines = crate::plan::fixture::plan().deadlines;
        let mut faults = Faults::default();
        let said = faults.add(fault(1, Cause::LateExit), named(&[]), &deadlines);
        assert!(matches!(said, Some(FaultReport::Warning(_))), "{said:?}");
        assert!(faults.sentences().is_empty());
    }

    #[test]
    fn a_hook_that_fails_alike_in_every_worker_is_one_fault() {
        let deadlines = crate::plan::fixture::plan().deadlines;
        let mut faults = Faults::default();
        let mut told = 0;
        for worker in 0..3 {
            let cause = Cause::Hook(Hook::Before, "refused".into());
            told += u32::from(faults.add(fault(worker, cause), named(&[]), &deadlines).is_some());
        }
        assert_eq!(told, 1);
        assert_eq!(
            faults.sentences(),
            ["worker 0 (pid 7) failed in `before`: refused (and 2 more workers in the same way)"]
        );
    }
}
