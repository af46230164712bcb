//! The row for queues: with sync tasks and Poisson arrivals, each worker is an M/D/1 or an M/M/1
//! queue.
//!
//! Four figures are compared. *Theory* is the formula, with an interval: 99 of 100 runs as long as
//! this one fall inside it. *Replay* is computed from the same plan and the same service times, for
//! a harness that costs nothing. *With cost* is the same replay with the task's own measurements of
//! each cycle: how late it began, and how much longer than planned it took. *Measured* is what dyno
//! reports. So a difference between the first two is chance, a difference between the next two is
//! the harness's cost, and the last two must not differ.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use dyno_bus::Phase;

use super::{Options, Told, cores, program};
use crate::queue::{Job, Sample, Seen, replay};
use crate::run::{Ran, Run, run_all};
use crate::statistics::{Interval, Statistics, all, intervals};
use crate::table::{Table, micros, millis};
use crate::theory::Service;

/// The mean service: long compared with the cost of a wake-up, short enough for many cycles.
const MEAN: Duration = Duration::from_millis(1);
const UTILISATIONS: [f64; 3] = [0.3, 0.6, 0.9];
/// The number of simulated runs for an interval; its ends are the fifth value from either side.
const SAMPLES: u64 = 1_000;
/// The relative difference that is allowed between dyno and the task's readings of the clock: three
/// digits.
const DIGITS: f64 = 1e-3;
/// The further difference that is allowed, in nanoseconds: the time between dyno's reading of the
/// clock and the task's. It is longest after a worker has slept, when its caches are cold.
const BETWEEN_READINGS_NS: f64 = 5_000.0;

/// The settings of a queue that is run.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// The distribution of service times.
    pub service: Service,
    /// The share of its time that each worker is busy.
    pub utilisation: f64,
    /// The number of workers.
    pub workers: u32,
    /// The time before the window, which fills the queue.
    pub warmup: Duration,
    /// The measured window.
    pub window: Duration,
}

impl Queue {
    /// Returns the run of this queue.
    #[must_use]
    pub fn run(&self) -> Run {
        let rate = self.utilisation / MEAN.as_secs_f64() * f64::from(self.workers);
        let run = Run::new(self.service.into(), MEAN, rate);
        let Self { workers, warmup, window, .. } = *self;
        Run { poisson: true, workers, warmup, window, ..run }
    }

    fn sample(&self) -> Sample {
        let services = |span: Duration| span.as_secs_f64() / MEAN.as_secs_f64();
        Sample {
            service: self.service,
            utilisation: self.utilisation,
            warmup: services(self.warmup),
            window: services(self.window),
            workers: self.workers,
        }
    }
}

/// Two replays of a run's plan, and the harness's cost, in nanoseconds.
#[derive(Debug)]
pub struct Replayed {
    /// The cycles of the run in a harness that costs nothing.
    pub free_seen: Vec<Seen>,
    /// The cycles of the run with the times that the task measured.
    pub seen: Vec<Seen>,
    /// The mean delay of a cycle's start if its worker was idle.
    pub late_idle: f64,
    /// The mean delay of a cycle's start if its worker came from the cycle before.
    pub late_busy: f64,
    /// The mean time that a cycle took longer than planned.
    pub overrun: f64,
}

impl Replayed {
    /// Replays a run's plan.
    ///
    /// # Errors
    /// If the cycles that ran differ from the plan.
    pub fn of(ran: &Ran) -> Result<Self> {
        let (workers, begin) = ran.told()?;
        let (mut free_seen, mut seen) = (Vec::new(), Vec::new());
        let (mut idle, mut busy, mut overrun) = (Mean::default(), Mean::default(), Mean::default());
        for told in &workers {
            let mut before = 0;
            let jobs: Vec<_> = told
                .iter()
                .map(|told| {
                    // The earliest start: when it is due, or when the cycle before it has ended.
                    let could = told.note.due.max(before);
                    let late = (told.note.start - could) as f64;
                    // An idle worker has to wake up first, so that its delay is kept apart.
                    if before <= told.note.due {
                        idle.add(late)
                    } else {
                        busy.add(late)
                    }
                    before = told.note.end;
                    let service = (told.note.end - told.note.start) as f64;
                    overrun.add(service - ran.run.work.busy_ns(told.note.index) as f64);
                    let is_measured = told.due.phase == Phase::Measured;
                    Job { due: (told.note.due - begin) as f64, late, service, is_measured }
                })
                .collect();
            seen.extend(replay(jobs.iter().copied()));
            free_seen.extend(replay(jobs.iter().zip(told).map(|(job, told)| {
                let service = ran.run.work.busy_ns(told.note.index) as f64;
                Job { late: 0.0, service, ..*job }
            })));
        }
        Ok(Self {
            free_seen,
            seen,
            late_idle: idle.value(),
            late_busy: busy.value(),
            overrun: overrun.value(),
        })
    }
}

/// Returns the figures that dyno reports, in nanoseconds.
///
/// # Errors
/// If a metric is missing.
pub fn measured(ran: &Ran) -> Result<Statistics> {
    let response = ran.metric("response")?;
    let percentiles = all([response.p50, response.p90, response.p99]);
    let [p50, p90, p99] = percentiles.context("too few cycles for p99")?.map(|ns| ns as f64);
    Ok(Statistics { wait_mean: ran.metric("wait")?.mean, p50, p90, p99 })
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }
}

