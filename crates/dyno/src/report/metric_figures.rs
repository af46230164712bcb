//! The figures of a run that other programs receive as metrics: `/metrics` of the dashboard and
//! `--otlp` have the same ones. `docs/metrics.md` has the names.

use dyno_bus::Phase;
use dyno_bus::builtin::{LOOP_LAG, RESPONSE, SERVICE, WAIT};
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
