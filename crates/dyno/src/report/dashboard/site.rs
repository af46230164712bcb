//! The site: which request gets which answer, and the answers themselves. It makes a page or an
//! event at most once for each state, and only when somebody requests it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dyno_summary::Intervals;

use super::board::{BoardState, RunState};
use super::openmetrics;
use super::place::DashboardPlace;
use super::request::PageRequest;
use crate::plan::{Plan, thousands};
use crate::primary::RunPhase;
use crate::primary::run::Interim;
use crate::report::files::intervals::contract_of;
use crate::report::metric_figures::MetricFigures;
use crate::report::page::PageContent;
use crate::report::page::live::{self, LiveRun};
use crate::result::interim_summary;

/// The headers of every answer: nothing is kept by the browser, shown in a frame of another site,
/// or taken for another kind of file.
const HEADERS: &str = "Cache-Control: no-store\r\n\
                       X-Content-Type-Options: nosniff\r\n\
                       X-Frame-Options: DENY\r\n\
                       Referrer-Policy: no-referrer\r\n\
                       Cross-Origin-Resource-Policy: same-origin\r\n\
                       Connection: close\r\n";
const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
/// The paths of the events and of the metrics, after that of the page.
const EVENTS: &str = "/events";
const METRICS: &str = "/metrics";

/// Bytes that several connections send.
pub(super) type HttpMessage = Arc<[u8]>;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HttpAnswer {
    /// A whole answer, after which the connection ends.
    Whole(HttpMessage),
    /// The head of a stream of events.
    Events(HttpMessage),
}

/// The pages of one program.
#[derive(Debug)]
pub(super) struct Site {
    place: DashboardPlace,
    path: String,
    state: BoardState,
    /// The answers that have been made for this state.
    content: Option<Arc<PageContent>>,
    page: Option<HttpMessage>,
    event: Option<HttpMessage>,
}

impl Site {
    pub(super) fn new(place: DashboardPlace, path: String) -> Self {
        let state = BoardState::default();
        Self { place, path, state, content: None, page: None, event: None }
    }

    /// Replaces the state.
    pub(super) fn renew(&mut self, state: BoardState) {
        if state.number != self.state.number {
            (self.content, self.page, self.event) = (None, None, None);
        }
        self.state = state;
    }

    /// Returns the number of the state.
    pub(super) fn number(&self) -> u64 {
        self.state.number
    }

    /// Returns `true` if no newer state follows.
    pub(super) fn is_last(&self) -> bool {
        self.state.is_last
    }

    /// Returns the answer to a request on a connection to this address. A wrong host and a wrong
    /// path get the same answer, so that neither can be guessed by itself.
    pub(super) fn answer(&mut self, request: &PageRequest, local: IpAddr) -> HttpAnswer {
        let below = request.path.strip_prefix(&self.path);
        let below = below.filter(|_| self.place.accepts(&request.host, local));
        match (below, &*request.method) {
            (Some("" | "/"), "GET") => HttpAnswer::Whole(self.page()),
            (Some(METRICS), "GET") => {
                HttpAnswer::Whole(whole("200 OK", openmetrics::KIND, &metrics_of(&self.state)))
            }
            (Some(EVENTS), "GET") => HttpAnswer::Events(head("200 OK", "text/event-stream", None)),
            (Some("" | "/" | EVENTS | METRICS), _) => {
                HttpAnswer::Whole(refusal("405 Method Not Allowed"))
            }
            _ => HttpAnswer::Whole(refusal("404 Not Found")),
        }
    }

    /// Returns the event of this state.
    pub(super) fn event(&mut self) -> HttpMessage {
        if let Some(event) = &self.event {
            return Arc::clone(event);
        }
        let name = if self.state.is_last { "last" } else { "newer" };
        let data = self.content().event();
        let event: HttpMessage = format!("event: {name}\ndata: {data}\n\n").into_bytes().into();
        self.event.insert(event).clone()
    }

