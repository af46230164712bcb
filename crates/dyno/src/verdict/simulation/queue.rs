//! Queues: the servers of each cycle, and the times at which they serve it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::random::Random;
use super::{Kind, Service, System};

/// A cycle, with times in seconds from the window's first instant. A cycle that never ran or never
/// ended has infinite times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) worker: u32,
    pub(crate) due: f64,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// Runs a system. Returns its cycles, by due time.
pub(crate) fn run(system: &System, random: &mut Random) -> Vec<Ran> {
    let arrivals = arrivals(system, random);
    serve(system, &arrivals, random)
}

/// Serves cycles that arrive at any times, each with its worker. Returns them by due time.
pub(crate) fn serve(system: &System, arrivals: &[(u32, f64)], random: &mut Random) -> Vec<Ran> {
    let workers = system.workers();
    let mean = match system.kind {
        Kind::Infinite => system.load,
        Kind::Sync { workers, .. } => system.load * f64::from(workers) / system.rate,
        Kind::Pool { permits } => system.load * f64::from(permits) / system.rate,
        Kind::LastFirst | Kind::Sharing => system.load / system.rate,
    };
    let mut served = Served::new(system, mean, random);
    let mut cycles = match system.kind {
        Kind::Sync { uneven, .. } => {
            let mut free = vec![f64::NEG_INFINITY; workers as usize];
            let speed = |worker: u32| if uneven && worker > 0 { 1.2 } else { 1.0 };
            let serve = |(worker, due): &(u32, f64)| {
                let free = &mut free[*worker as usize];
                let start = due.max(*free);
                let service = served.service(random) / speed(*worker);
                *free = served.end(start, service);
                Ran { worker: *worker, due: *due, start, end: *free }
            };
            arrivals.iter().map(serve).collect()
        }
        Kind::Pool { permits } => pool(arrivals, permits, &mut served, random),
        Kind::Infinite => arrivals
            .iter()
            .map(|&(worker, due)| Ran {
                worker,
                due,
                start: due,
                end: due + served.service(random),
            })
            .collect(),
        Kind::LastFirst => last_first(arrivals, system, &mut served, random),
        Kind::Sharing => sharing(arrivals, &mut served, random),
    };
    cycles.sort_by(|a, b| a.due.total_cmp(&b.due));
    cycles
}

/// Returns the worker and the due time of each cycle, by due time.
fn arrivals(system: &System, random: &mut Random) -> Vec<(u32, f64)> {
    let workers = system.workers();
    let mut arrivals = Vec::new();
    if system.poisson {
        for worker in 0..workers {
            let gap = f64::from(workers) / system.rate;
            let mut due = -system.warmup;
            loop {
                due += gap * random.exponential();
                if due >= system.window {
                    break;
                }
                arrivals.push((worker, due));
            }
        }
        arrivals.sort_by(|a, b| a.1.total_cmp(&b.1));
    } else {
        let count = ((system.warmup + system.window) * system.rate).ceil() as u32;
        let due = |index: u32| -system.warmup + f64::from(index) / system.rate;
        let cycles = (0..count).map(|index| (index % workers, due(index)));
        arrivals.extend(cycles.filter(|(_, due)| *due < system.window));
    }
    arrivals
}

/// The way a system serves: the distribution of its services, and its changes over time.
struct Served {
    kind: Service,
    mean: f64,
    window: f64,
    /// The begin of one stall, in seconds; the others are whole periods away.
    offset: f64,
}

/// The length of each stall, in seconds: nothing runs.
const STALL: f64 = 0.2;
/// The time between the begins of two stalls, in seconds.
const STALL_PERIOD: f64 = 2.0;

impl Served {
    fn new(system: &System, mean: f64, random: &mut Random) -> Self {
        let offset = random.uniform() * STALL_PERIOD;
        Self { kind: system.service, mean, window: system.window, offset }
    }

    /// Returns a service of mean `mean`; if the server's speed changes, the work in it.
    fn service(&self, random: &mut Random) -> f64 {
        let mean = self.mean;
        match self.kind {
            Service::Constant | Service::Slows => mean,
            Service::Exponential | Service::Stops => mean * random.exponential(),
            Service::Hyper => {
                let share = 0.5 * (1.0 - (3.0_f64 / 5.0).sqrt());
                let share = if random.uniform() < share { share } else { 1.0 - share };
                mean / (2.0 * share) * random.exponential()
            }
            Service::Pareto => mean * 0.6 * random.uniform().powf(-1.0 / 2.5),
            Service::Erlang => mean * (0..4).map(|_| random.exponential()).sum::<f64>() / 4.0,
            Service::Bimodal => {
                let short = mean / 1.9;
                if random.uniform() < 0.9 { short } else { 10.0 * short }
            }
            Service::LogNormal => {
                let variance = 3.0_f64.ln();
                mean * (variance.sqrt() * random.normal() - variance / 2.0).exp()
            }
            Service::Stalls => mean * (1.0 - STALL / STALL_PERIOD),
            Service::Cached => mean / 0.6 * random.exponential(),
        }
    }

