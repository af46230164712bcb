//! The dashboard of a program: opened before its run or its study, closed after it.

use std::time::Duration;

use super::args::{DashboardFlagError, OutputFlags};
use crate::primary::{ProcessOwnership, SignalWatch};
use crate::report::{self, Board, Dashboard, ReportError};

/// The first exit code of a run that a signal ended: the user who ended it does not want to wait.
const SIGNALLED: i32 = dyno_summary::SIGNAL_EXIT;

/// The reason why a dashboard is not opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum DashboardRefusal {
    Flag(#[from] DashboardFlagError),
    Report(#[from] ReportError),
}

/// A dashboard that is open.
#[derive(Debug)]
pub(super) struct OpenDashboard {
    dashboard: Dashboard,
    keep: Option<Duration>,
}

impl OpenDashboard {
    /// Opens the dashboard that the command line requests, and prints its address.
    ///
    /// # Errors
    /// If it can't be opened there.
    pub(super) fn requested(output: &OutputFlags) -> Result<Option<Self>, DashboardRefusal> {
        let Some(choice) = output.dashboard()? else { return Ok(None) };
        let dashboard = Dashboard::start(choice.place)?;
        report::print_note(&format!("dashboard  {}", dashboard.url()));
        if dashboard.is_open() {
            report::print_note(
                "warning: other machines can reach this dashboard, and nothing encrypts what they \
                 read; anyone who knows its path can look",
            );
        }
        Ok(Some(Self { dashboard, keep: choice.keep }))
    }

    /// Returns the board, on which the run puts its state.
    pub(super) fn board(&self) -> Board {
        self.dashboard.board()
    }

    /// Sends the final page to all who look, and serves it for as long as requested, after a run
    /// with this exit code.
    pub(super) fn close(self, exit_code: i32) {
        self.dashboard.finish();
        let Some(keep) = self.keep.filter(|_| exit_code < SIGNALLED) else { return };
        // Without signals it could not be ended before its time.
        let Ok(mut signals) = SignalWatch::begin(ProcessOwnership::Process) else { return };
        report::print_note(&format!("dashboard  {}  until Ctrl-C", self.dashboard.url()));
        let _signal = signals.rest(keep, || false);
    }
}
