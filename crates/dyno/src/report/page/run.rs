//! The page of a run, section by section, from its summary.

use dyno_bus::builtin::{LOOP_LAG, RESPONSE};
use dyno_summary::{Intervals, Metric, Summary};
use serde_json::{Value, json};

use super::chart::{Chart, table, texts};
use super::html::Html;
use super::{Head, PageContent, heat, over_time, spectrum, warnings, workers};
use crate::plan::thousands;
use crate::report::files::folder::HISTOGRAMS;
use crate::report::formats::figures::{self, NONE};
use crate::result::redact;
use crate::settings;

/// The columns of the metrics: their heads and their numbers.
type NumberColumn = (&'static str, fn(&Metric) -> Option<f64>);
const COLUMNS: [NumberColumn; 7] = [
    ("mean", |metric| Some(metric.mean)),
    ("p50", |metric| figures::percentile(metric.p50)),
    ("p90", |metric| figures::percentile(metric.p90)),
    ("p99", |metric| figures::percentile(metric.p99)),
    ("p99.9", |metric| figures::percentile(metric.p999)),
    ("min", |metric| Some(metric.min as f64)),
    ("max", |metric| Some(metric.max as f64)),
];

/// Returns the page of a run. Runs of earlier versions have no interval table, and so no heat map.
pub(crate) fn render(summary: &Summary, intervals: Option<&Intervals>) -> String {
    let mut body = Html::default();
    let charts = sections(&mut body, (summary, intervals), RunPlace::Page);
    files(&mut body);
    let data = json!({"summary": shown(summary), "charts": charts});
    PageContent::new(&head(summary), body, data).into_file()
}

pub(super) fn head(summary: &Summary) -> Head<'_> {
    Head {
        name: &summary.benchmark,
        started_at: &summary.started_at,
        answer: summary.verdict.name(),
        mood: super::Mood::of(&summary.verdict),
        reasons: &summary.reasons,
        hint: &summary.hint,
    }
}

/// The place of a run's sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunPlace {
    /// The page of the run, once it is over.
    Page,
    /// The page of the run, while it goes on.
    #[cfg(feature = "dashboard")]
    LivePage,
    /// The page of the study that the run is a trial of, while the run goes on.
    #[cfg(feature = "dashboard")]
    LiveStudy,
}

impl RunPlace {
    /// Returns the begin of the names of charts, which are unique in a page.
    fn prefix(self) -> &'static str {
        match self {
            Self::Page => "",
            #[cfg(feature = "dashboard")]
            Self::LivePage => "",
            #[cfg(feature = "dashboard")]
            Self::LiveStudy => "trial-",
        }
    }

    /// Returns the text of a run without an interval.
    fn without_interval(self) -> &'static str {
        match self {
            Self::Page => "The run ended before an interval was over.",
            #[cfg(feature = "dashboard")]
            Self::LivePage | Self::LiveStudy => "The first interval of the run is not over.",
        }
    }
}

/// Appends the sections of a run, and returns the values of its charts.
pub(super) fn sections(
    html: &mut Html,
    (summary, intervals): (&Summary, Option<&Intervals>),
    place: RunPlace,
) -> Vec<Value> {
    let mut over_time = over_time::charts(summary);
    let is_measured = !over_time.is_empty();
    if let Some(heat) = intervals.and_then(heat::chart) {
        // It shows the same metric as the chart before it.
        let response = over_time.iter().position(|chart| chart.id == RESPONSE);
        over_time.insert(response.map_or(over_time.len(), |place| place + 1), heat);
    }
    over_time.extend(spectrum::chart(summary, intervals));
    let mut spread = workers::chart(summary);
    for chart in over_time.iter_mut().chain(&mut spread) {
        chart.id.insert_str(0, place.prefix());
    }
    figures_of(html, summary);
    warnings(html, &summary.warnings);
    if !summary.thresholds.is_empty() {
        section(html, "Thresholds", |html| thresholds(html, summary));
    }
    if !summary.stages.is_empty() {
        section(html, "Stages", |html| stages(html, summary));
    }
    section(html, "Charts", |html| {
        if !is_measured {
            html.element("p", &[], place.without_interval());
        }
        html.inside("div", &[("class", "charts")], |html| {
            over_time.iter().for_each(|chart| chart.write(html));
        });
    });
    metrics(html, summary);
    if !summary.errors.is_empty() {
        section(html, "Errors of cycles", |html| errors(html, summary));
    }
    if !summary.workers.is_empty() {
        section(html, "Workers", |html| workers::write(html, summary, spread.as_ref()));
    }
    if !summary.hosts.is_empty() {
        section(html, "Hosts", |html| hosts(html, summary));
    }
    section(html, "Parameters", |html| parameters(html, summary));
    section(html, "Environment", |html| environment(html, summary));
    over_time.iter().chain(&spread).map(Chart::data).collect()
}

