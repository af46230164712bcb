//! The record of one host of a run: all that its primary knows at the end, and nothing rounded.
//!
//! The result of a run over several hosts is made of these records alone ([`super::merge`]). So a
//! record has what a verdict and a summary need, as integers, buckets and samples. Instants are
//! times since the window's start: hosts have different clocks.
//!
//! Bytes come from another host, or from a file: a record is checked before it is used.

use std::time::Duration;

use dyno_bus::codec;
use dyno_bus::timeline::stages::STAGES_OF_RUN_MAX;
use dyno_bus::{CodecError, Time};
use dyno_observer::{StoredMetric, StoredObserver};
use dyno_summary::{CycleErrors, Environment};
use serde::{Deserialize, Serialize};

use super::backlog::CycleProgress;
use super::beats::{BeatRecord, Beats};
use super::stages::CourseSum;
use super::thresholds::stored::StoredThreshold;
use super::{RunEnd, RunRecord};
use crate::plan::Plan;
use crate::primary::run::{HostClock, WorkerEnd};
use crate::primary::state::schedule::Dues;
use crate::verdict::LimitPassed;

/// The beginning of the first line of a record: the version of its form and of dyno follow.
const MAGIC: &str = "dyno host record";
/// The version of the form. It changes with each field of a record.
const FORM: u32 = 1;
/// The longest first line, in bytes.
const LINE_MAX: usize = 100;
/// No count of a record is above this number, so that the sums over hosts fit 64 bits.
const COUNT_MAX: u64 = 1 << 50;

/// All that one host knows of its share of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostRecord {
    /// The place that the record was read from, for messages; not stored.
    #[serde(skip)]
    pub(crate) source: String,
    /// The name of the host; may be empty.
    pub(crate) name: String,
    /// A number that follows from the program's bytes: all hosts run the same program.
    pub(crate) program: u64,
    /// The command line, without secrets.
    pub(crate) command: Vec<String>,
    pub(crate) environment: Environment,
    /// The build profile of the program.
    pub(crate) profile: String,
    /// The host's clock against that of another host; `None` if it was not compared.
    pub(crate) clock: Option<HostClock>,
    pub(crate) plan: Plan,
    pub(super) started_at: Duration,
    pub(super) elapsed: Duration,
    /// The length of the window; `None` if it never began.
    pub(super) window: Option<Duration>,
    pub(super) dues: Vec<Dues>,
    pub(super) faults: Vec<String>,
    pub(super) signal: Option<i32>,
    pub(super) pauses: Vec<Duration>,
    pub(super) stood_still: Duration,
    pub(super) cpu_share: f64,
    pub(super) workers: Vec<WorkerEnd>,
    pub(super) observer: StoredObserver,
    pub(super) beats: Vec<BeatRecord>,
    /// The backlog when the window began: the cycles that waited, and those that ran.
    pub(super) level: Option<(u64, u64)>,
    /// The first sample beyond this host's own limit.
    pub(super) passed: Option<LimitPassed>,
    pub(super) courses: Vec<CourseSum>,
    pub(super) errors: Vec<CycleErrors>,
    pub(super) points: Vec<StoredPoint>,
    pub(super) delivered: u64,
    pub(super) running_max: u64,
    pub(super) late: u64,
    pub(super) warnings: Vec<String>,
    pub(super) thresholds: Vec<StoredThreshold>,
    pub(super) progress: CycleProgress,
}

/// One point of the series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredPoint {
    /// Time since the run's first due time.
    pub(super) t: Duration,
    pub(super) issued: u64,
    pub(super) completed: u64,
    pub(super) backlog: u64,
    pub(super) metrics: Vec<StoredMetric>,
}

/// Bytes that are not a valid record of a host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RecordError {
    /// They do not begin like a record.
    #[error("it is not the record of a host: name the folder of a run with --share")]
    Foreign,
    /// They are of another version.
    #[error("it is of {found}, and this is dyno {}: merge with that version", env!("CARGO_PKG_VERSION"))]
    Version {
        /// The version in the first line.
        found: String,
    },
    /// They are not whole, or were changed.
    #[error("it is damaged ({source}): copy it again from its host")]
    Damaged {
        /// The error of the codec.
        source: CodecError,
    },
    /// They hold numbers that contradict each other.
    #[error("it is damaged (its numbers contradict each other): copy it again from its host")]
    Impossible,
}

impl HostRecord {
    /// Creates the record of a run that is over, whose thresholds are closed.
    pub(super) fn of(record: &mut RunRecord, ending: &RunEnd) -> Self {
        let start = ending.window.map(|(start, _)| start).unwrap_or_default();
        let share = record.share.take().unwrap_or_default();
        let series = record.series.iter().zip(share.points);
        let point = |(sample, metrics): (&super::RunSample, Vec<StoredMetric>)| StoredPoint {
            t: sample.t,
            issued: sample.issued,
            completed: sample.completed,
            backlog: sample.backlog,
            metrics,
        };
        let since = |mut passed: LimitPassed| {
            passed.sample.at = Time::from_nanos(passed.sample.at.nanos_since(start));
            passed
        };
        let mut errors: Vec<_> = record.errors.values().cloned().collect();
        errors.sort_by(|one, other| one.message.cmp(&other.message));
        Self {
            source: String::new(),
            name: String::new(),
            program: 0,
            command: Vec::new(),
            environment: Environment::default(),
            profile: String::new(),
            clock: None,
            plan: ending.plan.clone(),
            started_at: ending.started_at,
            elapsed: ending.elapsed,
            window: ending.window.map(|(start, end)| end - start),
            dues: ending.dues.clone(),
            faults: ending.faults.clone(),
            signal: ending.signal,
            pauses: ending.pauses.clone(),
            stood_still: ending.stood_still,
            cpu_share: ending.cpu_share,
            workers: ending.workers.clone(),
            observer: record.observer.stored(),
            beats: share.beats.as_ref().map(Beats::kept).unwrap_or_default().to_vec(),
            level: record.level,
            passed: record.passed.map(since),
            courses: record.courses.clone(),
            errors,
            points: series.map(point).collect(),
            delivered: record.delivered,
            running_max: record.running_max,
            late: record.late,
            warnings: record.warnings.clone(),
            thresholds: record.thresholds.stored(),
            progress: record.backlog.progress(),
        }
    }

