//! The figures of a run that other programs receive as metrics: `/metrics` of the dashboard and
//! `--otlp` have the same ones. `docs/metrics.md` has the names.

use dyno_bus::Phase;
use dyno_bus::builtin::{
    LOOP_LAG, MACHINE_IDLE, RESPONSE, SERVICE, TARGET_CONTEXT_SWITCHES, TARGET_CPU,
    TARGET_CPU_THREAD_MAX, TARGET_PREEMPTIONS, TARGET_RSS, TARGET_RUN_QUEUE_DELAY, TARGET_THREADS,
    WAIT,
};
use dyno_bus::value::Unit;
use dyno_observer::{Label, ProcessId, Series};
use dyno_summary::{Fates, Summary};

use crate::primary::run::Interim;

/// The histograms, with their descriptions.
const HISTOGRAMS: [(&str, &str); 4] = [
    (WAIT, "Time from a cycle's due time to its start."),
    (SERVICE, "Time from a cycle's start to its end."),
    (RESPONSE, "Time from a cycle's due time to its end."),
    (LOOP_LAG, "Delay of a timer on the loop that runs the task."),
];

/// The gauges of the machine and the target: the metric, its unit in a name of Prometheus and in
/// OTLP, and the description.
const GAUGES: [(&str, &str, &str, &str); 8] = [
    (MACHINE_IDLE, "_ratio", "1", "Share of time that the machine's processors had nothing to do."),
    (TARGET_CPU, "_ratio", "1", "Processor time of the target, as a share of one core."),
    (
        TARGET_CPU_THREAD_MAX,
        "_ratio",
        "1",
        "Processor time of the target's busiest thread, as a share of one core.",
    ),
    (TARGET_RSS, "_bytes", "By", "Resident memory of the target."),
    (TARGET_THREADS, "", "{thread}", "Threads of the target."),
    (
        TARGET_CONTEXT_SWITCHES,
        "_per_second",
        "{switch}/s",
        "Context switches of the target's threads in a second.",
    ),
    (
        TARGET_PREEMPTIONS,
        "_per_second",
        "{switch}/s",
        "Involuntary context switches of the target's threads in a second.",
    ),
    (
        TARGET_RUN_QUEUE_DELAY,
        "_ratio",
        "1",
        "Time that the target's threads waited for a processor, as a share of one core.",
    ),
];

/// The newest value of a metric of the machine or the target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SurroundingGauge {
    /// The metric's name.
    pub(super) name: &'static str,
    /// The end of its name for Prometheus.
    pub(super) suffix: &'static str,
    /// Its unit for OTLP.
    pub(super) unit: &'static str,
    pub(super) help: &'static str,
    /// The value in that unit; a share is of one.
    pub(super) value: f64,
}

/// The figures of a run at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct MetricFigures<'a> {
    pub(super) benchmark: &'a str,
    /// The cycles of the measured window.
    pub(super) cycles: Fates,
    pub(super) backlog: u64,
    pub(super) workers: u64,
    /// The requested rate; `None` in a closed loop.
    pub(super) rate: Option<f64>,
    /// The values of each metric, merged over the workers.
    pub(super) merged: &'a [(Label, Series)],
}

impl<'a> MetricFigures<'a> {
    /// Returns the figures of a run that goes on.
    pub(super) fn of_interim(benchmark: &'a str, rate: Option<f64>, interim: &'a Interim) -> Self {
        let is_worker = |process: &&(ProcessId, u32, _)| process.0 != ProcessId::Primary;
        Self {
            benchmark,
            cycles: interim.account.fates(Phase::Measured),
            backlog: interim.backlog.end.total(),
            workers: interim.processes.iter().filter(is_worker).count() as u64,
            rate,
            merged: &interim.merged,
        }
    }

    /// Returns the figures of a run that is over.
    pub(super) fn of_summary(summary: &'a Summary, merged: &'a [(Label, Series)]) -> Self {
        Self {
            benchmark: &summary.benchmark,
            cycles: summary.cycles,
            backlog: summary.backlog.end,
            workers: summary.workers.len() as u64,
            rate: summary.rate.asked,
            merged,
        }
    }

    /// Returns the number of cycles of each fate.
    pub(super) const fn fates(&self) -> [(&'static str, u64); 6] {
        let Fates { completed, failed, skipped, unstarted, abandoned, lost, .. } = self.cycles;
        [
            ("completed", completed),
            ("failed", failed),
            ("skipped", skipped),
            ("unstarted", unstarted),
            ("abandoned", abandoned),
            ("lost", lost),
        ]
    }

    /// Returns the newest values of the machine and the target, as far as there are any.
    pub(super) fn gauges(&self) -> Vec<SurroundingGauge> {
        let of = |(name, suffix, unit, help): (&'static str, _, _, _)| {
            let (label, series) = self.merged.iter().find(|(label, _)| &*label.name == name)?;
            let last = (!series.is_empty()).then(|| series.stats().last as f64)?;
            let value = if label.unit == Unit::Permille { last / 1e3 } else { last };
            Some(SurroundingGauge { name, suffix, unit, help, value })
        };
        GAUGES.into_iter().filter_map(of).collect()
    }

    /// Returns the histograms that the run has: the name of each metric, its description, and its
    /// values in nanoseconds.
    pub(super) fn histograms(&self) -> Vec<(&'static str, &'static str, &'a Series)> {
        let merged = self.merged;
        let of = |(name, help): (&'static str, &'static str)| {
            let (label, series) = merged.iter().find(|(label, _)| &*label.name == name)?;
            (label.unit == Unit::Nanoseconds).then_some((name, help, series))
        };
        HISTOGRAMS.into_iter().filter_map(of).collect()
    }
}
