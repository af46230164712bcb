//! The summary as a page for people. Pure: a [`Summary`] and a width in, text out.
//!
//! The verdict comes last: it is the answer, and the bottom of a terminal is the part that is seen.
//! Above it are, from the top, the requested settings, the figures that the verdict is made of, and
//! the errors.

use std::path::Path;

use console::{Alignment, measure_text_width as width, pad_str};
use dyno_bus::builtin::{LOOP_LAG, RESPONSE, SERVICE, WAIT};
use dyno_summary::{Metric, Metrics, Summary, WorkerProcess};

use super::figures::{self, NONE};
use super::palette::Palette;
use super::{printable, table};
use crate::plan::thousands;
use crate::report::files::folder::PAGE;

/// The most workers in the table: those with the longest response. `run.json` has all of them.
const WORKERS_SHOWN: usize = 16;
/// The narrowest terminal on which every percentile fits.
const WIDTH_OF_ALL: usize = 80;
/// The share of completed cycles from which on those that completed after the window's end are
/// mentioned: with fewer, the delivered rate needs no explanation.
const LATE_SHARE_SAID: f64 = 0.01;
/// The column of the texts after the headings.
const MARGIN: usize = 11;
/// The width of a page, in columns, if no terminal limits it.
const WIDTH: usize = 100;

/// One column of the metrics: its heading, its behaviour on a narrow terminal, and its number.
type MetricColumn = (&'static str, Narrow, fn(&Metric) -> Option<f64>);

/// The behaviour of a column on a terminal that has no room for all of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Narrow {
    Stays,
    Goes,
}

const COLUMNS: [MetricColumn; 6] = [
    ("mean", Narrow::Stays, |metric| Some(metric.mean)),
    ("p50", Narrow::Stays, |metric| figures::percentile(metric.p50)),
    ("p90", Narrow::Goes, |metric| figures::percentile(metric.p90)),
    ("p99", Narrow::Stays, |metric| figures::percentile(metric.p99)),
    ("p99.9", Narrow::Goes, |metric| figures::percentile(metric.p999)),
    ("max", Narrow::Stays, |metric| Some(metric.max as f64)),
];

/// The style and the width of a printed summary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// The colours, or none if the text is not for a terminal.
    pub(crate) palette: Palette,
    /// The columns of the terminal; `None` without one: each sentence is then a line, for `grep`.
    pub(crate) width: Option<usize>,
}

/// The folder of a run's files, as the result names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    pub(crate) folder: &'a Path,
    /// `true` if the folder has a page.
    pub(crate) has_page: bool,
}

impl Kept<'_> {
    /// Returns the path of the page, if there is one, as it is printed.
    pub(crate) fn page(self) -> Option<String> {
        let path = self.folder.join(PAGE);
        self.has_page.then(|| printable::plain(&path.display().to_string()))
    }
}

impl Look {
    /// Returns the number of columns to fill.
    pub(crate) fn columns(self) -> usize {
        self.width.unwrap_or(WIDTH)
    }
}

/// Returns the whole page, the verdict last. `kept` is the folder of the run's files, if there is
/// one.
pub(crate) fn render(summary: &Summary, kept: Option<Kept<'_>>, look: Look) -> String {
    let palette = look.palette;
    let summary = &printable::summary(summary);
    let mut text = wrapped(&summary.benchmark, &figures::parameters(summary), look);
    text.push('\n');
    text.push_str(&wrapped("cycles", &cycles(summary), look));
    if summary.rate.asked.is_some() {
        text.push_str(&wrapped("backlog", &backlog(summary), look));
    }
    text.push_str(&wrapped("harness", &harness(summary), look));
    if let Some(kept) = kept {
        let folder = printable::plain(&kept.folder.display().to_string());
        text.push_str(&wrapped("files", &[folder], look));
        if let Some(page) = kept.page() {
            text.push_str(&wrapped("page", &[page], look));
        }
    }
    if summary.metrics.values().any(|metric| metric.count > 0) {
        text.push('\n');
        text.push_str(&metrics(&summary.metrics, palette, look.columns()));
        text.push_str(&completed(summary, look));
    }
    if !summary.workers.is_empty() {
        text.push('\n');
        text.push_str(&workers(summary, palette));
    }
    text.push_str(&hosts(summary, look));
    text.push_str(&stages(summary, look));
    text.push_str(&errors(summary, palette));
    text.push_str(&thresholds(summary, look));
    for warning in &summary.warnings {
        text.push('\n');
        text.push_str(&sentence(&palette.warn("warning:"), warning, look));
    }
    text.push_str(&verdict(summary, look));
    text
}

