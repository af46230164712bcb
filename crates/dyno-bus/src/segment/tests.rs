//! Due times that are counted against due times that are walked, and segments that are refused.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::codec;
use crate::frame::PREFIX;
use crate::message::Command;

fn segment(first: u64, t0: u64, rate: f64, arrivals: Arrivals) -> Segment {
    Segment {
        first,
        t0: Time::from_nanos(t0),
        length_ns: 1_000_000_000,
        pace: Pace::Open { rate, arrivals },
        lead: 0.0,
        seed: 7,
        phase: Phase::Measured,
        stage: 0,
    }
}

/// Returns the segments of stages that follow each other from 1 s on, each with its first rate, its
/// last rate and its length in nanoseconds.
fn stages(arrivals: Arrivals, stages: &[(f64, f64, u64)]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for (stage, &(from, to, length_ns)) in stages.iter().enumerate() {
        let pace = if from == to {
            Pace::Open { rate: from, arrivals }
        } else {
            Pace::Ramp { from, to, arrivals }
        };
        let (t0, first, lead) = match segments.last() {
            None => (Time::from_nanos(1_000_000_000), 0, 0.0),
            Some(last) => {
                let t0 = last.t0 + Duration::from_nanos(last.length_ns);
                let (first, lead) = last.continued_at(t0);
                (t0, if arrivals == Arrivals::Uniform { first } else { last.first + 100_000 }, lead)
            }
        };
        let (seed, phase, stage) = (7, Phase::Measured, stage as u8);
        segments.push(Segment { first, t0, length_ns, pace, lead, seed, phase, stage });
    }
    segments
}

fn cursor(share: Share, segments: &[Segment]) -> Cursor {
    let mut cursor = Cursor::new(share);
    segments.iter().for_each(|segment| cursor.push(*segment));
    cursor
}

/// Returns the end of the last segment's length.
fn end(segments: &[Segment]) -> Time {
    let last = segments.last().expect("at least one");
    last.t0 + Duration::from_nanos(last.length_ns)
}

fn walk(cursor: &mut Cursor, until: Time) -> Vec<Due> {
    let mut dues = Vec::new();
    while let Some(due) = cursor.peek(until).filter(|due| due.at < until) {
        dues.push(due);
        cursor.advance();
    }
    dues
}

#[test]
fn shares_of_one_grid_are_the_grid() {
    let until = Time::from_nanos(1_000_000_000);
    let mut all = Vec::new();
    for worker in 0..3 {
        let mut cursor = Cursor::new(Share { worker, workers: 3 });
        cursor.push(segment(0, 0, 1_234.5, Arrivals::Uniform));
        all.extend(walk(&mut cursor, until));
    }
    all.sort_by_key(|due| due.index);
    assert_eq!(all.len(), 1235);
    for (index, due) in all.iter().enumerate() {
        assert_eq!(due.index, index as u64);
        assert_eq!(due.at.as_nanos(), (index as f64 * 1e9 / 1_234.5).round() as u64);
    }
}

