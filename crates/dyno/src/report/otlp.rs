//! The export of a run's figures to a collector, by OTLP over HTTP: every ten seconds and at the
//! end of each run.
//!
//! ```text
//!  driver, reporters ──▶ the mailbox ──▶ [points] ──▶ [protobuf] ──▶ [post]: the collector
//! ```
//!
//! The run only leaves figures in the mailbox, and never waits: all else happens on the export's own
//! thread. The mailbox keeps the newest figures of each run and the ends of a few runs, so that a
//! collector that is slow or gone costs neither time nor memory. It is one warning.

mod place;
mod points;
mod post;
mod protobuf;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dyno_bus::{Time, clock};
use dyno_observer::{Label, Series};
use dyno_summary::Summary;

use self::place::Temporality;
pub(crate) use self::place::{OtlpPlace, OtlpPlaceError};
use self::points::OtlpPoints;
use super::error::ReportError;
use super::metric_figures::MetricFigures;
use crate::plan::Plan;
use crate::primary::run::Interim;

/// The time between two pushes while a run goes on.
const PERIOD: Duration = Duration::from_secs(10);
/// The most that a push may come early: results come at the beats of the driver.
const EARLY: Duration = Duration::from_millis(500);
/// The longest time for one push. It is shorter than the period, so that pushes don't pile up.
const PUSH_MAX: Duration = Duration::from_secs(5);
/// The longest time that the end of a program waits for the last push.
const FAREWELL: Duration = Duration::from_secs(1);
/// The most figures that wait: each trial of a study leaves those of its end.
const WAITING_MAX: usize = 16;

/// The export of one program. It ends with [`finish`](Self::finish).
#[derive(Debug)]
pub(crate) struct OtlpExport {
    mailbox: OtlpMailbox,
    url: String,
    /// Receives one message, once the last figures are pushed.
    sent: Receiver<()>,
}

/// The figures that are to be pushed, between the threads that have them and the one that pushes.
#[derive(Debug, Clone, Default)]
pub(crate) struct OtlpMailbox(Arc<(Mutex<MailboxState>, Condvar)>);

#[derive(Debug, Default)]
struct MailboxState {
    /// The run that goes on, or the last one.
    run: Arc<ExportedRun>,
    /// The instant of the newest figures of a run that goes on.
    pushed_at: Option<Time>,
    waiting: VecDeque<WaitingFigures>,
    /// `true` if no figures follow.
    is_over: bool,
    /// The first failure, until it is reported.
    warning: Option<String>,
    has_failed: bool,
}

/// The facts about a run that all its points have.
#[derive(Debug, Default)]
struct ExportedRun {
    benchmark: String,
    rate: Option<f64>,
    /// The wall time of its begin, since the Unix epoch.
    started_at: Duration,
}

/// Figures that are to be pushed.
#[derive(Debug)]
struct WaitingFigures {
    run: Arc<ExportedRun>,
    /// The wall time of the figures.
    at: Duration,
    values: ExportedValues,
}

#[derive(Debug)]
enum ExportedValues {
    Interim(Arc<Interim>),
    Ended(Box<(Summary, Vec<(Label, Series)>)>),
}

impl OtlpExport {
    /// Starts the thread that pushes.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub(crate) fn start(place: OtlpPlace) -> Result<Self, ReportError> {
        let mailbox = OtlpMailbox::default();
        let (sender, sent) = sync_channel(1);
        let (of_thread, url) = (mailbox.clone(), place.url());
        thread::Builder::new()
            .name("dyno-otlp".to_owned())
            .spawn(move || push_all(&of_thread, &place, &sender))
            .map_err(|source| ReportError::Thread { source })?;
        Ok(Self { mailbox, url, sent })
    }

    /// Returns the mailbox for the figures of runs.
    pub(crate) fn mailbox(&self) -> OtlpMailbox {
        self.mailbox.clone()
    }

    /// Waits until the last figures are pushed, but not for long. Returns the warning about a
    /// failure that is not reported yet.
    pub(crate) fn finish(self) -> Option<String> {
        self.mailbox.change(|state| state.is_over = true);
        if self.sent.recv_timeout(FAREWELL).is_err() {
            self.mailbox.fail(&self.url, "the last figures were not taken within a second");
        }
        self.mailbox.warning()
    }
}

