//! Simulated systems of every kind, which prove the rule of [`super::trend`].
//!
//! A simulated run is a list of cycles with their due times, starts and ends. It goes through the
//! code that a worker runs: the same timeline, the same samples, the same judgement. Every run is
//! repeatable: only its seed makes it random.

mod matrix;
mod profile;
mod queue;
pub(crate) mod random;

use std::time::Duration;

use dyno_bus::timeline::{CycleTimeline, Grid, SLOTS};
use dyno_bus::{Time, clock};

use self::queue::Ran;
use self::random::Random;
use super::course::Course;
use super::{BacklogSample, Evidence, Fates, LimitPassed, Pauses, Verdict, judge};
use crate::plan::fixture::plan;
use crate::plan::{MaxFailed, OnBacklog, Plan, Rate, sampling};

/// The window's first instant on the simulated clock, which leaves room for the warm-up.
const START: Duration = Duration::from_secs(10_000);
/// The number of samples of the backlog over the window; each is in the middle of its part, where
/// beats fall on average.
const SAMPLES: u32 = sampling::SAMPLES;

/// A system, and the load on it. The drain has no deadline: the rule is tested before a deadline
/// fails the cycles that take longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct System {
    pub(crate) kind: Kind,
    pub(crate) service: Service,
    pub(crate) poisson: bool,
    /// Cycles per second.
    pub(crate) rate: f64,
    /// The length of the warm-up, in seconds.
    pub(crate) warmup: f64,
    /// The length of the window, in seconds.
    pub(crate) window: f64,
    /// The rate as a share of the system's capacity; for a slowing system, of its capacity at the
    /// window's end.
    pub(crate) load: f64,
}

/// The servers of the cycles, and the order of service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Sync tasks: each worker has its own queue.
    Sync {
        workers: u32,
        /// `true` if the first worker is at `load` and takes a fifth longer than the others.
        uneven: bool,
    },
    /// Async tasks of two workers that share this many permits, first come first served.
    Pool { permits: u32 },
    /// The same with one permit, but the newest cycle is served first.
    LastFirst,
    /// One server whose speed all cycles in flight share.
    Sharing,
    /// Async tasks without any limit: `load` is the service in seconds.
    Infinite,
}

/// The distribution of the time that a cycle takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Service {
    Constant,
    Exponential,
    /// Hyper-exponential with balanced means: its squared coefficient of variation is 4.
    Hyper,
    /// Pareto of shape 2.5.
    Pareto,
    /// The sum of four exponential stages.
    Erlang,
    /// Nine of ten cycles take a tenth as long as the others.
    Bimodal,
    /// Log-normal with a squared coefficient of variation of 2.
    LogNormal,
    /// Constant, but nothing runs for 200 ms of each two seconds.
    Stalls,
    /// Constant, but slower by 1 % of it each second.
    Slows,
    /// Exponential, but nothing runs after four fifths of the window.
    Stops,
    /// Two of five cycles are answered by a cache at once; the others take an exponential time.
    Cached,
}

/// The verdict on a simulated run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Held,
    Unclear,
    Overloaded,
    /// Overloaded, because the backlog passed its limit.
    Limit,
}

impl System {
    /// Runs the system and judges the run. Returns the answer, and the duration that the hint
    /// suggests, in seconds.
    pub(crate) fn answer(&self, seed: u64) -> (Answer, Option<f64>) {
        let evidence = self.evidence(seed);
        let judgement = judge(&evidence);
        let answer = match judgement.verdict {
            Verdict::Sustained => Answer::Held,
            Verdict::Inconclusive => Answer::Unclear,
            Verdict::Unsustained if evidence.passed.is_some() => Answer::Limit,
            Verdict::Unsustained => Answer::Overloaded,
            _ => panic!("{self:?} {judgement:?}"),
        };
        let longer = judgement
            .hint
            .strip_prefix("try --duration ")
            .map(|duration| humantime::parse_duration(duration).expect("a duration").as_secs_f64());
        (answer, longer)
    }

    /// Returns the evidence of one run.
    pub(crate) fn evidence(&self, seed: u64) -> Evidence {
        let cycles = queue::run(self, &mut Random::new(seed));
        let window = Duration::from_secs_f64(self.window);
        let warmup = Duration::from_secs_f64(self.warmup);
        let grid = Grid::new(at(-self.warmup), at(0.0), window);
        let workers = self.workers();
        let mut timelines = vec![CycleTimeline::default(); workers as usize];
        let mut course = Course { cohort_slots: grid.cohort_slots(), ..Course::default() };
        let mut counts = Fates::default();
        for cycle in &cycles {
            let [due, begun, end] = [cycle.due, cycle.start, cycle.end].map(at);
            let place = grid.place(due);
            course.due[(place * SLOTS as u64 * 2 / dyno_bus::timeline::PLACES) as usize] += 1;
            let in_window = u64::from(cycle.due >= 0.0);
            counts.issued += in_window;
            if end < Time::NEVER {
                let (wait, service) = (begun.nanos_since(due), end.nanos_since(begun));
                timelines[cycle.worker as usize].record(&grid, place, wait, service);
                counts.completed += in_window;
            } else if begun < Time::NEVER {
                counts.abandoned += in_window;
            } else {
                counts.unstarted += in_window;
            }
        }
        for (timeline, running_max) in timelines.iter().zip(running_max(&cycles, workers)) {
            course.add(timeline, running_max);
        }
        let backlog = samples(&cycles, self.window);
        let rate = Rate::PerSecond(self.rate);
        let plan = Plan { rate, warmup, duration: window, workers, ..plan() };
        let passed = backlog_limit(&plan, &cycles, &backlog);
        Evidence {
            asked: self.rate * self.window,
            course,
            cycles: counts,
            delivered: counts.completed,
            backlog,
            passed,
            ..undisturbed(self.rate, warmup, window)
        }
    }

