//! The segments, the leases and the counts of a plan, and its stretches.

use proptest::prelude::*;

use super::counted::CountedPlan;
use super::*;
use crate::plan::Rate;
use crate::plan::fixture::plan;
use crate::plan::profile::Profile;

mod shares;

/// Gives all leases until `until`, a key at each of these times, and returns the stretches that
/// begin.
fn steered(schedule: &mut Schedule, keys: &[(u64, RateKey)], until: u64) -> Vec<Segment> {
    let mut keys = keys.iter().peekable();
    let mut begun = Vec::new();
    for millis in 0..until {
        let now = at(millis);
        while let Some((_, key)) = keys.next_if(|(time, _)| *time <= millis) {
            schedule.press(*key).expect("an open loop");
        }
        begun.extend(schedule.next_stretches(now));
        let _lease = schedule.lease(now);
    }
    begun
}

#[test]
fn keys_between_two_leases_make_one_stretch_beyond_every_lease() {
    let plan = Plan { rate: Rate::PerSecond(100.0), workers: 3, ..plan() };
    let mut schedule = Schedule::new(&plan, at(0));
    let faster = RateKey::Faster;
    let begun = steered(&mut schedule, &[(1_800, faster), (1_801, faster)], 2_400);
    let [stretch] = &begun[..] else { panic!("one stretch: {begun:?}") };
    assert_eq!(stretch.pace, Pace::Open { rate: 121.0, arrivals: Arrivals::Uniform });
    assert_eq!((stretch.stage, stretch.phase), (1, Phase::Measured));
    // The lease before, at 1,750 ms, reached a second ahead.
    assert_eq!(stretch.t0, at(2_750));
    assert_eq!(stretch.t0 + Duration::from_nanos(stretch.length_ns), schedule.end());
    let stretches = schedule.stretches();
    let rates: Vec<_> = stretches.iter().map(|stretch| stretch.stage.from).collect();
    assert_eq!(rates, [100.0, 121.0]);
    let run = stretch.t0 - schedule.measured_from();
    assert_eq!(stretches[0].run, Some(run));
    assert_eq!(stretches[1].run, None);
}

#[test]
fn a_key_and_its_opposite_change_nothing() {
    let mut schedule = Schedule::new(&Plan { rate: Rate::PerSecond(100.0), ..plan() }, at(0));
    let keys = [(1_800, RateKey::Faster), (1_801, RateKey::Slower)];
    assert_eq!(steered(&mut schedule, &keys, 2_400), []);
    assert_eq!(schedule.stretches(), []);
}

#[test]
fn no_cycle_is_due_in_a_pause_and_each_index_is_used_once() {
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let plan = Plan { rate: Rate::PerSecond(200.0), workers: 3, arrivals, ..plan() };
        let mut schedule = Schedule::new(&plan, at(0));
        let keys = [
            (1_300, RateKey::Faster),
            (2_100, RateKey::Pause),
            (3_200, RateKey::Pause),
            (3_900, RateKey::Slower),
        ];
        let begun = steered(&mut schedule, &keys, 6_010);
        let [_, pause, resumed, _] = &begun[..] else { panic!("four: {begun:?}") };
        let paused = pause.t0..resumed.t0;
        let all = total(&mut schedule, 3);
        let mut indices = Vec::new();
        for worker in 0..3 {
            let mut cursor = Cursor::new(Share { worker, workers: 3 });
            schedule.segments().iter().for_each(|segment| cursor.push(*segment));
            let end = schedule.end();
            while let Some(due) = cursor.peek(end).filter(|due| due.at < end) {
                assert!(!paused.contains(&due.at), "{due:?} in {paused:?}");
                indices.push(due.index);
                cursor.advance();
            }
        }
        assert_eq!(indices.len() as u64, all.total());
        indices.sort_unstable();
        assert!(indices.windows(2).all(|pair| pair[0] < pair[1]), "{arrivals}");
        let dues = schedule.dues();
        let of_stage = |dues: &Dues| dues.slots[SLOTS..].iter().sum();
        let counted: Vec<u64> = dues.iter().map(of_stage).collect();
        assert_eq!(counted.iter().sum::<u64>(), all.measured);
        assert_eq!((counted.len(), counted[2]), (5, 0), "no cycle in the pause");
        assert!(schedule.stretches()[2].stage.from <= 0.0);
        if arrivals == Arrivals::Uniform {
            for (dues, counted) in dues.iter().zip(counted) {
                assert!((counted as f64 - dues.asked).abs() <= 1.0, "{counted} {}", dues.asked);
            }
        }
    }
}

