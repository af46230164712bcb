//! The way from a [`Run`] to its [`Summary`]: pure, and the place where everything that may hold a
//! secret is redacted.
//!
//! The types of a summary can grow, so that they are filled field by field: a test compares the
//! fields that are written with those of the schema.

#[cfg(feature = "dashboard")]
mod interim;

use std::time::Duration;

use dyno_bus::Phase;
use dyno_bus::builtin::LOOP_LAG;
use dyno_bus::clock::nanos;
use dyno_bus::value::VALUE_MAX;
use dyno_observer::{MetricStats, Observer, ProcessId};
use dyno_summary::{
    Backlog, ClockSummary, CycleErrors, ERRORS_LISTED, Environment, Harness, HostSummary, Metric,
    Metrics, Parameters, PointMetric, PrimaryProcess, RateSummary, SCHEMA, SeriesPoint,
    StageSummary, Summary, TaskValues, ThresholdResult, Unit, Verdict, WorkerExit, WorkerProcess,
    WorstWindow,
};
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::Value;

#[cfg(feature = "dashboard")]
pub(crate) use self::interim::{RunFacts, interim_summary};
use crate::plan::{Plan, thousands};
use crate::primary::run::{HostEnd, MeasuredThreshold, RunSample, WorkerEnd};
use crate::primary::run::{Recovery, StageJudgement};
use crate::primary::{Exit, Run};
use crate::result::redact;
use crate::settings;

/// Creates the summary of a run that is over.
///
/// `command` is the command line that began it. The run is borrowed mutably because its observer
/// caches the figures that it computes.
pub(crate) fn summary_of(run: &mut Run, command: &[String], environment: Environment) -> Summary {
    let merged = run.observer.merged();
    let mut summary = Summary::default();
    summary.schema = SCHEMA;
    summary.benchmark.clone_from(&run.plan.benchmark);
    summary.verdict = run.judgement.verdict.clone();
    summary.reasons = run.judgement.reasons.iter().map(|reason| redact::text(reason)).collect();
    summary.warnings = warnings(run, &merged);
    summary.exit_code = run.judgement.exit_code;
    summary.started_at = started_at(run.started_at);
    summary.elapsed_ns = nanos(run.elapsed);
    summary.command = redact::command(command);
    super::profile().clone_into(&mut summary.profile);
    summary.parameters = parameters(&run.plan);
    summary.rate = rate(run);
    summary.cycles = run.account.fates(Phase::Measured);
    summary.warmup = run.account.fates(Phase::Warmup);
    summary.backlog = backlog(run);
    summary.errors = errors(run);
    summary.thresholds = thresholds(run);
    summary.stages = run.judgement.stages.iter().map(stage).collect();
    summary.metrics = metrics(&merged);
    summary.completed_metrics = metrics(&run.observer.completed());
    summary.primary = primary(&mut run.observer);
    summary.workers = workers(run);
    summary.hosts = run.hosts.iter().map(host).collect();
    summary.series = run.series.iter().map(point).collect();
    summary.harness = harness(run);
    summary.environment = environment;
    summary.hint = redact::text(&run.judgement.hint);
    summary
}

fn thresholds(run: &Run) -> Vec<ThresholdResult> {
    let from = nanos(run.plan.warmup);
    let of_threshold = |one: &MeasuredThreshold| {
        let mut result = ThresholdResult::default();
        result.expression = one.threshold.to_string();
        result.metric.clone_from(&one.threshold.metric);
        result.statistic = one.threshold.statistic.to_string();
        result.unit = one.unit;
        result.value = one.value;
        result.limit = one.limit().unwrap_or(one.threshold.limit.number);
        result.met = one.is_met();
        result.worst = one.worst_at.zip(one.value).map(|(at, value)| {
            let mut worst = WorstWindow::default();
            (worst.at_ns, worst.value) = (from.saturating_add(nanos(at)), value);
            worst
        });
        result
    };
    run.thresholds.iter().map(of_threshold).collect()
}