/// Returns the part of the summary that the page shows: without the course, which the charts have,
/// and without the workers that are not shown.
pub(super) fn shown(summary: &Summary) -> Value {
    let mut part = summary.clone();
    part.series = Vec::new();
    part.command = command(summary);
    part.workers = workers::shown(summary).into_iter().cloned().collect();
    let mut value = serde_json::to_value(part).expect("a summary holds numbers and texts");
    if let Some(all) = value.as_object_mut() {
        all.remove("series");
    }
    if let Some(task) = value.pointer_mut("/parameters/task").and_then(Value::as_object_mut) {
        // An earlier version may have stored them.
        *task = redact::map(task);
    }
    value
}

fn section(html: &mut Html, title: &str, fill: impl FnOnce(&mut Html)) {
    html.inside("section", &[], |html| {
        html.element("h2", &[], title);
        fill(html);
    });
}

/// Appends the few figures that most readers look for.
fn figures_of(html: &mut Html, summary: &Summary) {
    let mut facts = Vec::new();
    if let Some(asked) = summary.rate.asked {
        facts.push(("requested", figures::asked(Some(asked))));
    }
    facts.push(("delivered", figures::delivered(summary.rate.delivered)));
    let response =
        |number: fn(&Metric) -> Option<f64>| figures::of(&summary.metrics, RESPONSE, number);
    facts.push(("response p50", response(|metric| figures::percentile(metric.p50))));
    facts.push(("response p99", response(|metric| figures::percentile(metric.p99))));
    facts.push(("longest response", response(|metric| Some(metric.max as f64))));
    if summary.rate.asked.is_some() {
        facts.push(("largest backlog", thousands(summary.backlog.max)));
    }
    facts.push(("failed cycles", thousands(summary.cycles.failed)));
    html.inside("dl", &[("class", "facts")], |html| {
        for (name, value) in facts.iter().filter(|(_, value)| value != NONE) {
            html.inside("div", &[], |html| {
                html.element("dt", &[], name);
                html.element("dd", &[], value);
            });
        }
    });
    let mut words = figures::account(summary);
    if summary.rate.asked.is_some() {
        let backlog = &summary.backlog;
        words.push(format!(
            "backlog {} at the start and {} at the end",
            thousands(backlog.start),
            thousands(backlog.end)
        ));
    }
    html.element("p", &[("class", "account")], &words.join(" · "));
}

/// Appends a line for each threshold: with a mark, and in words for those who see no mark.
fn thresholds(html: &mut Html, summary: &Summary) {
    html.inside("ul", &[("class", "thresholds")], |html| {
        for threshold in &summary.thresholds {
            let class = if threshold.met { "met" } else { "broken" };
            html.inside("li", &[("class", class)], |html| {
                html.element("span", &[("aria-hidden", "true")], figures::mark(threshold));
                html.element("bdi", &[], &figures::threshold(threshold));
            });
        }
    });
}

/// Appends a row for each stage of the load profile, and the reason of each verdict.
fn stages(html: &mut Html, summary: &Summary) {
    let head = figures::STAGE_HEADS.map(str::to_owned);
    let all = summary.stages.iter().enumerate();
    let rows: Vec<_> = all.map(|(index, one)| figures::stage(index + 1, one).to_vec()).collect();
    table(html, &head, &rows);
    for stage in &summary.stages {
        html.foreign("p", &[("class", "how")], &stage.reason);
    }
}

/// Appends a row for each host of a run over several.
fn hosts(html: &mut Html, summary: &Summary) {
    let head = figures::HOST_HEADS.map(str::to_owned);
    let all = summary.hosts.iter().enumerate();
    let rows: Vec<_> = all.map(|(place, one)| figures::host(place, one).to_vec()).collect();
    table(html, &head, &rows);
}

