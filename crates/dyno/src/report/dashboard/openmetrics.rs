//! The figures of a run as OpenMetrics text, for Prometheus and all that read its format.
//!
//! The text is written here, since the histograms exist already: a library would count every value
//! a second time. They hold the values of all workers, and no label but the benchmark's name, so
//! that their number does not grow with the workers. The warm-up is not in them.
//! `docs/metrics.md` has the names.

use std::fmt::Write as _;

use dyno_observer::Series;

use crate::report::metric_figures::MetricFigures;

/// The type of the text in an answer.
pub(super) const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The least bound of a histogram, in nanoseconds.
const BOUND_MIN_NS: f64 = 1_000.0;
/// The bounds of a histogram: from 1 µs to 95 s. Each is the fourth root of two above the one
/// before, so that a percentile is at most a fifth too large or too small, and usually much nearer.
const BOUNDS: usize = 107;
const BOUNDS_PER_OCTAVE: f64 = 4.0;

/// Returns the whole text; without a run it has no figures.
pub(super) fn text(run: Option<MetricFigures<'_>>) -> String {
    let mut text = String::new();
    if let Some(run) = run {
        figures(&mut text, run);
    }
    text.push_str("# EOF\n");
    text
}

fn figures(text: &mut String, run: MetricFigures<'_>) {
    let benchmark = escaped(run.benchmark);
    let label = format!("benchmark=\"{benchmark}\"");
    family(text, "dyno_cycles", "counter", "Cycles of the measured window, by their fate.");
    for (fate, count) in run.fates() {
        line(text, "dyno_cycles_total", &format!("{label},fate=\"{fate}\""), count);
    }
    family(text, "dyno_cycles_issued", "counter", "Cycles of the measured window that were due.");
    line(text, "dyno_cycles_issued_total", &label, run.cycles.issued);
    family(text, "dyno_backlog", "gauge", "Cycles that were due and have not ended.");
    line(text, "dyno_backlog", &label, run.backlog);
    family(text, "dyno_workers", "gauge", "Worker processes of the run.");
    line(text, "dyno_workers", &label, run.workers);
    if let Some(rate) = run.rate {
        family(text, "dyno_requested_rate", "gauge", "Requested cycles per second.");
        line(text, "dyno_requested_rate", &label, rate);
    }
    for gauge in run.gauges() {
        let name = format!("dyno_{}{}", gauge.name.replace('.', "_"), gauge.suffix);
        family(text, &name, "gauge", gauge.help);
        line(text, &name, &label, gauge.value);
    }
    for (name, help, series) in run.histograms() {
        histogram(text, &format!("dyno_{name}_seconds"), help, &label, series);
    }
}

fn histogram(text: &mut String, name: &str, help: &str, label: &str, series: &Series) {
    family(text, name, "histogram", help);
    let _written = writeln!(text, "# UNIT {name} seconds");
    let bucket = format!("{name}_bucket");
    let bounds = bounds();
    for (bound, count) in bounds.iter().zip(series.counts_up_to(&bounds)) {
        line(text, &bucket, &format!("{label},le=\"{}\"", seconds(u128::from(*bound))), count);
    }
    line(text, &bucket, &format!("{label},le=\"+Inf\""), series.count());
    line(text, &format!("{name}_sum"), label, seconds(series.sum()));
    line(text, &format!("{name}_count"), label, series.count());
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _written = writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _written = writeln!(text, "{name}{{{labels}}} {value}");
}

/// Returns the bounds of every histogram, in nanoseconds.
fn bounds() -> [u64; BOUNDS] {
    std::array::from_fn(|step| {
        (BOUND_MIN_NS * (step as f64 / BOUNDS_PER_OCTAVE).exp2()).round() as u64
    })
}

fn seconds(nanos: u128) -> f64 {
    nanos as f64 / 1e9
}

