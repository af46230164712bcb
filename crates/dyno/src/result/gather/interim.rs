//! The summary of a run that goes on: the figures so far, in the form of those at the end. It has
//! no verdict. Figures that are known only at the end are left out.

use std::time::Duration;

use dyno_bus::Phase;
use dyno_bus::clock::nanos;
use dyno_observer::{Censored, MetricStats, ProcessId};
use dyno_summary::{Environment, SCHEMA, Summary, Verdict, WorkerExit, WorkerProcess};

use super::{metrics, parameters, per_second, point, started_at};
use crate::plan::Plan;
use crate::primary::run::Interim;
use crate::result::redact;

/// The facts about a run that are known before it begins.
#[derive(Debug, Clone)]
pub(crate) struct RunFacts {
    /// The plan of the run.
    pub(crate) plan: Plan,
    /// The command line that began it.
    pub(crate) command: Vec<String>,
    /// The environment at its begin.
    pub(crate) environment: Environment,
    /// The wall time of its begin, since the Unix epoch.
    pub(crate) started_at: Duration,
}

/// Returns the summary of a run that goes on; of one that has no workers yet, if `interim` is
/// `None`. In the place of the verdict is the phase.
pub(crate) fn interim_summary(facts: &RunFacts, interim: Option<&Interim>) -> Summary {
    let mut summary = Summary::default();
    summary.schema = SCHEMA;
    summary.benchmark.clone_from(&facts.plan.benchmark);
    summary.verdict = Verdict::Unknown("starting".to_owned());
    summary.started_at = started_at(facts.started_at);
    summary.command = redact::command(&facts.command);
    summary.profile = if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned();
    summary.parameters = parameters(&facts.plan);
    summary.rate.asked = facts.plan.own_rate().per_second();
    summary.environment = facts.environment.clone();
    if let Some(interim) = interim {
        add(&mut summary, &facts.plan, interim);
    }
    summary
}

fn add(summary: &mut Summary, plan: &Plan, interim: &Interim) {
    summary.verdict = Verdict::Unknown(interim.phase.to_string());
    summary.warnings = interim.warnings.iter().map(|warning| redact::text(warning)).collect();
    summary.elapsed_ns = nanos(interim.elapsed);
    let window = interim.elapsed.saturating_sub(plan.warmup).min(plan.duration);
    summary.rate.delivered = per_second(interim.account.counts.measured.completed, window);
    summary.cycles = interim.account.fates(Phase::Measured);
    summary.warmup = interim.account.fates(Phase::Warmup);
    summary.backlog.start = interim.backlog.start;
    summary.backlog.max = interim.backlog.max;
    summary.backlog.end = interim.backlog.end.total();
    summary.backlog.waiting_end = interim.backlog.end.waiting;
    summary.backlog.running_end = interim.backlog.end.running;
    summary.errors = interim.errors.clone();
    for error in &mut summary.errors {
        error.message = redact::text(&error.message);
    }
    summary.errors.truncate(dyno_summary::ERRORS_LISTED);
    let merged = interim.merged.iter().map(|(label, series)| MetricStats {
        label: label.clone(),
        stats: series.stats(),
        censored: Censored::default(),
    });
    summary.metrics = metrics(&merged.collect::<Vec<_>>());
    for (process, pid, of_process) in &interim.processes {
        let of_process = metrics(of_process);
        match process {
            ProcessId::Worker(index) => {
                let mut worker = WorkerProcess::default();
                (worker.index, worker.pid, worker.metrics) = (*index, Some(*pid), of_process);
                // Only ends that went wrong are shown, and this worker has not ended.
                worker.exit = Some(WorkerExit::Code(0));
                summary.workers.push(worker);
            }
            _ => (summary.primary.pid, summary.primary.metrics) = (*pid, of_process),
        }
    }
    summary.series = interim.series.iter().map(point).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primary::RunPhase;
    use crate::result::fixture;

    #[test]
    fn the_figures_so_far_are_those_of_the_end_if_nothing_follows() {
        let ended = fixture::summary();
        let facts = RunFacts {
            plan: fixture::plan(),
            command: vec!["shop".into(), "-R".into(), "50".into()],
            environment: ended.environment.clone(),
            started_at: fixture::run().started_at,
        };
        let so_far = interim_summary(&facts, Some(&fixture::interim(RunPhase::Measuring)));
        assert_eq!(so_far.verdict.name(), "measuring");
        // These have no verdict's reasons, and are known at the end alone.
        let of_end = |mut summary: Summary| {
            summary.verdict = Verdict::Sustained;
            (summary.reasons, summary.exit_code, summary.elapsed_ns) = (Vec::new(), 0, 0);
            (summary.rate.delivered, summary.rate.late) = (0.0, 0);
            (summary.harness, summary.hint) = Default::default();
            summary.completed_metrics.clear();
            summary.profile.clear();
            summary
        };
        assert_eq!(of_end(so_far), of_end(ended));
    }

    #[test]
    fn a_run_without_a_worker_has_its_settings_and_no_figures() {
        let facts = RunFacts {
            plan: fixture::plan(),
            command: vec!["shop".into(), "-P".into(), "token=x".into()],
            environment: Environment::default(),
            started_at: Duration::ZERO,
        };
        let summary = interim_summary(&facts, None);
        assert_eq!((summary.verdict.name(), summary.metrics.len()), ("starting", 0));
        assert_eq!(summary.command, ["shop", "-P", "token=…"]);
        assert_eq!(summary.rate.asked, Some(50.0));
    }
}
