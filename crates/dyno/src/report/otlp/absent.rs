//! The export in a program that is built without the feature `otlp`: its flag is refused, and no
//! part of it exists.

use std::sync::Arc;
use std::time::Duration;

use dyno_bus::Time;
use dyno_observer::{Label, Series};
use dyno_summary::Summary;

use super::error::ReportError;
use crate::plan::Plan;
use crate::primary::run::Interim;

pub(crate) use NoExport as OtlpExport;
pub(crate) use NoMailbox as OtlpMailbox;
pub(crate) use NoOtlpError as OtlpPlaceError;
pub(crate) use NoOtlpPlace as OtlpPlace;

/// The place of a collector: never one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoOtlpPlace {}

/// The refusal of every place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this program is built without OTLP; add it by `cargo add dyno-bench --features otlp`")]
pub(crate) struct NoOtlpError;

impl NoOtlpPlace {
    /// Refuses every place.
    ///
    /// # Errors
    /// Always.
    pub(crate) fn read(
        _url: &str,
        _variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, NoOtlpError> {
        Err(NoOtlpError)
    }
}

/// The export, which never exists.
#[derive(Debug)]
pub(crate) enum NoExport {}

impl NoExport {
    pub(crate) fn start(place: NoOtlpPlace) -> Result<Self, ReportError> {
        match place {}
    }

    pub(crate) fn mailbox(&self) -> NoMailbox {
        match *self {}
    }

    pub(crate) fn finish(self) -> Option<String> {
        match self {}
    }
}

/// The mailbox, which never exists.
#[derive(Debug, Clone)]
pub(crate) enum NoMailbox {}

impl NoMailbox {
    pub(crate) fn begin_run(&self, _: &Plan, _: Duration) {
        match *self {}
    }

    pub(crate) fn interim(&self, _: &Arc<Interim>, _: Time) {
        match *self {}
    }

    pub(crate) fn end_run(&self, _: &Summary, _: Vec<(Label, Series)>) {
        match *self {}
    }

    pub(crate) fn warning(&self) -> Option<String> {
        match *self {}
    }
}
