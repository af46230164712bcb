//! The scenario of a seed: a plan, the workers' behaviour, and the shocks during the run.

use std::time::Duration;

use super::behaviour::{Behaviour, HookRun, Leaves};
use super::chance::Chance;
use super::lies::Lie;
use crate::plan::profile::{Profile, Stage};
use crate::plan::{Arrivals, Deadlines, OnBacklog, Plan, RATE_MIN, Rate};
use crate::primary::{Exit, RateKey};

/// The most cycles that a plan makes due: enough for every rule, few enough for many runs.
const CYCLES_MAX: f64 = 60.0;
/// The longest freeze of a process and the longest pause of a run, in milliseconds.
const FREEZE_MAX_MS: u64 = 3_000;

/// A run that is to be simulated.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) plan: Plan,
    pub(super) workers: Vec<Behaviour>,
    /// The shocks, by their time since the run's begin.
    pub(super) shocks: Vec<(Duration, Shock)>,
    /// The most bytes that each wire holds.
    pub(super) capacity: usize,
    pub(super) spawn_fails: Option<u32>,
    /// The worker whose process stays when it is killed, since the kernel holds it.
    pub(super) unkillable: Option<u32>,
    /// `true` if the workers' sockets outlive them, in processes that they started.
    pub(super) leaks: bool,
    /// `true` if the workers are fast enough for every cycle to end well within the drain.
    pub(super) is_light: bool,
}

/// An event from outside that a run must survive.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shock {
    /// The process of a worker ends.
    Crash(u32, Exit),
    /// A worker closes its socket and stays alive.
    Close(u32),
    /// The process of a worker is frozen for a time.
    Freeze(u32, Duration),
    /// The primary is frozen for a time.
    FreezePrimary(Duration),
    /// The user pauses the run for a time.
    Pause(Duration),
    /// The primary gets a request.
    Ask(Asked),
}

/// A request that the user or the caller makes of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Asked {
    Signal,
    Stop,
    Backlog,
    Rate(f64),
    Key(RateKey),
}

impl Scenario {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let mut plan = plan(chance);
        let is_light = !chance.one_in(5);
        let behaviour = behaviour(chance, &plan, is_light);
        let workers = (0..plan.workers).map(|_| behaviour.clone()).collect();
        if !is_light {
            plan.max_backlog = Some(chance.between(1, 30));
        }
        let mut scenario = Self {
            plan,
            workers,
            shocks: Vec::new(),
            capacity: chance.pick(&[64, 200, 1_000, 4_000]),
            spawn_fails: None,
            unkillable: None,
            leaks: chance.one_in(10),
            is_light,
        };
        for worker in &mut scenario.workers {
            worker.boot = chance.micros(100, 30_000);
            worker.before = HookRun::Takes(chance.micros(1, 100_000));
            worker.after = HookRun::Takes(chance.micros(1, 100_000));
        }
        if chance.one_in(4) {
            scenario.steer(chance);
        }
        if chance.one_in(3) {
            scenario.press_keys(chance);
        }
        if chance.one_in(8) {
            let at = scenario.moment(chance);
            let still = chance.micros(1_000, FREEZE_MAX_MS * 1_000);
            scenario.shocks.push((at, Shock::Pause(still)));
        }
        for _ in 0..chance.pick(&[0, 0, 0, 1, 1, 1, 1, 2, 2, 3]) {
            scenario.trouble(chance);
        }
        scenario.shocks.sort_by_key(|(at, _)| *at);
        scenario
    }

    /// Returns a time since the run's begin, up to a little after the planned end.
    fn moment(&self, chance: &mut Chance) -> Duration {
        let whole = self.plan.warmup + self.plan.duration + Duration::from_millis(400);
        chance.micros(0, whole.as_micros() as u64)
    }

    /// Adds requests that a caller may make at any time.
    fn steer(&mut self, chance: &mut Chance) {
        for _ in 0..chance.between(1, 3) {
            let rate = chance.between(1, 100) as f64;
            let asked = chance.pick(&[
                Asked::Stop,
                Asked::Backlog,
                Asked::Rate(rate),
                Asked::Rate(rate),
                Asked::Signal,
            ]);
            let at = self.moment(chance);
            self.shocks.push((at, Shock::Ask(asked)));
        }
    }

    /// Adds keys that the user presses in the window, before its end is leased or after.
    fn press_keys(&mut self, chance: &mut Chance) {
        let mut at = self.plan.warmup;
        for _ in 0..chance.between(1, 6) {
            at += chance.micros(0, 900_000);
            let key = chance.pick(&[RateKey::Faster, RateKey::Slower, RateKey::Pause]);
            self.shocks.push((at, Shock::Ask(Asked::Key(key))));
        }
    }

    /// Adds a fault that should not happen.
    fn trouble(&mut self, chance: &mut Chance) {
        let index = chance.between(0, u64::from(self.plan.workers) - 1) as u32;
        let at = self.moment(chance);
        let still = chance.micros(1_000, FREEZE_MAX_MS * 1_000);
        let soon = chance.micros(1, 50_000);
        let worker = &mut self.workers[index as usize];
        match chance.between(0, 15) {
            0..3 => {
                let exit = chance.pick(&[Exit::Signal(9), Exit::Code(1), Exit::Code(0)]);
                self.shocks.push((at, Shock::Crash(index, exit)));
            }
            3 => self.shocks.push((at, Shock::Close(index))),
            4 => self.shocks.push((at, Shock::Freeze(index, still))),
            5 => self.shocks.push((at, Shock::FreezePrimary(still))),
            6 => {
                let again = at + chance.micros(1, 500_000);
                self.shocks.push((at, Shock::Ask(Asked::Signal)));
                self.shocks.push((again, Shock::Ask(Asked::Signal)));
            }
            7 => worker.before = chance.pick(&[HookRun::Hangs, HookRun::Fails(soon)]),
            8 => worker.after = chance.pick(&[HookRun::Hangs, HookRun::Fails(soon)]),
            9 => worker.hangs_at = Some(chance.between(0, 20)),
            10 => worker.leaves = chance.pick(&[Leaves::Code3, Leaves::Never]),
            11 if chance.one_in(2) => self.spawn_fails = Some(index),
            11 => self.unkillable = Some(index),
            _ => worker.lie = lie(chance),
        }
    }
}

