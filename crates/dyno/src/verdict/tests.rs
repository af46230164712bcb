//! The verdicts, their precedence and their sentences.

use dyno_bus::timeline::{CycleTimeline, Grid, PLACES, SLOTS};

use super::simulation::{Kind, Service, System, undisturbed};
use super::*;

const START: Time = Time::from_nanos(1_000_000_000);

/// Returns the course of 50/s for five seconds, after one of warm-up. `took` gives the milliseconds
/// that a cycle takes by its due time, in seconds from the window's start. `running_max` is the
/// report of each of the two workers.
fn course(running_max: u64, took: impl Fn(f64) -> f64) -> Course {
    let grid = Grid::new(Time::ZERO, START, Duration::from_secs(5));
    let mut course = Course { cohort_slots: grid.cohort_slots(), ..Course::default() };
    let mut timelines = [CycleTimeline::default(), CycleTimeline::default()];
    for cycle in 0..300 {
        let due = Time::from_nanos(cycle * 20_000_000);
        let place = grid.place(due);
        course.due[(place * 2 * SLOTS as u64 / PLACES) as usize] += 1;
        let service = took(cycle as f64 / 50.0 - 1.0) * 1e6;
        timelines[cycle as usize % 2].record(&grid, place, 0, service as u64);
    }
    timelines.iter().for_each(|timeline| course.add(timeline, running_max));
    course
}

/// Returns the fates of this many cycles that were issued and that completed.
fn fates(issued: u64, completed: u64) -> Fates {
    let mut fates = Fates::default();
    (fates.issued, fates.completed) = (issued, completed);
    fates
}

/// Returns the evidence of a run at 50/s for five seconds that went well.
fn evidence() -> Evidence {
    let at = |tenth: u64| Time::from_nanos(START.as_nanos() + tenth * 500_000_000 + 1);
    Evidence {
        start: START,
        asked: 250.0,
        course: course(4, |_| 60.0),
        cycles: fates(250, 250),
        delivered: 250,
        max_failed: MaxFailed::Count(0),
        backlog: (0..10).map(|t| BacklogSample { at: at(t), waiting: 1, running: 2 }).collect(),
        running_max: 1,
        ..undisturbed(50.0, Duration::from_secs(1), Duration::from_secs(5))
    }
}

#[track_caller]
fn check(evidence: &Evidence, verdict: Verdict, reason: &str, hint: &str) {
    let judgement = judge(evidence);
    assert_eq!(judgement.verdict, verdict);
    assert_eq!(judgement.reasons[0], reason);
    assert_eq!(judgement.hint, hint);
}

#[test]
fn a_run_without_any_trouble_is_sustained() {
    check(
        &evidence(),
        Verdict::Sustained,
        "250 cycles came due at 50/s over 5s, all completed, and the backlog stayed bounded: \
         3.1 at first, 3.1 at last on average, 3 at most",
        "try --rate 100, or --rate search to find the highest rate that is sustained",
    );
}

#[test]
fn a_closed_loop_is_completed_with_any_number_of_cycles_in_flight() {
    let mut closed = Evidence { rate: Rate::Max, ..evidence() };
    closed.backlog[9].waiting = 10_000;
    check(
        &closed,
        Verdict::Completed,
        "a closed loop ran 250 cycles in 5s, all completed",
        "a closed loop hides waiting: try --rate 45 to see whether that rate is sustained",
    );
}

#[test]
fn failed_and_abandoned_cycles_count_against_the_same_limit() {
    let mut failed = evidence();
    (failed.cycles.failed, failed.cycles.abandoned, failed.cycles.completed) = (2, 1, 247);
    check(
        &failed,
        Verdict::Failed,
        "2 of 250 cycles failed and 1 had not ended at the drain deadline; at most 0 may (--max-failed)",
        "read the errors; where some are expected, allow them: --max-failed 1%",
    );
    failed.max_failed = MaxFailed::Share(0.01);
    assert_eq!(judge(&failed).verdict, Verdict::Failed);
    failed.max_failed = MaxFailed::Count(3);
    assert_eq!(judge(&failed).verdict, Verdict::Sustained);
}