fn stage(judged: &StageJudgement) -> StageSummary {
    let mut summary = StageSummary::default();
    summary.from = judged.stage.from;
    summary.to = judged.stage.to;
    summary.duration_ns = nanos(judged.stage.duration);
    summary.due = judged.due;
    summary.ended = judged.ended;
    summary.delivered = judged.delivered;
    summary.response_mean_ns = judged.response.map(|seconds| (seconds * 1e9).round() as u64);
    summary.backlog_start = judged.backlog_start.round() as u64;
    summary.backlog_max = judged.backlog_max.round() as u64;
    summary.backlog_end = judged.backlog_end.round() as u64;
    summary.verdict.clone_from(&judged.verdict);
    summary.reason.clone_from(&judged.reason);
    summary.recovery_ns = match judged.recovery {
        Some(Recovery::After(time)) => Some(nanos(time)),
        Some(Recovery::Never) | None => None,
    };
    summary.breaking_point = judged.breaking_point;
    summary
}

/// Turns the verdict of a summary into an error, with this reason before all others.
pub(crate) fn fail(summary: &mut Summary, reason: &str) {
    summary.verdict = Verdict::Error;
    summary.exit_code = Verdict::Error.exit_code(None);
    summary.reasons.insert(0, redact::text(reason));
}

fn started_at(since_epoch: Duration) -> String {
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since_epoch).to_string()
}

fn per_second(count: u64, window: Duration) -> f64 {
    if window.is_zero() { 0.0 } else { count as f64 / window.as_secs_f64() }
}

/// Returns the warnings of the run, and those about its statistics. Percentiles of the cycles that
/// ended are too good if others never did, and values out of range are not the ones that were
/// recorded.
fn warnings(run: &Run, merged: &[MetricStats]) -> Vec<String> {
    let all = run.warnings.iter().map(|warning| redact::text(warning));
    let censored = merged.iter().filter(|metric| metric.censored.count > 0).map(|metric| {
        let age = metric.censored.age_min_ns.map_or(String::new(), |age| {
            let age = dyno_observer::format::value(age as f64, Unit::Nanoseconds);
            format!(", the youngest {age} after it was due")
        });
        let name = &metric.label.name;
        match metric.censored.count {
            1 => format!(
                "1 cycle never ended{}: `{name}` would be longer with it",
                age.replace("the youngest ", "")
            ),
            count => format!(
                "{} cycles never ended{age}: `{name}` would be longer with them",
                thousands(count)
            ),
        }
    });
    let clamped = merged.iter().filter(|metric| metric.stats.out_of_range > 0).map(|metric| {
        let (clamped, count) = (metric.stats.out_of_range, metric.stats.count);
        format!(
            "{} of the {} values of `{}` are not in its range: what is below 0 counts as 0, what is \
             above {max} or not a number as {max}",
            thousands(clamped),
            thousands(count),
            metric.label.name,
            max = thousands(VALUE_MAX),
        )
    });
    all.chain(censored).chain(clamped).collect()
}

/// Returns the settings of a run, without the passwords of their URLs.
fn parameters(plan: &Plan) -> Parameters {
    let mut parameters = settings::recorded(plan);
    let task = Value::Object(redact::map(&plan.task));
    parameters.task = TaskValues::deserialize(task).expect("any object is valid");
    parameters
}

fn rate(run: &Run) -> RateSummary {
    let mut rate = RateSummary::default();
    rate.asked = run.plan.own_rate().per_second();
    rate.delivered = per_second(run.delivered, run.window);
    rate.late = run.late;
    rate
}

fn backlog(run: &Run) -> Backlog {
    let mut backlog = Backlog::default();
    backlog.start = run.backlog.start;
    backlog.max = run.backlog.max;
    backlog.end = run.backlog.end.total();
    backlog.waiting_end = run.backlog.end.waiting;
    backlog.running_end = run.backlog.end.running;
    backlog
}

fn errors(run: &Run) -> Vec<CycleErrors> {
    let listed = run.errors.iter().take(ERRORS_LISTED).map(|group| {
        CycleErrors::new(redact::text(&group.message), group.count, group.first_cycle)
    });
    listed.collect()
}

fn metrics(all: &[MetricStats]) -> Metrics {
    all.iter().map(|metric| (metric.label.name.to_string(), of_metric(metric))).collect()
}

