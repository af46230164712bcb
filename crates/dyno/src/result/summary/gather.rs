//! The way from a [`Run`] to its [`Summary`]: pure, and the place where everything that may hold a
//! secret is redacted.

use std::time::Duration;

use dyno_bus::Phase;
use dyno_bus::builtin::{LOOP_LAG, RESPONSE};
use dyno_bus::clock::nanos;
use dyno_bus::value::{Unit, VALUE_MAX};
use dyno_observer::{MetricStats, Observer, ProcessId};
use nix::sys::signal::Signal;

use super::{
    Backlog, CycleErrors, ERRORS_LISTED, Fates, Harness, Metric, Metrics, Parameters, PointMetric,
    PrimaryProcess, RateSummary, SCHEMA, SeriesPoint, Summary, WorkerExit, WorkerProcess,
};
use crate::plan::{Plan, thousands};
use crate::primary::{Exit, Run};
use crate::result::environment::Environment;
use crate::result::redact;

impl Summary {
    /// Creates the summary of a run that is over.
    ///
    /// `command` is the command line that began it. The run is borrowed mutably because its
    /// observer caches the figures that it computes.
    #[must_use]
    pub fn of(run: &mut Run, command: &[String], environment: Environment) -> Self {
        let merged = run.observer.merged();
        let verdict = run.judgement.verdict;
        Self {
            schema: SCHEMA,
            benchmark: run.plan.benchmark.clone(),
            verdict: verdict.name().to_owned(),
            reasons: run.judgement.reasons.iter().map(|reason| redact::text(reason)).collect(),
            warnings: warnings(run, &merged),
            exit_code: verdict.exit_code(),
            started_at: started_at(run.started_at),
            elapsed_ns: nanos(run.elapsed),
            command: command.iter().map(|word| redact::text(word)).collect(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            parameters: parameters(&run.plan),
            rate: RateSummary {
                asked: run.plan.rate.per_second(),
                delivered: per_second(run.delivered, run.window),
                late: run.late,
            },
            cycles: Fates::of(&run.account, Phase::Measured),
            warmup: Fates::of(&run.account, Phase::Warmup),
            backlog: Backlog {
                start: run.backlog.start,
                max: run.backlog.max,
                end: run.backlog.end.total(),
                waiting_end: run.backlog.end.waiting,
                running_end: run.backlog.end.running,
            },
            errors: errors(run),
            metrics: metrics(&merged),
            completed_metrics: metrics(&run.observer.completed()),
            primary: primary(&mut run.observer),
            workers: workers(run),
            series: series(run),
            harness: harness(run),
            environment,
            hint: redact::text(&run.judgement.hint),
        }
    }
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
        format!(
            "{} cycles never ended{age}: `{}` would be longer with them",
            metric.censored.count, metric.label.name
        )
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

fn parameters(plan: &Plan) -> Parameters {
    Parameters {
        rate: plan.rate.per_second(),
        duration_ns: nanos(plan.duration),
        warmup_ns: nanos(plan.warmup),
        workers: plan.workers,
        max_backlog: plan.max_backlog,
        on_backlog: plan.on_backlog.to_string(),
        max_failed: plan.max_failed.to_string(),
        in_flight: plan.in_flight,
        arrivals: plan.arrivals.to_string(),
        seed: plan.seed,
        pacing: plan.pacing.to_string(),
        spans: plan.spans.clone(),
        start_deadline_ns: nanos(plan.deadlines.start),
        drain_deadline_ns: nanos(plan.deadlines.drain),
        after_deadline_ns: nanos(plan.deadlines.after),
        kill_grace_ns: nanos(plan.deadlines.kill_grace),
        task: redact::map(&plan.task),
    }
}

fn errors(run: &Run) -> Vec<CycleErrors> {
    let listed = run.errors.iter().take(ERRORS_LISTED).map(|group| CycleErrors {
        message: redact::text(&group.message),
        count: group.count,
        first_cycle: group.first_cycle,
    });
    listed.collect()
}

fn metrics(all: &[MetricStats]) -> Metrics {
    all.iter().map(|metric| (metric.label.name.to_string(), of_metric(metric))).collect()
}

fn of_metric(metric: &MetricStats) -> Metric {
    let MetricStats { label, stats, censored } = metric;
    let rounded = |value: f64| match label.unit {
        Unit::Nanoseconds => value.round(),
        Unit::None | Unit::Bytes | Unit::Permille => value,
    };
    Metric {
        unit: label.unit.name().to_owned(),
        count: stats.count,
        min: stats.min,
        max: stats.max,
        mean: rounded(stats.mean),
        stddev: rounded(stats.stddev),
        last: stats.last,
        p50: stats.p50,
        p90: stats.p90,
        p99: stats.p99,
        p999: stats.p999,
        out_of_range: stats.out_of_range,
        censored: if &*label.name == RESPONSE { censored.count } else { 0 },
    }
}

fn primary(observer: &mut Observer) -> PrimaryProcess {
    let known = observer.processes().find(|(process, _)| *process == ProcessId::Primary);
    // A run that failed at once still has a primary: this process.
    let pid = known.map_or_else(std::process::id, |(_, pid)| pid);
    PrimaryProcess { pid, metrics: metrics(&observer.metrics(ProcessId::Primary)) }
}

fn workers(run: &mut Run) -> Vec<WorkerProcess> {
    let observer = &mut run.observer;
    let worker = |end: &crate::primary::run::WorkerEnd| WorkerProcess {
        index: end.index,
        pid: end.pid,
        exit: end.exit.map(exit),
        metrics: metrics(&observer.metrics(ProcessId::Worker(end.index))),
    };
    run.workers.iter().map(worker).collect()
}

fn exit(exit: Exit) -> WorkerExit {
    match exit {
        Exit::Code(code) => WorkerExit::Code(code),
        Exit::Signal(number) => WorkerExit::Signal(
            Signal::try_from(number)
                .map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned()),
        ),
    }
}

fn series(run: &Run) -> Vec<SeriesPoint> {
    let of_interval = |merged: &[MetricStats]| -> Vec<_> {
        let counted = merged.iter().filter(|metric| metric.stats.count > 0).map(|metric| {
            let stats = metric.stats;
            let part =
                PointMetric { count: stats.count, p50: stats.p50, p99: stats.p99, max: stats.max };
            (metric.label.name.to_string(), part)
        });
        counted.collect()
    };
    let point = |point: &crate::primary::run::RunSample| SeriesPoint {
        t_ns: nanos(point.t),
        issued: point.issued,
        completed: point.completed,
        backlog: point.backlog,
        metrics: of_interval(&point.merged).into_iter().collect(),
    };
    run.series.iter().map(point).collect()
}

fn harness(run: &mut Run) -> Harness {
    let own = run.observer.metrics(ProcessId::Primary);
    let lag = own.iter().find(|metric| &*metric.label.name == LOOP_LAG);
    Harness {
        unleased: run.harness.unleased,
        bus_stall_ns: nanos(run.harness.bus_stall),
        loop_lag_p99: lag.and_then(|lag| lag.stats.p99),
        cpu_share: run.harness.cpu_share,
        pauses: run.harness.pauses.iter().map(|pause| nanos(*pause)).collect(),
    }
}