#[test]
fn a_backlog_beyond_its_limit_is_unsustained_where_the_run_stops() {
    let mut stopped = evidence();
    let at = Time::from_nanos(START.as_nanos() + 2_340_000_000);
    let sample = BacklogSample { at, waiting: 153, running: 2 };
    let limit = BacklogLimit { waiting: 150, total: 400 };
    stopped.passed = Some(LimitPassed { sample, limit });
    (stopped.cycles.issued, stopped.cycles.completed, stopped.delivered) = (117, 117, 100);
    stopped.window = Duration::from_millis(2_340);
    check(
        &stopped,
        Verdict::Unsustained,
        "the backlog passed its limit of 150 waiting cycles 2.34s into the window, with 153 \
         waiting and 2 running, and the run stopped there",
        "42.7/s were delivered: try --rate 38, more --workers, or a faster task",
    );
    let queued = judge(&Evidence { on_backlog: OnBacklog::Queue, ..stopped });
    assert_eq!(queued.verdict, Verdict::Sustained);
    assert!(queued.warnings[0].starts_with("the backlog passed its limit"), "{queued:?}");
}

#[test]
fn a_requested_limit_holds_between_samples_too() {
    // For 0.4 s no cycle ends: 20 cycles gather, and no sample saw them.
    let stalled =
        course(40, |due| if (2.0..2.4).contains(&due) { 2_400.0 - due * 1e3 } else { 5.0 });
    let mut evidence = Evidence { course: stalled, max_backlog: Some(15), ..evidence() };
    check(
        &evidence,
        Verdict::Unsustained,
        "the backlog passed its limit of 15 cycles for a short time: it was 19 or more, as the \
         times at which cycles ended show",
        "50/s were delivered: try --rate 45, more --workers, or a faster task",
    );
    evidence.on_backlog = OnBacklog::Queue;
    let queued = judge(&evidence);
    assert_eq!(queued.verdict, Verdict::Sustained);
    assert!(queued.warnings[0].starts_with("the backlog passed its limit"), "{queued:?}");
    for (limit, warned) in [(20, true), (24, false)] {
        evidence.max_backlog = Some(limit);
        let near = judge(&evidence);
        assert_eq!(near.verdict, Verdict::Sustained);
        let warning = "the backlog may have passed its limit of 20 cycles for less than 41.67ms";
        let is_warned = near.warnings.iter().any(|one| one.starts_with(warning));
        assert_eq!(is_warned, warned, "{limit}: {:?}", near.warnings);
    }
    // Without a requested limit, samples are enough.
    evidence.max_backlog = None;
    assert_eq!(judge(&evidence).warnings, [""; 0]);
}

#[test]
fn skipped_cycles_are_unsustained() {
    let mut skipped = Evidence { on_backlog: OnBacklog::Skip, ..evidence() };
    (skipped.cycles.skipped, skipped.cycles.completed, skipped.delivered) = (10, 240, 240);
    check(
        &skipped,
        Verdict::Unsustained,
        "10 of 250 cycles were skipped (4.00 %), because the backlog was at its limit",
        "48/s were delivered: try --rate 43, more --workers, or a faster task",
    );
}

#[test]
fn cycles_that_never_began_prove_overload_only_beside_a_backlog_that_grew() {
    let mut unstarted = evidence();
    (unstarted.cycles.unstarted, unstarted.cycles.completed) = (10, 240);
    let judgement = judge(&unstarted);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(judgement.reasons, ["10 of 250 cycles had not begun when the drain deadline came"]);
    let grew = Evidence { course: course(150, |due| 20.0 + 500.0 * due.max(0.0)), ..unstarted };
    assert_eq!(judge(&grew).verdict, Verdict::Unsustained);
    assert_eq!(judge(&grew).reasons.len(), 2);
    // If a run was cut, these cycles were not allowed to begin.
    let cut = Evidence { window: Duration::from_secs(4), ..evidence() };
    assert_eq!(judge(&Evidence { cycles: grew.cycles, ..cut }).verdict, Verdict::Sustained);
}