    /// Returns the number of workers that share the cycles.
    pub(crate) fn workers(&self) -> u32 {
        match self.kind {
            Kind::Sync { workers, .. } => workers,
            Kind::Pool { .. } | Kind::LastFirst | Kind::Sharing | Kind::Infinite => 2,
        }
    }
}

/// Returns an instant in seconds from the window's start.
fn at(seconds: f64) -> Time {
    let nanos = START.as_nanos() as f64 + seconds * 1e9;
    if seconds.is_finite() { Time::from_nanos(nanos as u64) } else { Time::NEVER }
}

/// Returns the evidence of a run that nothing disturbed, and that had no cycle.
pub(super) fn undisturbed(rate: f64, warmup: Duration, window: Duration) -> Evidence {
    Evidence {
        rate: Rate::PerSecond(rate),
        part: 1.0,
        warmup,
        start: at(0.0),
        window,
        planned: window,
        asked: 0.0,
        course: Course::default(),
        cycles: Fates::default(),
        delivered: 0,
        max_failed: MaxFailed::Share(1.0),
        backlog: Vec::new(),
        on_backlog: OnBacklog::Stop,
        max_backlog: None,
        passed: None,
        unleased: 0,
        bus_stall_ns: 0,
        target: None,
        bus_stall_between_ns: 0,
        running_max: 0,
        stood_still: Vec::new(),
        pauses: Pauses::default(),
        errors: Vec::new(),
        signal: None,
        thresholds: Vec::new(),
        stages: Vec::new(),
    }
}

/// Returns the most cycles of each worker that ran at once, or 2 if it is more: the rule asks only
/// whether cycles overlapped. Each worker starts its cycles in the order of `cycles`.
fn running_max(cycles: &[Ran], workers: u32) -> Vec<u64> {
    let mut busy_until = vec![f64::NEG_INFINITY; workers as usize];
    let mut most = vec![0; workers as usize];
    // A cycle that never starts has infinite times.
    for cycle in cycles.iter().filter(|cycle| cycle.start.is_finite()) {
        let worker = cycle.worker as usize;
        // If one cycle ends as the next starts, the end comes first.
        let overlaps = cycle.start < busy_until[worker];
        most[worker] = most[worker].max(if overlaps { 2 } else { 1 });
        busy_until[worker] = busy_until[worker].max(cycle.end);
    }
    most
}

/// Returns the backlog in the middle of each of [`SAMPLES`] parts of the window.
fn samples(cycles: &[Ran], window: f64) -> Vec<BacklogSample> {
    let at = |sample: usize| (sample as f64 + 0.5) / f64::from(SAMPLES) * window;
    // The number of cycles that were due, had started and had ended, sample by sample.
    let mut counts = [[0; 3]; SAMPLES as usize];
    for cycle in cycles {
        for (place, time) in [cycle.due, cycle.start, cycle.end].into_iter().enumerate() {
            // The first sample that is not before this time.
            let near = (time / window * f64::from(SAMPLES) - 0.5).ceil().max(0.0) as usize;
            let first = (near.saturating_sub(1)..=near.saturating_add(1))
                .find(|sample| time <= at(*sample));
            if let Some(count) = first.and_then(|first| counts.get_mut(first)) {
                count[place] += 1;
            }
        }
    }
    let mut sums = [0; 3];
    let samples = counts.iter().enumerate().map(|(sample, count)| {
        (0..3).for_each(|place| sums[place] += count[place]);
        let [due, started, ended] = sums;
        let offset = Duration::from_secs_f64(at(sample));
        BacklogSample {
            at: Time::from_nanos(clock::nanos(START + offset)),
            waiting: due - started,
            running: started - ended,
        }
    });
    samples.collect()
}

/// Returns the first sample beyond the default limit, which stops the run; `None` if all are within
/// it.
fn backlog_limit(plan: &Plan, cycles: &[Ran], samples: &[BacklogSample]) -> Option<LimitPassed> {
    let before = |time: f64| time < 0.0;
    let count =
        |of: fn(&Ran) -> f64| cycles.iter().filter(|cycle| before(of(cycle))).count() as u64;
    let (due, started, ended) = (count(|c| c.due), count(|c| c.start), count(|c| c.end));
    let limit = plan.backlog_rule()?.limit(Some((due - started, started - ended)))?;
    let passes = |sample: &&BacklogSample| limit.is_passed_by(sample.waiting, sample.running);
    samples.iter().find(passes).map(|&sample| LimitPassed { sample, limit })
}