/// One worker's walk, up to the lease that it has.
struct Walker {
    cursor: Cursor,
    issued: Vec<(u64, Time, u8)>,
}

/// Lets random time pass between the steps of a run, with keys in between, and returns the cycles
/// that the workers issued, by index. A step is a time in milliseconds with a key, if any.
fn issued_under_keys(
    plan: &Plan,
    steps: &[(u64, Option<RateKey>)],
) -> (Schedule, Vec<(u64, Time, u8)>, CountedPlan) {
    let mut schedule = Schedule::new(plan, at(0));
    let mut counted = CountedPlan::new(plan);
    let walker = |worker| {
        let mut cursor = Cursor::new(Share { worker, workers: plan.workers });
        schedule.segments().iter().for_each(|segment| cursor.push(*segment));
        Walker { cursor, issued: Vec::new() }
    };
    let mut walkers: Vec<_> = (0..plan.workers).map(walker).collect();
    let mut now = 0;
    let mut hand = HandRate::of(plan).expect("an open loop");
    let rest = [(200, None); 100];
    for (gap, key) in steps.iter().chain(&rest) {
        now += gap;
        if let Some(key) = key {
            hand = schedule.press(*key).expect("an open loop");
        }
        let stretches = schedule.next_stretches(at(now));
        if let Some(first) = stretches.first() {
            counted.change(first.t0 - schedule.measured_from(), hand);
        }
        for walker in &mut walkers {
            stretches.iter().for_each(|segment| walker.cursor.push(*segment));
        }
        let _due = schedule.due((now % u64::from(plan.workers)) as u32, at(now));
        let Some(Lease { until, .. }) = schedule.lease(at(now)) else { continue };
        for Walker { cursor, issued } in &mut walkers {
            // The last look is beyond the lease, and may enter a stage that is replaced later.
            while let Some(due) = cursor.peek(until).filter(|due| due.at < until) {
                issued.push((due.index, due.at, due.stage));
                cursor.advance();
            }
        }
    }
    assert_eq!(schedule.next_lease(), Time::NEVER, "the end is leased");
    let mut issued: Vec<_> = walkers.into_iter().flat_map(|walker| walker.issued).collect();
    issued.sort_unstable();
    (schedule, issued, counted)
}

fn key() -> impl Strategy<Value = Option<RateKey>> {
    prop_oneof![
        2 => Just(None),
        2 => Just(Some(RateKey::Faster)),
        1 => Just(Some(RateKey::Slower)),
        2 => Just(Some(RateKey::Pause)),
    ]
}

