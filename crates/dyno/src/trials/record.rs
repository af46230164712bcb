//! The record of a trial: the few figures of a run that a study reads, and those that it stores.

use std::time::Duration;

use dyno_bus::builtin::{RESPONSE, SERVICE};
use dyno_bus::clock::nanos;
use dyno_observer::{Observer, ProcessId};
use dyno_summary::{Metric, PointMetric, SeriesPoint, Study, StudyTrial, Summary, Verdict};

use crate::primary::Run;
use crate::study::repeat::Figure;
use crate::study::search::Purpose;
use crate::study::trial::{Trial, TrialVerdict};

/// The fewest points of the series whose scatter is a standard error.
const POINTS_MIN: usize = 8;
/// The blocks of points whose means are compared: neighbouring points are not independent.
const BLOCKS: usize = 8;

/// Returns the figures of a run that the study decides by.
pub(super) fn trial(run: &mut Run, summary: &Summary) -> Trial {
    // Workers that run one cycle at a time have a known load.
    let uneven = if run.judgement.load.is_some() { slowest_share(&mut run.observer) } else { 1.0 };
    let (verdict, enough) = verdict(run, summary);
    Trial {
        rate: run.plan.rate,
        window: run.window,
        took: run.elapsed,
        verdict,
        completed: run.delivered,
        delivered: summary.rate.delivered * uneven,
        error: completion_error(summary),
        load: run.judgement.load,
        enough,
    }
}

/// Returns the verdict of a trial, and the window that would give one. A trial that is too short for
/// one of its thresholds shows nothing, whether it kept them or not.
fn verdict(run: &Run, summary: &Summary) -> (TrialVerdict, Option<Duration>) {
    let verdict = TrialVerdict::of(&summary.verdict, summary.signal());
    let plan = &run.plan;
    let is_judged = matches!(verdict, TrialVerdict::Sustained | TrialVerdict::Failed);
    let cycles = &summary.cycles;
    let fails = plan.max_failed.is_passed_by(cycles.failed + cycles.abandoned, cycles.issued);
    let is_short = plan.thresholds.iter().any(|threshold| threshold.check(plan).is_err());
    if !is_judged || fails || !is_short {
        return (verdict, run.judgement.enough);
    }
    let needed = plan.thresholds.iter().map(|threshold| threshold.span_min(plan)).max();
    (TrialVerdict::Inconclusive, needed)
}

/// Returns the figures of a trial that the study stores. Its verdict is that of the run, unless the
/// trial was too short for one of its thresholds.
pub(super) fn row(
    folder: String,
    purpose: Option<Purpose>,
    (summary, verdict): (&Summary, TrialVerdict),
    window: Duration,
) -> StudyTrial {
    let response = summary.metric(RESPONSE).filter(|response| response.count > 0);
    let mut row = StudyTrial::default();
    row.folder = folder;
    row.rate = summary.rate.asked;
    row.purpose = purpose.map(|purpose| purpose_name(purpose).to_owned());
    row.verdict = summary.verdict.clone();
    row.reason = summary.reasons.first().cloned().unwrap_or_default();
    let is_known = matches!(summary.verdict, Verdict::Sustained | Verdict::Failed);
    if is_known && verdict == TrialVerdict::Inconclusive {
        row.verdict = Verdict::Inconclusive;
        row.reason = "the window is too short for a threshold".to_owned();
    }
    row.delivered = summary.rate.delivered;
    row.completed = summary.cycles.completed;
    row.window_ns = nanos(window);
    row.elapsed_ns = summary.elapsed_ns;
    let service = summary.metric(SERVICE).filter(|service| service.count > 0);
    row.service_mean_ns = service.map(|service| service.mean);
    row.response_p50_ns = response.and_then(|response| response.p50);
    row.response_p99_ns = response.and_then(|response| response.p99);
    row
}

/// Keeps the warnings that all trials have: those of a single one are in its own summary.
pub(super) fn keep_common_warnings(study: &mut Study, summary: &Summary) {
    if study.trials.len() == 1 {
        study.warnings.clone_from(&summary.warnings);
    }
    study.warnings.retain(|warning| summary.warnings.contains(warning));
}

fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Guess => "guess",
        Purpose::Narrow => "narrow",
        Purpose::Again => "again",
        Purpose::Recovery => "recovery",
        Purpose::ConfirmLower => "confirm-lower",
        Purpose::ConfirmUpper => "confirm-upper",
    }
}

/// Returns the cycles of the slowest worker, as a share of the mean: the others would hide it.
fn slowest_share(observer: &mut Observer) -> f64 {
    let workers: Vec<_> = observer
        .processes()
        .map(|(process, _)| process)
        .filter(|process| *process != ProcessId::Primary)
        .collect();
    let cycles = workers.into_iter().map(|worker| {
        let metrics = observer.metrics(worker);
        let service = metrics.iter().find(|metric| &*metric.label.name == SERVICE);
        service.map_or(0, |service| service.stats.count)
    });
    let cycles: Vec<u64> = cycles.collect();
    let mean = cycles.iter().sum::<u64>() as f64 / cycles.len().max(1) as f64;
    let least = cycles.iter().min().copied().unwrap_or(0) as f64;
    if mean > 0.0 { least / mean } else { 1.0 }
}

/// Returns the points of the series that lie in the measured window.
fn measured(summary: &Summary) -> impl Iterator<Item = &SeriesPoint> {
    let from = summary.parameters.warmup_ns;
    let to = from.saturating_add(summary.parameters.duration_ns);
    summary.series.iter().filter(move |point| point.t_ns > from && point.t_ns <= to)
}

/// Returns the standard error of the delivered rate, as a share of it, by the scatter of the
/// completions over the window; `None` if it has too few points.
fn completion_error(summary: &Summary) -> Option<f64> {
    let points: Vec<_> = measured(summary).collect();
    let rates: Vec<f64> = points
        .windows(2)
        .filter(|two| two[1].t_ns > two[0].t_ns)
        .map(|two| two[1].completed as f64 / (two[1].t_ns - two[0].t_ns) as f64)
        .collect();
    let (mean, error) = mean_and_error(&rates)?;
    (mean > 0.0).then(|| error / mean)
}

/// Returns the mean of values and its standard error; `None` for too few values.
fn mean_and_error(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < POINTS_MIN {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (count - 1.0) / count).sqrt()))
}

/// Returns the figures of a run that are compared between the runs of a repetition.
pub(super) fn figures(summary: &Summary) -> Vec<(&'static str, Figure)> {
    let mut figures = Vec::new();
    if let Some(service) = summary.metric(SERVICE).filter(|service| service.count > 1) {
        let error = service.stddev / (service.count as f64).sqrt();
        figures.push(("service.mean", Figure { value: service.mean, error }));
    }
    let response = summary.metric(RESPONSE);
    let percentile = |whole: fn(&Metric) -> Option<u64>, part: fn(&PointMetric) -> Option<u64>| {
        let value = whole(response?)? as f64;
        Some(Figure { value, error: scatter(summary, part)? })
    };
    figures.extend(percentile(|all| all.p50, |part| part.p50).map(|p50| ("response.p50", p50)));
    figures.extend(percentile(|all| all.p99, |part| part.p99).map(|p99| ("response.p99", p99)));
    figures
}

/// Returns the standard error of a percentile of the response within a run, by its scatter over the
/// window; `None` if the window shows too little of it.
fn scatter(summary: &Summary, part: fn(&PointMetric) -> Option<u64>) -> Option<f64> {
    let values: Vec<f64> = measured(summary)
        .filter_map(|point| part(point.metrics.get(RESPONSE)?))
        .map(|value| value as f64)
        .collect();
    let length = (values.len() / BLOCKS).max(1);
    let blocks = values.chunks_exact(length);
    let means: Vec<f64> = blocks.map(|block| block.iter().sum::<f64>() / length as f64).collect();
    mean_and_error(&means).map(|(_, error)| error)
}