    /// Returns the host's place among all, counted from 0.
    pub(crate) fn place(&self) -> usize {
        self.plan.others.place()
    }

    /// Returns the host as sentences name it, such as `host 1 (b)`.
    pub(crate) fn title(&self) -> String {
        match &*self.name {
            "" => format!("host {}", self.place()),
            name => format!("host {} ({name})", self.place()),
        }
    }

    /// Returns all texts that may quote what a task has written.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let errors = self.errors.iter_mut().map(|error| &mut error.message);
        self.faults.iter_mut().chain(&mut self.warnings).chain(errors)
    }

    /// Returns the record as bytes: a line of text, then the numbers.
    ///
    /// # Errors
    /// If it is longer than a record may be.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        let mut bytes = format!("{MAGIC} {FORM} dyno {}\n", env!("CARGO_PKG_VERSION")).into_bytes();
        bytes.extend(codec::to_bytes(self)?);
        Ok(bytes)
    }

    /// Returns the record that these bytes hold.
    ///
    /// # Errors
    /// If they hold none, or one of another version.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let head = &bytes[..bytes.len().min(LINE_MAX)];
        let length = head.iter().position(|byte| *byte == b'\n').ok_or(RecordError::Foreign)?;
        let line = std::str::from_utf8(&bytes[..length]).map_err(|_| RecordError::Foreign)?;
        let versions = line.strip_prefix(MAGIC).ok_or(RecordError::Foreign)?.trim_start();
        let (form, dyno) = versions.split_once(' ').ok_or(RecordError::Foreign)?;
        if form != FORM.to_string() || dyno != concat!("dyno ", env!("CARGO_PKG_VERSION")) {
            let printable = dyno.chars().map(|c| if c.is_control() { '?' } else { c });
            return Err(RecordError::Version { found: printable.collect() });
        }
        let record: Self = codec::from_bytes(&bytes[length + 1..])
            .map_err(|source| RecordError::Damaged { source })?;
        if record.is_possible() { Ok(record) } else { Err(RecordError::Impossible) }
    }

    /// Returns `true` if the parts agree with each other, so that they can be merged.
    fn is_possible(&self) -> bool {
        const SLOTS_ALL: usize = 2 * dyno_bus::timeline::SLOTS;
        let counts = [self.delivered, self.running_max, self.late];
        let level = self.level.map_or(0, |(waiting, running)| waiting.max(running));
        let is_count = |count: u64| count <= COUNT_MAX;
        let is_due = |dues: &Dues| {
            is_count(dues.earlier)
                && dues.slots.len() == SLOTS_ALL
                && dues.slots.iter().all(|due| is_count(*due))
                && dues.cohort_slots <= SLOTS_ALL / 2
                && dues.asked.is_finite()
                && dues.asked_of_run.is_finite()
        };
        let is_point = |point: &StoredPoint| {
            [point.issued, point.completed, point.backlog].into_iter().all(is_count)
                && point.metrics.iter().all(StoredMetric::is_valid)
        };
        let is_time = |time: &Duration| *time <= MAX_TIME;
        let times = [self.started_at, self.elapsed, self.stood_still];
        let numbers = self.plan.is_possible().then(|| self.plan.worker_numbers());
        let stages = STAGES_OF_RUN_MAX;
        numbers.is_some_and(|numbers| {
            let is_one = |worker: u32| numbers.binary_search(&worker).is_ok();
            self.observer.workers().all(is_one)
                && self.workers.iter().all(|end| is_one(end.index))
                && self.workers.is_sorted_by(|one, next| one.index < next.index)
        }) && counts.into_iter().chain([level]).all(is_count)
            && times.iter().chain(&self.pauses).chain(&self.window).all(is_time)
            && self.dues.len() <= stages
            && self.dues.iter().all(is_due)
            && self.cpu_share.is_finite()
            && self.observer.is_valid()
            && self.beats.iter().all(|beat| beat.is_at_most(COUNT_MAX))
            && self.beats.is_sorted_by_key(|beat| beat.number)
            && self.courses.len() <= stages
            && self.courses.iter().all(|course| course.is_valid(COUNT_MAX))
            && self.errors.iter().all(|error| is_count(error.count))
            && self.points.iter().all(|point| is_time(&point.t) && is_point(point))
            && self.thresholds.len() == self.plan.thresholds.len()
            && self.thresholds.iter().all(StoredThreshold::is_valid)
    }
}

/// The longest time in a record: a hundred years, as no run has, and as the wall clock shows.
const MAX_TIME: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);