/// Returns a text as the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use dyno_bus::message::{Batch, Column, Declare, METRICS_MAX};
    use dyno_bus::{Phase, Time};
    use dyno_observer::{Label, ProcessId};
    use dyno_summary::{Fates, Unit};

    use super::*;
    use crate::result::fixture;

    fn text_of(benchmark: &str) -> String {
        text_of_merged(benchmark, &fixture::observer().merged_values())
    }

    fn text_of_merged(benchmark: &str, merged: &[(Label, Series)]) -> String {
        let mut cycles = Fates::default();
        (cycles.issued, cycles.completed, cycles.failed) = (14, 12, 1);
        let (backlog, workers, rate) = (1, 2, Some(50.5));
        text(Some(MetricFigures { benchmark, cycles, backlog, workers, rate, merged }))
    }

    #[test]
    fn the_text_has_each_figure_once_and_ends_where_it_says() {
        let text = text_of("shop");
        for line in [
            "# TYPE dyno_cycles counter",
            "dyno_cycles_total{benchmark=\"shop\",fate=\"completed\"} 12",
            "dyno_cycles_total{benchmark=\"shop\",fate=\"lost\"} 0",
            "dyno_cycles_issued_total{benchmark=\"shop\"} 14",
            "dyno_backlog{benchmark=\"shop\"} 1",
            "dyno_requested_rate{benchmark=\"shop\"} 50.5",
            "# UNIT dyno_service_seconds seconds",
            "dyno_service_seconds_bucket{benchmark=\"shop\",le=\"0.000001\"} 0",
            "dyno_service_seconds_bucket{benchmark=\"shop\",le=\"+Inf\"} 12",
            "dyno_service_seconds_count{benchmark=\"shop\"} 12",
            "dyno_service_seconds_sum{benchmark=\"shop\"} 0.24",
        ] {
            assert_eq!(text.lines().filter(|one| *one == line).count(), 1, "{line} in {text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
        assert_eq!(super::text(None), "# EOF\n");
    }

    #[test]
    fn the_target_is_a_gauge_of_its_newest_value_in_the_base_unit() {
        let mut observer = fixture::observer();
        let values =
            [("target.cpu", Unit::Permille, [900, 250]), ("target.rss", Unit::Bytes, [1, 7])];
        for (metric, (name, unit, values)) in values.into_iter().enumerate() {
            let metric = METRICS_MAX as u32 - 1 - metric as u32;
            let declare = Declare { metric, name: name.into(), unit };
            observer.declare(ProcessId::Primary, &declare).expect("a new name");
            let values = values.to_vec();
            let columns = vec![Column { metric, phase: Phase::Measured, values }];
            let sequence = observer.received(ProcessId::Primary).expect("it is known").batches;
            let as_of = Time::from_nanos(2_000_000_000);
            let batch = Batch { sequence, as_of, columns, ..Batch::default() };
            observer.absorb(ProcessId::Primary, &batch).expect("valid");
        }
        let merged = observer.merged_values();
        let text = text_of_merged("shop", &merged);
        for line in [
            "# TYPE dyno_target_cpu_ratio gauge",
            "dyno_target_cpu_ratio{benchmark=\"shop\"} 0.25",
            "dyno_target_rss_bytes{benchmark=\"shop\"} 7",
        ] {
            assert_eq!(text.lines().filter(|one| *one == line).count(), 1, "{line} in {text}");
        }
        assert!(!text.contains("target_threads"), "{text}");
    }

    #[test]
    fn counts_of_a_histogram_grow_up_to_its_count() {
        let text = text_of("shop");
        let of_response = text.lines().filter(|line| line.starts_with("dyno_response_seconds_b"));
        let counts: Vec<u64> =
            of_response.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        assert_eq!(counts.len(), BOUNDS + 1);
        assert!(counts.is_sorted());
        assert_eq!((counts[0], counts[BOUNDS]), (0, 12));
    }

    #[test]
    fn the_bounds_are_steps_of_a_fourth_of_an_octave_up_to_95_seconds() {
        let bounds = bounds();
        assert_eq!((bounds[0], bounds[4], bounds[BOUNDS - 1] / 1_000_000), (1_000, 2_000, 94_906));
        assert!(bounds.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_name_can_not_end_its_label() {
        let text = text_of("a\"} 1\nb\\");
        assert!(text.contains("dyno_backlog{benchmark=\"a\\\"} 1\\nb\\\\\"} 1\n"), "{text}");
    }
}
