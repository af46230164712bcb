//! What is kept of a run: measurements, the backlog, errors, troubles. No I/O, no clock.
//!
//! The driver puts in what comes; [`Record::finish`] makes the run's result of it.

use std::collections::HashMap;
use std::time::Duration;

use dyno_bus::message::{Batch, Counts, Drained, ERRORS_MAX};
use dyno_bus::segment::PerPhase;
use dyno_bus::{Phase, Time};
use dyno_observer::{AbsorbError, Observer, ProcessId, TallyError};

use super::backlog::{Backlog, BacklogSample, Samples, Totals};
use super::plan::Plan;
use super::run::{BacklogSummary, ErrorGroup, HarnessSummary, Point, Run, WorkerEnd};
use super::verdict::{Evidence, LimitPassed, Pauses, WindowCounts, judge};

/// What is known of a run so far.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) observer: Observer,
    backlog: Backlog,
    /// Over the measured window.
    samples: Samples,
    /// The backlog beyond which the plan's policy acts; known when the window begins.
    limit: Option<u64>,
    passed: Option<LimitPassed>,
    errors: HashMap<String, ErrorGroup>,
    series: Vec<Point>,
    /// What the series holds so far.
    in_series: Totals,
    delivered: u64,
    warnings: Vec<String>,
}

/// What the driver knows beside the record when a run is over.
pub(super) struct Ending {
    pub(super) plan: Plan,
    pub(super) started_at: Duration,
    pub(super) elapsed: Duration,
    /// From the window's first instant to the plan's end or the early stop.
    pub(super) window: Option<(Time, Time)>,
    pub(super) faults: Vec<String>,
    pub(super) signal: Option<i32>,
    pub(super) pauses: Vec<Duration>,
    pub(super) cpu_share: f64,
    pub(super) workers: Vec<WorkerEnd>,
}

