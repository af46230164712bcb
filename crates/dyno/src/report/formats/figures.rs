//! The numbers of a summary as text for people: rates, counts, spans of time, and the order of
//! metrics. All formats for people share them.

use std::time::Duration;

use dyno_bus::builtin::{CPU, LOOP_LAG, RESPONSE, RSS, SERVICE, SURROUNDINGS, WAIT};
use dyno_observer::{ProcessId, format};
use dyno_summary::{
    HostSummary, Metric, Metrics, StageSummary, Summary, ThresholdResult, Unit, WorkerExit,
    WorkerProcess,
};

use crate::plan::{Rate, thousands};
use crate::settings;

/// The text in place of a missing number.
pub(crate) const NONE: &str = "–";
/// The metrics that every run has, in reading order; those of the run's surroundings follow, then
/// the user's own, sorted by name.
const BUILT_IN: [&str; 6] = [WAIT, SERVICE, RESPONSE, LOOP_LAG, CPU, RSS];

/// Returns the metrics with values, in reading order.
pub(crate) fn ordered(metrics: &Metrics) -> Vec<(&str, &Metric)> {
    let known = || BUILT_IN.iter().chain(&SURROUNDINGS);
    let rank = |name: &str| known().position(|known| *known == name).unwrap_or(usize::MAX);
    let mut all: Vec<_> = metrics.iter().map(|(name, metric)| (name.as_str(), metric)).collect();
    all.retain(|(_, metric)| metric.count > 0);
    // The sort is stable, so that metrics of the same rank stay in the map's order, by name.
    all.sort_by_key(|(name, _)| rank(name));
    all
}

/// Returns one number of a metric, in its unit, or a dash. A metric whose values are all out of
/// range has a dash: the limits that they were clamped to are not results.
pub(crate) fn value(metric: &Metric, number: Option<f64>) -> String {
    let number = number.filter(|_| metric.out_of_range < metric.count);
    number.map_or_else(|| NONE.to_owned(), |number| format::value(number, metric.unit))
}

/// Converts one of a metric's percentiles to a number like the others.
pub(crate) fn percentile(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

/// Returns one number of a metric, or a dash if the metric or the number is missing.
pub(crate) fn of(metrics: &Metrics, name: &str, number: fn(&Metric) -> Option<f64>) -> String {
    let metric = metrics.get(name).filter(|metric| metric.count > 0);
    metric.map_or_else(|| NONE.to_owned(), |metric| value(metric, number(metric)))
}

/// Returns the numbers that show how a worker fared: its mean service, its p99 of response and of
/// loop lag, its mean share of a processor and its most memory.
pub(crate) fn of_worker(metrics: &Metrics) -> [String; 5] {
    [
        of(metrics, SERVICE, |metric| Some(metric.mean)),
        of(metrics, RESPONSE, |metric| percentile(metric.p99)),
        of(metrics, LOOP_LAG, |metric| percentile(metric.p99)),
        of(metrics, CPU, |metric| Some(metric.mean)),
        of(metrics, RSS, |metric| Some(metric.max as f64)),
    ]
}

/// Formats a span of time with three digits, such as `1.23 ms`.
#[must_use]
pub fn span(nanos: u64) -> String {
    format::value(nanos as f64, Unit::Nanoseconds)
}

/// Formats a requested rate: `50/s`, or `max`.
#[must_use]
pub fn asked(rate: Option<f64>) -> String {
    rate.map_or(Rate::Max, Rate::PerSecond).to_string()
}

/// Formats a delivered rate such as `49.8/s`: with three digits, and from 100 on in whole cycles.
#[must_use]
pub fn delivered(rate: f64) -> String {
    if rate >= 100.0 || rate.fract() == 0.0 {
        format!("{}/s", thousands(rate.round() as u64))
    } else if rate >= 10.0 {
        format!("{rate:.1}/s")
    } else {
        format!("{rate:.2}/s")
    }
}

/// Returns the settings of a run, in a few words each, and the task's parameters.
pub(crate) fn parameters(summary: &Summary) -> Vec<String> {
    let parameters = &summary.parameters;
    let task = parameters.task.texts().map(|(name, text)| format!("{name}={text}"));
    settings::reported(parameters).chain(task).collect()
}

/// Returns the account of the cycles: each outcome that occurred, and `completed` in any case.
pub(crate) fn account(summary: &Summary) -> Vec<String> {
    let cycles = &summary.cycles;
    let mut words = vec![
        format!("{} issued", thousands(cycles.issued)),
        format!("{} completed", thousands(cycles.completed)),
    ];
    for (count, word) in [
        (cycles.failed, "failed"),
        (cycles.skipped, "skipped"),
        (cycles.unstarted, "unstarted"),
        (cycles.abandoned, "abandoned"),
        (cycles.lost, "lost"),
    ] {
        if count > 0 {
            words.push(format!("{} {word}", thousands(count)));
        }
    }
    words
}

/// Returns the mark of a threshold: a tick or a cross.
pub(crate) fn mark(threshold: &ThresholdResult) -> &'static str {
    if threshold.met { "✓" } else { "✗" }
}