#[test]
fn a_backlog_that_grew_is_unsustained() {
    let grew = Evidence { course: course(150, |due| 20.0 + 500.0 * due.max(0.0)), ..evidence() };
    check(
        &grew,
        Verdict::Unsustained,
        "the backlog grew by 75 cycles, from 5 in the window's first tenth to 80 in its \
         last, where 3 are allowed",
        "50/s were delivered: try --rate 45, more --workers, or a faster task",
    );
}

#[test]
fn workers_that_are_busy_for_more_than_all_of_the_time_are_named() {
    let overloaded = Evidence { course: course(1, |_| 44.0), ..evidence() };
    // No cycle waits in this test's timeline: a serial worker whose backlog did not grow.
    assert_eq!(judge(&overloaded).verdict, Verdict::Inconclusive);
    assert_eq!(
        judge(&overloaded).reasons,
        [
            "cycles due take 110 % of the time that the workers have: with 250 cycles it is not clear \
          whether that is below 100 %"
        ]
    );
}

#[test]
fn the_hint_begins_with_the_targets_part_only_if_the_rate_is_not_held() {
    let of = TargetUseSpan::Window;
    let target = Some(TargetUse { of, cpu: 1.2, busiest: Some(0.993), machine_idle: Some(0.4) });
    let grew = course(150, |due| 20.0 + 500.0 * due.max(0.0));
    let judgement = judge(&Evidence { course: grew, target, ..evidence() });
    assert_eq!(judgement.verdict, Verdict::Unsustained);
    let expected =
        "the target's busiest thread used 99 % of a core: it is the bottleneck; 50/s were";
    assert!(judgement.hint.starts_with(expected), "{}", judgement.hint);
    let held = judge(&Evidence { target, ..evidence() });
    assert_eq!(held.verdict, Verdict::Sustained);
    assert!(!held.hint.contains("target"), "{}", held.hint);
}

#[test]
fn a_harness_in_the_way_is_invalid_by_its_effect() {
    let mut late = Evidence { unleased: 1, ..evidence() };
    (late.cycles.issued, late.cycles.completed) = (1_000, 1_000);
    assert_eq!(judge(&late).verdict, Verdict::Sustained);
    late.unleased = 2;
    check(
        &late,
        Verdict::Invalid,
        "2 of 1,000 cycles came due before the primary had leased them (0.20 %): the harness was \
         late, not the task",
        "leave the primary a core: use fewer --workers, or end what else runs on this machine",
    );
    let mut stalled = Evidence { bus_stall_ns: 50_000_000, ..evidence() };
    assert_eq!(judge(&stalled).verdict, Verdict::Sustained);
    stalled.bus_stall_ns = 62_500_000;
    check(
        &stalled,
        Verdict::Invalid,
        "the bus held up the task for 62.5ms of the window's 5s (1.25 %)",
        "record fewer values per cycle, or lower the --rate: the bus holds up the task",
    );
}

#[test]
fn a_closed_loop_loses_throughput_to_stalls_between_cycles_and_nothing_else() {
    let closed = Evidence {
        rate: Rate::Max,
        bus_stall_ns: 70_000_000,
        bus_stall_between_ns: 62_500_000,
        ..evidence()
    };
    let judgement = judge(&closed);
    assert_eq!(judgement.verdict, Verdict::Completed);
    assert_eq!(
        judgement.warnings,
        ["workers waited for 62.5ms of the window's 5s to hand over what they measured: no \
          measured time is wrong because of it, but about 1.27 % more cycles could have run"]
    );
    // A wait inside cycles, or while others ran, is part of their service.
    let inside = Evidence { bus_stall_between_ns: 10_000_000, ..closed.clone() };
    assert_eq!(judge(&inside).verdict, Verdict::Invalid);
    let overlapping = Evidence { running_max: 2, ..closed.clone() };
    assert_eq!(judge(&overlapping).verdict, Verdict::Invalid);
    let open = Evidence { rate: Rate::PerSecond(50.0), ..closed };
    assert_eq!(judge(&open).verdict, Verdict::Invalid);
}

