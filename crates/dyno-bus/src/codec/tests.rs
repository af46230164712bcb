//! The bytes on the wire, and the refusal of hostile ones.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::clock::Time;
use crate::message::*;
use crate::segment::{Arrivals, Pace, PerPhase, Phase, Segment};
use crate::timeline::{BUCKETS, PARTS, SLOTS};
use crate::value::Unit;

fn frame<M: Serialize>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).expect("within limits");
    bytes
}

fn batch() -> Batch {
    Batch {
        sequence: 3,
        as_of: Time::from_nanos(1_000_000),
        counts: PerPhase {
            warmup: Counts { started: 1, completed: 1, ..Counts::default() },
            measured: Counts { started: 300, completed: 2, failed: 1, ..Counts::default() },
        },
        cycles: PerPhase {
            warmup: CycleTimes::default(),
            measured: CycleTimes { wait: vec![0, 250], service: vec![251, 65_536] },
        },
        failed: PerPhase {
            warmup: CycleTimes::default(),
            measured: CycleTimes { wait: vec![5], service: vec![6] },
        },
        columns: vec![Column { metric: 1, phase: Phase::Measured, values: vec![7, u64::MAX] }],
        errors: vec![CycleError {
            message: "no".into(),
            count: 1,
            first_cycle: 9,
            phase: Phase::Measured,
        }],
        harness: HarnessCosts::default(),
    }
}