/// Returns a threshold with its value, in words: a mark may not be seen.
pub(crate) fn threshold(threshold: &ThresholdResult) -> String {
    let met = if threshold.met { "met" } else { "not met" };
    let value = match threshold.value {
        Some(value) => format::value(value, threshold.unit),
        None => "no values".to_owned(),
    };
    let worst = threshold.worst.map_or_else(String::new, |worst| {
        format!(" in the worst window, until {} after the start", span(worst.at_ns))
    });
    format!("{} {met}: {value}{worst}", threshold.expression)
}

/// The heads of the columns about the stages of a load profile; the response is the mean.
pub(crate) const STAGE_HEADS: [&str; 8] =
    ["stage", "rate", "time", "cycles", "delivered", "response", "backlog", "verdict"];

/// Returns the cells of a stage, below [`STAGE_HEADS`]; `number` counts from 1.
pub(crate) fn stage(number: usize, stage: &StageSummary) -> [String; 8] {
    let time = humantime::format_duration(Duration::from_nanos(stage.duration_ns)).to_string();
    let mut verdict = match &stage.verdict {
        Some(verdict) => verdict.to_string(),
        None => NONE.to_owned(),
    };
    if let Some(rate) = stage.breaking_point {
        verdict += &format!(", breaks at {}", asked(Some(rate.round())));
    }
    if let Some(recovery) = stage.recovery_ns {
        verdict += &format!(", back in {}", span(recovery));
    }
    [
        number.to_string(),
        stage_rate(stage),
        time,
        thousands(stage.due),
        delivered(stage.delivered),
        stage.response_mean_ns.map_or_else(|| NONE.to_owned(), span),
        format!("{} → {}", thousands(stage.backlog_start), thousands(stage.backlog_end)),
        verdict,
    ]
}

/// Formats the rate of a stage: `1,000/s`, or `1,000 to 5,000/s` for a ramp.
pub(crate) fn stage_rate(stage: &StageSummary) -> String {
    let (from, to) = (asked(Some(stage.from)), asked(Some(stage.to)));
    if from == to { from } else { format!("{} to {to}", from.trim_end_matches("/s")) }
}

/// The heads of the columns about the hosts of a run; the clock is known to this time.
pub(crate) const HOST_HEADS: [&str; 8] =
    ["host", "workers", "cycles", "completed", "failed", "delivered", "loop lag p99", "clock"];

/// Returns the cells of a host, below [`HOST_HEADS`]; `place` counts from 0.
pub(crate) fn host(place: usize, host: &HostSummary) -> [String; 8] {
    let cycles = &host.cycles;
    [
        format!("{place} {}", host.name).trim_end().to_owned(),
        thousands(host.workers.into()),
        thousands(cycles.issued),
        thousands(cycles.completed),
        thousands(cycles.failed.saturating_add(cycles.abandoned)),
        delivered(host.delivered),
        host.loop_lag_p99.map_or_else(|| NONE.to_owned(), span),
        host.clock.map_or_else(|| NONE.to_owned(), |clock| format!("± {}", span(clock.bound_ns))),
    ]
}