/// Returns a heading and the words after it. A line breaks only between two words.
pub(crate) fn wrapped(heading: &str, words: &[String], look: Look) -> String {
    let mut lines: Vec<String> = Vec::new();
    let room = look.columns().saturating_sub(MARGIN);
    for word in words {
        match lines.last_mut() {
            Some(line) if width(line) + 3 + width(word) <= room => {
                line.push_str(" · ");
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    let heading_width = MARGIN - 1;
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push_str(&format!("{:MARGIN$}{line}\n", ""));
        } else if width(heading) > heading_width {
            // A heading that is too wide gets its own line.
            text.push_str(&format!("{}\n{:MARGIN$}{line}\n", look.palette.bold(heading), ""));
        } else {
            let heading = pad_str(heading, heading_width, Alignment::Left, None);
            let heading = look.palette.bold(&heading);
            text.push_str(&format!("{heading} {line}\n"));
        }
    }
    text
}

fn cycles(summary: &Summary) -> Vec<String> {
    let mut words = figures::account(summary);
    let delivered = figures::delivered(summary.rate.delivered);
    let Some(asked) = summary.rate.asked else {
        words.push(format!("{delivered} delivered"));
        return words;
    };
    words.push(format!("{delivered} of {} delivered", figures::asked(Some(asked))));
    // A few cycles always complete after the window's end: the rate lacks too little to mention.
    let late = summary.rate.late;
    if late as f64 > LATE_SHARE_SAID * summary.cycles.completed as f64 {
        let late = thousands(late);
        words.push(format!("{late} more completed after the window's end, while draining"));
    }
    words
}

fn backlog(summary: &Summary) -> Vec<String> {
    let backlog = &summary.backlog;
    let end = match backlog.end {
        0 => "0 at the end".to_owned(),
        end => format!(
            "{} at the end ({} waiting, {} running)",
            thousands(end),
            thousands(backlog.waiting_end),
            thousands(backlog.running_end)
        ),
    };
    vec![
        format!("{} at the start", thousands(backlog.start)),
        format!("{} at most", thousands(backlog.max)),
        end,
    ]
}

/// Returns the cost of dyno itself: usually little. Each trouble is listed only if it occurred.
fn harness(summary: &Summary) -> Vec<String> {
    let harness = &summary.harness;
    let mut words = Vec::new();
    let most = summary.primary.metrics.get(LOOP_LAG).filter(|lag| lag.count > 0);
    words.extend(match (harness.loop_lag_p99, most) {
        (Some(lag), _) => Some(format!("loop lag p99 {}", figures::span(lag))),
        // There are too few values for a percentile.
        (None, Some(lag)) => Some(format!("loop lag at most {}", figures::span(lag.max))),
        (None, None) => None,
    });
    words.push(format!("{:.1} % of a core", harness.cpu_share * 100.0));
    if harness.unleased > 0 {
        words.push(format!("{} cycles unleased", thousands(harness.unleased)));
    }
    if harness.bus_stall_ns > 0 {
        words.push(format!("tasks held up for {}", figures::span(harness.bus_stall_ns)));
    }
    if !harness.pauses.is_empty() {
        let total = harness.pauses.iter().sum();
        words.push(format!("stopped {} times, {}", harness.pauses.len(), figures::span(total)));
    }
    words
}

/// Returns the number of values that are of failed cycles, and the statistics without them; empty
/// if no value is of a failed cycle.
fn completed(summary: &Summary, look: Look) -> String {
    let Some(alone) = summary.completed_metrics.get(SERVICE) else { return String::new() };
    let all = summary.metrics.get(SERVICE).map_or(0, |service| service.count);
    let of_cycles = match summary.metrics.contains_key(WAIT) {
        true => "wait, service and response",
        false => "service and response",
    };
    let failed = thousands(all.saturating_sub(alone.count));
    let all = thousands(all);
    if alone.count == 0 {
        return format!("\nall {all} values of {of_cycles} are of failed cycles\n");
    }
    let head = format!("{failed} of the {all} values of {of_cycles}");
    let table = metrics(&summary.completed_metrics, look.palette, look.columns());
    format!("\n{}{table}", sentence(&head, "are of failed cycles; without them:", look))
}

fn metrics(metrics: &Metrics, palette: Palette, width: usize) -> String {
    let fits = |column: &&MetricColumn| column.1 == Narrow::Stays || width >= WIDTH_OF_ALL;
    let columns: Vec<_> = COLUMNS.iter().filter(fits).collect();
    let mut head = vec!["metric", "count"];
    head.extend(columns.iter().map(|column| column.0));
    let row = |(name, metric): (&str, &Metric)| {
        let mut cells = vec![name.to_owned(), thousands(metric.count)];
        cells.extend(columns.iter().map(|column| figures::value(metric, column.2(metric))));
        cells
    };
    let rows: Vec<_> = figures::ordered(metrics).into_iter().map(row).collect();
    table::render(&head, &rows, palette)
}

fn workers(summary: &Summary, palette: Palette) -> String {
    let mut shown: Vec<&WorkerProcess> = summary.workers.iter().collect();
    if shown.len() > WORKERS_SHOWN {
        // The maximum replaces a p99 that has too few values, so that no slow worker is hidden.
        let response = |worker: &&WorkerProcess| {
            worker.metrics.get(RESPONSE).map(|one| one.p99.unwrap_or(one.max))
        };
        // Workers that did not end well come first, regardless of their response.
        shown.sort_by_key(|worker| {
            let well = figures::exit(worker).is_none();
            (well, std::cmp::Reverse(response(worker)), worker.index)
        });
        shown.truncate(WORKERS_SHOWN);
    }
    let exits = shown.iter().any(|worker| figures::exit(worker).is_some());
    let mut head = vec!["worker", "service", "response p99", "loop lag p99", "cpu", "rss"];
    if exits {
        head.push("end");
    }
    let row = |worker: &&WorkerProcess| {
        let mut cells = vec![worker.index.to_string()];
        cells.extend(figures::of_worker(&worker.metrics));
        if exits {
            cells.push(figures::exit(worker).unwrap_or_else(|| NONE.to_owned()));
        }
        cells
    };
    let rows: Vec<_> = shown.iter().map(row).collect();
    let mut text = table::render(&head, &rows, palette);
    let hidden = summary.workers.len() - shown.len();
    if hidden > 0 {
        let line = format!("… {hidden} more, whose response was shorter");
        text.push_str(&format!("{}\n", palette.dim(&line)));
    }
    text
}

/// Returns a row for each host of a run over several; empty for a run on one host.
fn hosts(summary: &Summary, look: Look) -> String {
    if summary.hosts.is_empty() {
        return String::new();
    }
    // What failed, the delay of the timer and the clock have no room in a narrow terminal.
    let shown = if look.columns() >= WIDTH { figures::HOST_HEADS.len() } else { 4 };
    let hosts = summary.hosts.iter().enumerate();
    let rows: Vec<_> =
        hosts.map(|(place, host)| figures::host(place, host)[..shown].to_vec()).collect();
    format!("\n{}", table::render(&figures::HOST_HEADS[..shown], &rows, look.palette))
}

/// Returns a row for each stage of the load profile; empty for a run at one rate.
fn stages(summary: &Summary, look: Look) -> String {
    if summary.stages.is_empty() {
        return String::new();
    }
    // The time, the cycles and the delivered rate have no room in a narrow terminal.
    let is_wide = look.columns() >= WIDTH;
    let shown = |cells: [String; 8]| {
        let cells = cells.into_iter().enumerate();
        let fits = |(column, _): &(usize, String)| is_wide || !(2..=4).contains(column);
        cells.filter(fits).map(|(_, cell)| cell).collect::<Vec<_>>()
    };
    let head = shown(figures::STAGE_HEADS.map(str::to_owned));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let stages = summary.stages.iter().enumerate();
    let rows: Vec<_> =
        stages.map(|(index, stage)| shown(figures::stage(index + 1, stage))).collect();
    format!("\n{}", table::render(&head, &rows, look.palette))
}

fn errors(summary: &Summary, palette: Palette) -> String {
    let mut text = String::new();
    if summary.errors.is_empty() {
        return text;
    }
    text.push_str(&format!("\n{}\n", palette.bad("errors of cycles")));
    for error in &summary.errors {
        let message = error.message.replace('\n', "\n      ");
        text.push_str(&format!(
            "  {} × {message} {}\n",
            thousands(error.count),
            palette.dim(&format!("(first in cycle {})", error.first_cycle))
        ));
    }
    let unlisted = summary.errors_unlisted();
    if unlisted > 0 {
        text.push_str(&format!("  … {} more, with other messages\n", thousands(unlisted)));
    }
    text
}

/// Returns a line for each threshold: with a mark, and in words for those who see no mark.
fn thresholds(summary: &Summary, look: Look) -> String {
    let mut text = String::new();
    for threshold in &summary.thresholds {
        let mark = figures::mark(threshold);
        let mark = if threshold.met { look.palette.good(mark) } else { look.palette.bad(mark) };
        text.push_str(if text.is_empty() { "\n" } else { "" });
        text.push_str(&sentence(&mark, &figures::threshold(threshold), look));
    }
    text
}

fn verdict(summary: &Summary, look: Look) -> String {
    let palette = look.palette;
    let name = palette.verdict(&summary.verdict, &format!("{}:", summary.verdict));
    let mut text = String::from("\n");
    for (index, reason) in summary.reasons.iter().enumerate() {
        let head = if index == 0 { name.clone() } else { palette.dim("also:") };
        text.push_str(&sentence(&head, reason, look));
    }
    if !summary.hint.is_empty() {
        text.push_str(&sentence(&palette.dim("next:"), &summary.hint, look));
    }
    text
}

/// Returns a sentence after a word, broken between words where the terminal would break within one.
fn sentence(head: &str, text: &str, look: Look) -> String {
    let mut broken = String::from(head);
    let mut column = console::measure_text_width(head);
    for line in text.split('\n') {
        for word in line.split(' ') {
            let width = console::measure_text_width(word);
            if look.width.is_some_and(|most| column + 1 + width > most) {
                broken.push_str("\n ");
                column = 1;
            }
            broken.push(' ');
            broken.push_str(word);
            column += 1 + width;
        }
        broken.push('\n');
        column = 0;
    }
    broken
}

#[cfg(test)]
mod tests;
