//! The board: the newest state of a run or a study, between the threads that have it and the server
//! that shows it. A thread that puts a state here never waits for the server.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dyno_bus::Time;
use dyno_observer::{Label, Series};
use dyno_summary::{Environment, Intervals, Study, Summary};

use crate::plan::Plan;
use crate::primary::run::Interim;
use crate::result::RunFacts;

/// The time for which somebody who looked counts as one who looks: longer than the minute between
/// two readings of a Prometheus.
const WATCHED: Duration = Duration::from_secs(75);

/// The newest state, shared by all threads.
#[derive(Debug, Clone)]
pub(crate) struct Board(Arc<SharedState>);

#[derive(Debug)]
struct SharedState {
    state: Mutex<BoardState>,
    /// A byte wakes the server.
    waker: UnixStream,
    /// The instant, in nanoseconds, until which the state is renewed for those who look.
    watched_until: AtomicU64,
}

/// The state of a run or a study, cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct BoardState {
    /// The number of this state: each newer one has a larger number.
    pub(super) number: u64,
    /// The current run; `None` before the first.
    pub(super) run: Option<RunState>,
    /// The study that the run belongs to, once it has a trial.
    pub(super) study: Option<Arc<Study>>,
    /// The folder of the run or the study, if it is kept.
    pub(super) folder: Option<PathBuf>,
    /// `true` if no state follows.
    pub(super) is_last: bool,
    /// `true` once the server has to end.
    pub(super) is_stopped: bool,
}

/// The state of one run.
#[derive(Debug, Clone)]
pub(super) enum RunState {
    /// It goes on; without an interim result if no worker is ready.
    Live(Arc<RunFacts>, Option<Arc<Interim>>),
    /// It is over.
    Over(Arc<EndedRun>),
}

/// A run that is over.
#[derive(Debug)]
pub(super) struct EndedRun {
    pub(super) summary: Summary,
    pub(super) intervals: Intervals,
    /// The values of each metric, merged over the workers.
    pub(super) merged: Vec<(Label, Series)>,
}

impl Board {
    pub(super) fn new(waker: UnixStream) -> Self {
        let (state, watched_until) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(SharedState { state, waker, watched_until }))
    }

    /// Begins a run.
    pub(crate) fn begin_run(&self, plan: &Plan, environment: &Environment, started_at: Duration) {
        let command = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let facts = RunFacts {
            plan: plan.clone(),
            command: command.collect(),
            environment: environment.clone(),
            started_at,
        };
        self.change(|state| state.run = Some(RunState::Live(Arc::new(facts), None)));
    }

    /// Replaces the result so far.
    pub(crate) fn interim(&self, interim: Arc<Interim>) {
        self.change(|state| {
            if let Some(RunState::Live(_, newest)) = &mut state.run {
                *newest = Some(interim);
            }
        });
    }

    /// Returns `true` if somebody looks, or did so a short time ago.
    pub(crate) fn is_watched(&self, now: Time) -> bool {
        now.as_nanos() < self.0.watched_until.load(Ordering::Relaxed)
    }

    /// Notes that somebody looks.
    pub(super) fn watch(&self, now: Time) {
        self.0.watched_until.store((now + WATCHED).as_nanos(), Ordering::Relaxed);
    }

    /// Ends the run.
    pub(crate) fn end_run(
        &self,
        summary: &Summary,
        intervals: &Intervals,
        merged: Vec<(Label, Series)>,
        folder: Option<&Path>,
    ) {
        let (summary, intervals) = (summary.clone(), intervals.clone());
        let ended = RunState::Over(Arc::new(EndedRun { summary, intervals, merged }));
        self.change(|state| {
            state.run = Some(ended);
            if state.study.is_none() {
                state.folder = folder.map(Path::to_owned);
            }
        });
    }

    /// Replaces the study.
    pub(crate) fn study(&self, study: &Study, folder: Option<&Path>) {
        self.change(|state| {
            state.study = Some(Arc::new(study.clone()));
            state.folder = folder.map(Path::to_owned);
        });
    }

    /// Notes that no state follows.
    pub(super) fn finish(&self) {
        self.change(|state| state.is_last = true);
    }

    /// Ends the server.
    pub(super) fn stop(&self) {
        self.change(|state| state.is_stopped = true);
    }

    pub(super) fn state(&self) -> BoardState {
        self.lock().clone()
    }

    fn change(&self, change: impl FnOnce(&mut BoardState)) {
        let mut state = self.lock();
        // The state before is freed after the lock, and here only if the server has no part of it.
        let _before = state.clone();
        state.number += 1;
        change(&mut state);
        drop(state);
        // If the pipe is full, the server is about to wake.
        let _woken = (&self.0.waker).write(&[0]);
    }

    fn lock(&self) -> MutexGuard<'_, BoardState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