fn plan(chance: &mut Chance) -> Plan {
    let warmup = Duration::from_millis(chance.pick(&[0, 1, 50, 300]));
    let duration =
        Duration::from_millis(chance.pick(&[20, 100, 100, 400, 400, 1_200, 1_700, 3_000]));
    let most = CYCLES_MAX / (warmup + duration).as_secs_f64();
    let rate = most.min(chance.between(5, 2_000) as f64 / 10.0);
    let plan = Plan {
        rate: if chance.one_in(5) { Rate::Max } else { Rate::PerSecond(rate) },
        duration,
        warmup,
        workers: chance.pick(&[1, 2, 2, 3]),
        arrivals: chance.pick(&[Arrivals::Uniform, Arrivals::Poisson]),
        seed: chance.between(0, u64::MAX - 1),
        on_backlog: chance.pick(&[OnBacklog::Stop, OnBacklog::Skip, OnBacklog::Queue]),
        in_flight: chance.pick(&[None, None, Some(1), Some(3)]),
        deadlines: Deadlines {
            start: Duration::from_secs(2),
            drain: Duration::from_secs(1),
            after: Duration::from_secs(1),
            kill_grace: Duration::from_millis(500),
        },
        ..crate::plan::fixture::plan()
    };
    match plan.rate {
        Rate::PerSecond(rate) if chance.one_in(3) => with_profile(plan, rate, chance),
        _ => plan,
    }
}

/// Makes the rate of a plan change in its window, up to `most`.
fn with_profile(plan: Plan, most: f64, chance: &mut Chance) -> Plan {
    let count = chance.between(1, 4);
    let mut stage = |_| {
        let mut rate = || (most * chance.between(1, 100) as f64 / 100.0).max(RATE_MIN);
        let (from, to) = (rate(), rate());
        let to = if chance.one_in(2) { from } else { to };
        Stage { from, to, duration: plan.duration / count as u32 }
    };
    let profile = Profile::new((0..count).map(&mut stage).collect()).expect("valid stages");
    Plan { duration: profile.duration(), profile: Some(profile), ..plan }
}

fn behaviour(chance: &mut Chance, plan: &Plan, is_light: bool) -> Behaviour {
    // In a closed loop cycles are long enough not to become too many.
    let share = plan.rate.per_second().map_or(0.04, |rate| f64::from(plan.workers) / rate);
    let service = Duration::from_secs_f64(share * if is_light { 0.5 } else { 2.0 });
    let service = service.min(Duration::from_millis(if is_light { 50 } else { 300 }));
    Behaviour {
        boot: Duration::ZERO,
        before: HookRun::Takes(Duration::ZERO),
        after: HookRun::Takes(Duration::ZERO),
        is_sync: chance.one_in(2),
        service: (service / 4, service),
        fails_each: chance.pick(&[u64::MAX, u64::MAX, u64::MAX, 7]),
        hangs_at: None,
        lie: Lie::None,
        leaves: Leaves::Well,
    }
}

fn lie(chance: &mut Chance) -> Lie {
    chance.pick(&[
        Lie::OtherVersion,
        Lie::OtherNonce,
        Lie::SecondHello,
        Lie::ReadyTwice,
        Lie::EarlyBye,
        Lie::DrainedUnasked,
        Lie::BatchTwice,
        Lie::BatchMissing,
        Lie::CountsBack,
        Lie::Nonsense,
        Lie::MoreCompleted,
        Lie::FewerCompleted,
        Lie::HugeCounts,
        Lie::HugeDelivered,
        Lie::MoreBatches,
        Lie::MoreAtBye,
    ])
}