fn metrics(html: &mut Html, summary: &Summary) {
    let mut head = vec!["metric".to_owned(), "values".to_owned()];
    head.extend(COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    let row = |name: String, metric: &Metric| {
        let mut cells = vec![name, thousands(metric.count)];
        cells.extend(COLUMNS.iter().map(|(_, number)| figures::value(metric, number(metric))));
        cells
    };
    let all = figures::ordered(&summary.metrics).into_iter();
    let mut rows: Vec<_> = all.map(|(name, metric)| row(name.to_owned(), metric)).collect();
    let completed = figures::ordered(&summary.completed_metrics).into_iter();
    rows.extend(completed.map(|(name, metric)| row(format!("{name} of completed cycles"), metric)));
    if rows.is_empty() {
        return;
    }
    section(html, "Metrics", |html| {
        table(html, &head, &rows);
        html.element(
            "p",
            &[("class", "how")],
            "Over the measured window and all workers. A dash is a percentile that needs more \
             values.",
        );
    });
}

fn errors(html: &mut Html, summary: &Summary) {
    let row = |error: &dyno_summary::CycleErrors| {
        let first = thousands(error.first_cycle);
        vec![format!("{} from cycle {first} on", thousands(error.count)), error.message.clone()]
    };
    let rows: Vec<_> = summary.errors.iter().map(row).collect();
    texts(html, ["cycles", "message"], &rows);
    let unlisted = summary.errors_unlisted();
    if unlisted > 0 {
        let text = format!("{} more failed with other messages.", thousands(unlisted));
        html.element("p", &[], &text);
    }
}

fn parameters(html: &mut Html, summary: &Summary) {
    html.element(
        "p",
        &[],
        &settings::reported(&summary.parameters).collect::<Vec<_>>().join(" · "),
    );
    let row = |(name, text): (&str, String)| {
        // An earlier version may have stored secrets.
        let shown = redact::word(&format!("{name}={text}"));
        let text = shown.strip_prefix(&format!("{name}=")).map(str::to_owned);
        vec![name.to_owned(), text.unwrap_or_default()]
    };
    let rows: Vec<_> = summary.parameters.task.texts().map(row).collect();
    if !rows.is_empty() {
        texts(html, ["parameter", "value"], &rows);
    }
}

fn environment(html: &mut Html, summary: &Summary) {
    let environment = &summary.environment;
    let lag = summary.harness.loop_lag_p99.map(figures::span);
    let lag =
        lag.or_else(|| summary.primary.metrics.get(LOOP_LAG).map(|lag| figures::span(lag.max)));
    // It is known once the run is over.
    let own_share = match summary.harness.cpu_share {
        0.0 => String::new(),
        share => format!("{:.1} %", share * 100.0),
    };
    let rows = [
        ("command", command(summary).join(" ")),
        ("profile", summary.profile.clone()),
        ("processor", environment.cpu.clone()),
        ("cores", environment.cores.to_string()),
        ("system", environment.os.clone()),
        ("compiler", environment.rustc.clone()),
        ("commit", environment.git.clone().unwrap_or_default()),
        ("dyno", environment.dyno.clone()),
        ("dyno's own lag", lag.unwrap_or_default()),
        ("dyno's own use of a core", own_share),
        ("took", figures::span(summary.elapsed_ns)),
    ];
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    texts(html, ["fact", "value"], &rows);
}

/// Returns the command line without secrets: an earlier version may have stored them.
fn command(summary: &Summary) -> Vec<String> {
    redact::command(&summary.command)
}

fn files(html: &mut Html) {
    html.inside("footer", &[], |html| {
        html.text("All figures are in the files next to this page: ");
        for (index, name) in [dyno_summary::SUMMARY_FILE, HISTOGRAMS].iter().enumerate() {
            html.text(if index > 0 { ", " } else { "" });
            html.element("a", &[("href", name)], name);
        }
        html.text(".");
    });
}

#[cfg(test)]
mod tests {
    use crate::report::page::of_run;
    use crate::result::fixture;
    #[test]
    fn a_run_over_hosts_has_a_row_for_each() {
        let mut summary = fixture::of_hosts();
        summary.hosts[1].name = "<b>".to_owned();
        let page = of_run(&summary, None);
        for part in ["<h2>Hosts</h2>", "0 a", "1 &lt;b&gt;", "± 52.0 µs"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!of_run(&fixture::summary(), None).contains("<h2>Hosts</h2>"));
    }
}
