//! The dashboard in a program that is built without the feature `dashboard`: its flag is refused,
//! and no part of it exists.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dyno_bus::Time;
use dyno_observer::{Label, Series};
use dyno_summary::{Environment, Intervals, Study, Summary};

use super::error::ReportError;
use crate::plan::Plan;
use crate::primary::run::Interim;

pub(crate) use NoBoard as Board;
pub(crate) use NoDashboard as Dashboard;
pub(crate) use NoDashboardError as PlaceFormError;
pub(crate) use NoDashboardPlace as DashboardPlace;

/// The place of a live page: never one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoDashboardPlace {}

/// The refusal of every place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this program is built without a dashboard; add it by `cargo add dyno-bench --features dashboard`"
)]
pub(crate) struct NoDashboardError;

impl NoDashboardPlace {
    /// Refuses every place.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn read(_text: &str, _hosts: &[String]) -> Result<Self, NoDashboardError> {
        Err(NoDashboardError)
    }
}

/// The server, which never exists.
#[derive(Debug)]
pub(crate) enum NoDashboard {}

impl NoDashboard {
    pub(crate) fn start(place: NoDashboardPlace) -> Result<Self, ReportError> {
        match place {}
    }

    pub(crate) fn url(&self) -> &str {
        match *self {}
    }

    pub(crate) fn is_open(&self) -> bool {
        match *self {}
    }

    pub(crate) fn board(&self) -> NoBoard {
        match *self {}
    }

    pub(crate) fn finish(&self) {
        match *self {}
    }
}

/// The board, which never exists.
#[derive(Debug, Clone)]
pub(crate) enum NoBoard {}

impl NoBoard {
    pub(crate) fn begin_run(&self, _: &Plan, _: &Environment, _: Duration) {
        match *self {}
    }

    pub(crate) fn is_watched(&self, _: Time) -> bool {
        match *self {}
    }

    pub(crate) fn interim(&self, _: Arc<Interim>) {
        match *self {}
    }

    pub(crate) fn end_run(
        &self,
        _: &Summary,
        _: &Intervals,
        _: Vec<(Label, Series)>,
        _: Option<&Path>,
    ) {
        match *self {}
    }

    pub(crate) fn study(&self, _: &Study, _: Option<&Path>) {
        match *self {}
    }
}
