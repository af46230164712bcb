//! The ways to look at a program while it runs: opened before its run or its study, closed after
//! it.

use super::args::{OtlpFlagError, OutputFlags};
use super::dashboard::{DashboardRefusal, OpenDashboard};
use crate::report::{self, Onlookers, OtlpExport, ReportError};

/// The reason why one of the ways is not opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum ViewRefusal {
    Dashboard(#[from] DashboardRefusal),
    Otlp(#[from] OtlpFlagError),
    Report(#[from] ReportError),
}

/// The ways that the command line requests.
#[derive(Debug)]
pub(super) struct OpenViews {
    dashboard: Option<OpenDashboard>,
    export: Option<OtlpExport>,
    is_quiet: bool,
}

impl OpenViews {
    /// Opens the ways that the command line requests.
    ///
    /// # Errors
    /// If one of them can't be opened.
    pub(super) fn requested(output: &OutputFlags) -> Result<Self, ViewRefusal> {
        let place = output.otlp()?;
        let dashboard = OpenDashboard::requested(output)?;
        let export = place.map(OtlpExport::start).transpose()?;
        Ok(Self { dashboard, export, is_quiet: output.quiet })
    }

    /// Returns the places for the state of the run or the study.
    pub(super) fn onlookers(&self) -> Onlookers {
        Onlookers {
            board: self.dashboard.as_ref().map(OpenDashboard::board),
            mailbox: self.export.as_ref().map(OtlpExport::mailbox),
        }
    }

    /// Sends the last state to all who look, after a run with this exit code.
    pub(super) fn close(self, exit_code: i32) {
        if let Some(warning) = self.export.and_then(OtlpExport::finish)
            && !self.is_quiet
        {
            report::print_note(&format!("warning: {warning}"));
        }
        if let Some(dashboard) = self.dashboard {
            dashboard.close(exit_code);
        }
    }
}
