//! Tests of thresholds over whole runs: from batches and beats to values.

use dyno_bus::message::{Batch, Counts, CycleTimes};
use dyno_bus::segment::PerPhase;
use dyno_observer::ProcessId;

use super::*;
use crate::plan::fixture::plan;
use crate::plan::threshold::{LimitKind, LimitOperator, ThresholdLimit};
use crate::primary::record::backlog::BacklogTracker;

const MS: u64 = 1_000_000;
/// The time between two beats, and the cycles that are due in it.
const BEAT: u64 = 100 * MS;
const PER_BEAT: u64 = 20;

/// Returns a limit on `response`, in milliseconds.
fn limit(statistic: ThresholdStat, over: Option<u64>, aborts: bool, ms: u64) -> Threshold {
    let number = (ms * MS) as f64;
    Threshold {
        metric: RESPONSE.to_owned(),
        statistic,
        comparison: LimitOperator::Below,
        limit: ThresholdLimit { number, kind: LimitKind::Time, text: format!("{ms}ms") },
        over: over.map(Duration::from_secs),
        aborts,
    }
}

/// A run of one worker on its way.
struct World {
    watch: ThresholdWatch,
    observer: Observer,
    tracker: BacklogTracker,
    now: u64,
    due: u64,
    ended: u64,
    sequence: u64,
}

impl World {
    /// Begins a run of 200 cycles per second for this long.
    fn new(threshold: Threshold, seconds: u64) -> Self {
        Self::of(vec![threshold], seconds)
    }

    fn of(thresholds: Vec<Threshold>, seconds: u64) -> Self {
        let plan = Plan {
            rate: crate::plan::Rate::PerSecond(200.0),
            duration: Duration::from_secs(seconds),
            workers: 1,
            thresholds,
            ..plan()
        };
        let mut observer = Observer::new(plan.pace());
        let mut watch = ThresholdWatch::new(&plan, &mut observer);
        observer.hello(ProcessId::Worker(0), 1).unwrap();
        watch.begin(Time::ZERO);
        let tracker = BacklogTracker::new(vec![0]);
        Self { watch, observer, tracker, now: 0, due: 0, ended: 0, sequence: 0 }
    }

    /// Lets a beat pass, whose due cycles end with this response, or hang. Returns `true` if
    /// the run has to end.
    fn beat(&mut self, response: Option<u64>) -> bool {
        self.now += BEAT;
        self.due += PER_BEAT;
        let ended = if response.is_some() { PER_BEAT as usize } else { 0 };
        self.ended += ended as u64;
        let counts = Counts { started: self.due, completed: self.ended, ..Counts::default() };
        let counts = PerPhase { measured: counts, ..PerPhase::default() };
        let service = vec![response.unwrap_or_default(); ended];
        let measured = CycleTimes { wait: vec![0; ended], service };
        let batch = Batch {
            sequence: self.sequence,
            as_of: Time::from_nanos(self.now),
            counts,
            cycles: PerPhase { measured, ..PerPhase::default() },
            ..Batch::default()
        };
        self.sequence += 1;
        self.observer.absorb(ProcessId::Worker(0), &batch).unwrap();
        let due = PerPhase { measured: self.due, ..PerPhase::default() };
        self.tracker.update(0, Some(due), counts);
        let now = Time::from_nanos(self.now);
        self.watch.beat(now, Duration::ZERO, &mut self.observer, self.tracker.progress())
    }

    fn beats(&mut self, count: u64, response: Option<u64>) {
        for _ in 0..count {
            assert!(!self.beat(response), "at {} ms", self.now / MS);
        }
    }

    fn finish(mut self) -> MeasuredThreshold {
        let (issued, completed) = (self.due, self.ended);
        let mut fates = Fates::default();
        (fates.issued, fates.completed) = (issued, completed);
        let end = ThresholdEnd { now: Time::from_nanos(self.now), fates, backlog_max: 0 };
        self.watch.close(self.tracker.progress(), &mut self.observer);
        self.watch.finish(&end, &self.observer).remove(0)
    }
}

const P90: ThresholdStat = ThresholdStat::Percentile(Percentile(90_000_000));