#[test]
fn a_short_pause_is_a_warning_and_a_long_one_is_invalid() {
    let pauses = Pauses { count: 1, total: Duration::from_millis(40) };
    let short = judge(&Evidence { pauses, ..evidence() });
    assert_eq!(short.verdict, Verdict::Sustained);
    assert_eq!(short.warnings, ["the run was stopped once, for 40ms in all"]);
    let pauses = Pauses { count: 2, total: Duration::from_secs(3) };
    check(
        &Evidence { pauses, ..evidence() },
        Verdict::Invalid,
        "the run was stopped 2 times, for 3s in all",
        "run again without stopping it",
    );
}

#[test]
fn processes_that_stood_still_are_named_in_a_warning() {
    let still = |worker, millis| StoodStill { worker, total: Duration::from_millis(millis) };
    let still =
        vec![still(Some(1), 520), still(None, 500), still(Some(0), 480), still(Some(2), 110)];
    let judgement = judge(&Evidence { stood_still: still.clone(), ..evidence() });
    assert_eq!(judgement.verdict, Verdict::Sustained);
    assert_eq!(
        judgement.warnings,
        [
            "worker 1 stood still for 520ms, the primary stood still for 500ms, worker 0 stood still \
          for 480ms, and one more process for less: stopped from outside, or without a processor; \
          cycles that came due meanwhile waited"
        ]
    );
    let unleased =
        judge(&Evidence { stood_still: still[..1].to_vec(), unleased: 20, ..evidence() });
    assert!(unleased.reasons[0].contains("worker 1 stood still"), "{unleased:?}");
}

#[test]
fn a_window_without_a_cycle_proves_nothing() {
    let cycles = Fates::default();
    for rate in [Rate::Max, Rate::PerSecond(0.2)] {
        let empty = Evidence { rate, cycles, backlog: Vec::new(), ..evidence() };
        check(
            &empty,
            Verdict::Invalid,
            "no cycle came due in the window of 5s",
            "give a longer --duration",
        );
        // Without a cycle, the load of the workers has no bound: that says nothing more.
        assert_eq!(judge(&empty).reasons.len(), 1, "{:?}", judge(&empty));
    }
}

#[test]
fn a_run_that_ended_before_its_window_reports_only_the_reason() {
    let errors = vec!["worker 0 was not ready within 10s".to_owned()];
    let (cycles, window) = (Fates::default(), Duration::ZERO);
    let judgement = judge(&Evidence { errors, cycles, window, backlog: Vec::new(), ..evidence() });
    assert_eq!(judgement.verdict, Verdict::Error);
    assert_eq!(judgement.reasons, ["worker 0 was not ready within 10s"]);
    assert!(judgement.warnings.is_empty());
}

#[test]
fn the_reason_of_an_interrupted_run_has_its_progress() {
    let mut interrupted = Evidence { signal: Some(2), ..evidence() };
    interrupted.window = Duration::from_millis(1_250);
    (interrupted.cycles.issued, interrupted.cycles.completed) = (62, 61);
    check(
        &interrupted,
        Verdict::Interrupted,
        "SIGINT ended the run 1.25s into its window of 5s, with 61 of 62 cycles completed",
        "run again to the end for a verdict: these numbers cover a part of the window",
    );
}

#[test]
fn an_error_keeps_its_text_and_a_loss_without_an_error_is_one() {
    let errors = vec!["worker 1 (pid 42) was killed by SIGKILL".to_owned()];
    let mut died = Evidence { errors, ..evidence() };
    died.cycles.lost = 3;
    let hint = "fix the error first: these numbers are from a run that went wrong";
    check(&died, Verdict::Error, "worker 1 (pid 42) was killed by SIGKILL", hint);
    died.errors.clear();
    check(&died, Verdict::Error, "what became of 3 of 250 cycles is unknown", hint);
}

