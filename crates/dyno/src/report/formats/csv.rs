//! `--format csv`: a line of names and one row, for shells.
//!
//! Names and their order are stable. New names are added at the end, so that `cut` and `awk` keep
//! finding their columns. A cell that may hold a comma (only the benchmark's name) is quoted as in
//! RFC 4180.

use dyno_bus::builtin::{LOOP_LAG, RESPONSE, SERVICE, WAIT};
use dyno_summary::{Metric, StageSummary, Summary, Verdict};

/// A column: its name, and the function that writes its cell. A cell is empty if its metric has no
/// values, or too few of them for the percentile.
type CsvColumn = (&'static str, fn(&Summary) -> String);

/// The columns, in order.
const COLUMNS: [CsvColumn; 29] = [
    ("benchmark", |summary| quoted(&summary.benchmark)),
    ("verdict", |summary| quoted(summary.verdict.name())),
    ("rate_asked", |summary| {
        summary.rate.asked.map_or_else(|| "max".to_owned(), |rate| rate.to_string())
    }),
    ("rate_delivered", |summary| format!("{:.3}", summary.rate.delivered)),
    ("workers", |summary| summary.parameters.workers.to_string()),
    ("issued", |summary| summary.cycles.issued.to_string()),
    ("completed", |summary| summary.cycles.completed.to_string()),
    ("failed", |summary| summary.cycles.failed.to_string()),
    ("skipped", |summary| summary.cycles.skipped.to_string()),
    ("unstarted", |summary| summary.cycles.unstarted.to_string()),
    ("abandoned", |summary| summary.cycles.abandoned.to_string()),
    ("lost", |summary| summary.cycles.lost.to_string()),
    ("backlog_start", |summary| summary.backlog.start.to_string()),
    ("backlog_max", |summary| summary.backlog.max.to_string()),
    ("backlog_end", |summary| summary.backlog.end.to_string()),
    ("wait_p99_ns", |summary| cell(summary, WAIT, |metric| metric.p99)),
    ("service_mean_ns", |summary| cell(summary, SERVICE, |metric| Some(metric.mean as u64))),
    ("service_p99_ns", |summary| cell(summary, SERVICE, |metric| metric.p99)),
    ("response_mean_ns", |summary| cell(summary, RESPONSE, |metric| Some(metric.mean as u64))),
    ("response_p50_ns", |summary| cell(summary, RESPONSE, |metric| metric.p50)),
    ("response_p90_ns", |summary| cell(summary, RESPONSE, |metric| metric.p90)),
    ("response_p99_ns", |summary| cell(summary, RESPONSE, |metric| metric.p99)),
    ("response_p999_ns", |summary| cell(summary, RESPONSE, |metric| metric.p999)),
    ("response_max_ns", |summary| cell(summary, RESPONSE, |metric| Some(metric.max))),
    ("loop_lag_p99_ns", |summary| cell(summary, LOOP_LAG, |metric| metric.p99)),
    ("started_at", |summary| quoted(&summary.started_at)),
    ("exit_code", |summary| summary.exit_code.to_string()),
    ("thresholds_broken", |summary| {
        summary.thresholds.iter().filter(|threshold| !threshold.met).count().to_string()
    }),
    ("stages_unsustained", |summary| {
        let is_not = |stage: &&StageSummary| stage.verdict == Some(Verdict::Unsustained);
        summary.stages.iter().filter(is_not).count().to_string()
    }),
];

/// Returns two lines: the names, and the row.
pub(crate) fn render(summary: &Summary) -> String {
    let names = COLUMNS.map(|(name, _)| name).join(",");
    let row = COLUMNS.map(|(_, cell)| cell(summary)).join(",");
    format!("{names}\n{row}\n")
}

fn cell(summary: &Summary, name: &str, number: fn(&Metric) -> Option<u64>) -> String {
    let metric = summary.metric(name).filter(|metric| metric.count > 0);
    metric.and_then(number).map_or_else(String::new, |number| number.to_string())
}

pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::fixture;

    #[test]
    fn a_row_has_a_cell_for_each_name() {
        let text = render(&fixture::summary());
        assert_eq!(
            text,
            "benchmark,verdict,rate_asked,rate_delivered,workers,issued,completed,failed,skipped,\
             unstarted,abandoned,lost,backlog_start,backlog_max,backlog_end,wait_p99_ns,\
             service_mean_ns,service_p99_ns,response_mean_ns,response_p50_ns,response_p90_ns,\
             response_p99_ns,response_p999_ns,response_max_ns,loop_lag_p99_ns,started_at,exit_code,thresholds_broken,\
             stages_unsustained\n\
             shop,unsustained,50,39.600,2,250,198,2,0,50,0,0,1,60,52,,20000000,,\
             22000000,20000000,27000000,,,27000000,,\
             2026-01-02T03:04:05.678Z,1,0,0\n"
        );
    }

    #[test]
    fn a_percentile_has_a_cell_once_its_count_carries_it() {
        let cell = |summary: &Summary, name: &str| {
            let place = COLUMNS.iter().position(|column| column.0 == name).unwrap();
            render(summary).lines().nth(1).unwrap().split(',').nth(place).unwrap().to_owned()
        };
        let mut summary = fixture::summary();
        assert_eq!(cell(&summary, "response_p99_ns"), "");
        summary.metrics.get_mut("response").unwrap().p99 = Some(27_000_000);
        assert_eq!(cell(&summary, "response_p99_ns"), "27000000");
        assert_eq!(cell(&summary, "response_p999_ns"), "");
    }

    #[test]
    fn every_column_is_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/output.md");
        let page = std::fs::read_to_string(path).unwrap();
        let documented: Vec<_> = page
            .lines()
            .skip_while(|line| !line.starts_with("## The columns"))
            .skip(1)
            .take_while(|line| !line.starts_with("## "))
            .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
            .flat_map(|names| names.split("`, `").map(|name| name.trim_end_matches('`')))
            .collect();
        assert_eq!(documented, COLUMNS.map(|(name, _)| name));
    }

    #[test]
    fn a_name_with_a_comma_is_one_cell_and_a_missing_metric_an_empty_one() {
        let mut summary = fixture::summary();
        summary.benchmark = "a \"b\", c".into();
        summary.rate.asked = None;
        summary.metrics.clear();
        let text = render(&summary);
        let row = text.lines().nth(1).unwrap();
        assert!(row.starts_with("\"a \"\"b\"\", c\",unsustained,max,39.600,2,"), "{row}");
        assert!(row.ends_with(",1,60,52,,,,,,,,,,,2026-01-02T03:04:05.678Z,1,0,0"), "{row}");
    }
}