impl OtlpMailbox {
    /// Begins a run.
    pub(crate) fn begin_run(&self, plan: &Plan, started_at: Duration) {
        let (benchmark, rate) = (plan.benchmark.to_string(), plan.own_rate().per_second());
        self.change(|state| {
            state.run = Arc::new(ExportedRun { benchmark, rate, started_at });
            state.pushed_at = None;
        });
    }

    /// Leaves the figures so far, if it is time for a push.
    pub(crate) fn interim(&self, interim: &Arc<Interim>, now: Time) {
        self.change(|state| {
            if state.pushed_at.is_some_and(|pushed| now < pushed + (PERIOD - EARLY)) {
                return;
            }
            state.pushed_at = Some(now);
            state.add(ExportedValues::Interim(Arc::clone(interim)));
        });
    }

    /// Leaves the figures of the run's end.
    pub(crate) fn end_run(&self, summary: &Summary, merged: Vec<(Label, Series)>) {
        let ended = Box::new((summary.clone(), merged));
        self.change(|state| state.add(ExportedValues::Ended(ended)));
    }

    /// Returns the warning about the first failure, once.
    pub(crate) fn warning(&self) -> Option<String> {
        self.lock().warning.take()
    }

    fn fail(&self, url: &str, error: &str) {
        let mut state = self.lock();
        if !state.has_failed {
            state.has_failed = true;
            state.warning = Some(format!(
                "--otlp: {url} does not take the figures of this run: {error}; the run is not \
                 affected"
            ));
        }
    }

    /// Waits for figures; `None` if none follow.
    fn next(&self) -> Option<WaitingFigures> {
        let mut state = self.lock();
        loop {
            if let Some(figures) = state.waiting.pop_front() {
                return Some(figures);
            }
            if state.is_over {
                return None;
            }
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn change(&self, change: impl FnOnce(&mut MailboxState)) {
        change(&mut self.lock());
        self.0.1.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MailboxState {
    /// Adds figures of the current run, in place of those that wait and are older.
    fn add(&mut self, values: ExportedValues) {
        let is_older = |one: &WaitingFigures| {
            matches!(one.values, ExportedValues::Interim(_)) && Arc::ptr_eq(&one.run, &self.run)
        };
        if self.waiting.back().is_some_and(is_older) {
            self.waiting.pop_back();
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        let (run, at) = (Arc::clone(&self.run), clock::wall());
        self.waiting.push_back(WaitingFigures { run, at, values });
    }
}

/// Pushes all figures, until none follow.
fn push_all(mailbox: &OtlpMailbox, place: &OtlpPlace, sent: &SyncSender<()>) {
    let mut before: Option<OtlpPoints> = None;
    while let Some(WaitingFigures { run, at, values }) = mailbox.next() {
        let figures = match &values {
            ExportedValues::Interim(interim) => {
                MetricFigures::of_interim(&run.benchmark, run.rate, interim)
            }
            ExportedValues::Ended(ended) => MetricFigures::of_summary(&ended.0, &ended.1),
        };
        let points = OtlpPoints::new(figures, run.started_at, at);
        let known = before.as_ref().filter(|known| points.continues(known));
        let body = match (place.temporality, known) {
            (Temporality::Delta, Some(known)) => {
                points.clone().since(known).request(&place.attributes, place.temporality)
            }
            _ => points.request(&place.attributes, place.temporality),
        };
        match post::post(place, &body, clock::now() + PUSH_MAX) {
            // Figures that were not taken are part of the next ones.
            Ok(()) => before = Some(points),
            Err(error) => mailbox.fail(&place.url(), &error.to_string()),
        }
    }
    // The receiver may have given up waiting.
    let _sent = sent.send(());
}

#[cfg(test)]
mod tests;