proptest! {
    #[test]
    fn under_any_keys_each_cycle_is_issued_once_and_on_the_curve_that_results(
        stages in prop::collection::vec((1u32..4_000, 1u32..4_000, 20u64..2_000), 1..6),
        is_profile: bool,
        arrivals in prop::sample::select(&Arrivals::ALL[..]),
        workers in 1u32..5,
        warmup in 0u64..700,
        steps in prop::collection::vec((1u64..900, key()), 0..30),
    ) {
        let rate = |rate: u32| f64::from(rate) / 10.0;
        let stages: Vec<_> =
            stages.iter().map(|(from, to, millis)| (rate(*from), rate(*to), *millis)).collect();
        let plan = Plan { warmup: Duration::from_millis(warmup), workers, ..plan_of(&stages, arrivals) };
        let plan = match is_profile {
            true => plan,
            false => Plan { profile: None, rate: Rate::PerSecond(stages[0].0), ..plan },
        };
        let (mut schedule, issued, counted) = issued_under_keys(&plan, &steps);
        let all = total(&mut schedule, workers);
        prop_assert_eq!(issued.len() as u64, all.total());
        prop_assert!(issued.windows(2).all(|pair| pair[0].0 < pair[1].0), "each index once");
        prop_assert!(issued.is_sorted_by_key(|(_, _, stage)| *stage), "later stages, later indices");
        let begins = schedule.segments().iter().filter(|segment| segment.phase == Phase::Measured);
        prop_assert!(begins.enumerate().all(|(stage, segment)| stage == usize::from(segment.stage)));
        let dues = schedule.dues();
        let of_stage = |dues: &Dues| dues.earlier + dues.slots.iter().sum::<u64>();
        let by_stage: Vec<u64> = dues.iter().map(of_stage).collect();
        prop_assert_eq!(by_stage.iter().sum::<u64>(), all.total());
        for (stage, due) in by_stage.iter().enumerate() {
            let issued = issued.iter().filter(|(.., of)| usize::from(*of) == stage).count();
            prop_assert_eq!(issued as u64, *due, "stage {}", stage);
        }
        if arrivals == Arrivals::Uniform {
            let window = schedule.measured_from();
            let measured = issued.iter().skip(all.warmup as usize);
            for (number, (index, due, _)) in measured.enumerate() {
                prop_assert_eq!(*index, all.warmup + number as u64, "no index is left out");
                let counted = counted.cycles((*due - window).as_secs_f64());
                prop_assert!(
                    (counted - number as f64).abs() < 1e-5,
                    "cycle {} is due at {} {:?}", number, counted, counted
                );
            }
        }
    }
}

#[test]
fn a_key_in_a_profile_steers_what_is_left_of_it() {
    let stages = [(100.0, 100.0, 2_000), (100.0, 300.0, 2_000), (50.0, 50.0, 2_000)];
    let plan = plan_of(&stages, Arrivals::Uniform);
    let mut schedule = Schedule::new(&plan, at(0));
    // The window begins after a second; its end is leased after six.
    let begun = steered(&mut schedule, &[(3_000, RateKey::Faster)], 3_400);
    let [ramp, last] = &begun[..] else { panic!("the rest of the ramp, and a stage: {begun:?}") };
    assert_eq!((ramp.stage, last.stage), (2, 3));
    let from = schedule.measured_from() + Duration::from_secs(2);
    let share = (ramp.t0 - from).as_secs_f64() / 2.0;
    let Pace::Ramp { from: first, to, .. } = ramp.pace else { panic!("a ramp: {ramp:?}") };
    assert!((first - 1.1 * (100.0 + 200.0 * share)).abs() < 1e-9 && (to - 330.0).abs() < 1e-9);
    assert_eq!(last.t0, from + Duration::from_secs(2));
    assert!(matches!(last.pace, Pace::Open { rate, .. } if (rate - 55.0).abs() < 1e-9));
    let rates: Vec<_> = schedule.stretches().iter().map(|s| s.stage.from.round()).collect();
    assert_eq!(rates, [100.0, 100.0, (1.1 * (100.0 + 200.0 * share)).round(), 55.0]);
    let runs: Vec<_> = schedule.stretches().iter().map(|s| s.run.is_some()).collect();
    assert_eq!(runs, [false, true, false, false], "the key ended one of them");
}

#[test]
fn a_pause_of_a_profile_is_one_stage_and_the_profile_goes_on_where_it_is_by_then() {
    let stages = [(100.0, 100.0, 2_000), (200.0, 200.0, 2_000), (50.0, 50.0, 2_000)];
    let mut schedule = Schedule::new(&plan_of(&stages, Arrivals::Uniform), at(0));
    let keys = [(1_500, RateKey::Pause), (3_500, RateKey::Pause)];
    let begun = steered(&mut schedule, &keys, 7_100);
    let [pause, rest, last] = &begun[..] else { panic!("{begun:?}") };
    assert_eq!([pause.stage, rest.stage, last.stage], [1, 2, 3]);
    assert_eq!(pause.t0 + Duration::from_nanos(pause.length_ns), schedule.end());
    assert!(matches!(rest.pace, Pace::Open { rate, .. } if rate == 200.0), "{rest:?}");
    assert_eq!(total(&mut schedule, 3).measured, issued_in(&begun, &schedule));
}