/// The relation of a figure to theory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// The measured value is within the interval.
    Within,
    /// The measured value is outside, but the replay is inside: the difference is the harness's
    /// cost, which was measured.
    Cost,
    /// The replay is outside too: this is the one run in a hundred.
    Chance,
    /// The value that dyno reports differs from what the task saw.
    Wrong,
}

impl Judged {
    fn of(measured: f64, free: f64, with_cost: f64, (low, high): Interval) -> Self {
        let is_within = |value: f64| low <= value && value <= high;
        if !agrees(measured, with_cost) {
            Self::Wrong
        } else if is_within(measured) {
            Self::Within
        } else if is_within(free) {
            Self::Cost
        } else {
            Self::Chance
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Cost => "cost",
            Self::Chance => "chance",
            Self::Wrong => "WRONG",
        }
    }
}

/// Returns `true` if the value that dyno reports agrees with what the task saw.
#[must_use]
pub fn agrees(measured: f64, seen: f64) -> bool {
    (measured - seen).abs() <= seen * DIGITS + BETWEEN_READINGS_NS
}

pub(super) fn measure(options: &Options) -> Result<Told> {
    let window = Duration::from_millis(if options.quick { 1_500 } else { 15_000 });
    let warmup = Duration::from_millis(if options.quick { 300 } else { 1_000 });
    let samples = if options.quick { SAMPLES / 5 } else { SAMPLES };
    let program = program()?;
    let mut rows = Table::new(&[
        "queue",
        "ρ",
        "workers",
        "ms",
        "theory",
        "99 % interval",
        "replay",
        "with cost",
        "measured",
        "",
    ]);
    let mut costs = Table::new(&[
        "queue",
        "ρ",
        "workers",
        "start of an idle worker",
        "start of a busy one",
        "overrun",
    ]);
    let (mut judged, mut notes) = (Vec::new(), Vec::new());
    for service in [Service::Constant, Service::Exponential] {
        for workers in [1, 2] {
            let queues = UTILISATIONS.map(|utilisation| Queue {
                service,
                utilisation,
                workers,
                warmup,
                window,
            });
            for (queue, ran) in queues.iter().zip(run_side_by_side(&queues, &program)?) {
                let intervals = intervals(&queue.sample(), samples);
                let replayed = Replayed::of(&ran)?;
                let head = [
                    service.queue().to_owned(),
                    queue.utilisation.to_string(),
                    workers.to_string(),
                ];
                costs.row(
                    head.clone().into_iter().chain(
                        [replayed.late_idle, replayed.late_busy, replayed.overrun].map(micros),
                    ),
                );
                if !ran.summary.sustained() {
                    let verdict = ran.summary.reasons.join(" ");
                    let [kind, utilisation, workers] = &head;
                    notes.push(format!("- {kind}, {utilisation}, {workers}: {verdict}"));
                }
                judged.extend(compare(queue, &ran, &replayed, intervals, &head, &mut rows)?);
            }
        }
    }
    let count = |kind| judged.iter().filter(|judged| **judged == kind).count();
    let [within, cost, chance, wrong] =
        [Judged::Within, Judged::Cost, Judged::Chance, Judged::Wrong].map(count);
    let text = format!(
        "Of {} figures, {within} are within the interval; {cost} are not, by the cost that was \
         measured; {chance} are not, by chance, as their replay; {wrong} are wrong.\n\n{rows}\n\
         What the harness cost, on average, in µs:\n\n{costs}\n{}",
        judged.len(),
        notes.join("\n")
    );
    Ok(Told { text, is_true: wrong == 0 })
}

/// Runs as many queues at once as there is a core for each of their workers.
fn run_side_by_side(queues: &[Queue], program: &Path) -> Result<Vec<Ran>> {
    let runs: Vec<_> = queues.iter().map(Queue::run).collect();
    run_all(&runs, cores() / runs[0].workers as usize, program)
}

/// Compares a run's figures, and adds a row of the table for each.
fn compare(
    queue: &Queue,
    ran: &Ran,
    replayed: &Replayed,
    intervals: [Interval; 4],
    head: &[String; 3],
    rows: &mut Table,
) -> Result<[Judged; 4]> {
    let mean = MEAN.as_nanos() as f64;
    let theory = Statistics::of_theory(queue.service, queue.utilisation).times(mean).all();
    let intervals = intervals.map(|(low, high)| (low * mean, high * mean));
    let measured = measured(ran)?.all();
    let [free, with_cost] =
        [&replayed.free_seen, &replayed.seen].map(|seen| Statistics::of(seen).all());
    let judged =
        std::array::from_fn(|i| Judged::of(measured[i], free[i], with_cost[i], intervals[i]));
    for (i, judged) in judged.iter().enumerate() {
        let (low, high) = intervals[i];
        rows.row(head.clone().into_iter().chain([
            Statistics::NAMES[i].to_owned(),
            millis(theory[i]),
            format!("{} – {}", millis(low), millis(high)),
            millis(free[i]),
            millis(with_cost[i]),
            millis(measured[i]),
            judged.name().to_owned(),
        ]));
    }
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named_by_its_cause() {
        let interval = (1e6, 2e6);
        assert_eq!(Judged::of(1.5e6, 1.4e6, 1.5e6, interval), Judged::Within);
        assert_eq!(Judged::of(2.5e6, 1.9e6, 2.5e6, interval), Judged::Cost);
        assert_eq!(Judged::of(2.5e6, 2.4e6, 2.5e6, interval), Judged::Chance);
        assert_eq!(Judged::of(1.5e6, 1.5e6, 1.6e6, interval), Judged::Wrong);
    }
}