#[test]
fn cycles_that_a_second_signal_killed_are_lost_and_not_an_error() {
    let mut killed = Evidence { signal: Some(2), ..evidence() };
    (killed.cycles.completed, killed.cycles.lost) = (247, 3);
    let judgement = judge(&killed);
    assert_eq!((judgement.verdict, judgement.exit_code), (Verdict::Interrupted, 130));
}

#[test]
fn the_gravest_of_several_verdicts_comes_first_and_the_others_follow_as_reasons() {
    let mut all = evidence();
    all.cycles.failed = 1;
    let mut verdicts = vec![judge(&all).verdict];
    all.cycles.skipped = 1;
    verdicts.push(judge(&all).verdict);
    all.unleased = 1;
    verdicts.push(judge(&all).verdict);
    all.signal = Some(15);
    verdicts.push(judge(&all).verdict);
    all.errors.push("worker 0 exited".to_owned());
    verdicts.push(judge(&all).verdict);
    let expected = [
        Verdict::Failed,
        Verdict::Unsustained,
        Verdict::Invalid,
        Verdict::Interrupted,
        Verdict::Error,
    ];
    assert_eq!(verdicts, expected);
    assert!(verdicts.is_sorted() && Verdict::Sustained < Verdict::Failed);
    assert_eq!(judge(&all).reasons.len(), 5);
}

#[test]
fn growth_that_may_be_chance_is_inconclusive_with_a_duration_that_would_decide() {
    let system = System {
        kind: Kind::Pool { permits: 4 },
        service: Service::Exponential,
        poisson: true,
        rate: 50.0,
        warmup: 1.0,
        window: 5.0,
        load: 0.97,
    };
    let judgement = judge(&system.evidence(1));
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert!(judgement.reasons[0].contains("chance or overload"), "{judgement:?}");
    assert!(judgement.hint.starts_with("try --duration "), "{judgement:?}");
    assert!(judgement.warnings.is_empty());
}

#[test]
fn a_harness_that_takes_more_than_the_task_is_overload_and_a_stall_at_the_end_is_not() {
    // Serial workers whose service fills a tenth of the time, and which fall behind.
    let late = |wait: fn(f64) -> f64| {
        let mut late = Evidence { course: course(1, |_| 4.0), ..evidence() };
        let path = course(1, move |due| 4.0 + wait(due));
        late.course.timeline.ended = path.timeline.ended;
        judge(&late).verdict
    };
    assert_eq!(late(|_| 0.0), Verdict::Sustained);
    assert_eq!(late(|due| 200.0 * due.max(0.0)), Verdict::Unsustained);
    assert_eq!(late(|due| 3_000.0 * (due - 4.6).max(0.0)), Verdict::Sustained);
}

#[test]
fn a_run_without_enough_of_a_window_is_inconclusive() {
    let cut = Evidence { window: Duration::from_millis(400), ..evidence() };
    let judgement = judge(&cut);
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    assert_eq!(
        judgement.reasons,
        ["250 cycles over 400ms are too few to tell whether the backlog grows"]
    );
}

#[test]
fn the_next_step_of_one_host_is_about_the_rate_of_all_hosts() {
    let shared = Evidence { part: 0.5, ..evidence() };
    assert_eq!(judge(&shared).verdict, Verdict::Sustained);
    assert_eq!(judge(&shared).hint, reason::OTHER_HOSTS);
    let mut skipped = Evidence { on_backlog: OnBacklog::Skip, ..shared };
    (skipped.cycles.skipped, skipped.cycles.completed, skipped.delivered) = (10, 240, 240);
    assert_eq!(
        judge(&skipped).hint,
        "48/s were delivered: try --rate 86, more --workers, or a faster task"
    );
}