/// Returns the cycles of 100 a second until the first of these stretches, and those that the others
/// request.
fn issued_in(begun: &[Segment], schedule: &Schedule) -> u64 {
    let before = (begun[0].t0 - schedule.measured_from()).as_secs_f64() * 100.0;
    let rest = (begun[2].t0 - begun[1].t0).as_secs_f64() * 200.0 + 2.0 * 50.0;
    // A whole cycle is missing after the pause.
    (before.ceil() + rest - 1.0).ceil() as u64
}

#[test]
fn no_more_stages_are_made_than_a_run_has_numbers_for() {
    let stages = [(10.0, 10.0, 30_000), (20.0, 20.0, 50_000), (30.0, 30.0, 10_000)];
    let mut schedule = Schedule::new(&plan_of(&stages, Arrivals::Uniform), at(0));
    let keys: Vec<_> = (0..300)
        .map(|key| (2_000 + key * 260, [RateKey::Faster, RateKey::Slower][key as usize % 2]))
        .collect();
    let _begun = steered(&mut schedule, &keys, 90_000);
    let last = schedule.segments().last().map(|segment| segment.stage);
    assert!(last.is_some_and(|last| last >= u8::MAX - 1), "{last:?}");
    assert!(schedule.press(RateKey::Faster).is_some_and(|rate| rate.is_final));
}

#[test]
fn keys_change_nothing_once_the_end_is_leased() {
    let mut schedule = Schedule::new(&plan(), at(0));
    let begun = steered(&mut schedule, &[(5_900, RateKey::Faster)], 6_010);
    assert_eq!(begun, []);
    assert!(schedule.press(RateKey::Pause).is_some_and(|rate| rate.is_final));
}

#[test]
fn a_run_has_as_many_stretches_as_stages_and_then_its_rate_is_final() {
    let plan = Plan { duration: Duration::from_secs(100), ..plan() };
    let mut schedule = Schedule::new(&plan, at(0));
    let keys: Vec<_> = (0..280).map(|key| (2_000 + key * 260, RateKey::Pause)).collect();
    let begun = steered(&mut schedule, &keys, 90_000);
    assert_eq!(begun.len(), STAGES_OF_RUN_MAX - 1);
    assert_eq!(begun.last().map(|segment| segment.stage), Some(u8::MAX));
    assert!(schedule.press(RateKey::Faster).is_some_and(|rate| rate.is_final));
}

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn total(schedule: &mut Schedule, workers: u32) -> PerPhase<u64> {
    let end = schedule.end();
    (0..workers).fold(PerPhase::default(), |sum, worker| sum + schedule.issued(worker, end))
}

#[test]
fn the_window_holds_exactly_the_cycles_of_the_rate() {
    let plan = Plan { rate: Rate::PerSecond(1_234.5), workers: 3, ..plan() };
    let mut schedule = Schedule::new(&plan, at(0));
    assert_eq!(schedule.end() - schedule.measured_from(), plan.duration);
    // 1 s of warm-up and 5 s: the cycle at the window's first instant is in it.
    assert_eq!(total(&mut schedule, 3), PerPhase { warmup: 1_235, measured: 6_173 });
}

#[test]
fn cycles_due_are_counted_by_slot_at_any_frequency_of_counting() {
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let plan = Plan {
            rate: Rate::PerSecond(480.0),
            warmup: Duration::from_secs(7),
            arrivals,
            workers: 3,
            ..plan()
        };
        let (mut often, mut once) = (Schedule::new(&plan, at(0)), Schedule::new(&plan, at(0)));
        for millis in (0..12_100).step_by(37) {
            let _due = [0, 1, 2].map(|worker| often.due(worker, at(millis)));
        }
        assert_eq!(total(&mut often, 3), total(&mut once, 3));
        let dues = often.dues();
        assert_eq!(dues, once.dues());
        let [dues] = &dues[..] else { panic!("one stage") };
        let all = dues.earlier + dues.slots.iter().sum::<u64>();
        assert_eq!(all, total(&mut once, 3).total());
        assert!((dues.asked - 2_400.0).abs() < 1e-6 && dues.cohort_slots == 0);
        if arrivals == Arrivals::Uniform {
            // Two seconds before the first slot; in a slot, 5 s ÷ 240 at 480/s.
            assert_eq!(dues.earlier, 960);
            assert!(dues.slots.iter().all(|due| (9..=11).contains(due)), "{dues:?}");
        }
    }
}

