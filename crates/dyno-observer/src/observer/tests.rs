//! Whole runs, without a clock: from batches to statistics, snapshots and accounts.

use dyno_bus::Phase;
use dyno_bus::message::{Column, Counts, CycleTimes, METRIC_NAME_MAX, METRICS_MAX};
use dyno_bus::segment::Arrivals;
use dyno_bus::timeline::stages::STAGES_OF_RUN_MAX;
use dyno_bus::value::{ABOVE, BELOW, VALUE_MAX};
use proptest::prelude::*;

use super::*;
use crate::counts::COUNT_MAX;
use crate::stats::Stats;
use crate::{CountsError, SNAPSHOTS_MAX};

const OPEN: Pace = Pace::Open { rate: 100.0, arrivals: Arrivals::Uniform };
const CLOSED: Pace = Pace::Closed { in_flight: 1 };
const WORKER: ProcessId = ProcessId::Worker(0);

fn observer(pace: Pace, workers: u32) -> Observer {
    let mut observer = Observer::new(pace);
    observer.hello(ProcessId::Primary, 1).unwrap();
    for worker in 0..workers {
        observer.hello(ProcessId::Worker(worker), worker + 2).unwrap();
        observer.declare(ProcessId::Worker(worker), &declare(0, "own", Unit::None)).unwrap();
    }
    observer
}

fn declare(metric: u32, name: &str, unit: Unit) -> Declare {
    Declare { metric, name: name.into(), unit }
}

fn cycles(pairs: &[(u64, u64)]) -> CycleTimes {
    let (wait, service) = pairs.iter().copied().unzip();
    CycleTimes { wait, service }
}

/// Returns the first batch of a process: measured cycles that all completed.
fn batch(pairs: &[(u64, u64)]) -> Batch {
    let count = pairs.len() as u64;
    let measured = Counts { started: count, completed: count, ..Counts::default() };
    Batch {
        counts: PerPhase { measured, ..PerPhase::default() },
        cycles: PerPhase { measured: cycles(pairs), ..PerPhase::default() },
        ..Batch::default()
    }
}

fn stats(observer: &mut Observer, process: ProcessId, name: &str) -> Stats {
    observer.list().stats(process, name).expect("a metric of that name")
}

#[test]
fn response_is_the_sum_of_each_pair() {
    let mut observer = observer(OPEN, 1);
    observer.absorb(WORKER, &batch(&[(10, 1), (0, 5), (7, 7)])).unwrap();
    let response = stats(&mut observer, WORKER, "response");
    assert_eq!((response.min, response.max, response.last), (5, 14, 14));
    assert_eq!(response.mean, 10.0);
    assert_eq!(stats(&mut observer, WORKER, "wait").max, 10);
    assert_eq!(stats(&mut observer, WORKER, "service").max, 7);
}

#[test]
fn a_closed_loop_has_no_wait_and_its_response_is_its_service() {
    let mut observer = observer(CLOSED, 1);
    observer.absorb(WORKER, &batch(&[(10, 1), (0, 5)])).unwrap();
    assert_eq!(observer.list().stats(WORKER, "wait"), None);
    let service = stats(&mut observer, WORKER, "service");
    assert_eq!((service.count, service.max), (2, 5));
    assert_eq!(stats(&mut observer, WORKER, "response"), service);
}

#[test]
fn a_response_above_the_range_is_clamped_and_counted() {
    let mut observer = observer(OPEN, 1);
    observer.absorb(WORKER, &batch(&[(BELOW, 5), (ABOVE, 5), (u64::MAX, u64::MAX)])).unwrap();
    let response = stats(&mut observer, WORKER, "response");
    assert_eq!((response.min, response.max, response.out_of_range), (5, VALUE_MAX, 2));
    assert_eq!(stats(&mut observer, WORKER, "wait").out_of_range, 3);
}

