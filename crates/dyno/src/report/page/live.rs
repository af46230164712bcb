//! The page of a run or a study while it goes on: the same sections, and a second script, which
//! replaces them by each newer state that the server sends.
//!
//! It links no file: the server has none.

use std::path::Path;
use std::sync::LazyLock;

use dyno_summary::{Intervals, Study, Summary};
use serde_json::json;

use super::html::Html;
use super::run::RunPlace;
use super::study::TrialLinks;
use super::{Head, Mood, PageContent, SCRIPT, policy, run, study};

const LIVE: &str = include_str!("live.js");
/// The directives that a page in a file does not need: events from its own server, and no frame of
/// another site around it.
const FURTHER: &str = "; connect-src 'self'";

/// A run that goes on.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct LiveRun<'a> {
    pub(in crate::report) summary: &'a Summary,
    pub(in crate::report) intervals: &'a Intervals,
    /// The state of the run in one sentence.
    pub(in crate::report) progress: &'a str,
}

/// Returns the page of a run that goes on.
pub(in crate::report) fn of_run(run: LiveRun<'_>) -> PageContent {
    let LiveRun { summary, intervals, progress } = run;
    let mut body = Html::default();
    let charts = run::sections(&mut body, (summary, Some(intervals)), RunPlace::LivePage);
    let head = Head {
        name: &summary.benchmark,
        started_at: &summary.started_at,
        answer: summary.verdict.name(),
        mood: Mood::Open,
        reasons: &[progress.to_owned()],
        hint: "",
    };
    PageContent::new(&head, body, json!({"summary": run::shown(summary), "charts": charts}))
}

/// Returns the page of a run that is over, whose files are in a folder, if it is kept.
pub(in crate::report) fn of_ended_run(
    summary: &Summary,
    intervals: &Intervals,
    folder: Option<&Path>,
) -> PageContent {
    let mut body = Html::default();
    let charts = run::sections(&mut body, (summary, Some(intervals)), RunPlace::Page);
    kept(&mut body, folder);
    let data = json!({"summary": run::shown(summary), "charts": charts});
    PageContent::new(&run::head(summary), body, data)
}

/// Returns the page of a study, with the trial that goes on, if one does.
pub(in crate::report) fn of_study(
    study: &Study,
    trial: Option<LiveRun<'_>>,
    folder: Option<&Path>,
) -> PageContent {
    let mut body = Html::default();
    let html = &mut body;
    let mut charts = study::sections(html, study, TrialLinks::Nowhere);
    if let Some(LiveRun { summary, intervals, progress }) = trial {
        html.inside("section", &[("class", "trial")], |html| {
            html.element("h2", &[], "The trial that goes on");
            html.foreign("p", &[("class", "reason")], progress);
            let run = (summary, Some(intervals));
            charts.extend(run::sections(html, run, RunPlace::LiveStudy));
        });
    }
    kept(html, folder);
    let data = json!({"study": study::shown(study), "charts": charts});
    PageContent::new(&study::head(study), body, data)
}

fn kept(html: &mut Html, folder: Option<&Path>) {
    let Some(folder) = folder else { return };
    html.inside("footer", &[], |html| {
        html.text("All figures and this page are in the folder ");
        html.element("bdi", &[], &folder.display().to_string());
        html.text(".");
    });
}

impl PageContent {
    /// Returns the page that a browser loads first.
    pub(in crate::report) fn live_page(&self) -> String {
        self.framed(&[SCRIPT, LIVE], &policy(&[SCRIPT, LIVE], FURTHER))
    }

    /// Returns the parts that a newer state changes, as one line of JSON.
    pub(in crate::report) fn event(&self) -> String {
        json!({"title": self.title, "main": self.main, "data": self.data}).to_string()
    }
}

/// The security policy for the header of a live page. Only a header can forbid frames.
pub(in crate::report) static HEADER_POLICY: LazyLock<String> =
    LazyLock::new(|| policy(&[SCRIPT, LIVE], &format!("{FURTHER}; frame-ancestors 'none'")));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::fixture;

    #[test]
    fn a_live_page_runs_exactly_the_scripts_that_its_policy_names() {
        let summary = fixture::summary();
        let run = LiveRun { summary: &summary, intervals: &Intervals::default(), progress: "1 s" };
        let content = of_run(run);
        let page = content.live_page();
        assert_eq!(page.matches("<script>").count(), 2);
        for script in [SCRIPT, LIVE] {
            assert!(HEADER_POLICY.contains(&super::super::hash_source(script)));
        }
        assert!(!page.contains("run.json"), "the server has no files");
        // An event is one line, as the form of events requires.
        assert!(!content.event().contains('\n'));
    }

    #[test]
    fn the_charts_of_a_trial_have_other_names_than_those_of_its_study() {
        let summary = fixture::summary();
        let run = LiveRun { summary: &summary, intervals: &Intervals::default(), progress: "1 s" };
        let content = of_study(&Study::default(), Some(run), Some(Path::new("/runs/shop")));
        let names: Vec<_> = content.data["charts"].as_array().into_iter().flatten().collect();
        assert!(!names.is_empty());
        for chart in names {
            let name = chart["id"].as_str().unwrap();
            assert!(name.starts_with("trial-"), "{name}");
            assert!(content.main.contains(&format!("id=\"{name}\"")), "{name}");
        }
        assert!(content.main.contains("/runs/shop"));
    }
}