/// Returns a plan of a profile in this form: a first rate, a last rate and a length in
/// milliseconds for each stage.
fn plan_of(stages: &[(f64, f64, u64)], arrivals: Arrivals) -> Plan {
    let stage = |&(from, to, millis): &_| {
        let duration = Duration::from_millis(millis);
        Stage { from, to, duration }
    };
    let profile = Profile::new(stages.iter().map(stage).collect()).expect("a valid profile");
    let duration = profile.duration();
    Plan { profile: Some(profile), duration, arrivals, workers: 3, ..plan() }
}

#[test]
fn a_profile_has_a_segment_for_each_stage_on_one_grid() {
    let plan = plan_of(
        &[(100.0, 100.0, 1_005), (100.0, 300.0, 1_000), (4.0, 4.0, 2_000)],
        Arrivals::Uniform,
    );
    let mut schedule = Schedule::new(&plan, at(0));
    let [warmup, rest @ ..] = schedule.segments() else { panic!("a warm-up") };
    assert_eq!((warmup.pace, warmup.phase), (plan.pace(), Phase::Warmup));
    assert_eq!(plan.pace(), Pace::Open { rate: 100.0, arrivals: Arrivals::Uniform });
    let first: Vec<_> = rest.iter().map(|segment| segment.first).collect();
    // After the warm-up's 100: cycles at 0 ms, 10 ms … 1,000 ms; then until 300.5 in all.
    assert_eq!(first, [100, 201, 401]);
    assert_eq!(rest.iter().map(|segment| segment.stage).collect::<Vec<_>>(), [0, 1, 2]);
    let leads: Vec<_> = rest.iter().map(|segment| segment.lead).collect();
    assert!(leads[0] == 0.0 && (leads[1] - 0.5).abs() < 1e-9 && (leads[2] - 0.5).abs() < 1e-9);
    assert_eq!(schedule.end() - schedule.measured_from(), plan.duration);
    // Half a cycle is left at 4/s: then one each quarter of a second.
    assert_eq!(total(&mut schedule, 3), PerPhase { warmup: 100, measured: 301 + 8 });
    let dues = schedule.dues();
    let by_stage: Vec<u64> = dues.iter().map(|dues| dues.slots[SLOTS..].iter().sum()).collect();
    assert_eq!(by_stage, [101, 200, 8]);
    let mut asked = dues.iter().map(|dues| dues.asked).zip([100.5, 200.0, 8.0]);
    assert!(asked.all(|(asked, area)| (asked - area).abs() < 1e-6), "{dues:?}");
    assert_eq!(plan.cycles_due(), Some(308.5));
    assert_eq!(dues[1].earlier + dues[1].slots[..SLOTS].iter().sum::<u64>(), 0);
    assert_eq!(dues[1].cohort_slots, SLOTS / 6);
    // Twice as many come due at the end of the ramp as at its middle, and so on.
    let tenth = |tenth: usize| dues[1].slots[SLOTS + 24 * tenth..][..24].iter().sum::<u64>();
    assert!((10..=11).contains(&tenth(0)) && (28..=30).contains(&tenth(9)), "{dues:?}");
}