/// Returns the name of a process in a table of workers.
pub(crate) fn index(process: ProcessId) -> String {
    match process {
        ProcessId::Worker(index) => index.to_string(),
        other => other.to_string(),
    }
}

/// Returns how a worker ended; `None` if it ended as it should have.
pub(crate) fn exit(worker: &WorkerProcess) -> Option<String> {
    match &worker.exit {
        Some(WorkerExit::Code(0)) => None,
        Some(WorkerExit::Code(code)) => Some(format!("exit {code}")),
        Some(WorkerExit::Signal(signal)) => Some(signal.clone()),
        // A later version may know more ends than these.
        Some(other) => Some(format!("{other:?}")),
        None if worker.pid.is_none() => Some("not started".to_owned()),
        None => Some("unknown".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use dyno_summary::Verdict;

    use super::*;

    #[test]
    fn rates_have_three_digits() {
        for (rate, text) in [
            (0.0, "0/s"),
            (0.1, "0.10/s"),
            (50.0, "50/s"),
            (49.81, "49.8/s"),
            (12_499.6, "12,500/s"),
        ] {
            assert_eq!(delivered(rate), text);
        }
        assert_eq!(asked(None), "max");
        assert_eq!(asked(Some(2_500.0)), "2,500/s");
    }

    #[test]
    fn a_threshold_is_in_words_with_its_value_and_its_worst_window() {
        let mut one = ThresholdResult::default();
        one.expression = "response.p99 < 20ms over 10s".into();
        (one.unit, one.value) = (Unit::Nanoseconds, Some(31_200_000.0));
        assert_eq!(threshold(&one), "response.p99 < 20ms over 10s not met: 31.2 ms");
        let mut worst = dyno_summary::WorstWindow::default();
        (worst.at_ns, worst.value) = (14_200_000_000, 31_200_000.0);
        one.worst = Some(worst);
        assert_eq!(
            threshold(&one),
            "response.p99 < 20ms over 10s not met: 31.2 ms in the worst window, until 14.2 s after \
             the start"
        );
        (one.met, one.value, one.worst) = (true, None, None);
        assert_eq!(mark(&one), "✓");
        assert_eq!(threshold(&one), "response.p99 < 20ms over 10s met: no values");
    }

    #[test]
    fn a_stage_has_its_rate_its_verdict_and_when_the_backlog_was_back() {
        let mut one = StageSummary::default();
        (one.from, one.to, one.duration_ns) = (20_000.0, 20_000.0, 10_000_000_000);
        (one.due, one.delivered, one.response_mean_ns) = (200_000, 4_980.2, Some(3_200_000_000));
        (one.backlog_start, one.backlog_end) = (3, 150_200);
        (one.verdict, one.recovery_ns) = (Some(Verdict::Unsustained), Some(37_500_000_000));
        assert_eq!(
            stage(3, &one).join(" | "),
            "3 | 20,000/s | 10s | 200,000 | 4,980/s | 3.20 s | 3 → 150,200 | unsustained, back in \
             37.5 s"
        );
        (one.from, one.verdict, one.recovery_ns) = (1_000.0, None, None);
        (one.breaking_point, one.response_mean_ns) = (Some(5_012.3), None);
        assert_eq!(
            stage(2, &one).join(" | "),
            "2 | 1,000 to 20,000/s | 10s | 200,000 | 4,980/s | – | 3 → 150,200 | –, breaks at 5,012/s"
        );
    }

    #[test]
    fn a_worker_that_started_and_whose_end_is_unknown_is_not_one_that_never_started() {
        let end = |pid, end| {
            let mut worker = WorkerProcess::default();
            (worker.pid, worker.exit) = (pid, end);
            exit(&worker)
        };
        assert_eq!(end(Some(7), Some(WorkerExit::Code(0))), None);
        assert_eq!(end(Some(7), Some(WorkerExit::Code(3))).as_deref(), Some("exit 3"));
        assert_eq!(end(Some(7), None).as_deref(), Some("unknown"));
        assert_eq!(end(None, None).as_deref(), Some("not started"));
    }
}