impl Record {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            observer: Observer::new(plan.pace()),
            backlog: Backlog::new(plan.workers),
            samples: Samples::default(),
            limit: None,
            passed: None,
            errors: HashMap::new(),
            series: Vec::new(),
            in_series: Totals::default(),
            delivered: 0,
            warnings: Vec::new(),
        }
    }

    /// A worker's batch, with how many cycles were due to it by then; `None` in a closed loop.
    pub(super) fn absorb(
        &mut self,
        worker: u32,
        batch: Batch,
        due: Option<PerPhase<u64>>,
    ) -> Result<(), AbsorbError> {
        self.observer.absorb(ProcessId::Worker(worker), &batch)?;
        self.backlog.update(worker, due, batch.counts);
        for error in batch.errors {
            if error.phase == Phase::Measured {
                self.error(error.message, error.count, error.first_cycle);
            }
        }
        Ok(())
    }

    fn error(&mut self, message: String, count: u64, first_cycle: u64) {
        // Each worker keeps as many apart; so does their sum.
        let full = self.errors.len() >= ERRORS_MAX && !self.errors.contains_key(&message);
        let message = if full { "(other errors)".into() } else { message };
        let new = ErrorGroup { message: message.clone(), count: 0, first_cycle };
        let group = self.errors.entry(message).or_insert(new);
        group.count = group.count.saturating_add(count);
        group.first_cycle = group.first_cycle.min(first_cycle);
    }

    /// Verifies a worker's account against what was issued to it and what has come. In a closed
    /// loop, that is what it says that it began.
    pub(super) fn verify(
        &mut self,
        worker: u32,
        issued: Option<PerPhase<u64>>,
        drained: &Drained,
    ) -> Result<(), TallyError> {
        let owed = issued.unwrap_or_else(|| begun(&drained.counts));
        if let Err(error) = self.observer.drained(worker, owed, drained) {
            // Nothing of it is believed but what came before, and what did not come is lost.
            return self.write_off(worker, issued).and(Err(error));
        }
        self.delivered += drained.delivered;
        self.backlog.update(worker, Some(owed), drained.counts);
        Ok(())
    }

    /// Closes the account of a worker that gave none that is true. In a closed loop it owed what
    /// it had begun; in an open one no less than what it is known to have disposed of: it may have
    /// heard of an early stop later than the stop was sent.
    pub(super) fn write_off(
        &mut self,
        worker: u32,
        issued: Option<PerPhase<u64>>,
    ) -> Result<(), TallyError> {
        let Some(progress) = self.observer.progress(ProcessId::Worker(worker)) else {
            return Ok(());
        };
        let known = begun(&progress.counts);
        let issued = issued.unwrap_or_default();
        let owed = PerPhase {
            warmup: issued.warmup.max(known.warmup),
            measured: issued.measured.max(known.measured),
        };
        self.delivered += progress.counts.measured.completed;
        self.observer.died(worker, owed).map(|_| ())
    }

    /// The measured window begins at this level of backlog.
    pub(super) fn begin_window(&mut self, at: Time, plan: &Plan) {
        self.observer.begin(at);
        self.limit = plan.backlog_limit(self.backlog.sample(at).total());
    }

    /// Takes a sample of the backlog; whether it passed its limit for the first time.
    pub(super) fn sample(&mut self, at: Time) -> bool {
        let sample = self.backlog.sample(at);
        self.samples.push(sample);
        let (Some(limit), None) = (self.limit, self.passed) else { return false };
        let passed = sample.total() > limit;
        if passed {
            self.passed = Some(LimitPassed { at, backlog: sample.total(), limit });
        }
        passed
    }

    /// The backlog as the workers last said.
    pub(super) fn backlog(&self, at: Time) -> BacklogSample {
        self.backlog.sample(at)
    }

    /// What has been issued and has ended so far.
    pub(super) fn totals(&self) -> Totals {
        self.backlog.totals()
    }

    /// Adds a point to the series, for the interval that has just been rotated out.
    pub(super) fn point(&mut self, t: Duration, until: Time) {
        let totals = self.totals();
        let snapshot = self.observer.snapshots().last().filter(|snapshot| snapshot.until == until);
        let merged = snapshot.map(|snapshot| snapshot.merged.clone()).unwrap_or_default();
        self.series.push(Point {
            t,
            issued: totals.issued.total().saturating_sub(self.in_series.issued.total()),
            completed: totals.completed.total() - self.in_series.completed.total(),
            backlog: self.backlog.sample(until).total(),
            merged,
        });
        self.in_series = totals;
    }

    /// Something that the user should know; `true` the first time.
    pub(super) fn warn(&mut self, warning: &str) -> bool {
        let new = !self.warnings.iter().any(|known| known == warning);
        if new {
            self.warnings.push(warning.to_owned());
        }
        new
    }

    /// The run's result.
    pub(super) fn finish(mut self, ending: Ending) -> Run {
        let account = self.observer.accounts();
        let counts = account.counts.measured;
        let cycles = WindowCounts {
            issued: account.issued.measured,
            completed: counts.completed,
            failed: counts.failed,
            skipped: counts.skipped,
            unstarted: counts.unstarted,
            abandoned: counts.abandoned,
            lost: account.lost.measured,
        };
        let (unleased, stall_ns, stall_ns_max) = self.troubles();
        let (start, end) = ending.window.unwrap_or_default();
        let window = end - start;
        let total_pause = ending.pauses.iter().sum();
        let judgement = judge(&Evidence {
            rate: ending.plan.rate,
            warmup: ending.plan.warmup,
            start,
            window,
            planned: ending.plan.duration,
            cycles,
            max_failed: ending.plan.max_failed,
            backlog: self.samples.kept().to_vec(),
            on_backlog: ending.plan.on_backlog,
            passed: self.passed,
            unleased,
            bus_stall_ns: stall_ns_max,
            pauses: Pauses { count: ending.pauses.len() as u64, total: total_pause },
            errors: ending.faults,
            signal: ending.signal,
        });
        let mut warnings = self.warnings;
        warnings.extend(judgement.warnings.iter().cloned());
        let mut errors: Vec<_> = self.errors.into_values().collect();
        errors.sort_by(|a, b| b.count.cmp(&a.count).then(a.first_cycle.cmp(&b.first_cycle)));
        Run {
            plan: ending.plan,
            started_at: ending.started_at,
            elapsed: ending.elapsed,
            window,
            judgement,
            warnings,
            account,
            delivered: self.delivered,
            backlog: BacklogSummary {
                start: self.samples.kept().first().map_or(0, BacklogSample::total),
                max: self.samples.max(),
                end: self.samples.last(),
            },
            errors,
            workers: ending.workers,
            series: self.series,
            harness: HarnessSummary {
                unleased,
                bus_stall: Duration::from_nanos(stall_ns),
                cpu_share: ending.cpu_share,
                pauses: ending.pauses,
            },
            observer: self.observer,
        }
    }

    /// Unleased cycles, the time that recording threads waited, and the most of one worker.
    fn troubles(&mut self) -> (u64, u64, u64) {
        let workers: Vec<_> = self.observer.processes().map(|(process, _)| process).collect();
        let harness = |process| self.observer.progress(process).unwrap_or_default().harness;
        workers.into_iter().map(harness).fold((0, 0, 0), |(unleased, stall, max), harness| {
            (
                unleased.saturating_add(harness.unleased),
                stall.saturating_add(harness.stall_ns),
                max.max(harness.stall_ns),
            )
        })
    }
}

/// The cycles that were a worker's own by its counts, of each phase.
fn begun(counts: &PerPhase<Counts>) -> PerPhase<u64> {
    let of = |counts: &Counts| {
        counts.started.saturating_add(counts.skipped).saturating_add(counts.unstarted)
    };
    PerPhase { warmup: of(&counts.warmup), measured: of(&counts.measured) }
}

impl Run {
    /// A run of which nothing was started, because of this.
    pub(crate) fn never_begun(plan: Plan, fault: String) -> Self {
        Record::new(&plan).finish(Ending {
            plan,
            started_at: dyno_bus::clock::wall(),
            elapsed: Duration::ZERO,
            window: None,
            faults: vec![fault],
            signal: None,
            pauses: Vec::new(),
            cpu_share: 0.0,
            workers: Vec::new(),
        })
    }
}