#[test]
fn a_new_segment_continues_where_the_old_one_ends() {
    let mut cursor = Cursor::new(Share { worker: 0, workers: 1 });
    cursor.push(segment(0, 0, 100.0, Arrivals::Uniform));
    cursor.push(segment(50, 500_000_000, 1_000.0, Arrivals::Uniform));
    let dues = walk(&mut cursor, Time::from_nanos(600_000_000));
    assert_eq!(dues.len(), 50 + 100);
    assert!(dues.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
}

#[test]
fn poisson_streams_have_the_requested_rate_and_exponential_gaps() {
    let mut cursor = Cursor::new(Share { worker: 1, workers: 4 });
    cursor.push(segment(0, 0, 4_000.0, Arrivals::Poisson));
    let dues = walk(&mut cursor, Time::from_nanos(100_000_000_000));
    // 100,000 expected; the standard deviation is 316.
    assert!((98_700..101_300).contains(&dues.len()), "{}", dues.len());
    let long = dues.windows(2).filter(|pair| pair[1].at.nanos_since(pair[0].at) > 1_000_000);
    // P(gap > mean) = 1/e.
    let share = long.count() as f64 / dues.len() as f64;
    assert!((share - 0.3679).abs() < 0.01, "{share}");
}

#[test]
fn a_closed_segment_always_has_a_cycle_due() {
    let mut cursor = Cursor::new(Share { worker: 1, workers: 2 });
    cursor.push(Segment {
        pace: Pace::Closed { in_flight: 3 },
        ..segment(0, 10, 1.0, Arrivals::Uniform)
    });
    assert_eq!(cursor.in_flight_max(), Some(3));
    assert_eq!(cursor.peek(Time::ZERO).map(|due| due.at.as_nanos()), Some(10));
    cursor.advance();
    assert_eq!(
        cursor.peek(Time::from_nanos(99)).map(|due| (due.index, due.at.as_nanos())),
        Some((3, 99))
    );
}

#[test]
fn invalid_segments_are_refused() {
    let rates = [0.0, -1.0, RATE_MAX * 1.001, f64::INFINITY, f64::NAN];
    for refused in rates.map(|rate| segment(0, 0, rate, Arrivals::Uniform)) {
        assert!(matches!(refused.check(), Err(SegmentError::Rate { .. })), "{refused:?}");
    }
    let closed = |in_flight| Segment {
        pace: Pace::Closed { in_flight },
        ..segment(0, 0, 1.0, Arrivals::Uniform)
    };
    assert_eq!(closed(0).check(), Err(SegmentError::NothingInFlight));
    assert_eq!(closed(1).check(), Ok(()));
    for (from, to) in [(0.0, 1.0), (1.0, 0.0), (1.0, f64::NAN), (RATE_MAX * 2.0, 1.0)] {
        let pace = Pace::Ramp { from, to, arrivals: Arrivals::Uniform };
        let refused = Segment { pace, ..segment(0, 0, 1.0, Arrivals::Uniform) }.check();
        assert!(matches!(refused, Err(SegmentError::Rate { .. })), "{from} {to}");
    }
    let pace = Pace::Ramp { from: 1.0, to: 2.0, arrivals: Arrivals::Uniform };
    let ramp = Segment { pace, ..segment(0, 0, 1.0, Arrivals::Uniform) };
    assert_eq!(ramp.check(), Ok(()));
    for length_ns in [0, RAMP_NS_MAX + 1] {
        let refused = Segment { length_ns, ..ramp }.check();
        assert_eq!(refused, Err(SegmentError::RampLength { length_ns }));
    }
    for lead in [-0.1, 1.0, f64::INFINITY, f64::NAN] {
        let refused = Segment { lead, ..ramp }.check();
        assert!(matches!(refused, Err(SegmentError::Lead { .. })), "{lead}");
    }
    let first = INDEX_MAX + 1;
    let beyond = segment(first, 0, 1.0, Arrivals::Uniform).check();
    assert_eq!(beyond, Err(SegmentError::Index { first }));
    assert_eq!(segment(INDEX_MAX, u64::MAX, RATE_MAX, Arrivals::Poisson).check(), Ok(()));
}

#[test]
fn a_segment_that_is_refused_is_refused_on_the_wire() {
    let mut bytes = Vec::new();
    for (rate, is_taken) in [(RATE_MAX, true), (f64::NAN, false), (0.0, false)] {
        bytes.clear();
        let command = Command::Segment(segment(0, 0, rate, Arrivals::Uniform));
        codec::encode(&command, &mut bytes).expect("within limits");
        let decoded = codec::decode::<Command>(&bytes[PREFIX..]);
        assert_eq!(decoded.is_ok(), is_taken, "{decoded:?}");
    }
}

#[test]
fn a_walk_to_the_end_of_the_clock_overflows_nothing() {
    let slow = 0.000_001;
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        for pace in [
            Pace::Open { rate: slow, arrivals },
            Pace::Ramp { from: slow, to: slow / 2.0, arrivals },
        ] {
            let mut cursor = Cursor::new(Share { worker: 0, workers: 1 });
            cursor.push(Segment { pace, ..segment(INDEX_MAX, u64::MAX - 5, slow, arrivals) });
            assert!(cursor.pass(Time::NEVER).total() <= 1);
            cursor.advance();
            assert_eq!(cursor.peek(Time::NEVER).map(|due| due.at), Some(Time::NEVER));
        }
    }
}