/// Returns the counts and the sums of the metrics of completed cycles, by name.
fn completed(observer: &Observer) -> Vec<(String, u64, f64)> {
    let of = |metric: MetricStats| {
        let Stats { count, mean, .. } = metric.stats;
        (metric.label.name.to_string(), count, mean * count as f64)
    };
    observer.completed().into_iter().map(of).collect()
}

fn failing(sequence: u64, pairs: &[(u64, u64)], failed: &[(u64, u64)]) -> Batch {
    let failed = PerPhase { measured: cycles(failed), ..PerPhase::default() };
    let counts = PerPhase::default();
    Batch { sequence, failed, counts, ..batch(pairs) }
}

#[test]
fn failed_cycles_are_in_every_metric_and_known_apart_once_there_are_any() {
    for (pace, response) in [(OPEN, 3_333.0), (CLOSED, 333.0)] {
        let mut observer = observer(pace, 2);
        observer.absorb(WORKER, &failing(0, &[(1_000, 100)], &[])).unwrap();
        observer.rotate(Time::from_nanos(1), |_| {});
        observer.absorb(WORKER, &failing(1, &[(1_000, 200)], &[])).unwrap();
        assert_eq!(completed(&observer), [], "they all are");
        observer.absorb(WORKER, &failing(2, &[(1_000, 30)], &[(9, 90_000)])).unwrap();
        observer.rotate(Time::from_nanos(2), |_| {});
        observer.absorb(WORKER, &failing(3, &[], &[(9, 90_000)])).unwrap();
        // A worker without a failed cycle adds all its cycles.
        observer.absorb(ProcessId::Worker(1), &failing(0, &[(0, 3)], &[])).unwrap();

        assert_eq!(stats(&mut observer, WORKER, "service").count, 5);
        let expected = [("service".into(), 4, 333.0), ("response".into(), 4, response)];
        assert_eq!(completed(&observer), expected);
        let received = observer.received(WORKER).unwrap();
        assert_eq!((received.cycles.measured, received.failed.measured), (5, 2));
    }
}

#[test]
fn failures_of_the_warm_up_are_received_and_in_no_result() {
    let mut observer = observer(OPEN, 1);
    let warmup = PerPhase { warmup: cycles(&[(1, 2)]), ..PerPhase::default() };
    observer.absorb(WORKER, &Batch { failed: warmup, ..batch(&[(1, 2)]) }).unwrap();
    assert_eq!(completed(&observer), []);
    assert_eq!(observer.received(WORKER).unwrap().failed.warmup, 1);
}

#[test]
fn failed_cycles_go_in_pairs_too() {
    let mut observer = observer(OPEN, 1);
    let failed = CycleTimes { wait: vec![1, 2], service: vec![3] };
    let failed = PerPhase { measured: failed, ..PerPhase::default() };
    let refused = observer.absorb(WORKER, &Batch { failed, ..batch(&[]) });
    assert!(matches!(refused, Err(AbsorbError::Unpaired { wait: 2, service: 1, .. })));
}

#[test]
fn warm_up_values_are_received_and_in_no_result() {
    let mut observer = observer(OPEN, 1);
    let warmup = Batch {
        cycles: PerPhase { warmup: cycles(&[(1, 2), (3, 4)]), ..PerPhase::default() },
        columns: vec![Column { metric: 0, phase: Phase::Warmup, values: vec![1, 2, 3] }],
        ..Batch::default()
    };
    observer.absorb(WORKER, &warmup).unwrap();
    assert_eq!(stats(&mut observer, WORKER, "service"), Stats::default());
    assert_eq!(stats(&mut observer, WORKER, "own"), Stats::default());
    let received = observer.received(WORKER).unwrap();
    assert_eq!((received.cycles.warmup, &received.values[..]), (2, &[3][..]));
    observer.rotate(Time::from_nanos(1), |interval| panic!("{interval:?} is of the warm-up"));
}