#[test]
fn the_stages_of_a_profile_share_not_one_index_and_count_alike_at_any_frequency() {
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let stages = [(400.0, 400.0, 700), (0.1, 0.1, 300), (10.0, 900.0, 900), (900.0, 0.1, 500)];
        let plan = plan_of(&stages, arrivals);
        let (mut often, mut once) = (Schedule::new(&plan, at(0)), Schedule::new(&plan, at(0)));
        for millis in (0..3_400).step_by(13) {
            let _due = [0, 1, 2].map(|worker| often.due(worker, at(millis)));
        }
        let all = total(&mut once, 3);
        assert_eq!(total(&mut often, 3), all);
        assert_eq!(often.dues(), once.dues());
        let counted = |dues: &Dues| dues.earlier + dues.slots.iter().sum::<u64>();
        assert_eq!(once.dues().iter().map(counted).sum::<u64>(), all.total());

        let mut indices = Vec::new();
        for worker in 0..3 {
            let mut cursor = Cursor::new(Share { worker, workers: 3 });
            once.segments().iter().for_each(|segment| cursor.push(*segment));
            while let Some(due) = cursor.peek(once.end()).filter(|due| due.at < once.end()) {
                indices.push((due.index, due.stage));
                cursor.advance();
            }
        }
        indices.sort_unstable();
        assert_eq!(indices.len() as u64, all.total());
        assert!(indices.windows(2).all(|pair| pair[0].0 < pair[1].0), "{arrivals}");
        assert!(indices.is_sorted_by_key(|(_, stage)| *stage), "later stages, later indices");
    }
}

#[test]
fn a_rate_that_a_profile_sets_is_not_replaced_by_one_rate() {
    let plan = plan_of(&[(100.0, 100.0, 1_000), (50.0, 50.0, 5_000)], Arrivals::Uniform);
    let mut schedule = Schedule::new(&plan, at(0));
    assert_eq!(schedule.set_rate(10.0), None);
}

#[test]
fn leases_reach_a_second_ahead_and_never_past_the_end() {
    let mut schedule = Schedule::new(&Plan { warmup: Duration::ZERO, ..plan() }, at(0));
    let first = schedule.lease(at(0)).expect("the first");
    assert_eq!(first, Lease { until: at(1_000), last: false });
    assert_eq!(schedule.lease(at(249)), None);
    assert_eq!(schedule.lease(at(250)).map(|lease| lease.until), Some(at(1_250)));
    let last = schedule.lease(at(4_500)).expect("the last");
    assert_eq!(last, Lease { until: schedule.end(), last: true });
    assert_eq!(schedule.lease(at(60_000)), None);
}

#[test]
fn a_new_rate_begins_beyond_every_lease_with_an_unused_index() {
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let plan = Plan { rate: Rate::PerSecond(100.0), workers: 3, arrivals, ..plan() };
        let mut schedule = Schedule::new(&plan, at(0));
        let _first = schedule.lease(at(0));
        let _until_two_and_a_half_seconds = schedule.lease(at(1_500));
        assert!(schedule.set_rate(1_000.0).is_some_and(|rate| !rate.is_final));
        let stretches = schedule.next_stretches(at(1_750));
        let [segment] = &stretches[..] else { panic!("one stretch: {stretches:?}") };
        assert_eq!((segment.t0, segment.stage), (at(2_500), 1));
        if arrivals == Arrivals::Uniform {
            // 100 of the warm-up and 150 less a millisecond's worth of the window.
            assert_eq!(segment.first, 250);
        }
        let issued = total(&mut schedule, 3).measured as f64;
        assert!((issued - (150.0 + 3_500.0)).abs() < 300.0, "{issued}");
    }
}

#[test]
fn a_new_rate_is_refused_after_the_last_lease() {
    let mut schedule = Schedule::new(&plan(), at(0));
    let _last = schedule.lease(at(5_500));
    assert_eq!(
        schedule.set_rate(10.0),
        HandRate::of(&plan()).map(|rate| HandRate { is_final: true, ..rate })
    );
    assert_eq!(schedule.next_stretches(at(5_800)), []);
}

#[test]
fn after_a_stop_only_the_workers_cut_adds_what_was_due() {
    let plan =
        Plan { rate: Rate::PerSecond(1_000.0), workers: 1, warmup: Duration::ZERO, ..plan() };
    let mut schedule = Schedule::new(&plan, at(0));
    let until = schedule.measured_from() + Duration::from_millis(100);
    assert_eq!(schedule.due(0, until).measured, 100);
    schedule.stop(until);
    let later = until + Duration::from_secs(1);
    assert_eq!(schedule.due(0, later).measured, 100);
    assert_eq!(schedule.issued(0, until + Duration::from_millis(5)).measured, 105);
}
