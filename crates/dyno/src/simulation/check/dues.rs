//! The due times and the numbers of cycles, by another arithmetic than that of the bus: cycles are
//! counted along the profile, and a due time is right if as many were counted by then.

use dyno_bus::segment::{Arrivals, PerPhase};
use dyno_bus::{Phase, Time};

use super::super::Simulation;
use super::segments;
use crate::plan::{Plan, Rate};

/// The error of a count of cycles that rounding explains: a due time is a whole nanosecond.
const ROUNDING: f64 = 1e-6;

/// Checks that each uniform cycle was due when the plan's rates had made it due.
pub(super) fn are_on_the_grid(world: &Simulation<'_>) {
    let plan = &world.scenario.plan;
    let is_grid = matches!(plan.rate, Rate::PerSecond(_)) && plan.arrivals == Arrivals::Uniform;
    let Some(first) = segments(world).first().filter(|_| is_grid) else { return };
    let window = first.t0 + plan.warmup;
    let before = issued(plan).expect("they are on a grid").warmup;
    for due in world.hosts.iter().filter_map(|host| host.worker.as_ref()).flat_map(|w| &w.started) {
        let counted = match due.phase {
            Phase::Warmup => seconds(first.t0, due.at) * rate_of_warmup(plan),
            Phase::Measured => before as f64 + counted(plan, seconds(window, due.at)),
        };
        assert!((counted - due.index as f64).abs() < ROUNDING, "{due:?} is due at {counted}");
    }
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
    let courses = world.driver.record.courses();
    let of_stage = courses.iter().map(|course| course.timeline.cycles);
    let ended = account.counts.warmup.completed + account.counts.warmup.failed;
    let ended = ended + account.counts.measured.completed + account.counts.measured.failed;
    assert_eq!(of_stage.clone().sum::<u64>(), ended, "each ends once");
    assert!(of_stage.zip(due).all(|(ended, due)| ended <= due), "no more end than were due");
    for pair in courses.windows(2) {
        let [one, next] = pair else { unreachable!("windows of two") };
        let ended = one.timeline.ended_before + one.timeline.ended.iter().sum::<u64>();
        assert_eq!(next.timeline.ended_before, ended, "a stage begins where the last one ended");
    }
}

/// Returns the numbers of cycles that a whole plan issues; `None` if they follow from no grid.
pub(super) fn issued(plan: &Plan) -> Option<PerPhase<u64>> {
    if plan.rate == Rate::Max || plan.arrivals != Arrivals::Uniform {
        return None;
    }
    // A cycle that is due half a nanosecond before the end is rounded to it, and not issued.
    let count = |seconds: f64, counted: &dyn Fn(f64) -> f64| match seconds > 0.0 {
        true => counted(seconds - 0.5e-9).ceil() as u64,
        false => 0,
    };
    Some(PerPhase {
        warmup: count(plan.warmup.as_secs_f64(), &|seconds| seconds * rate_of_warmup(plan)),
        measured: count(plan.duration.as_secs_f64(), &|seconds| counted(plan, seconds)),
    })
}

fn seconds(from: Time, to: Time) -> f64 {
    (to - from).as_secs_f64()
}

fn rate_of_warmup(plan: &Plan) -> f64 {
    let rate = plan.profile.as_ref().map(|profile| profile.stages()[0].from);
    rate.or(plan.rate.per_second()).expect("an open loop")
}

/// Returns the number of cycles that come due in the first `seconds` of the window.
fn counted(plan: &Plan, seconds: f64) -> f64 {
    let Some(profile) = &plan.profile else { return seconds * rate_of_warmup(plan) };
    let mut begin = 0.0;
    let mut counted = 0.0;
    for stage in profile.stages() {
        let length = stage.duration.as_secs_f64();
        let within = (seconds - begin).clamp(0.0, length);
        counted += within * f64::midpoint(stage.from, stage.rate_at(within / length));
        begin += length;
    }
    counted
}