#[test]
fn a_batch_that_cannot_be_true_is_named_and_nothing_of_it_is_taken() {
    let mut observer = observer(OPEN, 1);
    let first = Batch { as_of: Time::from_nanos(50), ..batch(&[(1, 2), (3, 4)]) };
    observer.absorb(WORKER, &first).unwrap();
    let next = Batch { sequence: 1, ..first.clone() };
    let process = WORKER;
    let measured = Phase::Measured;
    let column = |metric| vec![Column { metric, phase: measured, values: vec![1] }];
    let completed = |completed| PerPhase {
        measured: Counts { completed, ..next.counts.measured },
        ..PerPhase::default()
    };
    let unpaired = CycleTimes { wait: vec![1, 2], service: vec![1] };
    let count = "completed";
    let refused = [
        (first.clone(), AbsorbError::Sequence { process, expected: 1, found: 0 }),
        (
            Batch { sequence: 2, ..next.clone() },
            AbsorbError::Sequence { process, expected: 1, found: 2 },
        ),
        (
            Batch { as_of: Time::from_nanos(49), ..next.clone() },
            AbsorbError::Time { process, before: Time::from_nanos(50), now: Time::from_nanos(49) },
        ),
        (
            Batch { counts: completed(1), ..next.clone() },
            CountsError::Backwards { process, phase: measured, count, before: 2, now: 1 }.into(),
        ),
        (
            Batch { counts: completed(u64::MAX), ..next.clone() },
            CountsError::TooLarge { process, phase: measured, count, now: u64::MAX }.into(),
        ),
        (
            Batch { cycles: PerPhase { warmup: unpaired, ..PerPhase::default() }, ..next.clone() },
            AbsorbError::Unpaired { process, phase: Phase::Warmup, wait: 2, service: 1 },
        ),
        (
            Batch { columns: column(1), ..next.clone() },
            AbsorbError::Undeclared { process, metric: 1 },
        ),
        (
            Batch { columns: column(u32::MAX), ..next.clone() },
            AbsorbError::Undeclared { process, metric: u32::MAX },
        ),
    ];
    let received = observer.received(WORKER).unwrap().clone();
    for (bad, error) in refused {
        assert_eq!(observer.absorb(WORKER, &bad), Err(error));
    }
    assert_eq!(observer.received(WORKER), Some(&received));
    assert_eq!(stats(&mut observer, WORKER, "service").count, 2);
    assert_eq!(observer.absorb(WORKER, &next), Ok(()));
}

#[test]
fn an_unknown_worker_and_a_message_out_of_order_are_named() {
    let mut observer = observer(OPEN, 1);
    let stranger = ProcessId::Worker(7);
    let error = observer.absorb(stranger, &Batch::default()).unwrap_err();
    assert_eq!(error.to_string(), "worker 7 sent a batch before its hello");
    assert_eq!(
        observer.declare(stranger, &declare(0, "x", Unit::None)),
        Err(DeclareError::Unknown { process: stranger })
    );
    assert_eq!(
        observer.absorb(ProcessId::Primary, &batch(&[(1, 1)])),
        Err(AbsorbError::CyclesOfPrimary { count: 1 })
    );
    assert_eq!(
        observer.hello(WORKER, 9),
        Err(HelloError::Twice { process: WORKER, before: 2, now: 9 })
    );
    assert_eq!(
        observer.drained(7, PerPhase::default(), &Drained::default()),
        Err(TallyError::Unknown { process: stranger })
    );
}