fn of_metric(of: &MetricStats) -> Metric {
    let MetricStats { label, stats, censored } = of;
    let is_rounded = label.unit == Unit::Nanoseconds;
    let rounded = |value: f64| if is_rounded { value.round() } else { value };
    let mut metric = Metric::default();
    metric.unit = label.unit;
    metric.count = stats.count;
    metric.min = stats.min;
    metric.max = stats.max;
    metric.mean = rounded(stats.mean);
    metric.stddev = rounded(stats.stddev);
    metric.last = stats.last;
    metric.p50 = stats.p50;
    metric.p90 = stats.p90;
    metric.p99 = stats.p99;
    metric.p999 = stats.p999;
    metric.out_of_range = stats.out_of_range;
    metric.censored = censored.count;
    metric
}

fn primary(observer: &mut Observer) -> PrimaryProcess {
    let known = observer.processes().find(|(process, _)| *process == ProcessId::Primary);
    let mut primary = PrimaryProcess::default();
    // A run that failed at once still has a primary: this process.
    primary.pid = known.map_or_else(std::process::id, |(_, pid)| pid);
    primary.metrics = metrics(&observer.metrics(ProcessId::Primary));
    primary
}

fn workers(run: &mut Run) -> Vec<WorkerProcess> {
    let observer = &mut run.observer;
    let of_end = |end: &WorkerEnd| {
        let mut worker = WorkerProcess::default();
        worker.index = end.index;
        worker.pid = end.pid;
        worker.exit = end.exit.and_then(exit);
        worker.metrics = metrics(&observer.metrics(ProcessId::Worker(end.index)));
        worker
    };
    run.workers.iter().map(of_end).collect()
}

fn host(of: &HostEnd) -> HostSummary {
    let mut host = HostSummary::default();
    host.name = redact::text(&of.name);
    host.workers = of.workers;
    host.cycles = of.cycles;
    host.delivered = per_second(of.delivered, of.window);
    host.unleased = of.unleased;
    host.bus_stall_ns = nanos(of.bus_stall);
    host.stood_still_ns = of.stood_still.map_or(0, nanos);
    host.loop_lag_p99 = of.loop_lag_p99;
    host.cpu_share = of.cpu_share;
    host.clock = of.clock.map(|of| {
        let mut clock = ClockSummary::default();
        (clock.offset_ns, clock.drift_ns) = (of.offset_ns, of.drift_ns);
        clock.bound_ns = of.bound_ns;
        clock
    });
    host
}

fn exit(exit: Exit) -> Option<WorkerExit> {
    match exit {
        Exit::Code(code) => Some(WorkerExit::Code(code)),
        Exit::Signal(number) => Some(WorkerExit::Signal(
            Signal::try_from(number)
                .map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned()),
        )),
        Exit::Unknown => None,
    }
}

fn point(sample: &RunSample) -> SeriesPoint {
    let mut point = SeriesPoint::default();
    point.t_ns = nanos(sample.t);
    point.issued = sample.issued;
    point.completed = sample.completed;
    point.backlog = sample.backlog;
    let counted = sample.merged.iter().filter(|metric| metric.stats.count > 0);
    point.metrics = counted.map(|metric| (metric.label.name.to_string(), part(metric))).collect();
    point
}

fn part(metric: &MetricStats) -> PointMetric {
    let mut part = PointMetric::default();
    part.count = metric.stats.count;
    part.p50 = metric.stats.p50;
    part.p99 = metric.stats.p99;
    part.max = metric.stats.max;
    part
}

fn harness(run: &mut Run) -> Harness {
    let own = run.observer.metrics(ProcessId::Primary);
    let lag = own.iter().find(|metric| &*metric.label.name == LOOP_LAG);
    let mut harness = Harness::default();
    harness.unleased = run.harness.unleased;
    harness.bus_stall_ns = nanos(run.harness.bus_stall);
    harness.loop_lag_p99 = lag.and_then(|lag| lag.stats.p99);
    harness.cpu_share = run.harness.cpu_share;
    harness.pauses = run.harness.pauses.iter().map(|pause| nanos(*pause)).collect();
    harness
}

#[cfg(all(test, feature = "cli"))]
mod tests;
