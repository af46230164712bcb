//! The schedules of hosts that share a run: together that of one host.

use proptest::prelude::*;

use super::*;
use crate::plan::hosts::OtherHosts;

/// Returns the cycles that are due to a host's workers: the nanosecond after the start of the plan,
/// the index, the phase and the stage of each, in order. The counts of the schedule agree with them.
fn cycles_of(plan: &Plan) -> Vec<(u64, u64, bool, u8)> {
    let mut schedule = Schedule::new(plan, at(0));
    let (t0, end) = (schedule.segments()[0].t0, schedule.end());
    let mut cycles = Vec::new();
    for worker in plan.worker_numbers() {
        let mut cursor = Cursor::new(Share { worker, workers: plan.workers_of_run() });
        schedule.segments().iter().for_each(|segment| cursor.push(*segment));
        let mut count = 0;
        while let Some(due) = cursor.peek(end).filter(|due| due.at < end) {
            let is_measured = due.phase == Phase::Measured;
            cycles.push((due.at.nanos_since(t0), due.index, is_measured, due.stage));
            cursor.advance();
            count += 1;
        }
        assert_eq!(schedule.issued(worker, end).total(), count);
    }
    cycles.sort_unstable();
    cycles
}

/// A run at one rate, or one with up to three stages; uniform or random, with or without a warm-up.
fn any_plan() -> impl Strategy<Value = Plan> {
    let stage = (1_u32..800, 1_u32..800, 1_u64..900).prop_map(|(from, to, millis)| Stage {
        from: from.into(),
        to: to.into(),
        duration: Duration::from_millis(millis),
    });
    let stages = proptest::collection::vec(stage, 0..4);
    (0.5..1_500.0, stages, any::<bool>(), 0_u64..500, any::<u64>()).prop_map(
        |(rate, stages, is_random, warmup, seed)| {
            let profile = Profile::new(stages).ok();
            let duration = profile.as_ref().map_or(Duration::from_secs(1), Profile::duration);
            let rate = Rate::PerSecond(rate);
            let arrivals = if is_random { Arrivals::Poisson } else { Arrivals::Uniform };
            let warmup = Duration::from_millis(warmup);
            Plan { rate, profile, duration, warmup, arrivals, seed, ..plan() }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_schedules_of_all_hosts_are_together_that_of_one_host_with_all_workers(
        any in any_plan(),
        counts in proptest::collection::vec(1_u32..6, 1..6),
    ) {
        let one = Plan { workers: counts.iter().sum(), ..any.clone() };
        let of_host = |(host, workers): (usize, &u32)| {
            let others = OtherHosts::of(host, &counts).unwrap();
            cycles_of(&Plan { workers: *workers, others, ..any.clone() })
        };
        let mut all: Vec<_> = counts.iter().enumerate().flat_map(of_host).collect();
        all.sort_unstable();
        prop_assert_eq!(all, cycles_of(&one));
    }
}

#[test]
fn a_host_owes_the_cycles_of_its_workers() {
    let others = OtherHosts::of(1, &[4, 2]).unwrap();
    let shared = Plan { rate: Rate::PerSecond(60.0), others, ..plan() };
    let mut schedule = Schedule::new(&shared, at(0));
    assert_eq!(schedule.dues()[0].asked, 100.0);
    let end = schedule.end();
    let issued = [1, 3].map(|worker| schedule.issued(worker, end).measured);
    assert_eq!(issued, [50, 50]);
    assert_eq!(schedule.press(RateKey::Faster), None, "one host can't change the rate of all");
}