#[test]
fn declarations_have_limits() {
    let mut observer = observer(OPEN, 2);
    let longest = "n".repeat(METRIC_NAME_MAX);
    let too_long = "n".repeat(METRIC_NAME_MAX + 1);
    let most = METRICS_MAX as u32;
    for (metric, name, unit, accepted) in [
        (0, "x", Unit::None, false),
        (1, "own", Unit::None, false),
        (1, "response", Unit::Nanoseconds, false),
        (1, "", Unit::None, false),
        (1, "a\u{1b}[2J", Unit::None, false),
        (1, too_long.as_str(), Unit::None, false),
        (most, "x", Unit::None, false),
        (u32::MAX, "x", Unit::None, false),
        (most - 1, longest.as_str(), Unit::Bytes, true),
        (1, "x", Unit::None, true),
    ] {
        let declared = observer.declare(WORKER, &declare(metric, name, unit));
        assert_eq!(declared.is_ok(), accepted, "{metric} {name:?}: {declared:?}");
    }
    let error = observer.declare(ProcessId::Worker(1), &declare(1, "x", Unit::Bytes)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "worker 1 declared the metric \"x\" with unit Bytes: elsewhere it has None"
    );
}

#[test]
fn rotation_shows_each_interval_once_and_the_whole_so_far() {
    let mut observer = observer(OPEN, 1);
    observer.begin(Time::from_nanos(100));
    let mut shown = Vec::new();
    for sequence in 0..3 {
        let cycles = vec![(0, sequence + 1); sequence as usize];
        let counts = PerPhase::default();
        observer.absorb(WORKER, &Batch { sequence, counts, ..batch(&cycles) }).unwrap();
        observer.rotate(Time::from_nanos(200 + sequence * 100), |interval| {
            if &*interval.label.name == "service" {
                let counted: u64 = interval.series.buckets().iter().map(|(_, count)| count).sum();
                shown.push((interval.from.as_nanos(), interval.until.as_nanos(), counted));
            }
        });
    }
    assert_eq!(shown, [(200, 300, 1), (300, 400, 2)]);
    let snapshots: Vec<_> = observer.snapshots().collect();
    assert_eq!(snapshots.len(), 3);
    assert_eq!(snapshots[0].metric(WORKER, "service"), None);
    let last = snapshots[2].metric(WORKER, "service").unwrap();
    assert_eq!((last.interval.count, last.interval.min), (2, 3));
    assert_eq!((last.so_far.count, last.so_far.min), (3, 2));
    let merged = snapshots[2].merged.iter().find(|metric| &*metric.label.name == "service");
    assert_eq!(merged.unwrap().stats, last.interval);
}

#[test]
fn at_most_fifty_snapshots_are_kept_and_the_last_has_everything() {
    let mut observer = observer(OPEN, 1);
    for sequence in 0..200 {
        let counts = PerPhase::default();
        observer.absorb(WORKER, &Batch { sequence, counts, ..batch(&[(1, sequence)]) }).unwrap();
        observer.rotate(Time::from_nanos(sequence * 10), |_| {});
    }
    assert_eq!(observer.snapshots().count(), SNAPSHOTS_MAX);
    let last = observer.snapshots().last().unwrap().metric(WORKER, "service").unwrap().clone();
    assert_eq!(last.so_far.count, 200);
    assert_eq!(last.so_far, stats(&mut observer, WORKER, "service"));
}

#[test]
fn a_drained_worker_has_an_account_and_censors_its_response() {
    let mut observer = observer(OPEN, 1);
    observer.absorb(WORKER, &batch(&[(1, 2), (3, 4)])).unwrap();
    let measured =
        Counts { abandoned: 1, unstarted: 3, started: 3, completed: 2, ..Counts::default() };
    let drained = Drained {
        counts: PerPhase { measured, ..PerPhase::default() },
        censored_age_min_ns: Some(77),
        emitted: Emitted { batches: 1, cycles: 2, values: vec![] },
        ..Drained::default()
    };
    let issued = PerPhase { warmup: 0, measured: 6 };
    let lying = Emitted { cycles: 3, ..drained.emitted.clone() };
    assert!(observer.drained(0, issued, &Drained { emitted: lying, ..drained.clone() }).is_err());
    let boasting = observer.drained(0, issued, &Drained { delivered: 3, ..drained.clone() });
    assert!(matches!(boasting, Err(TallyError::Delivered { delivered: 3, completed: 2, .. })));
    let late = observer.drained(0, issued, &Drained { delivered: 1, late: 2, ..drained.clone() });
    assert!(matches!(late, Err(TallyError::Delivered { delivered: 3, completed: 2, .. })));
    assert_eq!(observer.account(0), None);
    let account = observer.drained(0, issued, &drained).unwrap();
    assert_eq!(observer.accounts(), account);
    let censored = Censored { count: 4, age_min_ns: Some(77) };
    for metrics in [observer.merged(), observer.metrics(WORKER)] {
        for metric in metrics {
            let expected =
                if &*metric.label.name == "response" { censored } else { Censored::default() };
            assert_eq!(metric.censored, expected, "{}", metric.label.name);
        }
    }
}