/// A golden test: if it fails, raise `VERSION` and update the bytes.
#[test]
fn the_bytes_of_each_message_are_what_they_were() {
    assert_eq!(VERSION, 5);
    let hello = Report::Hello(Hello { version: 1, worker: 2, nonce: 3, pid: 4 });
    assert_eq!(frame(&hello), [5, 0, 0, 0, 0, 1, 2, 3, 4]);

    let declare = Report::Declare(Declare { metric: 1, name: "ab".into(), unit: Unit::Bytes });
    assert_eq!(frame(&declare), [6, 0, 0, 0, 1, 1, 2, b'a', b'b', 2]);

    assert_eq!(frame(&Report::Ready), [1, 0, 0, 0, 2]);

    #[rustfmt::skip]
    assert_eq!(frame(&Report::Batch(batch())), [
        77, 0, 0, 0, 3,
        3, 252, 0x40, 0x42, 0x0f, 0x00,
        1, 1, 0, 0, 0, 0, 251, 0x2c, 0x01, 2, 1, 0, 0, 0,
        0, 0, 3, 1, 0, 250, 9, 4, 251, 0, 0, 0, 0, 0, 1, 0,
        0, 0, 2, 1, 5, 2, 1, 6,
        1, 1, 1, 17, 8, 7, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        1, 2, b'n', b'o', 1, 9, 1,
        0, 0, 0, 0,
    ]);

    // Cut, counts, delivered, late, no age, emitted, harness, the most at once.
    #[rustfmt::skip]
    assert_eq!(frame(&Report::Drained(Drained { cut: Time::from_nanos(9), running_max: 2, ..Drained::default() })), [
        25, 0, 0, 0, 7,
        9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
    ]);
    let timeline = frame(&Report::Timeline(Box::default()));
    assert_eq!(timeline[PREFIX], 6);
    // Packed columns, each with a width before it, and 30 times four numbers of eight bytes.
    let columns = [SLOTS, SLOTS, PARTS, PARTS * BUCKETS].map(|length| length + 1);
    let fixed = 30 * 4 * 8 + 2;
    assert!(timeline.len() > columns.iter().sum::<usize>() + fixed);
    assert!(timeline.len() < 10_000, "it may wait for room in no frame");

    let segment = |pace| {
        Command::Segment(Segment {
            first: 5,
            t0: Time::from_nanos(9),
            length_ns: 7,
            pace,
            lead: 0.5,
            seed: 6,
            phase: Phase::Measured,
            stage: 3,
        })
    };
    let (one, two, half) = (
        [0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
        [0, 0, 0, 0, 0, 0, 0, 0x40],
        [0, 0, 0, 0, 0, 0, 0xe0, 0x3f],
    );
    let open = frame(&segment(Pace::Open { rate: 1.0, arrivals: Arrivals::Poisson }));
    let begin = [&[25, 0, 0, 0, 1, 5, 9, 7, 0][..], &one, &[1], &half, &[6, 1, 3]].concat();
    assert_eq!(open, begin);
    let ramp = frame(&segment(Pace::Ramp { from: 1.0, to: 2.0, arrivals: Arrivals::Uniform }));
    let ramp_bytes = [&[33, 0, 0, 0, 1, 5, 9, 7, 1][..], &one, &two, &[0], &half, &[6, 1, 3]];
    assert_eq!(ramp, ramp_bytes.concat());
    let closed = frame(&segment(Pace::Closed { in_flight: 4 }));
    assert_eq!(closed, [&[17, 0, 0, 0, 1, 5, 9, 7, 2, 4][..], &half, &[6, 1, 3]].concat());

    let lease = Command::Lease(Lease { until: Time::from_nanos(250), last: true });
    assert_eq!(frame(&lease), [3, 0, 0, 0, 2, 250, 1]);
    assert_eq!(frame(&Command::Drain), [1, 0, 0, 0, 3]);
    assert_eq!(frame(&Command::Ack), [1, 0, 0, 0, 4]);
}

#[test]
fn a_full_batch_of_the_largest_values_fits_a_frame() {
    let half = BATCH_VALUES_MAX / 2;
    let cycles = CycleTimes { wait: vec![u64::MAX; half], service: vec![u64::MAX; half] };
    let full = Batch {
        cycles: PerPhase { warmup: CycleTimes::default(), measured: cycles },
        failed: PerPhase::default(),
        ..batch()
    };
    assert!(frame(&Report::Batch(full)).len() <= FRAME_MAX);
}

#[test]
fn a_column_is_as_wide_as_its_largest_value() {
    for (largest, width) in [
        (0, 1),
        (0xff, 1),
        (0x100, 2),
        (0xffff, 2),
        (0x1_0000, 4),
        (0xffff_ffff, 4),
        (0x1_0000_0000, 8),
        (u64::MAX, 8),
    ] {
        let column = |values| Column { metric: 1, phase: Phase::Measured, values };
        let length = |values| {
            frame(&Report::Batch(Batch { columns: vec![column(values)], ..batch() })).len()
        };
        assert_eq!(length(vec![0, largest, 1]), length(vec![]) + 1 + 3 * width, "{largest:#x}");
    }
}

#[test]
fn a_column_of_another_width_or_with_half_a_value_is_refused() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Packed(#[serde(with = "crate::packed")] Vec<u64>);

    assert_eq!(decode::<Packed>(&[0]).expect("empty"), Packed(vec![]));
    assert_eq!(decode::<Packed>(&[5, 2, 1, 0, 0, 1]).expect("two values"), Packed(vec![1, 256]));
    for bytes in [&[2, 0, 9][..], &[4, 3, 1, 2, 3], &[4, 2, 1, 0, 0], &[2, 8, 0], &[9, 8, 1]] {
        assert!(decode::<Packed>(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn bytes_after_the_message_are_refused() {
    let mut bytes = frame(&Report::Ready)[PREFIX..].to_vec();
    bytes.push(0);
    let error = decode::<Report>(&bytes).expect_err("one byte too many");
    assert!(matches!(error, CodecError::Trailing { trailing: 1, .. }), "{error}");
}

#[test]
fn unknown_messages_are_refused() {
    assert!(decode::<Report>(&[99]).is_err());
    assert!(decode::<Command>(&[99]).is_err());
}

#[test]
fn a_length_beyond_the_frame_allocates_nothing() {
    // Notice(String) with a length of 2^63, then nothing.
    let bytes = [5, 253, 0, 0, 0, 0, 0, 0, 0, 128];
    assert!(decode::<Report>(&bytes).is_err());
}

#[test]
fn a_message_over_the_limit_leaves_no_half_frame() {
    let mut bytes = vec![1, 2, 3];
    let notice = Report::Notice("x".repeat(FRAME_MAX + 1));
    assert!(encode(&notice, &mut bytes).is_err());
    assert_eq!(bytes, [1, 2, 3]);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = frame(&Report::Batch(batch()));
    for end in PREFIX..bytes.len() - 1 {
        assert!(decode::<Report>(&bytes[PREFIX..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn no_flip_of_a_bit_panics() {
    let bytes = frame(&Report::Batch(batch()))[PREFIX..].to_vec();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Most flips decode: no format has integrity. The identity of the counts catches those.
        let _decoded = decode::<Report>(&flipped);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _decoded = (decode::<Report>(&bytes), decode::<Command>(&bytes));
    }

    #[test]
    fn cycles_come_back_as_they_went(pairs in prop::collection::vec((any::<u64>(), any::<u64>()), 0..500)) {
        let (wait, service) = pairs.into_iter().unzip();
        let cycles = CycleTimes { wait, service };
        let sent = Report::Batch(Batch { cycles: PerPhase { warmup: cycles.clone(), measured: cycles }, ..batch() });
        prop_assert_eq!(decode::<Report>(&frame(&sent)[PREFIX..]).expect("valid"), sent);
    }
}
