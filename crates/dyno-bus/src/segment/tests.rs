//! Due times that are counted against due times that are walked, and segments that are refused.

use proptest::prelude::*;

use super::*;
use crate::codec;
use crate::frame::PREFIX;
use crate::message::Command;

fn segment(first: u64, t0: u64, rate: f64, arrivals: Arrivals) -> Segment {
    Segment {
        first,
        t0: Time::from_nanos(t0),
        pace: Pace::Open { rate, arrivals },
        seed: 7,
        phase: Phase::Measured,
    }
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
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let mut cursor = Cursor::new(Share { worker: 0, workers: 1 });
        cursor.push(segment(INDEX_MAX, u64::MAX - 5, 0.000_001, arrivals));
        assert!(cursor.pass(Time::NEVER).total() <= 1);
        cursor.advance();
        assert_eq!(cursor.peek(Time::NEVER).map(|due| due.at), Some(Time::NEVER));
    }
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
        let count = segment.first_not_before(Time::from_nanos(time), rate);
        prop_assert!((count as f64 - seconds as f64 * rate).abs() <= 1.0);
    }
}