#[test]
fn the_timelines_of_all_stages_hold_the_cycles_that_were_emitted() {
    let drained = Drained {
        counts: PerPhase {
            measured: Counts { started: 2, completed: 2, ..Counts::default() },
            ..PerPhase::default()
        },
        emitted: Emitted { batches: 1, cycles: 2, values: vec![] },
        ..Drained::default()
    };
    let issued = PerPhase { warmup: 0, measured: 2 };
    let timeline = |cycles| CycleTimeline { cycles, ..CycleTimeline::default() };
    let cut = CycleTimeline { ended: Vec::new(), ..timeline(1) };
    let mut huge = timeline(1);
    huge.part_buckets[7] = u64::MAX;
    for (timelines, counted) in [
        (vec![timeline(1), timeline(2)], Err(3)),
        (vec![timeline(u64::MAX), timeline(2)], Err(0)),
        (vec![timeline(1), cut], Err(0)),
        (vec![timeline(1), huge], Err(0)),
        (vec![timeline(1), timeline(1)], Ok(())),
    ] {
        let mut observer = observer(OPEN, 1);
        observer.absorb(WORKER, &batch(&[(1, 2), (3, 4)])).unwrap();
        for timeline in &timelines {
            observer.timeline(0, timeline.clone()).unwrap();
        }
        let expected =
            counted.map_err(|timeline| TallyError::Timeline { worker: 0, emitted: 2, timeline });
        assert_eq!(observer.drained(0, issued, &drained).map(|_| ()), expected);
        if expected.is_ok() {
            assert_eq!(observer.take_timelines(0), timelines);
            let late = observer.timeline(0, timeline(0));
            assert_eq!(late, Err(TallyError::TimelineTooMany { worker: 0, count: 0 }));
        }
    }
    let mut observer = observer(OPEN, 1);
    for _ in 0..STAGES_OF_RUN_MAX {
        observer.timeline(0, timeline(0)).unwrap();
    }
    let one_more = observer.timeline(0, timeline(0));
    let count = STAGES_OF_RUN_MAX;
    assert_eq!(one_more, Err(TallyError::TimelineTooMany { worker: 0, count }));
    let process = ProcessId::Worker(9);
    assert_eq!(observer.timeline(9, timeline(0)), Err(TallyError::Unknown { process }));
}

#[test]
fn a_worker_that_died_has_lost_what_it_did_not_account_for() {
    let mut observer = observer(OPEN, 2);
    observer.absorb(WORKER, &batch(&[(1, 2), (3, 4)])).unwrap();
    let account = observer.died(0, PerPhase { warmup: 1, measured: 10 }).unwrap();
    assert_eq!(account.lost, PerPhase { warmup: 1, measured: 8 });
    let response = observer.merged().into_iter().find(|m| &*m.label.name == "response").unwrap();
    assert_eq!(response.censored, Censored { count: 8, age_min_ns: None });
}