#[test]
fn a_poisson_ramp_has_the_rate_of_each_moment() {
    let length_ns = 100_000_000_000;
    for (from, to) in [(10.0, 2_000.0), (2_000.0, 10.0)] {
        let segments = stages(Arrivals::Poisson, &[(from, to, length_ns)]);
        let walk =
            |worker| walk(&mut cursor(Share { worker, workers: 3 }, &segments), end(&segments));
        let dues: Vec<_> = (0..3).flat_map(walk).collect();
        for tenth in 0..10 {
            let at = |tenth: u64| segments[0].t0 + Duration::from_nanos(length_ns / 10 * tenth);
            let within = at(tenth)..at(tenth + 1);
            let count = dues.iter().filter(|due| within.contains(&due.at)).count() as f64;
            let mean = 10.0 * (from + (to - from) * (tenth as f64 + 0.5) / 10.0);
            // Five standard deviations; twenty tenths are looked at.
            assert!((count - mean).abs() < 5.0 * mean.sqrt(), "{count} of {mean}");
        }
    }
}

#[test]
fn a_stage_without_a_random_cycle_leaves_the_next_one_a_new_gap() {
    let segments = stages(Arrivals::Poisson, &[(1.0, 1.0, 1), (1.0, 1.0, 1_000)]);
    let segments: Vec<_> =
        segments.into_iter().map(|segment| Segment { first: 0, ..segment }).collect();
    let gap = |segment| {
        let mut cursor = cursor(Share { worker: 0, workers: 1 }, &[segment]);
        cursor.peek(Time::ZERO).expect("a cycle").at.nanos_since(segment.t0)
    };
    assert_ne!(gap(segments[0]), gap(segments[1]));
}

#[test]
fn the_grid_of_a_stage_is_that_of_the_stage_before() {
    // Two and a half cycles, then the other half at four times the rate.
    let segments =
        stages(Arrivals::Uniform, &[(1.0, 1.0, 2_500_000_000), (4.0, 4.0, 1_000_000_000)]);
    let dues = walk(&mut cursor(Share { worker: 0, workers: 1 }, &segments), end(&segments));
    let offsets: Vec<_> = dues.iter().map(|due| due.at.nanos_since(segments[0].t0)).collect();
    let millis = [0, 1_000, 2_000, 2_625, 2_875, 3_125, 3_375];
    assert_eq!(offsets, millis.map(|millis| millis * 1_000_000));
    assert_eq!(dues.iter().map(|due| due.stage).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1, 1]);
}

