//! `--format markdown`: a table for the comment of a pull request.

use std::fmt::Write;

use dyno_summary::{Metric, Summary};

use super::figures;

/// A column of the metrics: its heading, and the number in its cells.
type Number = (&'static str, fn(&Metric) -> Option<f64>);

/// The columns that are shown for each metric.
const NUMBERS: [Number; 6] = [
    ("mean", |metric| Some(metric.mean)),
    ("p50", |metric| figures::percentile(metric.p50)),
    ("p90", |metric| figures::percentile(metric.p90)),
    ("p99", |metric| figures::percentile(metric.p99)),
    ("p99.9", |metric| figures::percentile(metric.p999)),
    ("max", |metric| Some(metric.max as f64)),
];

/// Returns the verdict with its reasons, the thresholds, the warnings, the rates, the stages of a load
/// profile, and a table of the metrics.
pub(crate) fn render(summary: &Summary) -> String {
    let mut text = String::new();
    let out = &mut text;
    line(out, &format!("### {}: {}", escaped(&summary.benchmark), summary.verdict));
    line(out, "");
    for reason in &summary.reasons {
        line(out, &format!("- {}", escaped(reason)));
    }
    for threshold in &summary.thresholds {
        let text = figures::threshold(threshold);
        line(out, &format!("- {} {}", figures::mark(threshold), escaped(&text)));
    }
    for warning in &summary.warnings {
        line(out, &format!("- warning: {}", escaped(warning)));
    }
    line(out, "");
    let (asked, delivered) = (summary.rate.asked, summary.rate.delivered);
    let (asked, delivered) = (figures::asked(asked), figures::delivered(delivered));
    line(out, "| asked | delivered | cycles | backlog at most | at the end |");
    line(out, "|--:|--:|:--|--:|--:|");
    let cycles = figures::account(summary).join(", ");
    let (most, end) = (summary.backlog.max, summary.backlog.end);
    line(out, &format!("| {asked} | {delivered} | {cycles} | {most} | {end} |"));
    line(out, "");
    if !summary.stages.is_empty() {
        line(out, &format!("| {} |", figures::STAGE_HEADS.join(" | ")));
        line(out, &format!("|{}:--|", "--:|".repeat(figures::STAGE_HEADS.len() - 1)));
        for (index, stage) in summary.stages.iter().enumerate() {
            line(out, &format!("| {} |", figures::stage(index + 1, stage).join(" | ")));
        }
        line(out, "");
    }
    if !summary.hosts.is_empty() {
        line(out, &format!("| {} |", figures::HOST_HEADS.join(" | ")));
        line(out, &format!("|:--|{}", "--:|".repeat(figures::HOST_HEADS.len() - 1)));
        for (place, host) in summary.hosts.iter().enumerate() {
            let cells = figures::host(place, host).map(|cell| escaped(&cell));
            line(out, &format!("| {} |", cells.join(" | ")));
        }
        line(out, "");
    }
    let names = NUMBERS.map(|(name, _)| name).join(" | ");
    line(out, &format!("| metric | count | {names} |"));
    line(out, &format!("|:--|--:|{}", "--:|".repeat(NUMBERS.len())));
    for (name, metric) in figures::ordered(&summary.metrics) {
        let cells = NUMBERS.map(|(_, number)| figures::value(metric, number(metric))).join(" | ");
        line(out, &format!("| {} | {} | {cells} |", escaped(name), metric.count));
    }
    for (name, metric) in figures::ordered(&summary.completed_metrics) {
        let cells = NUMBERS.map(|(_, number)| figures::value(metric, number(metric))).join(" | ");
        line(out, &format!("| {name} of completed cycles | {} | {cells} |", metric.count));
    }
    line(out, "");
    let mut words = figures::parameters(summary);
    words.push(summary.environment.cpu.clone());
    words.push(summary.environment.rustc.clone());
    words.push(format!("dyno {}", summary.environment.dyno));
    words.retain(|word| !word.is_empty());
    line(out, &format!("<sub>{}</sub>", escaped(&words.join(" · "))));
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes anything");
}

/// Escapes characters that would end a cell, begin a tag, or format a text that is only a name.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '*' | '_' | '`' | '\\' | '[' | '#' => escaped.extend(['\\', c]),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::fixture;

    const COMMENT: &str = r#"### shop: unsustained

- the backlog grew by 52 cycles, where 3 are allowed
- 2 of 250 cycles failed; at most 0 may (--max-failed)
- warning: this is a debug build: add --release

| asked | delivered | cycles | backlog at most | at the end |
|--:|--:|:--|--:|--:|
| 50/s | 39.6/s | 250 issued, 198 completed, 2 failed, 50 unstarted | 60 | 52 |

| metric | count | mean | p50 | p90 | p99 | p99.9 | max |
|:--|--:|--:|--:|--:|--:|--:|--:|
| wait | 12 | 2.00 ms | 2.00 ms | 3.00 ms | – | – | 3.00 ms |
| service | 12 | 20.0 ms | 18.0 ms | 24.0 ms | – | – | 24.0 ms |
| response | 12 | 22.0 ms | 20.0 ms | 27.0 ms | – | – | 27.0 ms |
| loop\_lag | 8 | 165 µs | 80.0 µs | – | – | – | 250 µs |
| cpu | 4 | 45.0 % | 45.0 % | – | – | – | 45.0 % |
| rss | 4 | 24.0 MB | 24.0 MB | – | – | – | 24.0 MB |
"#;

    #[test]
    fn a_comment_has_verdict_rates_and_metrics() {
        let text = render(&fixture::summary());
        let (tables, machine) = text.split_once("\n<sub>").unwrap();
        assert_eq!(tables, COMMENT);
        assert!(machine.starts_with("rate 50/s · duration 5s · "), "{machine}");
        assert!(machine.ends_with(" · Some CPU · rustc 1.95.0 · dyno 0.1.0</sub>\n"), "{machine}");
    }

    #[test]
    fn completed_cycles_have_their_own_rows_if_others_failed() {
        let mut summary = fixture::summary();
        let service = summary.metrics["service"].clone();
        summary.completed_metrics.insert("service".into(), service);
        let row = "\n| service of completed cycles | 12 | 20.0 ms | 18.0 ms | 24.0 ms | – | – | 24.0 ms |\n";
        assert!(render(&summary).contains(row), "{}", render(&summary));
    }

    #[test]
    fn a_load_profile_has_a_row_for_each_stage() {
        let rows = "
| stage | rate | time | cycles | delivered | response | backlog | verdict |
|--:|--:|--:|--:|--:|--:|--:|:--|
| 1 | 50/s | 2s | 100 | 50/s | 20.0 ms | 0 → 1 | sustained |
| 2 | 50 to 400/s | 2s | 450 | 210/s | 320 ms | 1 → 32 | –, breaks at 211/s, back in 750 ms |
";
        let text = render(&fixture::staged());
        assert!(text.contains(rows), "{text}");
    }

    #[test]
    fn names_break_no_table() {
        assert_eq!(escaped("a|b\n<c>_d_"), "a\\|b \\<c>\\_d\\_");
    }
}