/// Counts up to the limit, or any number, so that some batches are accepted.
fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![0..=COUNT_MAX, any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A link keeps the order of one process's batches; between processes any order may happen.
    #[test]
    fn any_interleaving_of_processes_gives_the_same(
        columns in prop::collection::vec(
            (0u32..3, prop::collection::vec((0..VALUE_MAX, 0..1_000_000_000u64), 0..300)),
            1..30,
        ),
        keys in prop::collection::vec(any::<u64>(), 30),
    ) {
        let mut sequences = [0; 3];
        let batches: Vec<_> = columns.iter().map(|(worker, pairs)| {
            let sequence = &mut sequences[*worker as usize];
            let counts = PerPhase::default();
            let batch = Batch { sequence: *sequence, counts, ..batch(pairs) };
            *sequence += 1;
            (ProcessId::Worker(*worker), batch)
        }).collect();
        let mut slots: Vec<_> = batches.iter().map(|(process, _)| *process).zip(keys).collect();
        slots.sort_by_key(|(_, key)| *key);

        let mut in_order = observer(OPEN, 3);
        for (process, batch) in &batches {
            in_order.absorb(*process, batch).expect("in sequence");
        }
        let mut shuffled = observer(OPEN, 3);
        let mut rest: [_; 3] = std::array::from_fn(|worker| {
            batches.iter().filter(move |(id, _)| *id == ProcessId::Worker(worker as u32))
        });
        for (process, _) in slots {
            let ProcessId::Worker(worker) = process else { unreachable!("workers only") };
            let (_, batch) = rest[worker as usize].next().expect("as many slots as batches");
            shuffled.absorb(process, batch).expect("in sequence");
        }
        prop_assert_eq!(shuffled.merged(), in_order.merged());
        for process in (0..3).map(ProcessId::Worker) {
            prop_assert_eq!(shuffled.metrics(process), in_order.metrics(process));
        }
    }

    #[test]
    fn merged_over_workers_and_rotations_equals_one_worker_with_all(
        pairs in prop::collection::vec((0..1_000_000u64, 1_000..100_000_000u64), 1..3_000),
        rotations in 0usize..4,
    ) {
        let mut all = observer(OPEN, 1);
        all.absorb(WORKER, &batch(&pairs)).expect("valid");
        let mut split = observer(OPEN, 4);
        let size = pairs.len().div_ceil(4);
        for (worker, chunk) in pairs.chunks(size).enumerate() {
            let parts = chunk.chunks(chunk.len().div_ceil(rotations + 1));
            for (sequence, part) in (0..).zip(parts) {
                let counts = PerPhase::default();
                // The last value is that of the newest batch.
                let as_of = Time::from_nanos(10 * worker as u64 + sequence);
                let part = Batch { sequence, as_of, counts, ..batch(part) };
                split.absorb(ProcessId::Worker(worker as u32), &part).expect("valid");
                split.rotate(Time::from_nanos(sequence + 1), |_| {});
            }
        }
        prop_assert_eq!(split.merged(), all.merged());
    }

    #[test]
    fn hostile_batches_never_panic(
        batches in prop::collection::vec(
            (any_count(), any_count(), any::<u64>(), 0u32..3, prop::collection::vec(any::<u64>(), 0..9)),
            1..20,
        ),
        issued in any::<u64>(),
    ) {
        let mut observer = observer(OPEN, 1);
        for (completed, failed, as_of, metric, values) in batches {
            let sequence = observer.received(WORKER).expect("known").batches;
            let measured = Counts { completed, failed, unstarted: failed, ..Counts::default() };
            let _refused = observer.absorb(WORKER, &Batch {
                sequence,
                as_of: Time::from_nanos(as_of),
                counts: PerPhase { warmup: measured, measured },
                cycles: PerPhase {
                    warmup: CycleTimes { wait: values.clone(), service: vec![] },
                    measured: CycleTimes { wait: values.clone(), service: values.clone() },
                },
                columns: vec![Column { metric, phase: Phase::Measured, values }],
                ..Batch::default()
            });
            observer.rotate(Time::from_nanos(as_of), |_| {});
        }
        let _refused = observer.died(0, PerPhase { warmup: issued, measured: issued });
        let _shown = observer.list().pick(crate::Stat::Mean).to_string();
    }
}