    fn page(&mut self) -> HttpMessage {
        if let Some(page) = &self.page {
            return Arc::clone(page);
        }
        let body = self.content().live_page();
        let page = whole("200 OK", HTML, &body);
        self.page.insert(page).clone()
    }

    fn content(&mut self) -> Arc<PageContent> {
        let content = self.content.get_or_insert_with(|| Arc::new(content_of(&self.state)));
        Arc::clone(content)
    }
}

/// Returns an answer of an error, which closes the connection.
pub(super) fn refusal(status: &str) -> HttpMessage {
    let (_, text) = status.split_once(' ').unwrap_or_default();
    whole(status, PLAIN, &format!("{text}\n"))
}

fn whole(status: &str, kind: &str, body: &str) -> HttpMessage {
    let head = head(status, kind, Some(body.len()));
    [&*head, body.as_bytes()].concat().into()
}

fn head(status: &str, kind: &str, length: Option<usize>) -> HttpMessage {
    let policy = &*live::HEADER_POLICY;
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Security-Policy: {policy}\r\n{HEADERS}"
    );
    if status.starts_with("405") {
        head.push_str("Allow: GET\r\n");
    }
    if let Some(length) = length {
        let _written = write!(head, "Content-Length: {length}\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes().into()
}

fn content_of(state: &BoardState) -> PageContent {
    let folder = state.folder.as_deref();
    let live = match &state.run {
        Some(RunState::Live(facts, interim)) => {
            let interim = interim.as_deref();
            let table = interim.map(|interim| contract_of(&interim.intervals, facts.plan.warmup));
            let progress = progress(&facts.plan, interim);
            Some((interim_summary(facts, interim), table.unwrap_or_default(), progress))
        }
        Some(RunState::Over(_)) | None => None,
    };
    let live = live.as_ref().map(|(summary, intervals, progress)| LiveRun {
        summary,
        intervals,
        progress,
    });
    match (&state.study, live, &state.run) {
        (Some(study), live, _) => live::of_study(study, live, folder),
        (None, Some(live), _) => live::of_run(live),
        (None, None, Some(RunState::Over(ended))) => {
            live::of_ended_run(&ended.summary, &ended.intervals, folder)
        }
        (None, None, _) => {
            let (summary, intervals) = <(_, Intervals)>::default();
            let (summary, progress) = (&summary, "Nothing has begun.");
            live::of_run(LiveRun { summary, intervals: &intervals, progress })
        }
    }
}

/// Returns the figures of the current run as text.
fn metrics_of(state: &BoardState) -> String {
    let figures = match &state.run {
        None | Some(RunState::Live(_, None)) => None,
        Some(RunState::Live(facts, Some(interim))) => {
            let plan = &facts.plan;
            Some(MetricFigures::of_interim(&plan.benchmark, plan.own_rate().per_second(), interim))
        }
        Some(RunState::Over(ended)) => {
            Some(MetricFigures::of_summary(&ended.summary, &ended.merged))
        }
    };
    openmetrics::text(figures)
}

/// Returns the state of a run in one sentence.
fn progress(plan: &Plan, interim: Option<&Interim>) -> String {
    let Some(interim) = interim else { return "No worker is ready.".to_owned() };
    let (done, whole) = match interim.phase {
        RunPhase::Starting => return "No worker is ready.".to_owned(),
        RunPhase::WarmingUp => (interim.elapsed, plan.warmup),
        RunPhase::Measuring => (interim.elapsed.saturating_sub(plan.warmup), plan.duration),
        RunPhase::Draining => return "No cycle is issued any more: the last ones end.".to_owned(),
        RunPhase::Finishing | RunPhase::Killing | RunPhase::Done => {
            return "All cycles are over: the workers end.".to_owned();
        }
    };
    let seconds = |span: Duration| format!("{:.1} s", span.as_secs_f64());
    let mut sentence = format!("{} of {}", seconds(done.min(whole)), seconds(whole));
    if plan.rate.per_second().is_some() {
        let backlog = thousands(interim.backlog.end.total());
        let _written = write!(sentence, "; the backlog is {backlog}");
    }
    sentence + "."
}