#[test]
fn a_bad_second_within_a_good_run_is_a_breach_of_a_sliding_window_alone() {
    for (over, is_met) in [(None, true), (Some(1), false)] {
        let mut world = World::new(limit(P90, over, false, 20), 20);
        world.beats(100, Some(5 * MS));
        world.beats(10, Some(50 * MS));
        world.beats(90, Some(5 * MS));
        let measured = world.finish();
        assert_eq!(measured.is_met(), is_met, "{measured:?}");
        if over.is_some() {
            let at = measured.worst_at.unwrap().as_secs_f64();
            assert!((10.0..=12.0).contains(&at), "{measured:?}");
            assert_eq!(measured.value, Some(50e6));
        }
    }
}

#[test]
fn a_target_that_hangs_is_a_breach_of_a_sliding_window_and_no_gap() {
    let mut world = World::new(limit(P90, Some(1), false, 200), 20);
    world.beats(50, Some(5 * MS));
    world.beats(5, None);
    let measured = world.finish();
    assert!(!measured.is_met(), "{measured:?}");
    // Nothing that ended took longer than 5 ms: the ages are those of the cycles that hang.
    assert!(measured.value >= Some(200e6) && measured.value <= Some(500e6), "{measured:?}");
}

#[test]
fn cycles_in_flight_that_are_young_change_no_window() {
    let mut world = World::new(limit(P90, Some(1), false, 20), 20);
    world.beats(30, Some(5 * MS));
    // From now on the newest ten cycles have not ended: they are younger than the limit.
    world.due += PER_BEAT / 2;
    world.beats(30, Some(5 * MS));
    assert!(world.finish().is_met());
}

#[test]
fn a_sliding_window_aborts_as_soon_as_one_is_broken() {
    let mut world = World::new(limit(ThresholdStat::Mean, Some(1), true, 20), 20);
    world.beats(30, Some(5 * MS));
    let beats = (1..).find(|_| world.beat(Some(100 * MS))).unwrap();
    assert!((2..=3).contains(&beats), "{beats}");
    let measured = world.finish();
    assert!(measured.was_certain && !measured.is_met());
}

#[test]
fn a_percentile_aborts_once_more_values_are_beyond_it_than_the_plan_allows() {
    // A tenth of 4,000 cycles may be beyond the limit: twenty beats, and one value more.
    let mut world = World::new(limit(P90, None, true, 20), 20);
    world.beats(20, Some(100 * MS));
    assert!(world.beat(Some(100 * MS)));
    assert!(!world.finish().is_met());
}

#[test]
fn cycles_that_hang_count_as_beyond_an_aborting_limit() {
    let mut world = World::new(limit(ThresholdStat::Max, None, true, 250), 20);
    world.beats(10, Some(5 * MS));
    let beats = (1..).find(|_| world.beat(None)).unwrap();
    assert!((3..=5).contains(&beats), "{beats}");
}

#[test]
fn a_limit_without_a_window_is_judged_at_the_end_also_next_to_one_with_a_window() {
    let sliding = limit(ThresholdStat::Max, Some(1), false, 20_000);
    let number = ThresholdLimit { number: 50.0, kind: LimitKind::Number, text: "50".into() };
    let whole = Threshold {
        statistic: ThresholdStat::Count,
        comparison: LimitOperator::Above,
        limit: number,
        ..limit(P90, None, false, 0)
    };
    let mut world = World::of(vec![whole, sliding], 20);
    world.beats(20, Some(5 * MS));
    let measured = world.finish();
    assert!(measured.is_met() && measured.value == Some(400.0), "{measured:?}");
}

#[test]
fn a_metric_that_never_came_is_a_breach_by_name() {
    let threshold = Threshold { metric: "mine".to_owned(), ..limit(P90, None, false, 20) };
    let mut world = World::new(threshold, 20);
    world.beats(20, Some(5 * MS));
    let measured = world.finish();
    assert!(!measured.is_met() && measured.breach().contains("`mine` has no values"));
}

#[test]
fn failed_and_delivered_are_shares_of_all_cycles_in_thousandths() {
    for (metric, comparison, share) in
        [(FAILED, LimitOperator::Below, 0.0), (DELIVERED, LimitOperator::AtLeast, 500.0)]
    {
        let limit = ThresholdLimit { number: 0.9, kind: LimitKind::Percent, text: "90%".into() };
        let statistic = ThresholdStat::Share;
        let metric = metric.to_owned();
        let one = Threshold { metric, statistic, comparison, limit, over: None, aborts: false };
        let mut world = World::new(one, 20);
        world.beats(10, Some(5 * MS));
        world.beats(10, None);
        let measured = world.finish();
        assert_eq!((measured.value, measured.unit), (Some(share), Unit::Permille));
        assert_eq!(measured.is_met(), share == 0.0);
    }
}