    /// Returns the end of a service that begins at `start`.
    fn end(&self, start: f64, service: f64) -> f64 {
        match self.kind {
            Service::Stalls => {
                let turn = STALL_PERIOD - STALL;
                let since = start - self.offset;
                let into = (since.rem_euclid(STALL_PERIOD) - STALL).max(0.0);
                let done = (since / STALL_PERIOD).floor() * turn + into + service;
                let turns = (done / turn).floor();
                self.offset + turns * STALL_PERIOD + STALL + (done - turns * turn)
            }
            Service::Slows => {
                start + service * (1.0 + 0.01 * (start.min(self.window) - self.window))
            }
            Service::Stops if start + service >= 0.8 * self.window => f64::INFINITY,
            Service::Stops
            | Service::Constant
            | Service::Exponential
            | Service::Hyper
            | Service::Pareto
            | Service::Erlang
            | Service::Bimodal
            | Service::LogNormal
            | Service::Cached => start + service,
        }
    }
}

/// A time that can be ordered, as a key of a heap.
#[derive(PartialEq, PartialOrd)]
struct At(f64);

impl Eq for At {}

#[expect(clippy::derive_ord_xor_partial_ord, reason = "no time here is NaN")]
impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Serves all workers' cycles from one queue with `permits` servers.
fn pool(
    arrivals: &[(u32, f64)],
    permits: u32,
    served: &mut Served,
    random: &mut Random,
) -> Vec<Ran> {
    let mut free: BinaryHeap<_> = (0..permits).map(|_| Reverse(At(f64::NEG_INFINITY))).collect();
    let mut cycles = Vec::with_capacity(arrivals.len());
    for &(worker, due) in arrivals {
        let service = served.service(random);
        if served.kind == Service::Cached && random.uniform() < 0.4 {
            cycles.push(Ran { worker, due, start: due, end: due + service / 100.0 });
            continue;
        }
        let Some(Reverse(At(first))) = free.pop() else { continue };
        let end = served.end(due.max(first), service);
        free.push(Reverse(At(end)));
        // An async cycle runs from its due time on, and waits for its permit inside.
        cycles.push(Ran { worker, due, start: due, end });
    }
    cycles
}

/// Serves the newest cycle first, on one server without preemption. A cycle that has not begun by
/// the drain's end never ends.
fn last_first(
    arrivals: &[(u32, f64)],
    system: &System,
    served: &mut Served,
    random: &mut Random,
) -> Vec<Ran> {
    let mut cycles: Vec<_> = arrivals
        .iter()
        .map(|&(worker, due)| Ran { worker, due, start: due, end: f64::INFINITY })
        .collect();
    let services: Vec<_> = arrivals.iter().map(|_| served.service(random)).collect();
    let until = system.window + 5.0;
    let (mut stack, mut free): (Vec<usize>, f64) = (Vec::new(), f64::NEG_INFINITY);
    for index in 0..=cycles.len() {
        let now = cycles.get(index).map_or(until, |cycle| cycle.due);
        while free <= now
            && let Some(last) = stack.pop()
        {
            free = f64::max(free, cycles[last].due) + services[last];
            cycles[last].end = free;
        }
        if index < cycles.len() {
            stack.push(index);
        }
    }
    cycles
}

/// Serves all cycles in flight at once on one server, in virtual time.
fn sharing(arrivals: &[(u32, f64)], served: &mut Served, random: &mut Random) -> Vec<Ran> {
    let mut cycles: Vec<_> = arrivals
        .iter()
        .map(|&(worker, due)| Ran { worker, due, start: due, end: f64::INFINITY })
        .collect();
    let mut running: BinaryHeap<Reverse<(At, usize)>> = BinaryHeap::new();
    let (mut now, mut work) = (f64::NEG_INFINITY, 0.0);
    for index in 0..=cycles.len() {
        let due = cycles.get(index).map_or(f64::INFINITY, |cycle| cycle.due);
        while let Some(Reverse((At(needed), first))) = running.peek() {
            let over = now + (needed - work) * running.len() as f64;
            if over > due {
                break;
            }
            (now, work) = (over, *needed);
            cycles[*first].end = over;
            running.pop();
        }
        if !running.is_empty() && due.is_finite() {
            work += (due - now) / running.len() as f64;
        }
        now = due;
        if index < cycles.len() {
            running.push(Reverse((At(work + served.service(random)), index)));
        }
    }
    cycles
}
