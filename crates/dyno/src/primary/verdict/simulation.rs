//! Queues of known capacity, simulated, to prove the rule of [`super::growth`] on them.
//!
//! Workers share nothing, so that each is simulated by itself. Every run is repeatable: nothing
//! but its seed is random.

use std::time::Duration;

use dyno_bus::segment::Arrivals;
use dyno_bus::{Time, clock};

use super::{BacklogSample, Evidence, Judgement, Pauses, WindowCounts, judge};
use crate::primary::beat;
use crate::primary::plan::{MaxFailed, OnBacklog, Rate};

/// Samples of the backlog over the window: as many as all but the shortest have at least.
const SAMPLES: usize = beat::SAMPLES as usize;
/// Where they are between two multiples of their distance. Beats do not begin with a window.
const PLACE: f64 = 0.5;

/// A task, its workers, and the load on them.
#[derive(Debug, Clone, Copy)]
pub(super) struct System {
    pub(super) rate: f64,
    pub(super) workers: u32,
    pub(super) warmup: f64,
    pub(super) duration: f64,
    pub(super) arrivals: Arrivals,
    pub(super) service: Service,
    pub(super) order: Order,
}

/// How long a cycle takes, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Service {
    /// Always as long.
    Constant(f64),
    /// Exponential, of this mean.
    Exponential(f64),
    /// From one time at the run's start to another at its end.
    Leaking(f64, f64),
    /// Constant, but nothing runs between two instants of the run.
    Stalling { service: f64, from: f64, until: f64 },
}

/// In which order cycles run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// Sync: one after the other in each worker.
    Sequential,
    /// Async: at once.
    Overlapping,
    /// Async: at once, to wait in turn for one resource behind them.
    Shared,
}

impl System {
    /// Runs it and judges it.
    pub(super) fn judged(&self, seed: u64) -> Judgement {
        judge(&self.evidence(seed))
    }

    /// What a run of it shows.
    pub(super) fn evidence(&self, seed: u64) -> Evidence {
        let mut random = Random(seed);
        let mut timeline = Timeline::new(self.warmup, self.duration);
        let until = self.warmup + self.duration;
        for worker in 0..self.workers {
            let mut free = 0.0_f64;
            let mut poisson = 0.0_f64;
            for cycle in 0.. {
                let index = f64::from(worker) + f64::from(cycle) * f64::from(self.workers);
                let mean_gap = f64::from(self.workers) / self.rate;
                let due = match self.arrivals {
                    Arrivals::Uniform => index / self.rate,
                    Arrivals::Poisson => {
                        poisson += mean_gap * random.exponential();
                        poisson
                    }
                };
                if due >= until {
                    break;
                }
                let (start, begin) = match self.order {
                    Order::Sequential => (due.max(free), due.max(free)),
                    Order::Overlapping => (due, due),
                    Order::Shared => (due, due.max(free)),
                };
                free = begin + self.service_at(begin, &mut random);
                timeline.add(due, start, free);
            }
        }
        let start = Time::from_nanos((self.warmup * 1e9) as u64);
        Evidence {
            rate: Rate::PerSecond(self.rate),
            warmup: Duration::from_secs_f64(self.warmup),
            start,
            window: Duration::from_secs_f64(self.duration),
            planned: Duration::from_secs_f64(self.duration),
            cycles: WindowCounts {
                issued: timeline.due,
                completed: timeline.due,
                ..WindowCounts::default()
            },
            max_failed: MaxFailed::Count(0),
            backlog: timeline.samples(start),
            on_backlog: OnBacklog::Queue,
            passed: None,
            unleased: 0,
            bus_stall_ns: 0,
            pauses: Pauses::default(),
            errors: Vec::new(),
            signal: None,
        }
    }

    fn service_at(&self, begin: f64, random: &mut Random) -> f64 {
        match self.service {
            Service::Constant(service) => service,
            Service::Exponential(mean) => mean * random.exponential(),
            Service::Leaking(first, last) => {
                first + (last - first) * begin / (self.warmup + self.duration)
            }
            Service::Stalling { service, from, until } => {
                let stall = if (from..until).contains(&begin) { until - begin } else { 0.0 };
                stall + service
            }
        }
    }
}

/// How many cycles are waiting and running at each sample, gathered from their changes.
struct Timeline {
    warmup: f64,
    step: f64,
    waiting: Vec<i64>,
    running: Vec<i64>,
    due: u64,
}

impl Timeline {
    fn new(warmup: f64, duration: f64) -> Self {
        let changes = vec![0; SAMPLES + 1];
        let step = duration / SAMPLES as f64;
        Self { warmup, step, waiting: changes.clone(), running: changes, due: 0 }
    }

    fn add(&mut self, due: f64, start: f64, end: f64) {
        self.due += u64::from(due >= self.warmup);
        let [due, start, end] = [due, start, end].map(|time| self.first_sample_after(time));
        self.waiting[due] += 1;
        self.waiting[start] -= 1;
        self.running[start] += 1;
        self.running[end] -= 1;
    }

    /// The first sample at or after a time; one past the last for what comes after all of them.
    fn first_sample_after(&self, time: f64) -> usize {
        (((time - self.warmup) / self.step - PLACE).ceil().max(0.0) as usize).min(SAMPLES)
    }

    fn samples(&self, start: Time) -> Vec<BacklogSample> {
        let (mut waiting, mut running) = (0, 0);
        let samples = (0..SAMPLES).map(|sample| {
            waiting += self.waiting[sample];
            running += self.running[sample];
            let offset = Duration::from_secs_f64(self.step * (sample as f64 + PLACE));
            BacklogSample {
                at: Time::from_nanos(start.as_nanos() + clock::nanos(offset)),
                waiting: u64::try_from(waiting).expect("a cycle waits before it starts"),
                running: u64::try_from(running).expect("a cycle starts before it ends"),
            }
        });
        samples.collect()
    }
}

/// Marsaglia's xorshift64* (2003; Vigna, 2016): unrelated to the streams of due times.
struct Random(u64);

impl Random {
    fn exponential(&mut self) -> f64 {
        self.0 = (self.0 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        -((bits + 1) as f64 / (1_u64 << 53) as f64).ln()
    }
}