proptest! {
    #[test]
    fn passing_counts_what_walking_finds(
        rate in 0.1f64..5_000.0,
        later in 0.1f64..5_000.0,
        worker in 0u32..5,
        extra in 0u32..5,
        first in 0u64..1_000,
        change in 0u64..2_000_000_000,
        steps in prop::collection::vec(0u64..700_000_000, 1..6),
        poisson: bool,
    ) {
        let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Uniform };
        let share = Share { worker, workers: worker + 1 + extra };
        let mut walking = Cursor::new(share);
        for segment in [
            segment(first, 0, rate, arrivals),
            segment(first + 100_000, change, later, arrivals),
        ] {
            walking.push(segment);
        }
        let mut passing = walking.clone();
        let mut until = 0;
        for step in steps {
            until += step;
            let until = Time::from_nanos(until);
            let walked = walk(&mut walking, until).len() as u64;
            prop_assert_eq!(passing.pass(until).total(), walked);
            prop_assert_eq!(passing.peek(until), walking.peek(until));
        }
    }

    #[test]
    fn the_grid_keeps_its_rate_for_days(rate in 0.1f64..=RATE_MAX, seconds in 1u64..1_000_000) {
        let segment = segment(0, 1_000, rate, Arrivals::Uniform);
        let time = segment.t0.as_nanos() + seconds * 1_000_000_000;
        let curve = Curve::of(&segment).expect("it is open");
        let count = segment.first_not_before(Time::from_nanos(time), &curve);
        prop_assert!((count as f64 - seconds as f64 * rate).abs() <= 1.0);
    }

    #[test]
    fn stages_are_counted_as_they_are_walked_for_any_number_of_workers(
        plan in plan(),
        workers in 1u32..=17,
        poisson: bool,
        cuts in prop::collection::vec(0.0f64..1.0, 1..4),
    ) {
        let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Uniform };
        let segments = stages(arrivals, &plan);
        let length = end(&segments).nanos_since(segments[0].t0) as f64;
        let mut cuts: Vec<_> = cuts.iter().map(|cut| (cut * length) as u64).collect();
        cuts.sort_unstable();
        let cuts = cuts.into_iter().map(|cut| segments[0].t0 + Duration::from_nanos(cut));
        let mut all = Vec::new();
        for worker in 0..workers {
            let mut walking = cursor(Share { worker, workers }, &segments);
            let mut passing = walking.clone();
            for until in cuts.clone().chain([end(&segments)]) {
                let dues = walk(&mut walking, until);
                prop_assert_eq!(passing.pass(until).total(), dues.len() as u64);
                prop_assert_eq!(passing.peek(until), walking.peek(until));
                all.extend(dues);
            }
        }
        all.sort_unstable_by_key(|due| due.index);
        prop_assert!(all.windows(2).all(|pair| pair[0].index < pair[1].index));
        if arrivals == Arrivals::Uniform {
            let mut one = cursor(Share { worker: 0, workers: 1 }, &segments);
            prop_assert_eq!(all, walk(&mut one, end(&segments)), "all workers are the whole");
        }
    }

    #[test]
    fn stages_meet_without_a_gap_and_without_a_burst(plan in plan()) {
        let segments = stages(Arrivals::Uniform, &plan);
        let dues = walk(&mut cursor(Share { worker: 0, workers: 1 }, &segments), end(&segments));
        // The plan's own count of cycles until an instant, stage by stage.
        let counted = |at: Time| segments.iter().fold(0.0, |sum, segment| {
            let curve = Curve::of(segment).expect("it is open");
            sum + curve.cycles(at.nanos_since(segment.t0).min(segment.length_ns))
        });
        for pair in dues.windows(2) {
            prop_assert_eq!(pair[1].index, pair[0].index + 1);
            let cycles = counted(pair[1].at) - counted(pair[0].at);
            // Each due time is a whole nanosecond: at most a thousandth of a cycle passes in it.
            prop_assert!((cycles - 1.0).abs() < 0.001_1, "{cycles} from {:?}", pair);
        }
    }

    #[test]
    fn a_ramp_from_the_lowest_to_the_highest_rate_is_counted_alike_by_any_workers(
        up: bool,
        hours in 1u64..=24,
        share in 0.0f64..1.2,
        workers in 1u32..=17,
    ) {
        let (from, to) = if up { (0.1, RATE_MAX) } else { (RATE_MAX, 0.1) };
        let length_ns = hours * 3_600_000_000_000;
        let segments = stages(Arrivals::Uniform, &[(from, to, length_ns)]);
        let until = segments[0].t0 + Duration::from_nanos((length_ns as f64 * share) as u64);
        let count = |worker, workers| cursor(Share { worker, workers }, &segments).pass(until).total();
        let one = count(0, 1);
        prop_assert_eq!((0..workers).map(|worker| count(worker, workers)).sum::<u64>(), one);
        let curve = Curve::of(&segments[0]).expect("it is open");
        prop_assert!((one as f64 - curve.cycles(until.nanos_since(segments[0].t0))).abs() <= 1.0);
        if one > 0 {
            let due = |index| segments[0].due(index, &curve);
            prop_assert!(due(one - 1) < until && due(one) >= until);
        }
    }
}

/// Returns plans of a few stages, between the lowest and the highest rate, with few enough cycles
/// to walk them.
fn plan() -> impl Strategy<Value = Vec<(f64, f64, u64)>> {
    let rate = || (-1.0f64..=6.0).prop_map(|exponent| 10f64.powf(exponent));
    let stage =
        (rate(), rate(), any::<bool>(), 1.0f64..400.0).prop_map(|(from, to, ramp, cycles)| {
            let to = if ramp { to } else { from };
            let length_ns = (cycles * 2e9 / (from + to)).ceil() as u64;
            (from, to, length_ns.min(3_600_000_000_000))
        });
    prop::collection::vec(stage, 1..6)
}
