//! The due times and the numbers of cycles, by another arithmetic than that of the bus: cycles are
//! counted along the profile, and a due time is right if as many were counted by then.

use dyno_bus::segment::{Arrivals, PerPhase};
use dyno_bus::{Pace, Phase, Segment, Time};

use super::super::Simulation;
use super::segments;
use crate::plan::{Plan, Rate};
use crate::primary::{CountedPlan, HandRate};

/// The error of a count of cycles that rounding explains: a due time is a whole nanosecond.
const ROUNDING: f64 = 1e-6;
/// The error of a rate that rounding explains, as a share of it.
const RATE_ROUNDING: f64 = 1e-9;
/// The highest rate of a segment that makes no cycle due.
const PAUSED_MAX: f64 = 1e-9;

/// Checks that each uniform cycle was due when the plan's rates, with their changes by hand, had made
/// it due.
pub(super) fn are_on_the_grid(world: &Simulation<'_>) {
    let plan = &world.scenario.plan;
    let is_grid = matches!(plan.rate, Rate::PerSecond(_)) && plan.arrivals == Arrivals::Uniform;
    let Some(first) = segments(world).first().filter(|_| is_grid) else { return };
    let window = first.t0 + plan.warmup;
    let counted = with_changes(world);
    let before = issued(plan, &counted).warmup;
    for due in world.hosts.iter().filter_map(|host| host.worker.as_ref()).flat_map(|w| &w.started) {
        let counted = match due.phase {
            Phase::Warmup => seconds(first.t0, due.at) * rate_of_warmup(plan),
            Phase::Measured => before as f64 + counted.cycles(seconds(window, due.at)),
        };
        assert!((counted - due.index as f64).abs() < ROUNDING, "{due:?} is due at {counted}");
    }
}

/// Returns the curve of an open loop with the changes that were made: each of them is to a rate that
/// was requested by hand, in the order of these requests.
pub(super) fn with_changes(world: &Simulation<'_>) -> CountedPlan {
    let plan = &world.scenario.plan;
    let mut counted = CountedPlan::new(plan);
    let told = world.told.borrow();
    let first = HandRate::of(plan).expect("an open loop");
    let hands: Vec<_> =
        [first].into_iter().chain(told.rates.iter().map(|(rate, _)| *rate)).collect();
    let measured = segments(world).iter().filter(|segment| segment.phase == Phase::Measured);
    let Some(window) = measured.clone().next().map(|segment| segment.t0) else { return counted };
    let mut applied = 0;
    for segment in measured {
        let at = segment.t0 - window;
        let is_its = |hand: &HandRate| is_at(segment, counted.rate_at(at.as_secs_f64(), *hand));
        let found = hands[applied..].iter().position(is_its);
        let found = found.unwrap_or_else(|| panic!("nobody requested {segment:?} of {hands:?}"));
        if found > 0 {
            applied += found;
            counted.change(at, hands[applied]);
        }
    }
    counted
}

/// Returns `true` if a segment begins at this rate.
fn is_at(segment: &Segment, rate: f64) -> bool {
    let begins = match segment.pace {
        Pace::Open { rate, .. } if rate <= PAUSED_MAX => 0.0,
        Pace::Open { rate, .. } | Pace::Ramp { from: rate, .. } => rate,
        Pace::Closed { .. } => return false,
    };
    (begins - rate).abs() <= rate * RATE_ROUNDING
}

/// Checks that the stages together have all cycles: those that were due, by the primary's
/// arithmetic, and those that ended, by the workers' timelines.
pub(super) fn are_counted_by_stage(world: &Simulation<'_>) {
    let Some(schedule) = world.driver.schedule() else { return };
    let (dues, account) = (schedule.dues(), world.driver.record.observer.accounts());
    if !matches!(world.scenario.plan.rate, Rate::PerSecond(_)) {
        return;
    }
    let due = dues.iter().map(|dues| dues.earlier + dues.slots.iter().sum::<u64>());
    assert_eq!(due.clone().sum::<u64>(), account.issued.total(), "each is due in one stage");
    let timelines: Vec<_> = world.driver.record.timelines().collect();
    let of_stage = timelines.iter().map(|timeline| timeline.cycles);
    let ended = account.counts.warmup.completed + account.counts.warmup.failed;
    let ended = ended + account.counts.measured.completed + account.counts.measured.failed;
    assert_eq!(of_stage.clone().sum::<u64>(), ended, "each ends once");
    assert!(of_stage.zip(due).all(|(ended, due)| ended <= due), "no more end than were due");
    for pair in timelines.windows(2) {
        let [one, next] = pair else { unreachable!("windows of two") };
        let ended = one.ended_before + one.ended.iter().sum::<u64>();
        assert_eq!(next.ended_before, ended, "a stage begins where the last one ended");
    }
}

/// Returns the numbers of cycles that a whole plan issues, on a grid.
pub(super) fn issued(plan: &Plan, counted: &CountedPlan) -> PerPhase<u64> {
    // A cycle that is due half a nanosecond before the end is rounded to it, and not issued.
    let count = |seconds: f64, counted: &dyn Fn(f64) -> f64| match seconds > 0.0 {
        true => counted(seconds - 0.5e-9).ceil() as u64,
        false => 0,
    };
    PerPhase {
        warmup: count(plan.warmup.as_secs_f64(), &|seconds| seconds * rate_of_warmup(plan)),
        measured: count(plan.duration.as_secs_f64(), &|seconds| counted.cycles(seconds)),
    }
}

fn seconds(from: Time, to: Time) -> f64 {
    (to - from).as_secs_f64()
}

fn rate_of_warmup(plan: &Plan) -> f64 {
    let rate = plan.profile.as_ref().map(|profile| profile.stages()[0].from);
    rate.or(plan.rate.per_second()).expect("an open loop")
}
